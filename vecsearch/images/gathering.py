"""All pixels of a folder at once, for those who look at them more than once."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vecsearch.images.decoding import Preprocess
from vecsearch.images.reading import Batch, File
from vecsearch.types import Pixels, Rows, Skipped

COPIED_BYTES = 64 << 20


@dataclass(frozen=True)
class Gathered:
    """The decoded images of a folder, all of them.

    Attributes:
        files: Those that could be decoded.
        pixels: ``(len(files), height, width, channels)`` uint8, on disk rather than in memory.
        skipped: The others.
    """

    files: Sequence[File]
    pixels: Pixels
    skipped: Sequence[Skipped]


def gather(batches: Iterable[Batch], preprocess: Preprocess, scratch: Path) -> Gathered:
    """Bring all images together, so that an encoder can learn from them and then encode them.

    Args:
        batches: From ``read``.
        preprocess: What they were read with.
        scratch: A folder with room for them; nothing is left there, whatever happens.
    """
    files: list[File] = []
    skipped: list[Skipped] = []
    with tempfile.TemporaryFile(dir=scratch) as file:
        for batch in batches:
            file.write(np.ascontiguousarray(batch.pixels).data)
            files += batch.files
            skipped += batch.skipped
        file.flush()
        shape = (len(files), *preprocess.shape)
        pixels = np.memmap(file, np.uint8, "r", shape=shape) if files else np.empty(shape, np.uint8)
    return Gathered(files, pixels, skipped)


def subset(pixels: Pixels, rows: Rows, scratch: Path) -> Pixels:
    """Some of gathered pixels, on disk as these are.

    Args:
        pixels: ``(n, height, width, channels)`` uint8.
        rows: Which of them.
        scratch: A folder with room for them; nothing is left there, whatever happens.
    """
    if len(rows) == len(pixels) and (np.diff(rows) == 1).all():
        return pixels
    step = max(1, COPIED_BYTES // max(1, pixels[:1].nbytes))
    with tempfile.TemporaryFile(dir=scratch) as file:
        for start in range(0, len(rows), step):
            file.write(np.ascontiguousarray(pixels[rows[start : start + step]]).data)
        file.flush()
        shape = (len(rows), *pixels.shape[1:])
        if not len(rows):
            return np.empty(shape, np.uint8)
        return np.memmap(file, np.uint8, "r", shape=shape)
