"""The whole gallery in order of distance, for measures that look past the first k."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vecsearch.types import Distances, Metric, Rows, Vectors

BLOCK_BYTES = 64 << 20
PART_BYTES = 256 << 20


def rankings(queries: Vectors, gallery: Vectors, metric: Metric) -> Iterator[tuple[slice, Rows]]:
    """Rank every vector of a gallery for each query, in blocks of queries.

    Args:
        queries: ``(n, dim)`` float32.
        gallery: ``(m, dim)`` float32.
        metric: How to compare.

    Yields:
        Which queries, and for each of them the rows of the gallery, nearest first, of equals the
        earlier row first: ``(block, m)`` int64. Memory is that of a few blocks of 64 MiB and of
        the gallery in double precision, or of a part of it if that is more than 256 MiB.
    """
    rows = np.arange(len(gallery), dtype=np.uint64)
    for block, apart in _compared(queries, gallery, metric):
        # Single precision may not hold the squares, and tells more of them apart than of roots.
        if metric is Metric.EUCLIDEAN and not _are_held(apart):
            np.sqrt(apart, out=apart)
        # The bits of floats from 0 up are in the order of the floats. With the row behind them
        # they are one integer, and sorting integers is five times as fast as a stable argsort.
        bits = apart.astype(np.float32).view(np.uint32)
        keys = (bits.astype(np.uint64) << np.uint64(32)) | rows
        keys.sort(axis=1)
        yield block, (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _are_held(values: Distances) -> bool:
    """Whether all numbers from 0 up are in the range of single precision."""
    limits = np.finfo(np.float32)
    least = values.min(where=values > 0, initial=np.inf)
    return bool(values.max(initial=0.0) < limits.max and least > limits.tiny)


def distance_blocks(
    queries: Vectors, gallery: Vectors, metric: Metric
) -> Iterator[tuple[slice, Distances]]:
    """Compare each of a gallery with each query, in blocks of queries.

    Args:
        queries: ``(n, dim)`` float32.
        gallery: ``(m, dim)`` float32.
        metric: How to compare.

    Yields:
        Which queries, and their distances ``(block, m)`` float64. Memory is as for ``rankings``.
    """
    for block, apart in _compared(queries, gallery, metric):
        yield block, apart if metric is Metric.COSINE else np.sqrt(apart, out=apart)


def _compared(
    queries: Vectors, gallery: Vectors, metric: Metric
) -> Iterator[tuple[slice, Distances]]:
    """Blocks of 1 − cos, or of squared Euclidean distances."""
    step = max(1, BLOCK_BYTES // (8 * max(1, len(gallery))))
    parts = _Parts(gallery, metric)
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        apart = np.concatenate([parts.distances(block, part) for part in parts], axis=1)
        yield slice(start, start + len(block)), apart


class _Parts:
    """A gallery in double precision, in parts, which are kept if all of them fit together.

    In single precision |q|² + |x|² − 2 q·x loses the small distances between large vectors.
    """

    def __init__(self, gallery: Vectors, metric: Metric) -> None:
        self._gallery, self._cosine = gallery, metric is Metric.COSINE
        # What is less than this, beside the squares of the lengths, is nothing but rounding.
        self._rounding = (gallery.shape[1] + 8) * np.finfo(np.float64).eps
        self._middle = 0.0 if self._cosine else gallery.mean(axis=0, dtype=np.float64)
        self._step = max(1, PART_BYTES // (8 * gallery.shape[1]))
        self._kept: list[NDArray[np.float64]] = []
        if len(gallery) <= self._step:
            self._kept = [self._moved(gallery)]

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        if self._kept:
            yield from self._kept
            return
        for start in range(0, len(self._gallery), self._step):
            yield self._moved(self._gallery[start : start + self._step])

    def distances(self, queries: Vectors, part: NDArray[np.float64]) -> NDArray[np.float64]:
        """1 − cos, or the square of the Euclidean distance, ``(queries, part)``, 0 if that near."""
        moved = self._moved(queries)
        near: NDArray[np.float64] = moved @ part.T
        if self._cosine:
            apart = 1 - near
            np.copyto(apart, 0, where=apart < self._rounding)
            return apart
        squares = np.einsum("ij,ij->i", moved, moved)[:, None] + np.einsum("ij,ij->i", part, part)
        near *= -2
        near += squares
        squares *= self._rounding
        np.copyto(near, 0, where=near < squares)
        return near

    def _moved(self, vectors: Vectors) -> NDArray[np.float64]:
        double = vectors.astype(np.float64)
        if not self._cosine:
            return double - self._middle
        lengths = np.linalg.norm(double, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        unit: NDArray[np.float64] = double / lengths
        return unit
