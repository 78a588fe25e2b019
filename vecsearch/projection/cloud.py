"""Many vectors, taken a block at a time, and which of them to look at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from vecsearch.index import normalized
from vecsearch.types import Metric, Rows, Vectors

BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class Cloud:
    """Vectors that need not be in memory all at once.

    Attributes:
        count: How many there are.
        dim: How long each is.
        take: Gives those at some positions, ``(n, dim)`` float32.
    """

    count: int
    dim: int
    take: Callable[[Rows], Vectors]

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Those of an array, ``(n, dim)``."""
        count, dim = vectors.shape
        return cls(count, dim, lambda rows: np.asarray(vectors[rows], np.float32))

    def under(self, metric: Metric) -> "Cloud":
        """The same as a metric sees them: under cosine, brought to length 1."""
        if metric is not Metric.COSINE:
            return self
        return Cloud(self.count, self.dim, lambda rows: normalized(self.take(rows)))

    def part(self, rows: Rows) -> "Cloud":
        """Those at some positions."""
        return Cloud(len(rows), self.dim, lambda inside: self.take(rows[inside]))

    def blocks(self) -> Iterator[tuple[slice, Vectors]]:
        """All of them, in their order, at most 64 MiB at a time."""
        step = max(1, BLOCK_BYTES // (4 * self.dim))
        for start in range(0, self.count, step):
            stop = min(start + step, self.count)
            yield slice(start, stop), self.take(np.arange(start, stop))


def stratified(codes: Rows, count: int, seed: int) -> Rows:
    """Some of many, drawn so that each class keeps its share.

    Each class gets one, if there is room for that, and its share of the rest, rounded by largest
    remainder (Hare and Niemeyer); within a class all are equally likely.

    Args:
        codes: The class of each, ``(n,)``; those of −1, which have none, count as one class.
        count: How many to draw; all, if there are no more.
        seed: For what is drawn.

    Returns:
        Their positions, ascending.

    Example:
        >>> stratified(np.array([0] * 80 + [1] * 20), 5, seed=0).tolist()[-1] >= 80
        True
    """
    if count >= len(codes):
        return np.arange(len(codes))
    _, own, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    # One of each, if there is room for that, and of the others as many as their shares are.
    sure = 1 if count >= len(sizes) else 0
    shares = sure + _apportioned(sizes - sure, count - sure * len(sizes))
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(own == code), share, replace=False)
        for code, share in enumerate(shares.tolist())
    ]
    return np.sort(np.concatenate(drawn))


def _apportioned(sizes: Rows, count: int) -> Rows:
    """Whole numbers in proportion to some sizes, which sum to ``count``."""
    exact = sizes * (count / sizes.sum())
    shares: Rows = np.floor(exact).astype(np.int64)
    largest = np.argsort(shares - exact, kind="stable")[: count - int(shares.sum())]
    shares[largest] += 1
    return shares
