"""Maps as pictures, by matplotlib: points by class or by number, and how many lie where."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.figures import new_figure, plain, save_figure
from vecsearch.projection.colouring import Classes
from vecsearch.projection.palette import COLOURS, NONE, SHAPES, colour_of, shape_of
from vecsearch.projection.task import NAMES, Projection
from vecsearch.types import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Style: TypeAlias = Literal["scatter", "density", "hexbin"]
STYLES: tuple[Style, ...] = get_args(Style)

INCHES = (12.0, 8.0)
PNG_DPI = 150
CELLS = 240
SMOOTHED = 1.6
HEXAGONS = 60
# So many differ by colour and shape.
MOST_LISTED = math.lcm(len(COLOURS), len(SHAPES))
ROWS_ONE_COLUMN = 30
ROWS_MANY_COLUMNS = 40
LETTERS = {1: 28, 2: 22, 3: 16}
CHUNKS = 8
INK = "#1c1f23"


def draw_map(
    projection: Projection,
    out: str | Path,
    style: Style = "scatter",
    *,
    centers: bool = True,
    title: str | None = None,
) -> None:
    """Draw a map as a PNG, 1800 pixels wide.

    Args:
        projection: What to draw.
        out: Where the picture goes.
        style: ``scatter``: a point an item, in the colour and, beyond eight classes, the shape of
            its class. ``density``: how many lie where, smoothed. ``hexbin``: counted in hexagons.
        centers: Mark the mean of each class by a cross with its name.
        title: What stands above it.

    Raises:
        InvalidArgument: There is no such style.
        MissingPackage: matplotlib is not installed.

    Example:
        >>> from vecsearch import project_vectors
        >>> draw_map(project_vectors([[5, 1], [4, 2], [1, 5]], ["a", "a", "b"]), tmp / "map.png")
    """
    check_style(style)
    figure = new_figure(*INCHES)
    axes = figure.subplots()
    points = projection.points.astype(np.float64)
    classes, listed = projection.classes, None
    if style != "scatter":
        draw = draw_density if style == "density" else draw_hexbin
        figure.colorbar(draw(axes, points), ax=axes, label="items", shrink=0.6, aspect=30)
    elif projection.numbers is not None:
        shown = draw_numbers(axes, points, projection.numbers)
        figure.colorbar(shown, ax=axes, label=plain(projection.color_by), shrink=0.6, aspect=30)
    else:
        listed = draw_classes(axes, points, classes)
    coloured = style == "scatter" and projection.numbers is None
    marked = draw_centers(axes, points, classes, coloured=coloured) if centers else []
    names = name_centers(axes, points, classes, marked)
    _frame(axes, projection, title)
    if listed:
        _list(figure, listed)
    _part(figure, names)
    save_figure(figure, out, PNG_DPI, kind="png")


def check_style(style: str) -> None:
    """Refuse a style that there is not.

    Raises:
        InvalidArgument: There is none of that name.
    """
    if style not in STYLES:
        raise InvalidArgument(f"{style!r} is no style: {', '.join(STYLES)}.")


def draw_classes(
    axes: "Axes",
    points: NDArray[np.float64],
    classes: Classes,
    most: int = MOST_LISTED,
) -> list[Any]:
    """Draw points by class, the rarest beyond ``most`` classes grey; returns a legend's entries.

    They are drawn in an order by chance, so that no class lies above another.

    Args:
        axes: Where.
        points: ``(n, 2)``.
        classes: The class of each.
        most: How many classes have a colour.
    """
    from matplotlib.lines import Line2D

    count = len(classes.names)
    common, places = _numbered(classes, most)
    codes = np.where(np.isin(classes.codes, common), classes.codes, -1)
    colours = np.array([colour_of(place) for place in places.tolist()] + [NONE])  # −1 is the last
    shapes = np.array([shape_of(place, len(common)) for place in places.tolist()] + [0])
    size, alpha = point_look(len(points))
    order = np.random.default_rng(0).permutation(len(points))
    grey = order[codes[order] < 0]
    axes.scatter(points[grey, 0], points[grey, 1], s=size, color=NONE, alpha=alpha, linewidths=0)
    rest = order[codes[order] >= 0]
    for chunk in np.array_split(rest, CHUNKS if shapes.any() else 1):
        for shape in np.unique(shapes[codes[chunk]]).tolist():
            inside = chunk[shapes[codes[chunk]] == shape]
            axes.scatter(
                points[inside, 0],
                points[inside, 1],
                s=size,
                c=colours[codes[inside]].tolist(),
                marker=SHAPES[shape],
                alpha=alpha,
                linewidths=0,
            )

    def entry(code: int, name: str) -> Line2D:
        marker, colour = SHAPES[shapes[code]], colours[code]
        return Line2D([], [], color=colour, marker=marker, linestyle="", markersize=6, label=name)

    listed = [entry(code, plain(classes.names[code])) for code in common.tolist()]
    if count > len(common):
        listed.append(entry(-1, f"{count - len(common):,} others"))
    if (classes.codes < 0).any():
        listed.append(entry(-1, "no class"))
    return listed


def _numbered(classes: Classes, most: int) -> tuple[Rows, Rows]:
    """The commonest classes, ascending; and of each class its place among them, for its colour."""
    common = np.sort(np.argsort(-classes.counts, kind="stable")[:most])
    return common, np.searchsorted(common, np.arange(len(classes.names)))


def draw_numbers(axes: "Axes", points: NDArray[np.float64], numbers: NDArray[np.float64]) -> Any:
    """Draw points by a number, grey where there is none; returns what a colour bar is made of."""
    size, alpha = point_look(len(points))
    none = np.isnan(numbers)
    axes.scatter(points[none, 0], points[none, 1], s=size, color=NONE, alpha=alpha, linewidths=0)
    order = np.random.default_rng(0).permutation(np.flatnonzero(~none))
    across, up = points[order].T
    return axes.scatter(across, up, s=size, c=numbers[order], cmap="viridis", linewidths=0)


def draw_density(axes: "Axes", points: NDArray[np.float64]) -> Any:
    """Draw how many points lie where, smoothed; returns what a colour bar is made of."""
    from matplotlib.colors import PowerNorm
    from scipy.ndimage import gaussian_filter

    low, high = points.min(axis=0), points.max(axis=0)
    cell = max(float((high - low).max()), 1e-12) / CELLS
    edge = 4 * SMOOTHED * cell
    low, high = low - edge, high + edge
    bins = [max(1, int(np.ceil(span / cell))) for span in high - low]
    ranges = [(float(at), float(at + count * cell)) for at, count in zip(low, bins, strict=True)]
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=bins, range=ranges)[0]
    smooth = gaussian_filter(counts, SMOOTHED, mode="constant").T
    # A tenth of what one point leaves where it lies is nothing.
    shown = np.ma.masked_less(smooth, 0.1 / (2 * np.pi * SMOOTHED**2))
    (left, right), (bottom, top) = ranges
    return axes.imshow(
        shown,
        extent=(left, right, bottom, top),
        origin="lower",
        cmap="viridis",
        norm=PowerNorm(0.5),
        interpolation="bilinear",
    )


def draw_hexbin(axes: "Axes", points: NDArray[np.float64], across: int = HEXAGONS) -> Any:
    """Draw how many points lie in each hexagon; returns what a colour bar is made of."""
    span = np.maximum(np.ptp(points, axis=0), 1e-12)
    # So many up that they are regular: √3 times as wide as their rows are apart.
    up = max(1, round(across * span[1] / span[0] / np.sqrt(3)))
    return axes.hexbin(
        *points.T, gridsize=(across, up), bins="log", cmap="viridis", mincnt=1, linewidths=0.2
    )


def draw_centers(
    axes: "Axes",
    points: NDArray[np.float64],
    classes: Classes,
    most: int = MOST_LISTED,
    coloured: bool = True,
) -> list[int]:
    """Mark the mean of each of the commonest classes by a cross; returns which these are.

    Args:
        axes: Where.
        points: ``(n, 2)``.
        classes: The class of each.
        most: How many are marked.
        coloured: By the colours of the classes; else all are dark.
    """
    centres = classes.centres(points)
    common: list[int] = np.argsort(-classes.counts, kind="stable")[:most].tolist()
    places = _numbered(classes, most)[1]
    for code in common:
        colour = colour_of(int(places[code])) if coloured else INK
        across, up = centres[code].tolist()
        # White around the cross shows on points, and a dark line around that on paper.
        for size, inside, edge in ((150, INK, INK), (110, colour, "white")):
            axes.scatter(
                across, up, s=size, marker="X", color=inside, edgecolors=edge, linewidths=1.4,
                zorder=4,
            )  # fmt: skip
    return common


def name_centers(
    axes: "Axes", points: NDArray[np.float64], classes: Classes, codes: Sequence[int]
) -> list[Any]:
    """Write the names of some classes above their means; returns the texts."""
    from matplotlib.patheffects import withStroke

    centres, texts = classes.centres(points), []
    for code in codes:
        text = axes.annotate(
            plain(shortened(classes.names[code], LETTERS[1])), centres[code], (0, 8),
            textcoords="offset points", ha="center", fontsize=9, fontweight="bold", color=INK,
            zorder=5, annotation_clip=False,
        )  # fmt: skip
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
        texts.append(text)
    return texts


def point_look(count: int) -> tuple[float, float]:
    """How large points are, in square typographic points, and how opaque, of so many."""
    size = min(30.0, max(2.5, 60_000 / max(1, count)))
    return size, min(0.9, max(0.3, float((3000 / max(1, count)) ** 0.3)))


def shortened(name: str, letters: int) -> str:
    """A name that takes no more than so many letters."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def _frame(axes: "Axes", projection: Projection, title: str | None) -> None:
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_color("#d9dde2")
    for text, name in zip(axis_names(projection), ("xlabel", "ylabel"), strict=True):
        axes.set(**{name: text})
    some = "" if len(projection) == projection.total else f" of {projection.total:,}"
    count = f"{NAMES[projection.method]} of {len(projection):,}{some} items"
    axes.set_title(f"{plain(title)}: {count}" if title else count, loc="left", color=INK)


