"""Ask a gallery about labelled queries, and measure the answers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vecsearch.classification import Centroids, knn_vote
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation import measures
from vecsearch.evaluation.asking import (
    Labelled,
    checked,
    gallery_of,
    queries_of,
    with_labels,
)
from vecsearch.evaluation.tables import Classification, classification
from vecsearch.index import as_metric, distances, rankings
from vecsearch.types import JSON, Metric, Progress, Rows, Skipped

DEFAULT_KS = (1, 5, 10)
DEFAULT_NEIGHBOURS = 5
VOTE_BYTES = 64 << 20

Task = Literal["retrieval", "classification", "both"]


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        queries: How many labelled queries were asked.
        gallery: How many labelled items they were asked of.
        measures: The means over all queries, by name: ``precision@k``, ``recall@k``, ``hit@k``,
            ``map``, ``map@r``, ``r_precision``, ``mrr``, ``ndcg@k``, then ``accuracy``,
            ``macro_precision``, ``macro_recall`` and ``macro_f1`` by k nearest neighbours, and
            the same by nearest centroid with ``centroid_`` before them.
        knn: Classification by k nearest neighbours; None if only retrieval was asked for.
        centroid: Classification by nearest centroid; None likewise.
        unmatched: Queries whose label no other gallery item has. The retrieval measures leave
            them out, as trec_eval does; in classification they count as errors.
        own: Queries that are themselves in the gallery; they were not counted as answers.
        unlabelled_queries: Queries without a label, left out.
        unlabelled_gallery: Gallery items without a label, left out.
        skipped: Query files that could not be read.
        per_query: For each query, by name: its ``id`` and ``label``, its retrieval measures, and
            what it was taken for, ``knn`` and ``centroid``.
    """

    queries: int
    gallery: int
    measures: dict[str, float]
    knn: Classification | None
    centroid: Classification | None
    unmatched: int
    own: int
    unlabelled_queries: int
    unlabelled_gallery: int
    skipped: Sequence[Skipped]
    per_query: dict[str, Sequence[str] | NDArray[np.float64]]

    def to_json(self) -> dict[str, JSON]:
        """As plain values, in the order of the command line's contract."""
        result: dict[str, JSON] = {
            "queries": self.queries,
            "gallery": self.gallery,
            "measures": dict(self.measures),
            "per_class": {},
        }
        for name, table in (("", self.knn), ("centroid_", self.centroid)):
            if table is not None:
                result[f"{name}per_class"] = {
                    label: asdict(figures) for label, figures in table.per_class.items()
                }
                result[f"{name}confusion"] = {
                    "labels": list(table.labels),
                    "counts": table.confusion.tolist(),
                }
        result |= {
            "unmatched": self.unmatched,
            "own": self.own,
            "unlabelled_queries": self.unlabelled_queries,
            "unlabelled_gallery": self.unlabelled_gallery,
            "skipped": len(self.skipped),
        }
        return result


