"""Pictures of clustering: what speaks for a k, and the steps of k-means."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vecsearch.clustering.choosing import Choice
from vecsearch.clustering.quality import sampled
from vecsearch.errors import InvalidArgument
from vecsearch.figures import new_figure, save_figure
from vecsearch.index import Step
from vecsearch.projection.palette import colour_of
from vecsearch.types import Vectors

MOST_POINTS = 5_000


def draw_choice(choice: Choice, path: str | Path, k: int | None = None) -> None:
    """Draw silhouette and inertia by the number of clusters.

    Args:
        choice: What ``choose_k`` found.
        path: Where the picture goes.
        k: The number that was taken; the best by default.

    Raises:
        InvalidArgument: ``path`` has the ending of no picture.
        MissingPackage: matplotlib is not installed.

    Example:
        >>> from vecsearch import choose_k
        >>> groups = [[0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [8, 9]]
        >>> draw_choice(choose_k(groups), tmp / "choice.png")
    """
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    left.plot(choice.ks, choice.silhouettes, marker="o", color="C0")
    left.set(xlabel="k", ylabel="mean silhouette", title="Silhouette: the higher the better")
    right.plot(choice.ks, choice.inertias, marker="o", color="C1")
    right.set(xlabel="k", ylabel="mean inertia of an item", title="Inertia: look for the bend")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.axvline(choice.best if k is None else k, color="black", linestyle=":", label="taken")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    left.legend()
    save_figure(figure, path)


def check_trace(folder: str | Path) -> None:
    """Refuse a folder that steps could not be drawn into, before the work.

    Raises:
        InvalidArgument: There are steps of another run in it, or it is a file.
        MissingPackage: matplotlib is not installed.
    """
    new_figure(1, 1)
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise InvalidArgument(f"{folder} is a file: name a folder for the steps.")
    if any(place.glob("step-*.png")):
        raise InvalidArgument(f"{folder} has steps of another run: name another folder.")


class Trace:
    """Draws steps of k-means, each as a PNG of its own: step-000.png and so on.

    Points are shown as they are if they have two dims, else along their two principal axes; of
    more than 5,000 a sample.

    Args:
        vectors: ``(n, dim)``.
        folder: Where the pictures go; it is made if need be.

    Raises:
        InvalidArgument: There are steps of another run in the folder, or it is a file.
        MissingPackage: matplotlib is not installed.
    """

    def __init__(self, vectors: Vectors, folder: str | Path) -> None:
        check_trace(folder)
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows = sampled(len(vectors), MOST_POINTS, 0)
        self._middle, self._axes = _plane(vectors[self._rows])
        self._points = self._seen(vectors[self._rows])
        self._name = "dim" if vectors.shape[1] == 2 else "principal axis"
        self._of = len(vectors)
        self._drawn = 0

    def draw(self, step: Step) -> None:
        """Draw a step: points by cluster, centres as crosses, and where these go as arrows."""
        figure = new_figure(7, 6)
        axes = figure.subplots()
        codes = step.codes[self._rows]
        size = min(25.0, max(4.0, 15_000 / len(codes)))
        colors = [colour_of(code) for code in range(len(step.centers))]
        across, up = self._points.T
        own = [colors[code] for code in codes.tolist()]
        axes.scatter(across, up, s=size, c=own, alpha=0.5, linewidths=0)
        here, there = self._seen(step.centers), self._seen(step.moved)
        way = there - here
        axes.quiver(
            here[:, 0],
            here[:, 1],
            way[:, 0],
            way[:, 1],
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.004,
            zorder=3,
        )
        across, up = here.T
        axes.scatter(across, up, s=90, marker="X", c=colors, edgecolors="black", zorder=4)
        axes.set(xlabel=f"first {self._name}", ylabel=f"second {self._name}")
        axes.set_aspect("equal", adjustable="datalim")
        last = np.array_equal(step.centers, step.moved)
        said = ": nothing moves" if last else ""
        shown = f", {len(codes):,} of {self._of:,} shown" if len(codes) < self._of else ""
        axes.set_title(f"step {self._drawn}, inertia {step.inertia:.6g}{said}{shown}")
        save_figure(figure, self._folder / f"step-{self._drawn:03d}.png")
        self._drawn += 1

    def _seen(self, vectors: Vectors) -> NDArray[np.float64]:
        seen: NDArray[np.float64] = (vectors.astype(np.float64) - self._middle) @ self._axes.T
        return seen


def _plane(vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point of the plane that is shown ``(dim,)``, and its two axes ``(2, dim)``."""
    dim = vectors.shape[1]
    if dim <= 2:
        return np.zeros(dim), np.eye(2, dim)
    points = vectors.astype(np.float64)
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    if len(axes) < 2:  # a single point
        axes = np.eye(2, dim)
    return middle, axes[:2]
