"""From a folder to pixels: walk it, read each file, decode it, or say why not."""

from vecsearch.images.decoding import FORMATS, MAX_PIXELS, NO_IMAGES, Preprocess, decode, prepare
from vecsearch.images.folder import FROM_FOLDERS, ImageFolder, scan
from vecsearch.images.gathering import Gathered, gather, subset
from vecsearch.images.reading import (
    UNREADABLE,
    Batch,
    Content,
    File,
    ImageLike,
    hash_file,
    read,
    read_one,
    to_pixels,
)
from vecsearch.images.sidecar import Sidecar, read_labels, read_metadata, read_table, typed
from vecsearch.images.walking import (
    GONE,
    UNKNOWN,
    UNOPENED,
    any_absolute,
    is_absolute,
    stat_files,
    walk,
)

__all__ = [
    "FORMATS",
    "FROM_FOLDERS",
    "GONE",
    "MAX_PIXELS",
    "NO_IMAGES",
    "UNKNOWN",
    "UNOPENED",
    "UNREADABLE",
    "Batch",
    "Content",
    "File",
    "Gathered",
    "ImageFolder",
    "ImageLike",
    "Preprocess",
    "Sidecar",
    "any_absolute",
    "decode",
    "gather",
    "hash_file",
    "is_absolute",
    "prepare",
    "read",
    "read_labels",
    "read_metadata",
    "read_one",
    "read_table",
    "scan",
    "stat_files",
    "subset",
    "to_pixels",
    "typed",
    "walk",
]
