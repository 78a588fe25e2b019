"""A collection in two dimensions, as numbers, as a picture, and as a page."""

from vecsearch.projection.drawing import STYLES, Style, draw_map
from vecsearch.projection.task import (
    METHODS,
    SAMPLE,
    Method,
    Projection,
    project,
    project_vectors,
)

__all__ = [
    "METHODS",
    "SAMPLE",
    "STYLES",
    "Method",
    "Projection",
    "Style",
    "draw_map",
    "project",
    "project_vectors",
]
