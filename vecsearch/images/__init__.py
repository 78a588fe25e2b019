"""From a folder to pixels: walk it, read each file, decode it, or say why not."""

from vecsearch.images.decoding import FORMATS, MAX_PIXELS, Preprocess, decode, prepare
from vecsearch.images.folder import Gathered, ImageFolder, gather, scan
from vecsearch.images.reading import Batch, File, ImageLike, read, read_one, to_pixels
from vecsearch.images.walking import walk

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