def axis_names(projection: Projection) -> tuple[str, str]:
    """What the axes are; nothing for those of t-SNE and UMAP, which have no meaning."""
    if projection.explained is None:
        return "", ""
    axis, part = ("principal axis", "variance")
    if projection.method == "lda":
        axis, part = ("discriminant", "variance between classes")
    first, second = (f"{share:.0%}".replace("%", " %") for share in projection.explained)
    if projection.method == "lda" and not projection.explained[1]:
        return f"discriminant: {first} of the {part}", "principal axis of what is left"
    return f"first {axis}: {first} of the {part}", f"second {axis}: {second}"


def _list(figure: "Figure", entries: Sequence[Any]) -> None:
    """The legend, beside the map and never on it."""
    columns = 1
    if len(entries) > ROWS_ONE_COLUMN:
        columns = -(-len(entries) // ROWS_MANY_COLUMNS)
    for entry in entries:
        entry.set_label(shortened(str(entry.get_label()), LETTERS.get(columns, 12)))
    figure.legend(
        handles=list(entries),
        loc="outside right upper",
        ncols=columns,
        fontsize=9 if columns == 1 else 7,
        frameon=False,
        handletextpad=0.1,
        columnspacing=0.8,
    )


def _part(figure: "Figure", texts: Sequence[Any]) -> None:
    """Move or hide each name that would lie on one of a commoner class; the legend has them all."""
    from matplotlib.transforms import Bbox

    if not texts:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.draw_without_rendering()
        kept: list[Bbox] = []
        for text in texts:
            for height, side in ((8, "bottom"), (-8, "top")):
                text.set(position=(0, height), verticalalignment=side)
                box = text.get_window_extent().padded(2)
                if not any(box.overlaps(other) for other in kept):
                    kept.append(box)
                    break
            else:
                text.set_visible(False)
