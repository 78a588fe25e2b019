"""Exact nearest neighbours, by FAISS."""

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index.metrics import check_vectors, distances, normalized
from vecsearch.types import Distances, Metric, Rows, Vectors

REFINE_BYTES = 64 << 20


class ExactIndex:
    """Compares a query with every vector.

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
        self._blocks = blocks
        self._metric = metric
        cosine = metric is Metric.COSINE
        self._searched = [normalized(block) for block in blocks] if cosine else blocks
        self._starts = np.cumsum([0, *(len(block) for block in blocks)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> tuple[Distances, Rows]:
        """The k nearest vectors of each query, nearest first; of equals, the earlier row first.

        FAISS finds them in float32; their distances are then computed anew in double precision
        and put in order, so that a vector is at 0 from itself, alone and in any batch.

        Args:
            queries: ``(n, dim)``.
            k: How many; all there are, if they are fewer.
            among: The rows that may be found, ascending; all by default.

        Returns:
            Distances ``(n, k)`` float64 and rows ``(n, k)`` int64.

        Raises:
            InvalidArgument: k is below 1, or the queries are not vectors of this dim; under
                cosine, also if one is zero.
        """
        if k < 1:
            raise InvalidArgument(f"k is how many to find: 1 or more, not {k}.")
        dim = self._blocks[0].shape[1] if self._blocks else None
        queries = check_vectors(queries, dim, self._metric)
        k = min(k, len(self) if among is None else len(among))
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), 0)), np.empty((len(queries), 0), np.int64)
        candidates = np.concatenate(
            [
                rows
                for block in range(len(self._blocks))
                for rows in self._in_block(queries, k, block, among)
            ],
            axis=1,
        )
        return self._refined(queries, candidates, k)

    def _in_block(
        self, queries: Vectors, k: int, block: int, among: Rows | None
    ) -> list[NDArray[np.int64]]:
        """Rows of the nearest vectors in one block, ``(n, at most k)``; nothing if it is empty."""
        start, end = self._starts[block], self._starts[block + 1]
        searched = self._searched[block]
        rows = np.arange(start, end)
        if among is not None:
            rows = among[np.searchsorted(among, start) : np.searchsorted(among, end)]
            searched = searched[rows - start]
        if len(rows) == 0:
            return []
        wanted = normalized(queries) if self._metric is Metric.COSINE else queries
        kind = faiss.METRIC_INNER_PRODUCT if self._metric is Metric.COSINE else faiss.METRIC_L2
        _, found = faiss.knn(wanted, searched, min(k, len(rows)), metric=kind)
        return [rows[found]]

    def _refined(self, queries: Vectors, candidates: Rows, k: int) -> tuple[Distances, Rows]:
        """The first k of the candidates of each query, by exact distance, then by row."""
        candidates = np.sort(candidates, axis=1)
        found = np.empty((len(queries), k))
        rows = np.empty((len(queries), k), np.int64)
        step = max(1, REFINE_BYTES // (8 * queries.shape[1] * candidates.shape[1]))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            exact = distances(queries[part, None, :], self._take(candidates[part]), self._metric)
            order = np.argsort(exact, axis=1, kind="stable")[:, :k]
            found[part] = np.take_along_axis(exact, order, axis=1)
            rows[part] = np.take_along_axis(candidates[part], order, axis=1)
        return found, rows

    def _take(self, rows: Rows) -> Vectors:
        """The vectors at the rows given, whichever blocks they lie in."""
        taken = np.empty((*rows.shape, self._blocks[0].shape[1]), np.float32)
        for block, start, end in zip(self._blocks, self._starts, self._starts[1:], strict=False):
            here = (start <= rows) & (rows < end)
            taken[here] = block[rows[here] - start]
        return taken
