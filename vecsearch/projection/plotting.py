"""From a collection to a map in a file, in one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.figures import new_figure
from vecsearch.projection.atlas import check_side
from vecsearch.projection.drawing import Style, check_style, draw_map
from vecsearch.projection.page import Thumbnails, check_page, write_map
from vecsearch.projection.task import Method, Projection, check_settings, project
from vecsearch.types import Progress, Skipped

ENDINGS = (".png", ".html")


@dataclass(frozen=True)
class Plot:
    """A map that was written.

    Attributes:
        out: Where it is.
        projection: What it shows.
        bytes: How long the file is.
        pictures: How many items a page shows thumbnails of.
        skipped: The pictures that could not be read.
    """

    out: Path
    projection: Projection
    bytes: int
    pictures: int
    skipped: Sequence[Skipped]


def plot(
    collection: Collection,
    out: str | Path,
    method: Method = "pca",
    *,
    style: Style = "scatter",
    centers: bool = True,
    title: str | None = None,
    thumbnails: Thumbnails = "auto",
    jobs: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Plot:
    """Draw the items of a collection in two dimensions, into a picture or a page.

    Args:
        collection: Whose items.
        out: Where it goes: a ``.png`` file, or an ``.html`` page to move about in.
        method: As for ``project``.
        style: As for ``draw_map`` and ``write_map``.
        centers: Mark the mean of each class.
        title: What stands above it; by default what the collection is called.
        thumbnails: As for ``write_map``; a picture has none.
        jobs: How many processes decode pictures for a page.
        progress: Called as the work goes on.
        options: As for ``project``: ``color_by``, ``where``, ``sample``, ``neighbours``, ``seed``.

    Raises:
        InvalidArgument: A value makes no sense, the file has another ending, or its folder does
            not exist. Nothing was computed then.
        MissingPackage: Something that is needed is not installed.

    Example:
        >>> photos = Collection.open("tests/golden/v1")
        >>> plot(photos, tmp / "map.png").out.exists()
        True
    """
    place = Path(out)
    check_out(place)
    check_style(style)
    check_settings(method, options.get("sample"), options.get("neighbours"))
    if isinstance(thumbnails, int):
        check_side(thumbnails)
    name = title or _called(collection)
    shown = project(collection, method, **options)
    if place.suffix.lower() == ".png":
        draw_map(shown, place, style, centers=centers, title=name)
        return Plot(place, shown, place.stat().st_size, 0, [])
    page = write_map(
        shown,
        place,
        style,
        centers=centers,
        title=name,
        thumbnails=thumbnails,
        jobs=jobs,
        progress=progress,
    )
    return Plot(place, shown, page.bytes, page.pictures, page.skipped)


def _called(collection: Collection) -> str:
    """What a collection is called: as its folder, or as at its address."""
    called = collection.place.rpartition("/")[2]
    return Path(collection.place).resolve().name if called in ("", ".", "..") else called


def check_out(out: Path) -> None:
    """Refuse a map that could not be written, before any work is done for it.

    Raises:
        InvalidArgument: Its name has no ending of a map, or its folder does not exist.
        MissingPackage: What draws it is not installed.
    """
    if out.suffix.lower() not in ENDINGS or not out.parent.is_dir() or out.is_dir():
        raise InvalidArgument(
            f"Cannot draw into {out}: it must end in .png or .html, in a folder that exists."
        )
    if out.suffix.lower() == ".png":
        new_figure(1, 1)
    else:
        check_page()
