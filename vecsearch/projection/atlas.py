"""Thumbnails of many pictures in a few: sheets of equal tiles, to be carried by a page."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vecsearch.errors import InvalidArgument
from vecsearch.images import Preprocess, read
from vecsearch.types import Pixels, Progress, Rows, Skipped

SHEET = 2048
# JPEG halves its colours in blocks of 16 × 16: of these sides no tile colours its neighbour.
STEP = 16
SIDES = (128, 96, 64, 48, 32, 16)
# What all tiles have together at most: 60,000 of 32 × 32. In colour, of crowded photos, that is
# 25 MB of page, of grey clothes a third of it.
PIXELS = 64 << 20
QUALITY = 78


@dataclass(frozen=True)
class Atlas:
    """Pictures as tiles of sheets.

    A sheet has ``across`` tiles in a row, and at most as many rows; tile t is on sheet
    t // across², and there in row (t mod across²) // across.

    Attributes:
        side: How wide and high a tile is, in pixels.
        across: How many a row has.
        sheets: JPEG or WebP files, whichever is smaller.
        kinds: Which of the two each is, ``jpeg`` or ``webp``.
        tiles: Which tile each item has, ``(n,)`` int64; −1 is none.
        skipped: The pictures that could not be read.
    """

    side: int
    across: int
    sheets: Sequence[bytes]
    kinds: Sequence[str]
    tiles: Rows
    skipped: Sequence[Skipped]


def side_for(count: int, largest: int | None = None) -> int | None:
    """How large thumbnails are, so that a page of so many is not too large; None: too many.

    Args:
        count: How many pictures there are.
        largest: The longest side of any of them, in pixels, if it is known: larger makes no sense.

    Example:
        >>> side_for(60_000), side_for(2_000), side_for(2_000, largest=28)
        (32, 128, 32)
    """
    fitting = [side for side in SIDES if count * side**2 <= PIXELS]
    if not fitting:
        return None
    return fitting[0] if largest is None else min(fitting[0], -(-largest // STEP) * STEP)


def check_side(side: int) -> None:
    """Refuse thumbnails of a size that no sheet is made of.

    Raises:
        InvalidArgument: It is none.
    """
    if isinstance(side, bool) or side not in range(STEP, 257, STEP):
        raise InvalidArgument(f"Thumbnails are 16, 32, 48 … 256 pixels wide, not {side!r}.")


def make_atlas(
    paths: Sequence[Path | None],
    side: int,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Atlas:
    """Make thumbnails of pictures, whole ones on white, in worker processes where they are many.

    Args:
        paths: Where the picture of each item lies; None where it has none. One that is there
            twice is made once.
        side: How wide and high they are, in pixels, a multiple of 16.
        jobs: How many processes decode.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: There are no thumbnails of that size.
    """
    check_side(side)
    names = [None if path is None else path.as_posix() for path in paths]
    wanted = list(dict.fromkeys(name for name in names if name is not None))
    across = SHEET // side
    tile_of: dict[str, int] = {}
    skipped: list[Skipped] = []
    sheets: list[bytes] = []
    kinds: list[str] = []

    def tiles() -> Iterator[Pixels]:
        look = Preprocess((side, side), "pad")
        done = 0
        for batch in read(Path(), wanted, look, jobs):
            for file, pixels in zip(batch.files, batch.pixels, strict=True):
                tile_of[file.path] = len(tile_of)
                yield pixels
            skipped.extend(batch.skipped)
            done += len(batch.files) + len(batch.skipped)
            if progress is not None:
                progress("thumbnails", done, len(wanted))

    for sheet in _sheets(tiles(), side, across):
        data, kind = _encoded(sheet)
        sheets.append(data)
        kinds.append(kind)
    found = [-1 if name is None else tile_of.get(name, -1) for name in names]
    return Atlas(side, across, sheets, kinds, np.array(found, np.int64), skipped)


def _sheets(tiles: Iterator[Pixels], side: int, across: int) -> Iterator[Pixels]:
    """Tiles in rows, ``across`` rows of ``across`` at a time; the last sheet may be lower."""
    sheet = np.full((across * side, across * side, 3), 255, np.uint8)
    count = 0
    for tile in tiles:
        row, column = divmod(count, across)
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = tile
        count += 1
        if count == across**2:
            yield sheet
            sheet[:] = 255
            count = 0
    if count:
        yield sheet[: -(-count // across) * side]


def _encoded(sheet: Pixels) -> tuple[bytes, str]:
    grey = bool((sheet == sheet[:, :, :1]).all())
    image = Image.fromarray(sheet[:, :, 0] if grey else sheet)
    kinds: dict[str, bytes] = {}
    for kind, options in (("jpeg", {"optimize": True}), ("webp", {"method": 4})):
        file = io.BytesIO()
        image.save(file, kind, quality=QUALITY, **options)
        kinds[kind] = file.getvalue()
    kind = min(kinds, key=lambda one: len(kinds[one]))
    return kinds[kind], kind
