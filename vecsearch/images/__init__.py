"""From a folder to pixels: walk it, read each file, decode it, or say why not."""

from vecsearch.images.decode import FORMATS, MAX_PIXELS, Preprocess, decode, prepare
from vecsearch.images.folder import Gathered, ImageFolder, gather, scan
from vecsearch.images.read import Batch, File, ImageLike, read, read_one, to_pixels
from vecsearch.images.walk import walk

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Batch",
    "File",
    "Gathered",
    "ImageFolder",
    "ImageLike",
    "Preprocess",
    "decode",
    "gather",
    "prepare",
    "read",
    "read_one",
    "scan",
    "to_pixels",
    "walk",
]
