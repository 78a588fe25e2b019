"""What a report shows beyond the figures: curves, distances, and which items were found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.measures import Relevance, Values
from vecsearch.index import distances
from vecsearch.types import Distances, Metric, Rows

HITS = 10
LEVELS = 101
PAIRS = 100_000
CUTOFFS = 40
# So that 0.07 of 100 are 7, as they are not in floats.
ROUNDING = 1e-9
LEVEL = np.linspace(0, 1, LEVELS)


@dataclass(frozen=True)
class Details:
    """What was noted of an evaluation on its way.

    Attributes:
        ks: Some cut-offs, ascending.
        recall: The mean recall at each.
        precision: The mean interpolated precision at recall 0, 0.01 … 1: the highest at that
            recall or a higher one, as trec_eval has it.
        same: Distances between queries and items of one label, of pairs drawn at random.
        different: Of different labels.
        hits: The rows of the ten best items of each query, ``(n, 10)``; −1 is none.
        gallery: The items.
        queries: The queries.
        metric: How they were compared.
        query_files: Where the pictures of queries lie, by their names.
        item_files: Where those of items lie, by their ids.
    """

    ks: Sequence[int]
    recall: Values
    precision: Values
    same: Distances
    different: Distances
    hits: Rows
    gallery: Labelled
    queries: Labelled
    metric: Metric
    query_files: Mapping[str, Path] = field(default_factory=dict)
    item_files: Mapping[str, Path] = field(default_factory=dict)

    def distances_of(self, query: int) -> Distances:
        """How far the hits of one query are."""
        rows = self.hits[query][self.hits[query] >= 0]
        return distances(self.queries.vectors[query], self.gallery.vectors[rows], self.metric)


class Notes:
    """Takes in the rankings of an evaluation, block by block, for ``Details``."""

    def __init__(self) -> None:
        self._ks: NDArray[np.int64] | None = None
        self._recall: list[Values] = []
        self._precision: list[Values] = []
        self._hits: list[Rows] = []

    def take(self, rows: Rows, relevance: Relevance) -> None:
        """Take in the rankings of the next queries, and what in them is relevant."""
        if self._ks is None:
            steps = np.geomspace(1, max(1, rows.shape[1]), CUTOFFS)
            self._ks = np.unique(steps.round()).astype(np.int64)
        hits = rows[:, :HITS]
        missing = HITS - hits.shape[1]
        self._hits.append(np.pad(hits, ((0, 0), (0, missing)), constant_values=-1))
        for found in relevance:
            ranks = np.flatnonzero(found) + 1
            count = len(ranks)
            if not count:
                continue
            self._recall.append(np.searchsorted(ranks, self._ks, side="right") / count)
            precision = np.arange(1, count + 1) / ranks
            best = np.maximum.accumulate(precision[::-1])[::-1]
            # At recall l the first ⌈l R⌉ relevant ones are found.
            needed = np.maximum(np.ceil(LEVEL * count - ROUNDING), 1).astype(np.int64)
            self._precision.append(best[needed - 1])

    def details(self, gallery: Labelled, queries: Labelled, metric: Metric) -> Details:
        """What was noted; of pairs of queries and items, some are drawn."""
        same, different = _drawn(gallery, queries, metric, np.random.default_rng(0))
        return Details(
            [] if self._ks is None else self._ks.tolist(),
            np.mean(self._recall, axis=0),
            np.mean(self._precision, axis=0),
            same,
            different,
            np.concatenate(self._hits),
            gallery,
            queries,
            metric,
        )


def _drawn(
    gallery: Labelled, queries: Labelled, metric: Metric, rng: np.random.Generator
) -> tuple[Distances, Distances]:
    """How far queries are from items of their own label, and from items of another."""
    labels = np.array([str(label or "") for label in (*gallery.labels, *queries.labels)], dtype=str)
    codes = np.where(labels == "", -1, np.unique(labels, return_inverse=True)[1])
    items, asked = codes[: len(gallery.ids)], codes[len(gallery.ids) :]
    order = np.argsort(items, kind="stable")
    first = np.searchsorted(items[order], asked, side="left")
    sizes = np.searchsorted(items[order], asked, side="right") - first
    query = rng.integers(0, len(asked), 2 * PAIRS)
    row = rng.integers(0, len(items), 2 * PAIRS)
    # Half of them among the items of the query's own label.
    own = np.flatnonzero((np.arange(2 * PAIRS) < PAIRS) & (sizes[query] > 0))
    row[own] = order[first[query[own]] + rng.integers(0, sizes[query[own]])]
    name_of = {name: at for at, name in enumerate(gallery.ids)}
    itself = np.array([name_of.get(name, -1) for name in queries.ids], np.int64)
    kept = (row != itself[query]) & (items[row] >= 0) & (asked[query] >= 0)
    query, row = query[kept], row[kept]
    apart = np.concatenate(
        [
            distances(queries.vectors[query[part]], gallery.vectors[row[part]], metric)
            for part in np.array_split(np.arange(len(query)), 20)
        ]
    )
    same = items[row] == asked[query]
    return apart[same], apart[~same]
