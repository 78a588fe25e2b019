"""Exact nearest neighbours, and all neighbours within a distance, by FAISS."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import gpu
from vecsearch.index.batches import by_products
from vecsearch.index.kinds import bare
from vecsearch.index.metrics import check_vectors, normalized
from vecsearch.index.ranges import QUERIES, Gallery, Pairs, as_radius, within
from vecsearch.index.refine import EPSILON, TINY, Refiner
from vecsearch.types import Distances, Metric, Rows, Vectors

Allowed: TypeAlias = NDArray[np.bool_]

# Of less than this share of a block the vectors are taken out rather than all looked through.
GATHERED = 0.3
# For less than this share of a block the others are not even read, nor copied.
ALONE = 0.01
# How many more than k FAISS is asked for, so that the k nearest are almost always among them.
SPARE = 16


class ExactIndex:
    """Compares a query with every vector.

    FAISS computes in float32, and in batches as |q|² + |x|² − 2 q·x, which loses the digits that
    the three have in common. So it is asked for a few more than k, their distances are computed
    anew in double precision, and the k nearest of them are taken if the bound on its rounding says
    that no other can be nearer. Else all distances of that query are computed in double precision.

    Under the Euclidean metric FAISS reads the arrays where they are, which may be on disk; only of
    few vectors that may be found, those are copied. Under cosine, normalised copies of the arrays
    that are searched are kept.

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
        self._refiner = Refiner(self._blocks, metric)
        # Of each block, once it is needed, what FAISS compares, and how long its vectors are.
        self._copies: dict[int, Vectors] = {}
        self._lengths: dict[int, float] = {}

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
            found[query], rows[query] = self._refiner.nearest(queries[query], every, k)
        return found, rows

    def nearest_of(
        self, queries: Vectors, candidates: Rows, k: int
    ) -> tuple[NDArray[np.float64], Rows]:
        """The k nearest of each query's own candidates; as ``Refiner.nearest_of``."""
        return self._refiner.nearest_of(queries, candidates, k)

    def take(self, rows: Rows) -> Vectors:
        """The vectors at some rows, ``(…, dim)``, whichever blocks they lie in."""
        return self._refiner.take(rows)

    def _candidates(
        self, queries: Vectors, k: int, allowed: Allowed | None
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Rows that FAISS holds to be near, ``(n, candidates)``, and how near others may be."""
        wanted = normalized(queries) if self._cosine else queries
        kind = faiss.METRIC_INNER_PRODUCT if self._cosine else faiss.METRIC_L2
        floor = np.full(len(queries), np.inf)
        parts = []
        for at, (block, start) in enumerate(zip(self._blocks, self._starts.tolist(), strict=False)):
            inside = None if allowed is None else allowed[start : start + len(block)]
            count = len(block) if inside is None else int(np.count_nonzero(inside))
            if count == 0:
                continue
            width = min(k + SPARE, count)
            if inside is not None and count < GATHERED * len(block):
                among = np.flatnonzero(inside)
                alone = count < ALONE * len(block)
                some = self._part(at, among, alone)
                values, found = _knn(wanted, some, width, kind, None)
                rows = start + among[found]
                slack = self._slack(wanted, _longest(some) if alone else self._longest(at))
            else:
                values, found = _knn(wanted, self._searched(at), width, kind, inside)
                rows = start + found if start else found
                slack = self._slack(wanted, self._longest(at))
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
        every = range(len(self._blocks))
        searched = [self._searched(at) for at in every]
        gallery = Gallery(self._blocks, searched, self._starts.tolist(), self._metric)
        longest = max((self._longest(at) for at in every), default=0.0)
        slack = float(self._slack(wanted, longest).max())
        return within(gallery, queries, wanted, radius, slack, allowed, first)

    def _slack(self, queries: Vectors, longest: float) -> NDArray[np.float64]:
        """How far off a value of FAISS may be, for vectors up to a length.

        8 √dim units of rounding, of which more than that come together with a probability below
        1e-13: Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019. And
        what is lost below the least numbers.
        """
        lengths = np.sqrt(np.vecdot(queries, queries, dtype=np.float64))
        reach = lengths + (1.0 if self._cosine else longest)
        dim, unit = queries.shape[1], EPSILON / 2
        slack: NDArray[np.float64] = (8 * dim**0.5 + 4) * unit * reach**2 + 8 * dim * TINY
        return slack

    def _searched(self, at: int) -> Vectors:
        """What FAISS compares of a block: under cosine, a copy of length 1."""
        if not self._cosine:
            return self._blocks[at]
        if at not in self._copies:
            self._copies[at] = normalized(self._blocks[at])
        return self._copies[at]

    def _part(self, at: int, among: Rows, alone: bool) -> Vectors:
        """Some vectors of a block, as FAISS compares them."""
        if self._cosine and alone and at not in self._copies:
            return normalized(self._blocks[at][among])
        return self._searched(at)[among]

    def _longest(self, at: int) -> float:
        """The length of the longest vector of a block, or a little more."""
        if at not in self._lengths:
            self._lengths[at] = 1.0 if self._cosine else _longest(self._blocks[at])
        return self._lengths[at]


def _longest(vectors: Vectors) -> float:
    """The length of the longest vector, or a little more.

    Taken in single precision, whose error is less than dim units of rounding, in a sixth of the
    time.
    """
    with np.errstate(over="ignore"):
        square = float(np.einsum("ij,ij->i", vectors, vectors).max(initial=0))
    return float(((1 + vectors.shape[1] * EPSILON) * square) ** 0.5)


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
    selector = bare.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    arrays = [bare.swig_ptr(array) for array in (queries, vectors, values, rows)]
    shape = vectors.shape[1], len(queries), len(vectors), k
    if kind == faiss.METRIC_L2:
        bare.knn_L2sqr(*arrays[:2], *shape, *arrays[2:], None, selector)
    else:
        bare.knn_inner_product(*arrays[:2], *shape, *arrays[2:], selector)
    return values, rows
