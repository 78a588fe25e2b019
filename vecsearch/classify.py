"""Say what something is by what lies near it: k nearest neighbours and nearest centroid."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.index import distances, normalized
from vecsearch.types import Distances, Metric, Rows, Vectors

BLOCK_BYTES = 64 << 20


def knn_vote(codes: Rows, distances: Distances) -> Rows:
    """The class most common among the nearest neighbours of each query.

    Of classes with equally many neighbours, the one whose neighbours are nearer together wins,
    by the sum of their distances; the order of the neighbours decides only if that is equal too.

    Args:
        codes: The class of each neighbour, as a number from 0, ``(n, k)``, k ≥ 1; −1 is nobody
            and has no vote.
        distances: Their distances ``(n, k)``.

    Returns:
        ``(n,)`` int64.

    Example:
        >>> knn_vote(np.array([[0, 1, 1, 0, 2]]), np.array([[1.0, 2.0, 3.0, 5.0, 6.0]]))
        array([1])
    """
    chosen = np.empty(len(codes), np.int64)
    step = max(1, BLOCK_BYTES // (9 * codes.shape[1] ** 2))
    for start in range(0, len(codes), step):
        part = codes[start : start + step]
        same = (part[:, :, None] == part[:, None, :]) & (part[:, :, None] >= 0)
        votes = same.sum(axis=2)
        total = np.where(same, distances[start : start + step, None, :], 0).sum(axis=2)
        total[votes < votes.max(axis=1, keepdims=True)] = np.inf
        chosen[start : start + step] = part[np.arange(len(part)), total.argmin(axis=1)]
    return chosen


class Centroids:
    """The mean vector of each class.

    Under cosine the vectors are brought to length 1 first, as in spherical k-means (Dhillon and
    Modha, 2001), so that each counts by its direction alone.

    Args:
        vectors: ``(n, dim)``.
        codes: The class of each, as a number from 0, ``(n,)``.
        classes: How many classes there are.
        metric: How to compare.
    """

    def __init__(self, vectors: Vectors, codes: Rows, classes: int, metric: Metric) -> None:
        self._metric = metric
        self._counts = np.bincount(codes, minlength=classes)
        self._sums = np.zeros((classes, vectors.shape[1]))
        step = max(1, BLOCK_BYTES // (8 * vectors.shape[1]))
        for start in range(0, len(vectors), step):
            part = codes[start : start + step]
            order = np.argsort(part, kind="stable")
            block = self._as_counted(vectors[start : start + step])[order]
            present, firsts = np.unique(part[order], return_index=True)
            self._sums[present] += np.add.reduceat(block, firsts, axis=0, dtype=np.float64)

    def nearest(self, queries: Vectors, members: Rows | None = None) -> Rows:
        """The class whose centroid is nearest.

        Args:
            queries: ``(n, dim)``.
            members: The class that each query was itself counted in, or −1: it is taken out of
                the mean of that class first. None if none was.

        Returns:
            ``(n,)`` int64; −1 where no class is left to choose.
        """
        found = np.empty(len(queries), np.int64)
        step = max(1, BLOCK_BYTES // (8 * self._sums.size))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            block = queries[part].astype(np.float64)
            apart = distances(
                block[:, None, :], self._means(self._sums, self._counts), self._metric
            )
            apart[:, self._counts == 0] = np.inf
            if members is not None:
                self._without_self(block, members[part], apart)
            found[part] = np.where(np.isfinite(apart).any(axis=1), apart.argmin(axis=1), -1)
        return found

    def _without_self(self, queries: NDArray[Any], members: Rows, apart: Distances) -> None:
        inside = np.flatnonzero(members >= 0)
        own = members[inside]
        sums = self._sums[own] - self._as_counted(queries[inside])
        counts = self._counts[own] - 1
        again = distances(queries[inside], self._means(sums, counts), self._metric)
        apart[inside, own] = np.where(counts > 0, again, np.inf)

    def _as_counted(self, vectors: NDArray[Any]) -> NDArray[Any]:
        return normalized(vectors) if self._metric is Metric.COSINE else vectors

    @staticmethod
    def _means(sums: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
        means: NDArray[Any] = sums / np.maximum(counts, 1)[:, None]
        return means
