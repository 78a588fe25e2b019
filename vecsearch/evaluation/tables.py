"""From true and predicted classes to a confusion matrix and per-class figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vecsearch.evaluation.measures import ratio

# A table of more classes than these, a million cells, is not made.
MOST_CLASSES = 1000
MOST_MISTAKES = 20


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told from all others.

    Attributes:
        precision: tp / (tp + fp), 0 if the class is never predicted.
        recall: tp / (tp + fn), 0 if there is no query of the class.
        f1: The harmonic mean of the two, 0 if both are.
        support: How many queries are of the class: tp + fn.
        tp: Queries of the class that are said to be of it.
        fp: Queries of other classes that are said to be of it.
        fn: Queries of the class that are said to be of others.
        tn: All other queries.
    """

    precision: float
    recall: float
    f1: float
    support: int
    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True)
class Classification:
    """How well queries are classified.

    Attributes:
        labels: The classes that occur among the true or the predicted ones, sorted.
        confusion: ``(classes, classes)`` int64: rows are true, columns predicted. None where there
            are more than a thousand classes.
        mistakes: The most frequent ones, 20 at most: true class, predicted class, how often.
        per_class: The figures of each class, in the order of ``labels``.
        accuracy: The fraction of queries whose class is predicted.
        macro_precision: The plain mean of the classes' precision; so the next two.
        macro_recall: Of their recall.
        macro_f1: Of their f1.
    """

    labels: Sequence[str]
    confusion: NDArray[np.int64] | None
    mistakes: Sequence[tuple[str, str, int]]
    per_class: dict[str, ClassScores]
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float


def classification(true: Sequence[str], predicted: Sequence[str]) -> Classification:
    """Compare true with predicted classes.

    The figures are those of scikit-learn's ``classification_report`` with ``zero_division=0``.

    Args:
        true: The class of each query; at least one.
        predicted: What was said of it.

    Example:
        >>> classification(["a", "a", "b"], ["a", "b", "b"]).per_class["b"].precision
        0.5
    """
    labels, codes = np.unique(np.array([*true, *predicted]), return_inverse=True)
    count = len(labels)
    was, said = codes[: len(true)], codes[len(true) :]
    cells, times = np.unique(was * count + said, return_counts=True)
    confusion = None
    if count <= MOST_CLASSES:
        confusion = np.zeros((count, count), np.int64)
        confusion.flat[cells] = times
    tp = np.bincount(was[was == said], minlength=count)
    fp = np.bincount(said, minlength=count) - tp
    fn = np.bincount(was, minlength=count) - tp
    precision = ratio(tp, tp + fp)
    recall = ratio(tp, tp + fn)
    f1 = ratio(2 * tp, 2 * tp + fp + fn)
    names = [str(label) for label in labels]
    return Classification(
        labels=names,
        confusion=confusion,
        mistakes=_mistakes(names, cells, times),
        per_class={
            name: ClassScores(
                precision=float(precision[row]),
                recall=float(recall[row]),
                f1=float(f1[row]),
                support=int(tp[row] + fn[row]),
                tp=int(tp[row]),
                fp=int(fp[row]),
                fn=int(fn[row]),
                tn=int(len(true) - tp[row] - fp[row] - fn[row]),
            )
            for row, name in enumerate(names)
        },
        accuracy=float(tp.sum() / len(true)),
        macro_precision=float(precision.mean()),
        macro_recall=float(recall.mean()),
        macro_f1=float(f1.mean()),
    )


def _mistakes(
    names: Sequence[str], cells: NDArray[np.int64], times: NDArray[np.int64]
) -> list[tuple[str, str, int]]:
    pairs = np.stack(np.divmod(cells, len(names)), axis=1)
    wrong = np.flatnonzero(pairs[:, 0] != pairs[:, 1])
    most = wrong[np.argsort(-times[wrong], kind="stable")][:MOST_MISTAKES]
    return [(names[pairs[at, 0]], names[pairs[at, 1]], int(times[at])) for at in most.tolist()]
