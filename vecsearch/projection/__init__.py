"""A collection in two dimensions, as numbers, as a picture, and as a page."""

from vecsearch.projection.drawing import STYLES, Style, draw_map
from vecsearch.projection.page import Page, write_map
from vecsearch.projection.plotting import Plot, plot
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
    "Page",
    "Plot",
    "Projection",
    "Style",
    "draw_map",
    "plot",
    "project",
    "project_vectors",
    "write_map",
]
