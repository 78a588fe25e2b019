"""Which items are relevant to which queries: those of its label, or as somebody judged."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vecsearch.evaluation import measures
from vecsearch.evaluation.measures import Totals, Values
from vecsearch.types import Rows


class Judge(Protocol):
    """Knows what is relevant.

    Attributes:
        total: How many items of the gallery are relevant to each query, itself left out, ``(n,)``.
    """

    total: Totals

    def relevance(self, block: slice, rows: Rows) -> measures.Relevance:
        """Whether the items at some rows are relevant to the queries of a block; −1 is none."""
        ...

    def ndcg(self, block: slice, rows: Rows, ks: Sequence[int]) -> dict[int, Values]:
        """The nDCG at each of some k of the queries of a block, ranked as ``rows`` says."""
        ...


class LabelJudge:
    """Relevant is what has the label of the query.

    Args:
        gallery: The class of each item, as a number from 0.
        queries: That of each query.
        own: The row of the gallery that each query is itself, or −1.
    """

    def __init__(self, gallery: Rows, queries: Rows, own: Rows) -> None:
        # Row −1, where a query's own item was, is of no class.
        self._codes, self._queries = np.append(gallery, -1), queries
        sizes = np.bincount(gallery, minlength=int(queries.max(initial=0)) + 1)
        itself = np.where(own >= 0, self._codes[own], -1) == queries
        self.total: Totals = sizes[queries] - itself

    def relevance(self, block: slice, rows: Rows) -> measures.Relevance:
        """As ``Judge``."""
        found: measures.Relevance = self._codes[rows] == self._queries[block, None]
        return found

    def ndcg(self, block: slice, rows: Rows, ks: Sequence[int]) -> dict[int, Values]:
        """As ``Judge``; a relevant item gains 1."""
        relevance = self.relevance(block, rows[:, : max(ks)])
        return {k: measures.ndcg_at(relevance, self.total[block], k) for k in ks}


class GradeJudge:
    """Relevant is what was judged so: an item with a grade of 1 or more.

    Args:
        grades: For each query, the grade of some items of the gallery, by row.
        own: The row of the gallery that each query is itself, or −1.
    """

    def __init__(self, grades: Sequence[Mapping[int, int]], own: Rows) -> None:
        self._grades = [
            {row: grade for row, grade in judged.items() if grade > 0 and row != itself}
            for judged, itself in zip(grades, own.tolist(), strict=True)
        ]
        self.total: Totals = np.array([len(judged) for judged in self._grades], np.int64)

    def relevance(self, block: slice, rows: Rows) -> measures.Relevance:
        """As ``Judge``."""
        return self._gains(block, rows) > 0

    def ndcg(self, block: slice, rows: Rows, ks: Sequence[int]) -> dict[int, Values]:
        """As ``Judge``; an item gains its grade."""
        gains = self._gains(block, rows[:, : max(ks)])
        grades = self._grades[block]
        most = min(max(ks), max(map(len, grades), default=0))
        best = np.zeros((len(gains), most))
        for query, judged in enumerate(grades):
            first = sorted(judged.values(), reverse=True)[:most]
            best[query, : len(first)] = first
        return {k: measures.graded_ndcg_at(gains, best, k) for k in ks}

    def _gains(self, block: slice, rows: Rows) -> NDArray[np.float64]:
        gains = np.zeros(rows.shape)
        for query, judged in enumerate(self._grades[block]):
            found = np.isin(rows[query], list(judged))
            gains[query, found] = [judged[row] for row in rows[query, found].tolist()]
        return gains
