"""Search by an approximate index that covers a part of the vectors, and exactly in the rest."""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.index.approximate import ApproximateIndex, SearchSettings
from vecsearch.index.exact import Allowed, ExactIndex
from vecsearch.index.kinds import EXACT_NUMBERS
from vecsearch.index.metrics import check_vectors
from vecsearch.types import Distances, Metric, Rows, Vectors

# Of how many of a query's near neighbours it is seen which share of them may be found, which is
# not that of all: who asks with a hat for dresses has none nearby. Where it is less than
# LEAST_SHARE, the index would find less than it should, and all that may be found is compared.
# By the index alone recall falls to 0.92 on 60,000 images asked for other labels than their own;
# with this none is lost from 0.1 on, and at 0.2 the index is asked for five times as much at most.
NEARBY = 40
LEAST_SHARE = 0.2
# Of so few gone from everywhere no query misses many. No share of all: where 300 in a cluster
# of 60,000 were gone, queries in their place found 0.89 to 0.96 of the nearest without a look.
MOST_GONE = int(NEARBY * LEAST_SHARE)


class PartialIndex:
    """As ``ExactIndex``, but what an approximate index covers is not compared one by one.

    Distances are in double precision, also of what the approximate index finds; only whether it
    finds all of them is not certain. Where it finds fewer than k, everything is compared.

    Args:
        exact: Of all vectors.
        approximate: Of some of them.
        rows: Which row each vector of ``approximate`` is now; −1 if it is gone.
        metric: How to compare.
    """

    def __init__(
        self, exact: ExactIndex, approximate: ApproximateIndex, rows: Rows, metric: Metric
    ) -> None:
        self._exact = exact
        self._approximate = approximate
        self._rows = rows
        self._metric = metric
        self._covered = np.zeros(len(exact), np.bool_)
        self._covered[rows[rows >= 0]] = True
        self._in_place = np.array_equal(rows, np.arange(len(exact)))
        self._last: tuple[Allowed | None, _Filter] | None = None

    @property
    def dim(self) -> int | None:
        """The length of the vectors."""
        return self._exact.dim

    def at(self, settings: SearchSettings) -> "PartialIndex":
        """The same, but searched in another way."""
        other = copy(self)
        other._approximate = self._approximate.at(settings)
        return other

    def search(
        self, vectors: ArrayLike, k: int, allowed: Allowed | None = None
    ) -> tuple[Distances, Rows]:
        """The k nearest vectors of each query that were found; as ``ExactIndex.search``."""
        queries = check_vectors(vectors, self.dim, self._metric)
        if k < 1 or not len(queries):
            return self._exact.search(queries, k, allowed)
        rest = None
        if allowed is None and self._in_place:
            wanted = covered = min(k, len(self._exact))
            rows = self._approximate.candidates(queries, k)
        else:
            which = self._filter(allowed)
            wanted, covered, rest = min(k, which.count), min(k, which.covered), which.rest
            if which.count * (self._exact.dim or 1) <= EXACT_NUMBERS:
                return self._exact.search(queries, k, allowed)
            shares = self._shares_nearby(queries, which)
            near = shares >= LEAST_SHARE
            if not near.all():
                return self._in_two(queries, k, allowed, near)
            wider = self._approximate.at(self._approximate.settings.wider(float(shares.min())))
            found = wider.candidates(queries, k, which.inside)
            rows = np.where(found < 0, -1, self._rows[found])
        # Before those beside the index come in, which would hide that it found too few.
        lacking = np.count_nonzero(rows >= 0, axis=1) < covered
        if lacking.all():
            return self._exact.search(queries, k, allowed)
        if rest is not None:
            rows = np.concatenate([rows, self._exact.search(queries, k, rest)[1]], axis=1)
        apart, rows = self._exact.nearest_of(queries, rows, wanted)
        if lacking.any():
            apart[lacking], rows[lacking] = self._exact.search(queries[lacking], k, allowed)
        return apart, rows

    def _in_two(
        self, queries: Vectors, k: int, allowed: Allowed | None, near: Allowed
    ) -> tuple[Distances, Rows]:
        """Those queries that have enough near them by the index, and the others exactly."""
        apart, rows = np.empty(0), np.empty(0, np.int64)
        for part, index in ((near, self), (~near, self._exact)):
            if part.any():
                found = index.search(queries[part], k, allowed)
                if not len(rows):
                    shape = len(queries), found[1].shape[1]
                    apart, rows = np.empty(shape), np.empty(shape, np.int64)
                apart[part], rows[part] = found
        return apart, rows

    def _shares_nearby(self, queries: Vectors, which: "_Filter") -> NDArray[np.float64]:
        """Which share of what is near each query may be found, ``(n,)``."""
        if len(which.inside) - which.covered <= MOST_GONE:
            return np.ones(len(queries))
        settings = replace(self._approximate.settings, k_factor=1.0)
        near = self._approximate.at(settings).candidates(queries, NEARBY)
        there: NDArray[np.float64] = (which.inside[near] & (near >= 0)).mean(axis=1)
        return there

    def _filter(self, allowed: Allowed | None) -> "_Filter":
        """What a search needs to know of a filter; the last is kept, as one is often used anew."""
        last = self._last
        if last is None or last[0] is not allowed:
            last = allowed, self._filter_of(allowed)
            self._last = last
        return last[1]

    def _filter_of(self, allowed: Allowed | None) -> "_Filter":
        everywhere = np.ones(len(self._exact), np.bool_) if allowed is None else allowed
        inside = self._rows >= 0
        inside[inside] = everywhere[self._rows[inside]]
        rest = everywhere & ~self._covered
        covered, count = np.count_nonzero(inside), np.count_nonzero(everywhere)
        return _Filter(inside, int(covered), rest if rest.any() else None, int(count))


@dataclass(frozen=True)
class _Filter:
    """Which rows may be found.

    Attributes:
        inside: Which vectors of the approximate index.
        covered: How many those are.
        rest: Which rows it does not cover; None if there are none.
        count: How many rows may be found in all.
    """

    inside: Allowed
    covered: int
    rest: Allowed | None
    count: int