def evaluate(
    collection: Collection,
    queries: str | Path | None = None,
    *,
    leave_one_out: bool = False,
    labels: str | Path = "folder",
    ks: Sequence[int] = DEFAULT_KS,
    neighbours: int = DEFAULT_NEIGHBOURS,
    task: Task = "both",
    metric: Metric | str | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a collection on a folder of labelled query images, or on itself.

    A file that is itself in the collection, at the path it was indexed at, is never counted as its
    own answer.

    Args:
        collection: The gallery.
        queries: A folder labelled like the gallery.
        leave_one_out: Ask with every item of the gallery instead, each against all others.
        labels: How the queries are labelled: ``folder``, or a CSV file with path and label.
        ks: The cut-offs k of precision, recall, hit and nDCG.
        neighbours: How many neighbours vote in classification.
        task: ``retrieval``, ``classification`` or ``both``.
        metric: Another metric than the collection's own.
        jobs: How many processes decode the queries.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: Neither or both of ``queries`` and ``leave_one_out`` are given, a value
            makes no sense, or there is nothing labelled to compare.
        DamagedCollection: A file of the collection is not as it was written.

    Example:
        >>> books = Collection.from_vectors(
        ...     [[5, 1], [4, 2], [1, 5], [0, 4]], labels=["crime", "crime", "love", "love"]
        ... )
        >>> evaluate(books, leave_one_out=True, ks=[1], neighbours=1).measures["precision@1"]
        1.0
    """
    if leave_one_out == (queries is not None):
        raise InvalidArgument("Evaluate on a folder of queries or by leave-one-out: give one.")
    gallery = gallery_of(collection)
    asked = gallery
    skipped: Sequence[Skipped] = ()
    if queries is not None:
        asked, skipped = queries_of(collection, gallery, queries, labels, jobs, progress)
    result = evaluate_vectors(
        gallery,
        asked,
        metric=metric or collection.metric,
        ks=ks,
        neighbours=neighbours,
        task=task,
        progress=progress,
    )
    return replace(result, skipped=skipped)


def evaluate_vectors(
    gallery: Labelled,
    queries: Labelled,
    *,
    metric: Metric | str = Metric.EUCLIDEAN,
    ks: Sequence[int] = DEFAULT_KS,
    neighbours: int = DEFAULT_NEIGHBOURS,
    task: Task = "both",
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate labelled vectors against labelled vectors.

    The whole gallery is ranked for each query, in blocks of queries. An item with the id of the
    query is left out of its answers.

    Raises:
        InvalidArgument: A value makes no sense, or there is nothing labelled to compare.
    """
    if task not in ("retrieval", "classification", "both"):
        raise InvalidArgument(f"{task!r} is no task: retrieval, classification or both.")
    if not ks or not all(isinstance(k, int) and k >= 1 for k in [*ks, neighbours]):
        raise InvalidArgument("k and the number of neighbours are whole numbers, 1 or more.")
    wanted = as_metric(metric)
    gallery = checked(gallery)
    queries = checked(queries, gallery.vectors.shape[1])
    kept, asked = with_labels(gallery), with_labels(queries)
    if not kept.ids or not asked.ids:
        empty = "gallery" if not kept.ids else "queries"
        raise InvalidArgument(
            f"Nothing in the {empty} has a label, so there is nothing to compare: put the images "
            "of each class into a folder of its name, or give --labels FILE.csv."
        )
    run = _Run(kept, asked, wanted, sorted(set(ks)), neighbours, task)
    for block, rows in rankings(asked.vectors, kept.vectors, run.metric):
        run.measure(block, rows)
        if progress is not None:
            progress("evaluating", block.stop, len(asked.ids))
    return run.result(len(queries.ids) - len(asked.ids), len(gallery.ids) - len(kept.ids))


class _Run:
    """One evaluation under way: fills an array a measure, block by block."""

    def __init__(
        self,
        gallery: Labelled,
        queries: Labelled,
        metric: Metric,
        ks: Sequence[int],
        neighbours: int,
        task: Task,
    ) -> None:
        self.gallery, self.queries, self.metric = gallery, queries, metric
        self.ks, self.neighbours, self.task = ks, neighbours, task
        self.names, codes = np.unique(
            np.array([*gallery.labels, *queries.labels], dtype=str), return_inverse=True
        )
        self.gallery_codes = codes[: len(gallery.ids)]
        self.query_codes = codes[len(gallery.ids) :]
        rows = {name: row for row, name in enumerate(gallery.ids)}
        self.own_row = np.array([rows.get(name, -1) for name in queries.ids], np.int64)
        if len(rows) < len(gallery.ids):
            raise InvalidArgument("An id is in the gallery twice; ids tell items apart.")
        if len(rows) == 1 and (self.own_row >= 0).any():
            raise InvalidArgument("One item alone has no others to be compared with.")
        # The class that each query is itself counted in, −1 if it is not in the gallery.
        self.own_code = np.where(self.own_row >= 0, self.gallery_codes[self.own_row], -1)
        sizes = np.bincount(self.gallery_codes, minlength=len(self.names))
        self.total = sizes[self.query_codes] - (self.own_code == self.query_codes)
        self.values: dict[str, NDArray[np.float64]] = {}
        self.knn = np.empty(len(queries.ids), np.int64)

    def measure(self, block: slice, rows: Rows) -> None:
        rows = _without(rows, self.own_row[block])
        if self.task != "classification":
            # Row −1, where a query's own item was, is of no class.
            codes = np.append(self.gallery_codes, -1)
            relevance = codes[rows] == self.query_codes[block, None]
            for name, values in self._retrieval(relevance, self.total[block]).items():
                self.values.setdefault(name, np.empty(len(self.queries.ids)))[block] = values
        if self.task != "retrieval":
            self.knn[block] = self._vote(block, rows[:, : self.neighbours])

    def _retrieval(
        self, relevance: measures.Relevance, total: measures.Totals
    ) -> dict[str, measures.Values]:
        ks = self.ks
        return {
            **{f"precision@{k}": measures.precision_at(relevance, k) for k in ks},
            **{f"recall@{k}": measures.recall_at(relevance, total, k) for k in ks},
            **{f"hit@{k}": measures.hit_at(relevance, k) for k in ks},
            "map": measures.average_precision(relevance, total),
            "map@r": measures.map_at_r(relevance, total),
            "r_precision": measures.r_precision(relevance, total),
            "mrr": measures.reciprocal_rank(relevance),
            **{f"ndcg@{k}": measures.ndcg_at(relevance, total, k) for k in ks},
        }

    def _vote(self, block: slice, rows: Rows) -> Rows:
        queries = self.queries.vectors[block]
        apart = np.empty(rows.shape)
        step = max(1, VOTE_BYTES // (32 * queries.shape[1] * rows.shape[1]))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            apart[part] = distances(
                queries[part, None, :], self.gallery.vectors[rows[part]], self.metric
            )
        # Row −1, where a query's own item was, is nobody.
        return knn_vote(np.append(self.gallery_codes, -1)[rows], np.where(rows < 0, np.inf, apart))[
            0
        ]

    def result(self, unlabelled_queries: int, unlabelled_gallery: int) -> Evaluation:
        matched = self.total > 0
        if not matched.any():
            raise InvalidArgument(
                "No query has the label of any other item in the gallery: the queries have "
                f"{str(self.names[self.query_codes[0]])!r} and so on, the gallery "
                f"{str(self.names[self.gallery_codes[0]])!r} and so on."
            )
        figures = {name: float(values[matched].mean()) for name, values in self.values.items()}
        true = [str(label) for label in self.queries.labels]
        per_query: dict[str, Sequence[str] | NDArray[np.float64]] = {
            "id": self.queries.ids,
            "label": true,
            **self.values,
        }
        tables: dict[str, Classification] = {}
        if self.task != "retrieval":
            centroids = Centroids(
                self.gallery.vectors, self.gallery_codes, len(self.names), self.metric
            )
            nearest = centroids.nearest(self.queries.vectors, self.own_code)
            for method, prefix, found in (
                ("knn", "", self.knn),
                ("centroid", "centroid_", nearest),
            ):
                predicted = [str(self.names[code]) for code in found]
                table = classification(true, predicted)
                tables[method], per_query[method] = table, predicted
                for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1"):
                    figures[prefix + name] = getattr(table, name)
        return Evaluation(
            queries=len(self.queries.ids),
            gallery=len(self.gallery.ids),
            measures=figures,
            knn=tables.get("knn"),
            centroid=tables.get("centroid"),
            unmatched=int((~matched).sum()),
            own=int((self.own_row >= 0).sum()),
            unlabelled_queries=unlabelled_queries,
            unlabelled_gallery=unlabelled_gallery,
            skipped=(),
            per_query=per_query,
        )


def measure_names(ks: Sequence[int] = DEFAULT_KS, task: Task = "both") -> list[str]:
    """The names of the measures that an evaluation gives, in order."""
    names = [f"{name}@{k}" for name in ("precision", "recall", "hit") for k in sorted(set(ks))]
    names += ["map", "map@r", "r_precision", "mrr", *(f"ndcg@{k}" for k in sorted(set(ks)))]
    counted = ["accuracy", "macro_precision", "macro_recall", "macro_f1"]
    counted += [f"centroid_{name}" for name in counted]
    return {"retrieval": names, "classification": counted, "both": names + counted}[task]


def _without(rows: Rows, own: Rows) -> Rows:
    """Rankings with each query's own row taken out, the others moved up, and −1 at the end."""
    inside = own >= 0
    if not inside.any():
        return rows
    result = rows.copy()
    others = rows[inside]
    others = others[others != own[inside, None]].reshape(len(others), -1)
    result[inside] = np.pad(others, ((0, 0), (0, 1)), constant_values=-1)
    return result
