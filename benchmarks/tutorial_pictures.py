"""The pictures of the tutorial: those that its commands draw, and two that explain.

    python benchmarks/tutorial_pictures.py [--out docs/pictures]

Runs docs/tutorial.md from top to bottom, as its test does, in a minute or two: it fails where
something else is printed than the page shows.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from vecsearch import Collection, cluster

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests"))
from pages import follow  # noqa: E402

# What the commands of the page draw, and as what it is shown.
DRAWN = {"heaps.png": "heaps", "strangers.png": "strangers", "alike.png": "alike"}
# The training is of no picture.
QUICK = {"VECSEARCH_TRAIN_EPOCHS": "1", "VECSEARCH_TRAIN_WIDTH": "4"}
BOOKS = {"The Moonstone": (9, 2), "Gaudy Night": (7, 4), "Emma": (2, 9), "A short romance": (1, 4)}
PICTURE = "indexes/demo-images/test/coat/00010.png"
CORNER, SIDE = (8, 3), 7  # of the pixels that are shown as numbers
DPI, COLOURS, WIDE = 80, 64, 900


def books() -> Figure:
    """Two ways to be near, and two clusters."""
    points = np.array([*BOOKS.values()], float)
    asked = np.array([2.0, 8.0])
    found = cluster(Collection.from_vectors(points, ids=[*BOOKS]), 2)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, title in (
        (left, "Euclidean: how far it is"),
        (middle, "cosine: in which direction"),
        (right, "k-means: two centres"),
    ):
        axes.set(xlim=(0, 14), ylim=(0, 11), xlabel="crime", ylabel="love", title=title)
        axes.set_aspect("equal")
        for name, (x, y) in BOOKS.items():
            axes.annotate(name, (x, y), (4, 4), textcoords="offset points", fontsize=8)
    for axes in (left, middle):
        axes.plot(*points.T, "o", color="#1f5fbf")
    left.plot(*asked, "*", color="#b8402f", markersize=12)
    for x, y in points:
        left.plot([asked[0], x], [asked[1], y], color="#c8c8c8", zorder=0)
    for x, y in (*points, 9 * asked / np.linalg.norm(asked)):
        middle.plot([0, x], [0, y], color="#c8c8c8", zorder=0)
    middle.plot(*(9 * asked / np.linalg.norm(asked)), "*", color="#b8402f", markersize=12)
    for point, code in zip(points, found.codes.tolist(), strict=True):
        right.plot(*point, "os"[code], color=("#1f5fbf", "#1a7f4b")[code])
    right.plot(*np.asarray(found.centers).T, "x", color="#1a1a1a", markersize=10)
    return figure


def numbers(path: Path) -> Figure:
    """A picture, and some of the numbers that it is."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    top, left = CORNER
    part = pixels[top : top + SIDE, left : left + SIDE]
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    whole, close = figure.subplots(1, 2)
    whole.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), SIDE, SIDE, fill=False, edgecolor="#b8402f"))
    whole.set_title("28 × 28 pixels")
    close.imshow(part, cmap="gray", vmin=0, vmax=255)
    for (row, column), value in np.ndenumerate(part):
        ink = "#ffffff" if value < 128 else "#1a1a1a"
        close.text(column, row, str(value), ha="center", va="center", color=ink, fontsize=8)
    close.set_title("are 784 numbers, of which these are 49")
    for axes in (whole, close):
        axes.set_axis_off()
    return figure


def small(path: Path, out: Path) -> None:
    """A picture in few colours, and no wider than the page."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
        picture.thumbnail((WIDE, WIDE))
        picture.quantize(COLOURS).save(out, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "pictures")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        follow("tutorial.md", place, **QUICK)
        for name, shown in DRAWN.items():
            small(place / name, out / f"tutorial-{shown}.png")
        for name, figure in (("books", books()), ("numbers", numbers(place / PICTURE))):
            figure.savefig(place / "drawn.png", dpi=DPI)
            small(place / "drawn.png", out / f"tutorial-{name}.png")


if __name__ == "__main__":
    main()
