"""Between which ends a figure lies that was measured on some queries, if others had been drawn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vecsearch.evaluation.measures import Values, ratio
from vecsearch.types import Rows

REPLICATES = 1000
ENDS = (0.025, 0.975)

Interval: TypeAlias = tuple[float, float]


def mean_intervals(values: Mapping[str, Values], seed: int = 0) -> dict[str, Interval]:
    """95 % intervals of means over queries.

    By the bootstrap (Efron, 1979): as many queries as there are are drawn with replacement, a
    thousand times.

    Args:
        values: Of some measures, by name, one value a query, ``(n,)``.
        seed: For the drawing.

    Example:
        >>> mean_intervals({"map": np.array([0.5, 0.5])})
        {'map': (0.5, 0.5)}
    """
    if not values:
        return {}
    columns = np.column_stack(list(values.values()))
    drawn = [weight @ columns / len(columns) for weight in _drawn(len(columns), seed)]
    return dict(zip(values, _ends(np.array(drawn)), strict=True))


def class_intervals(
    true: Sequence[str], predicted: Sequence[str], seed: int = 0
) -> dict[str, Interval]:
    """95 % intervals of accuracy, and of precision, recall and F1 as means over classes.

    As ``mean_intervals``; classes of which nothing is drawn are left out of a mean.

    Args:
        true: The class of each query.
        predicted: What was said of it.
        seed: For the drawing.
    """
    names, codes = np.unique(np.array([*true, *predicted]), return_inverse=True)
    own, said = codes[: len(true)], codes[len(true) :]
    drawn = np.array([_figures(own, said, w, len(names)) for w in _drawn(len(true), seed)])
    figures = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
    return dict(zip(figures, _ends(drawn), strict=True))


def _figures(own: Rows, said: Rows, weight: NDArray[np.float64], classes: int) -> list[float]:
    right = weight * (own == said)
    tp = np.bincount(own, right, classes)
    support, taken = np.bincount(own, weight, classes), np.bincount(said, weight, classes)
    seen = support + taken > 0
    macro = [ratio(tp, taken), ratio(tp, support), ratio(2 * tp, support + taken)]
    return [right.sum() / len(own), *(float(values[seen].mean()) for values in macro)]


def _drawn(count: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each is drawn, a thousand times."""
    rng: Generator = np.random.default_rng(seed)
    for _ in range(REPLICATES):
        yield np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)


def _ends(drawn: NDArray[np.float64]) -> list[Interval]:
    low, high = np.quantile(drawn, ENDS, axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))
