"""Recall against speed, as a picture."""

from pathlib import Path

from vecsearch.figures import new_figure, save_figure
from vecsearch.index import EXACT
from vecsearch.projection.palette import SHAPES, colour_of, shape_of
from vecsearch.tuning.measuring import pareto
from vecsearch.tuning.task import Tuning

LEAST_SHOWN = 0.75


def draw_tuning(tuning: Tuning, path: str | Path) -> None:
    """Draw how many queries a second each kind of index answers at which recall.

    Args:
        tuning: What ``tune`` found.
        path: Where the picture goes; its ending says in which format.

    Raises:
        InvalidArgument: ``path`` has the ending of no picture.
        MissingPackage: matplotlib is not installed.

    Example:
        >>> from vecsearch import Collection, tune
        >>> vectors = np.random.default_rng(0).normal(size=(300, 4))
        >>> found = tune(Collection.from_vectors(vectors), kinds=["hnsw"])
        >>> draw_tuning(found, tmp / "recall.png")
    """
    figure = new_figure(9, 6)
    axes = figure.subplots()
    kinds = sorted({one.kind for one in tuning.measured} - {EXACT})
    for code, kind in enumerate(kinds):
        curve = pareto([one for one in tuning.measured if one.kind == kind])
        axes.plot(
            [one.recall for one in curve],
            [1000 / one.milliseconds for one in curve],
            color=colour_of(code),
            marker=SHAPES[shape_of(code, len(kinds))],
            label=f"{kind}, {curve[0].megabytes:.0f} MB",
        )
    for one in tuning.measured:
        if one.kind == EXACT:
            axes.axhline(1000 / one.milliseconds, color="black", linestyle=":", label=EXACT)
    if tuning.chosen is not None:
        axes.plot(
            tuning.chosen.recall,
            1000 / tuning.chosen.milliseconds,
            marker="o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor="black",
            linestyle="",
            label="chosen",
        )
    axes.set(
        xlim=(LEAST_SHOWN, 1.005),
        yscale="log",
        xlabel=f"recall@{tuning.k}, mean of {tuning.queries} queries",
        ylabel="queries a second, one at a time",
        title="Up and to the right is better",
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")
    save_figure(figure, path)
