"""A map as one page that opens anywhere, with nothing but itself."""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import MissingPackage
from vecsearch.projection.atlas import Atlas, check_side, make_atlas, side_for
from vecsearch.projection.drawing import Style, axis_names, check_style
from vecsearch.projection.palette import NONE, colour_of, shape_of, viridis
from vecsearch.projection.task import NAMES, Projection
from vecsearch.store import put_whole
from vecsearch.types import JSON, Progress, Skipped

log = logging.getLogger(__name__)

Thumbnails: TypeAlias = 'int | Literal["auto"] | None'

# Modules, which the server's page has as well; here all are one script.
MODULES = ("raster.js", "nearest.js", "view.js", "gestures.js")
SCRIPTS = (*MODULES, "map.js", "hands.js")
STEPS = 65535
MOST_MARKED = 300


@dataclass(frozen=True)
class Page:
    """What a page was written with.

    Attributes:
        bytes: How long it is.
        pictures: How many items have a thumbnail.
        side: How wide and high these are, in pixels; None without any.
        skipped: The pictures that could not be read.
    """

    bytes: int
    pictures: int
    side: int | None
    skipped: Sequence[Skipped]


def write_map(
    projection: Projection,
    out: str | Path,
    style: Style = "scatter",
    *,
    centers: bool = True,
    title: str | None = None,
    thumbnails: Thumbnails = "auto",
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Page:
    """Write a map as an HTML page to move about in, which needs nothing but itself.

    Pictures are shown beside the item under the pointer, and in place of the points when one is
    near; those that are gone or cannot be read are left out.

    Args:
        projection: What to show.
        out: Where the page goes.
        style: What is shown at first: ``scatter``, ``density`` or ``hexbin``.
        centers: Mark the mean of each class at first.
        title: What stands above it.
        thumbnails: How wide and high they are, in pixels, a multiple of 16; by default as large as
            a page of about 25 MB has room for, 128 for 4,000 items and 32 for 60,000; None for
            none.
        jobs: How many processes decode.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: There is no such style, or there are no thumbnails of that size.
        MissingPackage: Jinja2 is not installed.

    Example:
        >>> from vecsearch import project_vectors
        >>> points = project_vectors([[5, 1], [4, 2], [1, 5]], ["a", "a", "b"])
        >>> write_map(points, tmp / "map.html").pictures
        0
    """
    check_style(style)
    if isinstance(thumbnails, int):
        check_side(thumbnails)
    template = _template()
    side = _side(projection, thumbnails)
    atlas = None if side is None else make_atlas(projection.paths, side, jobs, progress)
    text = template.render(_context(projection, atlas, style, centers, title))
    # A name with bytes that are no text has lone surrogates; escaped, they are JSON.
    page = text.encode("utf-8", "backslashreplace")
    with put_whole(Path(out)) as file:
        file.write(page)
    if atlas is None:
        return Page(len(page), 0, None, [])
    return Page(len(page), int((atlas.tiles >= 0).sum()), side, atlas.skipped)


def check_page() -> None:
    """See that a page can be written here.

    Raises:
        MissingPackage: Jinja2 is not installed.
    """
    _template()


def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackage("A map as a page needs Jinja2: pip install 'vecsearch[plot]'") from (
            error
        )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vecsearch.projection.page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("map.html.j2")


def _side(projection: Projection, thumbnails: Thumbnails) -> int | None:
    count = sum(path is not None for path in projection.paths)
    if not count or thumbnails is None:
        return None
    if thumbnails != "auto":
        return thumbnails
    side = side_for(count, projection.largest)
    if side is None:
        log.info(
            "%s pictures are too many for a page, which has none then: --sample N takes fewer "
            "items, --thumbnails 16 makes it large.",
            f"{count:,}",
        )
    return side


def _context(
    projection: Projection, atlas: Atlas | None, style: Style, centers: bool, title: str | None
) -> dict[str, Any]:
    from markupsafe import Markup

    folder = files("vecsearch.projection.page")
    script = '"use strict";\n' + "\n".join(
        re.sub("^export ", "", folder.joinpath(name).read_text("utf-8"), flags=re.MULTILINE)
        for name in SCRIPTS
    )
    look = folder.joinpath("map.css").read_text("utf-8")
    name = NAMES[projection.method]
    some = "" if len(projection) == projection.total else f" of {projection.total:,}"
    across, up = axis_names(projection)
    sheets: list[str] = []
    if atlas is not None:
        sheets = [
            f"data:image/{kind};base64,{_base64(sheet)}"
            for sheet, kind in zip(atlas.sheets, atlas.kinds, strict=True)
        ]
    return {
        "title": title or "A map",
        "lead": f"{len(projection):,}{some} items in two dimensions, by {name}",
        "settings": [(key, value) for key, value in projection.settings.items()],
        "across": across,
        "up": up,
        "pictures": atlas is not None,
        # These are no HTML: a script's own text must not be escaped, and has nothing to escape.
        "script": Markup(script),  # noqa: S704
        "style": Markup(look),  # noqa: S704
        "sheets": sheets,
        "script_hash": _hash(script),
        "style_hash": _hash(look),
        "data": Markup(_inside_script(_data(projection, atlas, style, centers))),  # noqa: S704
    }


def _data(
    projection: Projection, atlas: Atlas | None, style: Style, centers: bool
) -> dict[str, JSON]:
    """What the script works with."""
    classes, numbers = projection.classes, projection.numbers
    count = len(classes.names)
    corners, extent, centres = quantised(projection)
    body: dict[str, JSON] = {
        "ids": list(projection.ids),
        "points": _base64(corners.astype("<u2").tobytes()),
        "extent": list(extent),
        "codes": _base64(classes.codes.astype("<i4").tobytes()),
        "names": list(classes.names),
        "colours": [colour_of(code) for code in range(count)],
        "shapes": [shape_of(code, count) for code in range(count)],
        "centres": centres.round(5).tolist(),
        "common": np.argsort(-classes.counts, kind="stable")[:MOST_MARKED].tolist(),
        "grey": NONE,
        "scale": _base64(viridis().tobytes()),
        "color_by": projection.color_by,
        "labels": None if projection.color_by == "label" else list(projection.labels),
        "values": None if projection.color_by == "label" else list(projection.values),
        "shades": None,
        "tiles": None,
        "style": style,
        "centers": centers,
    }
    if numbers is not None:
        low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.nan_to_num((numbers - low) / (high - low), nan=0.5)
        shades = np.where(np.isnan(numbers), 0, 1 + (share * 254).round()).astype(np.uint8)
        body |= {"shades": _base64(shades.tobytes()), "range": [f"{low:g}", f"{high:g}"]}
    if atlas is not None:
        tiles = _base64(atlas.tiles.astype("<i4").tobytes())
        body |= {"tiles": tiles, "side": atlas.side, "across": atlas.across}
    return body


def quantised(
    projection: Projection,
) -> tuple[NDArray[np.uint16], tuple[float, float], NDArray[np.float64]]:
    """The points in steps of 1/65535 of the longer side, ``(n, 2)``, from the lower left corner.

    Returns:
        The points; how wide and high all are, in longer sides; and the centres of the classes, in
        longer sides, ``(classes, 2)``.
    """
    points = projection.points.astype(np.float64)
    low = points.min(axis=0)
    span = np.ptp(points, axis=0)
    longer = float(span.max()) or 1.0
    shares = (points - low) / longer
    wide, high = (max(1e-6, float(one) / longer) for one in span)
    steps = (shares * STEPS).round().astype(np.uint16)
    return steps, (wide, high), projection.classes.centres(shares)


def _inside_script(body: dict[str, JSON]) -> str:
    """JSON that no HTML parser can take for anything else, whatever items are called."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _hash(text: str) -> str:
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
