"""What figures look like: curves and histograms, by matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vecsearch.errors import MissingPackage
from vecsearch.evaluation.calibration import Calibration
from vecsearch.types import Distances

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 60
DPI = 110


def draw_calibration(found: Calibration, path: str | Path) -> None:
    """Draw the ROC curve of a calibration, and how far known and strangers are.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    figure = new_figure(11, 4.5)
    left, right = figure.subplots(1, 2)
    draw_roc(left, found)
    draw_distances(
        right,
        {"known": found.known, "strangers": found.strangers},
        found.rejection.threshold,
        f"{found.rejection.metric} distance from the class that is nearest",
    )
    figure.savefig(path, dpi=DPI)


def draw_roc(axes: "Axes", found: Calibration) -> None:
    """Draw how many right comparisons are accepted, over how many wrong ones are."""
    if found.roc:
        # A rate of 0 has no place on this axis.
        false = np.maximum(found.roc["fmr"], 1e-6)
        axes.plot(false, found.roc["tmr"], color="C0")
        axes.set(xscale="log", xlim=(max(1e-6, false[false > 1e-6].min()), 1))
        title = f"ROC of single comparisons, EER {found.figures['eer'].value:.3f}"
        axes.set_title(title)
    axes.set(xlabel="wrong accepted (FMR)", ylabel="right accepted (1 − FNMR)", ylim=(0, 1.02))
    axes.grid(alpha=0.3)


def draw_distances(
    axes: "Axes", kinds: Mapping[str, Distances], threshold: float | None, label: str
) -> None:
    """Draw how distances of some kinds are spread, and where the threshold lies."""
    far = max(float(values.max()) for values in kinds.values() if len(values))
    edges = np.linspace(0, far or 1, BINS + 1)
    for name, values in kinds.items():
        weights = np.full(len(values), 1 / max(1, len(values)))
        axes.hist(
            values, edges.tolist(), weights=weights, alpha=0.6, label=f"{name} ({len(values):,})"
        )
    if threshold is not None:
        axes.axvline(threshold, color="black", linestyle=":", label="threshold")
    axes.set(xlabel=label, ylabel="share")
    axes.legend()


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage(
            "Pictures of figures need matplotlib: pip install 'vecsearch[plot]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")
