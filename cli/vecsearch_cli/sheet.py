"""A contact sheet: queries with their nearest items, as one picture."""

import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.gallery import Gallery
from vecsearch.images import Preprocess, to_pixels
from vecsearch.types import Hit
from vecsearch_cli.verb import printable

THUMB = 112
ACROSS = 12
MOST_LINES = 100
MARGIN = 10
CAPTION = 32
HEADER = 24
INK, FAINT, PAPER = "#1a1a1a", "#6b6b6b", "#ffffff"
QUERY, SAME, OTHER, PLAIN = "#1f5fbf", "#1a7f4b", "#b8402f", "#c8c8c8"


def check_sheet(out: Path, collection: Gallery, asked: Iterable[str | Path] = ()) -> None:
    """Refuse a picture that cannot be written, before any work is done for it.

    Args:
        out: Where it would go.
        collection: What it would be of.
        asked: Pictures that are asked with.

    Raises:
        InvalidArgument: Its name has no ending of a picture, its folder does not exist, or it is a
            picture of somebody's, as where a shell has put several names in the place of one.
    """
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp") or not out.parent.is_dir():
        raise InvalidArgument(
            f"Cannot draw into {out}: it must end in .png, .jpg or .webp, in a folder that exists."
        )
    check_free(out, collection, asked)


def check_figure(out: Path, collection: Gallery) -> None:
    """Refuse a figure that cannot be drawn or written, before any work is done for it.

    Raises:
        InvalidArgument: As of ``check_sheet``.
        MissingPackage: What draws it is not installed.
    """
    from vecsearch.figures import new_figure

    check_sheet(out, collection)
    new_figure(1, 1)


def check_free(out: Path, collection: Gallery, asked: Iterable[str | Path] = ()) -> None:
    """Refuse to draw over a picture of a collection, or one that is asked with.

    Raises:
        InvalidArgument: It is one.
    """
    if not out.exists():
        return
    whose = None
    if any(os.path.exists(one) and os.path.samefile(one, out) for one in asked):
        whose = "that is asked with"
    for place in (Path(os.path.abspath(out)), out.resolve()):
        below = collection.root is not None and place.is_relative_to(collection.root)
        name = (place.relative_to(collection.root or "") if below else place).as_posix()
        if name in collection and collection.get(name).path == place:
            whose = f"of {collection.place}"
    if whose is not None:
        raise InvalidArgument(f"Cannot draw into {out}: it is a picture {whose}.")


def check_folder(folder: Path, collection: Gallery) -> None:
    """Refuse a folder that pictures cannot go to, before any work is done for them.

    Raises:
        InvalidArgument: It is a file, or lies in the folder that the collection follows.
    """
    root = collection.root
    if root is not None and folder.resolve().is_relative_to(root.resolve()):
        raise InvalidArgument(
            f"Cannot draw into {folder}, in {root}: the next update would take the pictures in."
        )
    if folder.exists() and not folder.is_dir():
        raise InvalidArgument(f"Cannot draw into {folder}: it is a file, not a folder.")


def contact_sheet(
    answers: Sequence[tuple[Path, Sequence[Hit]]],
    out: Path,
    label: str | None = None,
    order: str = "nearest first",
    title: str = "query",
    named: bool = False,
    captions: Sequence[str] | None = None,
) -> None:
    """Draw each query and its hits as a row, with their labels and distances.

    Args:
        answers: The query images and their hits.
        out: Where the picture goes; its ending says in which format.
        label: The true label of the queries, if known: hits are then framed green or red.
        order: What the hits are in order of.
        title: What the queries are called.
        named: Whether all are called by their files first, even where they have a label.
        captions: What is said of each query, in the place of its name.
    """
    lines = [
        (number if start == 0 else None, hits[start : start + ACROSS])
        for number, (_, hits) in enumerate(answers)
        for start in range(0, max(1, len(hits)), ACROSS)
    ]
    if len(lines) > MOST_LINES:
        raise InvalidArgument(
            f"{len(lines)} rows of pictures do not fit on one sheet, {MOST_LINES} do: ask for "
            "fewer images, or for fewer hits."
        )
    columns = 1 + max((len(hits) for _, hits in lines), default=0)
    tile, line = THUMB + MARGIN, THUMB + CAPTION + MARGIN
    size = (columns * tile + 2 * MARGIN, len(lines) * line + HEADER + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 2), title, QUERY, font=_font(11))
    draw.text((MARGIN + tile + MARGIN, MARGIN - 2), order, FAINT, font=_font(11))
    for row, (number, hits) in enumerate(lines):
        top = HEADER + row * line
        if number is not None:
            query = answers[number][0]
            said = [label, query.name] if label and not named else [query.name, label or ""]
            if captions is not None:
                said = [captions[number], ""]
            _tile(sheet, draw, (MARGIN, top), query, QUERY, said)
        for column, hit in enumerate(hits, 1):
            frame = PLAIN if label is None else SAME if hit.item.label == label else OTHER
            file = hit.item.id.rsplit("/", 1)[-1]
            name = file if named else hit.item.label or file
            more = f"{hit.item.label}, " if named and hit.item.label else ""
            said = [name, f"{more}{hit.distance:.3f}"]
            left = MARGIN + column * tile + MARGIN
            _tile(sheet, draw, (left, top), hit.item.path, frame, said)
    sheet.save(out)


@cache
def _font(size: int) -> Any:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)  # it has most of the world's letters
    except OSError:
        return ImageFont.load_default(size)


def _tile(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    path: Path | None,
    frame: str,
    captions: Sequence[str],
) -> None:
    left, top = corner
    try:
        pixels = to_pixels(path or Path(), Preprocess((THUMB, THUMB), fit="pad"))
        sheet.paste(Image.fromarray(pixels), (left, top))
    except ImageError:
        # The collection outlives its pictures: they may have been moved since.
        draw.text((left + 8, top + THUMB // 2), "no picture", FAINT, font=_font(11))
    draw.rectangle((left - 1, top - 1, left + THUMB, top + THUMB), outline=frame, width=2)
    for row, (text, ink) in enumerate(zip(captions, (INK, FAINT), strict=True)):
        font = _font(12 - row)
        shown = printable(text)
        while len(shown) > 1 and draw.textlength(shown, font=font) > THUMB:
            shown = shown[:-2] + "…"
        draw.text((left, top + THUMB + 3 + 14 * row), shown, ink, font=font)
