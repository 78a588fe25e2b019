"""What figures look like: curves and histograms, by matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.calibration import Calibration
from vecsearch.evaluation.details import LEVEL, Details
from vecsearch.evaluation.tables import Classification
from vecsearch.figures import new_figure, plain, save_figure
from vecsearch.projection.cloud import stratified
from vecsearch.projection.colouring import Classes
from vecsearch.projection.drawing import draw_centers, draw_classes
from vecsearch.projection.linear import principal_plane
from vecsearch.types import Distances, Vectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 60
MOST_POINTS = 5000
MOST_NAMED = 22


def draw_calibration(found: Calibration, path: str | Path) -> None:
    """Draw the ROC curve of a calibration, and how far known and strangers are.

    Raises:
        InvalidArgument: ``path`` has the ending of no picture.
        MissingPackage: matplotlib is not installed.

    Example:
        >>> from vecsearch import Collection, calibrate
        >>> vectors = np.repeat(np.eye(3), 40, axis=0) + 0.01 * np.arange(120)[:, None]
        >>> books = Collection.from_vectors(vectors, labels=sorted(["crime", "love", "war"] * 40))
        >>> draw_calibration(calibrate(books, far=0.05), tmp / "roc.png")
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
    save_figure(figure, path)


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
    far = max(float(values.max(initial=0)) for values in kinds.values())
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


def draw_recall(axes: "Axes", details: Details) -> None:
    """Draw the mean recall of the first k answers over k."""
    axes.plot(details.ks, details.recall, color="C0")
    axes.set(xscale="log", xlabel="k", ylabel="recall@k", ylim=(0, 1.02))
    axes.grid(alpha=0.3)


def draw_precision(axes: "Axes", details: Details) -> None:
    """Draw the mean interpolated precision over recall."""
    axes.plot(LEVEL, details.precision, color="C0")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)


def draw_confusion(axes: "Axes", table: Classification) -> None:
    """Draw how often each class was taken for each, as shares of its queries."""
    counts = table.confusion
    if counts is None:
        return
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="taken for", ylabel="true class")
    if len(table.labels) > MOST_NAMED:
        return
    names = [plain(label) for label in table.labels]
    places = range(len(names))
    axes.set_xticks(places, names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)


def draw_variance(axes: "Axes", vectors: Vectors, kept: float) -> None:
    """Draw how much of the variance the first dims of PCA keep, ``kept`` being that of all."""
    each = vectors.var(axis=0, dtype=np.float64)
    axes.plot(np.arange(1, len(each) + 1), np.cumsum(each) / each.sum() * kept, color="C0")
    axes.set(xlabel="dims", ylabel="variance kept", ylim=(0, 1.02))
    axes.grid(alpha=0.3)


def draw_map(axes: "Axes", gallery: Labelled, method: str = "PCA") -> None:
    """Draw vectors along their two principal axes, by class, with the middle of each class."""
    labels = gallery.labels
    codes = Classes.of(list(labels)).codes
    rows = stratified(codes, MOST_POINTS, 0)
    points = principal_plane(gallery.vectors[rows])
    classes = Classes.of([labels[row] for row in rows.tolist()])
    listed = draw_classes(axes, points, classes, MOST_NAMED)
    draw_centers(axes, points, classes, MOST_NAMED)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"{method}: the two axes along which {len(rows):,} items vary most")
    axes.legend(handles=listed, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
