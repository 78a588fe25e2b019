"""What the distances between items look like, and where the threshold lies among them."""

from pathlib import Path

import numpy as np

from vecsearch.duplicates.threshold import Suggestion
from vecsearch.errors import InvalidArgument
from vecsearch.figures import new_figure, save_figure

BINS = 60
# Nearer than this share of the farthest is drawn as if it were that far: 0 has no logarithm.
NEAREST = 1e-4


def check_histogram(found: Suggestion) -> None:
    """Refuse what cannot be drawn, before anything is done.

    Raises:
        InvalidArgument: There are too few items for a histogram.
    """
    if not len(found.nearest) or not found.unrelated.max() > 0:
        raise InvalidArgument(
            f"There is no histogram of {found.items} different items: it takes 5 that differ."
        )


def draw_histogram(found: Suggestion, path: str | Path, threshold: float | None = None) -> None:
    """Draw how far items are from the nearest other, and from what is taken for something else.

    Args:
        found: The distances, as ``suggest_threshold`` gives them.
        path: Where the picture goes; its ending says in which format.
        threshold: The threshold that was used, if it is another than the suggested one.

    Raises:
        InvalidArgument: There are too few items for a histogram, or ``path`` has the ending of no
            picture.
        MissingPackage: matplotlib is not installed.

    Example:
        >>> from vecsearch import Collection, suggest_threshold
        >>> vectors = np.random.default_rng(0).normal(size=(200, 4))
        >>> draw_histogram(suggest_threshold(Collection.from_vectors(vectors)), tmp / "far.png")
    """
    check_histogram(found)
    far = float(found.unrelated.max())
    edges = np.geomspace(NEAREST * far, far, BINS + 1)
    figure = new_figure(9, 4.5)
    axes = figure.subplots()
    for values, name in (
        (found.nearest, "the nearest other"),
        (found.unrelated, f"the {found.ordinal} nearest, taken for something else"),
    ):
        axes.hist(np.clip(values, edges[0], far), edges.tolist(), alpha=0.6, label=name)
    chosen = found.threshold if threshold is None else threshold
    word = "threshold" if chosen != found.threshold else "suggested threshold"
    if chosen > 0:
        axes.axvline(chosen, color="black", linestyle=":", label=f"{word}, {chosen:.3g}")
    axes.set(
        xscale="log",
        yscale="log",  # few are near, and it is them that one looks for
        xlabel=f"{found.metric} distance (the first bar: this or nearer)",
        ylabel="items",
        title=f"{len(found.nearest):,} of {found.items:,} different items",
    )
    axes.legend()
    save_figure(figure, path)
