"""Measuring candidates anew: single precision sorts out most of them, double precision the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.index.kinds import bare
from vecsearch.index.metrics import distances
from vecsearch.types import Metric, Rows, Vectors

# Of a query alone, vectors are measured in parts of this size, however many they are.
WORK_BYTES = 64 << 20
# What is done in parts of this size stays in a processor's own memory.
CACHED_BYTES = 1 << 20
# From so many times k candidates on, those that are too far are sorted out in single precision, if
# there are so many numbers in them: fewer are measured as quickly in double precision.
MANY_CANDIDATES = 2
MANY_NUMBERS = 4096
MANY_NUMBERS_OF_ONE = 16_384
EPSILON, TINY = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).tiny)


class Refiner:
    """Finds the nearest among candidates, by distances in double precision.

    Args:
        blocks: The vectors, as one or more ``(n, dim)`` float32 arrays; rows count through them.
        metric: How to compare.
    """

    def __init__(self, blocks: Sequence[Vectors], metric: Metric) -> None:
        self._blocks = blocks
        self._starts = np.cumsum([0, *map(len, blocks)])
        self._dim = blocks[0].shape[1] if blocks else 0
        self._metric = metric

    def nearest_of(
        self, queries: Vectors, candidates: Rows, k: int
    ) -> tuple[NDArray[np.float64], Rows]:
        """The k nearest of each query's own candidates, ``(n, k)``; of equals, the earlier row.

        Args:
            queries: ``(n, dim)`` float32.
            candidates: Rows, ``(n, k or more)``, none twice for a query; −1 is none.
            k: How many; where there are fewer, the last are at infinity, and −1.
        """
        if len(queries) == 1:
            found, rows = self._nearest_of_one(queries[0], candidates[0], k)
            return found[None], rows[None]
        found, rows = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        if 32 * candidates.shape[1] * self._dim > WORK_BYTES:  # too many to be measured at once
            for at, query in enumerate(queries):
                found[at], rows[at] = self._nearest_of_one(query, candidates[at], k)
            return found, rows
        if self._are_sorted_out(candidates.shape[1], k, MANY_NUMBERS):
            candidates = self._possible(queries, candidates, k)
        width = max(k, int(np.count_nonzero(candidates >= 0)) // max(1, len(queries)))
        step = max(1, CACHED_BYTES // (8 * width * self._dim))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            near = np.sort(candidates[part], axis=1)
            used = int(np.count_nonzero((near >= 0).any(axis=0)))
            near = near[:, near.shape[1] - max(k, used) :]
            apart = distances(queries[part, None], self.take(np.maximum(near, 0)), self._metric)
            apart[near < 0] = np.inf
            order = np.argsort(apart, axis=1, kind="stable")[:, :k]
            each = np.arange(len(near))[:, None]
            found[part], rows[part] = apart[each, order], near[each, order]
        return found, rows

    def nearest(self, query: Vectors, rows: Rows, k: int) -> tuple[NDArray[np.float64], Rows]:
        """The k nearest of ascending rows; of equals, the earlier row."""
        step = max(1, WORK_BYTES // (32 * self._dim))
        if len(rows) <= step:
            return self._nearest_in_part(query, rows, k)
        parts = [
            self._nearest_in_part(query, rows[start : start + step], k)
            for start in range(0, len(rows), step)
        ]
        apart, rows = (np.concatenate(each) for each in zip(*parts, strict=True))
        order = apart.argsort(kind="stable")[:k]
        return apart[order], rows[order]

    def take(self, rows: Rows) -> Vectors:
        """The vectors at some rows, ``(…, dim)``, whichever blocks they lie in."""
        if len(self._blocks) == 1:
            return self._blocks[0].take(rows, axis=0)
        ascending, places = np.unique(rows, return_inverse=True)
        return self._take_ascending(ascending).take(places, axis=0)

    def _take_ascending(self, rows: Rows) -> Vectors:
        """As ``take`` for ascending rows, ``(n,)``, of which each block has one part."""
        if len(self._blocks) == 1:
            return self._blocks[0].take(rows, axis=0)
        taken = np.empty((len(rows), self._dim), np.float32)
        ends = rows.searchsorted(self._starts).tolist()
        for block, start, first, last in zip(
            self._blocks, self._starts.tolist(), ends, ends[1:], strict=False
        ):
            if first < last:
                taken[first:last] = block.take(rows[first:last] - start, axis=0)
        return taken

    def _nearest_of_one(
        self, query: Vectors, candidates: Rows, k: int
    ) -> tuple[NDArray[np.float64], Rows]:
        near = candidates.copy()
        near.sort()
        if near[0] < 0:
            near = near[np.searchsorted(near, 0) :]
        apart, rows = self.nearest(query, near, k)
        if (lack := k - len(rows)) > 0:
            apart = np.concatenate([apart, np.full(lack, np.inf)])
            rows = np.concatenate([rows, np.full(lack, -1)])
        return apart, rows

    def _nearest_in_part(
        self, query: Vectors, rows: Rows, k: int
    ) -> tuple[NDArray[np.float64], Rows]:
        taken = self._take_ascending(rows)
        if self._are_sorted_out(len(rows), k, MANY_NUMBERS_OF_ONE):
            squares = np.empty(len(rows), np.float32)
            pointers = [bare.swig_ptr(array) for array in (squares, query, taken)]
            bare.fvec_L2sqr_ny(*pointers, self._dim, len(rows))
            possible = squares <= self._limit(np.partition(squares, k - 1)[k - 1])
            rows, taken = rows[possible], taken[possible]
        apart = distances(query, taken, self._metric)
        order = apart.argsort(kind="stable")[:k]
        return apart[order], rows[order]

    def _are_sorted_out(self, count: int, k: int, least: int) -> bool:
        """Whether so many candidates of a query are first measured in single precision.

        Not under cosine, which is no sum of squares: it would take as long as double precision.
        """
        enough = count >= MANY_CANDIDATES * k and count * self._dim >= least
        return enough and self._metric is Metric.EUCLIDEAN

    def _possible(self, queries: Vectors, candidates: Rows, k: int) -> Rows:
        """Candidates with −1 for those that single precision already shows to be too far."""
        apart = np.full(candidates.shape, np.inf, np.float32)
        for block, start in zip(self._blocks, self._starts.tolist(), strict=False):
            inside = (candidates >= start) & (candidates < start + len(block))
            places = np.where(inside, candidates - start, -1)
            np.minimum(apart, _squares(queries, block, places), out=apart)
        kth = np.partition(apart, k - 1, axis=1)[:, k - 1 : k]
        return np.where(apart <= self._limit(kth), candidates, -1)

    def _limit(self, kth: Any) -> Any:
        """How large a square in single precision may be, beside the kth, of one of the k nearest.

        Its sums of squares of differences are off by less than dim + 4 units of rounding, and take
        a tenth of the time of double precision.
        """
        return np.float64(kth) * (1 + 2 * (self._dim + 4) * EPSILON) + 2 * self._dim * TINY


def _squares(queries: Vectors, vectors: Vectors, rows: Rows) -> NDArray[np.float32]:
    """Squared distances between each query and its own rows, ``(n, m)``; infinity where −1."""
    squares = np.empty(rows.shape, np.float32)
    places = np.ascontiguousarray(rows, np.int64)
    arrays = [bare.swig_ptr(array) for array in (squares, queries, vectors, places)]
    bare.fvec_L2sqr_by_idx(*arrays, queries.shape[1], *rows.shape)
    return squares
