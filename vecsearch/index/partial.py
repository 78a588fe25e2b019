"""Search by an approximate index that covers a part of the vectors, and exactly in the rest."""

from copy import copy

import numpy as np

from vecsearch.index.approximate import ApproximateIndex, SearchSettings
from vecsearch.index.exact import Allowed, ExactIndex
from vecsearch.index.metrics import check_vectors
from vecsearch.types import Distances, Metric, Rows, Vectors


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

    def at(self, settings: SearchSettings) -> "PartialIndex":
        """The same, but searched in another way."""
        other = copy(self)
        other._approximate = self._approximate.at(settings)
        return other

    def search(
        self, queries: Vectors, k: int, allowed: Allowed | None = None
    ) -> tuple[Distances, Rows]:
        """The k nearest vectors of each query that were found; as ``ExactIndex.search``."""
        queries = check_vectors(queries, self._exact.dim, self._metric)
        if k < 1 or not len(queries):
            return self._exact.search(queries, k, allowed)
        if allowed is None and self._in_place:
            wanted, rest = min(k, len(self._exact)), None
            rows = self._approximate.candidates(queries, k)
        else:
            everywhere = np.ones(len(self._exact), np.bool_) if allowed is None else allowed
            wanted, rest = min(k, int(np.count_nonzero(everywhere))), everywhere & ~self._covered
            inside = self._rows >= 0
            inside[inside] = everywhere[self._rows[inside]]
            if not inside.any():
                return self._exact.search(queries, k, allowed)
            found = self._approximate.candidates(queries, k, inside)
            rows = np.where(found < 0, -1, self._rows[found])
        if rest is not None and rest.any():
            rows = np.concatenate([rows, self._exact.search(queries, k, rest)[1]], axis=1)
        if rows.shape[1] < wanted:
            return self._exact.search(queries, k, allowed)
        apart, rows = self._exact.nearest_of(queries, rows, wanted)
        lacking = np.flatnonzero(rows[:, -1] < 0)
        if len(lacking):
            apart[lacking], rows[lacking] = self._exact.search(queries[lacking], k, allowed)
        return apart, rows
