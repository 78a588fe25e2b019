"""Exact nearest neighbours, and all neighbours within a distance, by FAISS."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import gpu
from vecsearch.index.batches import by_products
from vecsearch.index.metrics import check_vectors, distances, normalized
from vecsearch.index.ranges import QUERIES, Gallery, Pairs, as_radius, within
from vecsearch.types import Distances, Metric, Rows, Vectors

Allowed: TypeAlias = NDArray[np.bool_]

WORK_BYTES = 64 << 20
# What is done in parts of this size stays in a processor's own memory.
CACHED_BYTES = 1 << 20
# Of less than this share of a block the vectors are taken out rather than all looked through.
GATHERED = 0.3
# How many more than k FAISS is asked for, so that the k nearest are almost always among them.
SPARE = 16
# From so many times k candidates on, those that are too far are sorted out in single precision, if
# there are so many numbers in them: fewer are measured as quickly in double precision.
MANY_CANDIDATES = 2
MANY_NUMBERS = 4096
MANY_NUMBERS_OF_ONE = 16_384
EPSILON, TINY = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).tiny)


class ExactIndex:
    """Compares a query with every vector.

    FAISS computes in float32, and in batches as |q|² + |x|² − 2 q·x, which loses the digits that
    the three have in common. So it is asked for a few more than k, their distances are computed
    anew in double precision, and the k nearest of them are taken if the bound on its rounding says
    that no other can be nearer. Else all distances of that query are computed in double precision.

    Nothing is copied under the Euclidean metric: FAISS reads the arrays where they are, which may
    be on disk. Under cosine, normalised copies are kept.

    Args:
        blocks: The vectors, as one or more ``(n, dim)`` float32 arrays; rows count through them.
        metric: How to compare.

    Example:
        >>> index = ExactIndex([np.eye(3, dtype=np.float32)], Metric.EUCLIDEAN)
        >>> found, rows = index.search(np.array([[1, 0, 0]]), k=2)
        >>> found.round(3), rows
        (array([[0.   , 1.414]]), array([[0, 1]]))
    """

    def __init__(self, blocks: Sequence[Vectors], metric: Metric) -> None:
        self._blocks = [np.asarray(block) for block in blocks]  # of a plain kind, quicker to index
        self._metric = metric
        self._cosine = metric is Metric.COSINE
        self._starts = np.cumsum([0, *(len(block) for block in blocks)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def dim(self) -> int | None:
        """The length of the vectors; None if there are none."""
        return self._blocks[0].shape[1] if self._blocks else None

    def search(
        self, vectors: ArrayLike, k: int, allowed: Allowed | None = None
    ) -> tuple[Distances, Rows]:
        """The k nearest vectors of each query, nearest first; of equals, the earlier row first.

        A vector is at 0 from itself, alone and in any batch.

        Args:
            vectors: What to look for, ``(n, dim)``.
            k: How many; all there are, if they are fewer.
            allowed: Which rows may be found, ``(len(self),)`` bool; all by default.

        Returns:
            Distances ``(n, k)`` float64 and rows ``(n, k)`` int64.

        Raises:
            InvalidArgument: k is below 1, or the queries are not vectors of this dim; under
                cosine, also if one is zero.
        """
        if k < 1:
            raise InvalidArgument(f"k is how many to find: 1 or more, not {k}.")
        queries = check_vectors(vectors, self.dim, self._metric)
        k = min(k, len(self) if allowed is None else int(np.count_nonzero(allowed)))
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        candidates, floor = self._candidates(queries, k, allowed)
        found, rows = self.nearest_of(queries, candidates, k)
        for query in np.flatnonzero(~(found[:, -1] <= floor)).tolist():
            every = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
            found[query], rows[query] = self._nearest(queries[query], every, k)
        return found, rows

    def nearest_of(
        self, queries: Vectors, candidates: Rows, k: int
    ) -> tuple[NDArray[np.float64], Rows]:
        """The k nearest of each query's own candidates, measured in double precision, ``(n, k)``.

        Args:
            queries: ``(n, dim)`` float32.
            candidates: Rows, ``(n, k or more)``, none twice for a query; −1 is none.
            k: How many; where there are fewer, the last are at infinity, and −1.
        """
        if len(queries) == 1:
            return self._nearest_of_one(queries[0], candidates[0], k)
        found, rows = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        candidates = self._nearer(queries, candidates, k)
        width = max(k, int(np.count_nonzero(candidates >= 0)) // max(1, len(queries)))
        step = max(1, CACHED_BYTES // (8 * width * queries.shape[1]))
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

    def _nearest_of_one(
        self, query: Vectors, candidates: Rows, k: int
    ) -> tuple[NDArray[np.float64], Rows]:
        """As ``nearest_of`` for a query alone, in a third of the time."""
        near = candidates.copy()
        near.sort()
        if near[0] < 0:
            near = near[np.searchsorted(near, 0) :]
        if len(self._blocks) == 1 and self._is_sorted_out(len(near), k, MANY_NUMBERS_OF_ONE):
            squares = _squares(query[None], self._blocks[0], near[None])[0]
            near = near[squares <= self._limit(np.partition(squares, k - 1)[k - 1])]
        apart, rows = self._nearest(query, near, k)
        if (lack := k - len(rows)) > 0:
            apart = np.concatenate([apart, np.full(lack, np.inf)])
            rows = np.concatenate([rows, np.full(lack, -1)])
        return apart[None], rows[None]

    def _nearer(self, queries: Vectors, candidates: Rows, k: int) -> Rows:
        """Candidates with −1 for those that single precision already shows to be too far."""
        if not self._is_sorted_out(candidates.shape[1], k):
            return candidates
        apart = np.full(candidates.shape, np.inf, np.float32)
        for block, start in zip(self._blocks, self._starts.tolist(), strict=False):
            inside = (candidates >= start) & (candidates < start + len(block))
            places = np.where(inside, candidates - start, -1)
            np.minimum(apart, _squares(queries, block, places), out=apart)
        kth = np.partition(apart, k - 1, axis=1)[:, k - 1 : k]
        return np.where(apart <= self._limit(kth), candidates, -1)

    def _is_sorted_out(self, count: int, k: int, least: int = MANY_NUMBERS) -> bool:
        """Whether so many candidates of a query are first measured in single precision."""
        enough = count >= MANY_CANDIDATES * k and count * (self.dim or 0) >= least
        return enough and not self._cosine

    def _limit(self, kth: Any) -> Any:
        """How large a square in single precision may be, beside the kth, of one of the k nearest.

        Its sums of squares of differences are off by less than dim + 4 units of rounding, and take
        a tenth of the time of double precision.
        """
        dim = self.dim or 0
        return np.float64(kth) * (1 + 2 * (dim + 4) * EPSILON) + 2 * dim * TINY

    def _candidates(
        self, queries: Vectors, k: int, allowed: Allowed | None
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Rows that FAISS holds to be near, ``(n, candidates)``, and how near others may be."""
        wanted = normalized(queries) if self._cosine else queries
        kind = faiss.METRIC_INNER_PRODUCT if self._cosine else faiss.METRIC_L2
        slack = self._slack(wanted)
        floor = np.full(len(queries), np.inf)
        parts = []
        for searched, start in zip(self._searched, self._starts.tolist(), strict=False):
            inside = None if allowed is None else allowed[start : start + len(searched)]
            count = len(searched) if inside is None else int(np.count_nonzero(inside))
            if count == 0:
                continue
            width = min(k + SPARE, count)
            if inside is not None and count < GATHERED * len(searched):
                among = np.flatnonzero(inside)
                values, found = _knn(wanted, searched[among], width, kind, None)
                rows = start + among[found]
            else:
                values, found = _knn(wanted, searched, width, kind, inside)
                rows = start + found if start else found
            apart = values.astype(np.float64)
            if self._cosine:
                apart = 1 - apart
            with np.errstate(invalid="ignore"):
                if width > k:
                    # However they were rounded, only these may be among the k nearest.
                    possible = apart <= apart[:, k - 1 : k] + 2 * slack[:, None]
                    rows = np.where(possible, rows, -1)
                if width < count:
                    others = apart[:, -1] - slack
                    floor = np.minimum(floor, others if self._cosine else np.sqrt(others))
            # FAISS answers −1 where its arithmetic overflowed: nothing is known of such a query.
            if (last := found[:, -1]).min() < 0:
                floor[last < 0] = -np.inf
            parts.append(rows)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1), floor

    def within(
        self, queries: Vectors, radius: float, allowed: Allowed | None = None
    ) -> Iterator[Pairs]:
        """All vectors within a distance of each query, as brute force in double precision has them.

        Args:
            queries: ``(n, dim)``.
            radius: The distance, which still counts.
            allowed: Which rows may be found, ``(len(self),)`` bool; all by default.

        Yields:
            Pairs of the number of a query and a row. Each part holds at most some 2 million of
            them, so that however many there are, they need not fit in memory together.

        Raises:
            InvalidArgument: The radius is no number from 0 up, or the queries are not vectors of
                this dim; under cosine, also if one is zero.

        Example:
            >>> index = ExactIndex([np.eye(3, dtype=np.float32)], Metric.EUCLIDEAN)
            >>> (found,) = index.within(np.array([[1, 0.5, 0]]), radius=1.2)
            >>> found.right, found.distances.round(3)
            (array([0, 1]), array([0.5  , 1.118]))
        """
        distance = as_radius(radius)
        queries = check_vectors(queries, self.dim, self._metric)
        return (
            Pairs(start + found.left, found.right, found.distances)
            for start in range(0, len(queries), QUERIES)
            for found in self._within(queries[start : start + QUERIES], distance, allowed)
        )

    def pairs_within(
        self, radius: float, allowed: Allowed | None = None
    ) -> Iterator[tuple[int, Pairs]]:
        """All pairs of vectors within a distance of each other, each pair once.

        Args:
            radius: The distance, which still counts.
            allowed: Which rows may be in a pair; all by default.

        Yields:
            The rows that are done up to here, and pairs of rows, the lower one left; parts as for
            ``within``. Under cosine, a zero vector is at 1 from all others.

        Raises:
            InvalidArgument: The radius is no number from 0 up.
        """
        distance = as_radius(radius)
        rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        for start in range(0, len(rows), QUERIES):
            asked = rows[start : start + QUERIES]
            found = self._within(self.take(asked), distance, allowed, int(asked[0]))
            for one in found:
                left = asked[one.left]
                once = one.right > left
                yield start + len(asked), Pairs(left[once], one.right[once], one.distances[once])

    def _within(
        self, queries: Vectors, radius: float, allowed: Allowed | None, first: int = 0
    ) -> Iterator[Pairs]:
        wanted = normalized(queries) if self._cosine else queries
        gallery = Gallery(self._blocks, self._searched, self._starts.tolist(), self._metric)
        slack = float(self._slack(wanted).max())
        return within(gallery, queries, wanted, radius, slack, allowed, first)

    def _slack(self, queries: Vectors) -> NDArray[np.float64]:
        """How far off a value of FAISS may be.

        8 √dim units of rounding, of which more than that come together with a probability below
        1e-13: Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019.
        """
        lengths = np.sqrt(np.vecdot(queries, queries, dtype=np.float64))
        reach = lengths + (1.0 if self._cosine else self._longest)
        unit = EPSILON / 2
        slack: NDArray[np.float64] = (8 * queries.shape[1] ** 0.5 + 4) * unit * reach**2
        return slack

    @cached_property
    def _searched(self) -> Sequence[Vectors]:
        """What FAISS compares: under cosine, copies of length 1, made when first needed."""
        return [normalized(block) for block in self._blocks] if self._cosine else self._blocks

    @cached_property
    def _longest(self) -> float:
        """The length of the longest vector, or a little more.

        Taken in single precision, whose error is less than dim units of rounding, in a sixth of
        the time.
        """
        with np.errstate(over="ignore"):
            squares = [
                float(np.einsum("ij,ij->i", block, block).max())
                for block in self._blocks
                if len(block)
            ]
        margin = 1 + self._blocks[0].shape[1] * EPSILON
        return float((margin * max(squares)) ** 0.5)

    def _nearest(self, query: Vectors, rows: Rows, k: int) -> tuple[NDArray[np.float64], Rows]:
        """The k nearest of ascending rows in double precision, by distance, then by row."""
        step = max(1, WORK_BYTES // (32 * len(query)))
        if len(rows) <= step:
            apart = distances(query, self.take(rows), self._metric)
        else:
            apart = np.concatenate(
                [
                    distances(query, self.take(rows[start : start + step]), self._metric)
                    for start in range(0, len(rows), step)
                ]
            )
        order = apart.argsort(kind="stable")[:k]
        return apart[order], rows[order]

    def take(self, rows: Rows) -> Vectors:
        """The vectors at some rows, ``(…, dim)``, whichever blocks they lie in."""
        if len(self._blocks) == 1:
            return self._blocks[0].take(rows, axis=0)
        taken = np.empty((*rows.shape, self._blocks[0].shape[1]), np.float32)
        blocks = np.searchsorted(self._starts, rows, side="right") - 1
        for at in np.unique(blocks).tolist():
            inside = blocks == at
            taken[inside] = self._blocks[at][rows[inside] - self._starts[at]]
        return taken


def _knn(
    queries: Vectors, vectors: Vectors, k: int, kind: int, allowed: Allowed | None
) -> tuple[NDArray[np.float32], Rows]:
    """What FAISS finds: squared distances or products, and rows, ``(n, k)`` both."""
    if allowed is None or allowed.all():
        if (answer := gpu.knn(queries, vectors, k, kind)) is not None:
            return answer
        with by_products(len(queries)):
            found: tuple[NDArray[np.float32], Rows] = faiss.knn(queries, vectors, k, metric=kind)
        return found
    values = np.empty((len(queries), k), np.float32)
    rows = np.empty((len(queries), k), np.int64)
    # The plain functions of FAISS, which its stubs do not describe as they are in Python.
    bare: Any = faiss
    selector = bare.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    arrays = [bare.swig_ptr(array) for array in (queries, vectors, values, rows)]
    shape = vectors.shape[1], len(queries), len(vectors), k
    if kind == faiss.METRIC_L2:
        bare.knn_L2sqr(*arrays[:2], *shape, *arrays[2:], None, selector)
    else:
        bare.knn_inner_product(*arrays[:2], *shape, *arrays[2:], selector)
    return values, rows


def _squares(queries: Vectors, vectors: Vectors, rows: Rows) -> NDArray[np.float32]:
    """Squared distances between each query and its own rows, ``(n, m)``; infinity where −1."""
    squares = np.empty(rows.shape, np.float32)
    places = np.ascontiguousarray(rows, np.int64)
    bare: Any = faiss
    arrays = [bare.swig_ptr(array) for array in (squares, queries, vectors, places)]
    bare.fvec_L2sqr_by_idx(*arrays, queries.shape[1], *rows.shape)
    return squares
