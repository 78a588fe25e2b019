"""Search by an approximate index that covers a part of the vectors, and exactly in the rest."""

import numpy as np

from vecsearch.index.approximate import ApproximateIndex
from vecsearch.index.exact import Allowed, ExactIndex
from vecsearch.index.metrics import check_vectors, distances
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

    def search(
        self, queries: Vectors, k: int, allowed: Allowed | None = None
    ) -> tuple[Distances, Rows]:
        """The k nearest vectors of each query that were found; as ``ExactIndex.search``."""
        queries = check_vectors(queries, self._exact.dim, self._metric)
        everywhere = np.ones(len(self._exact), np.bool_) if allowed is None else allowed
        rest = everywhere & ~self._covered
        inside = self._rows >= 0
        inside[inside] = everywhere[self._rows[inside]]
        wanted = min(k, int(np.count_nonzero(everywhere)))
        if not inside.any() or not len(queries):
            return self._exact.search(queries, k, allowed)
        found = self._approximate.candidates(queries, k, inside)
        near, order = self._exact.search(queries, k, rest)
        apart, rows = np.empty((len(queries), wanted)), np.empty((len(queries), wanted), np.int64)
        for query in range(len(queries)):
            new = np.unique(self._rows[found[query][found[query] >= 0]])
            if len(new) + order.shape[1] < wanted:
                one = self._exact.search(queries[query : query + 1], k, allowed)
                apart[query], rows[query] = one[0][0], one[1][0]
                continue
            measured = distances(queries[query], self._exact.take(new), self._metric)
            both = np.concatenate([measured, near[query]])
            names = np.concatenate([new, order[query]])
            best = np.lexsort((names, both))[:wanted]
            apart[query], rows[query] = both[best], names[best]
        return apart, rows
