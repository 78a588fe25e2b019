"""Ask a gallery about labelled queries, and measure the answers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.classification import Centroids, knn_vote
from vecsearch.collection import Collection
from vecsearch.errors import LABEL_THEM, InvalidArgument
from vecsearch.evaluation import measures
from vecsearch.evaluation.asking import (
    Labelled,
    checked,
    gallery_of,
    queries_of,
    with_labels,
)
from vecsearch.evaluation.audit import audited_without
from vecsearch.evaluation.details import Notes
from vecsearch.evaluation.intervals import REPLICATES
from vecsearch.evaluation.judging import GradeJudge, Judge, LabelJudge
from vecsearch.evaluation.result import Evaluation, PerQuery, summed_up
from vecsearch.evaluation.trec import grades_of, read_qrels, run_file
from vecsearch.index import as_metric, distances, rankings
from vecsearch.types import JSON, Metric, Progress, Rows, Skipped

DEFAULT_KS = (1, 5, 10)
DEFAULT_NEIGHBOURS = 5
VOTE_BYTES = 64 << 20

Task: TypeAlias = Literal["retrieval", "classification", "both"]


def evaluate(
    collection: Collection,
    queries: str | Path | None = None,
    *,
    leave_one_out: bool = False,
    labels: str | Path = "folder",
    qrels: str | Path | None = None,
    run: str | Path | None = None,
    ks: Sequence[int] = DEFAULT_KS,
    neighbours: int = DEFAULT_NEIGHBOURS,
    task: Task | None = None,
    metric: Metric | str | None = None,
    audited: bool = False,
    detailed: bool = False,
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
        qrels: What is relevant to which query, instead of what has its label: a file of TREC's
            form, which calls queries by their paths below their folder, and items by their ids.
        run: Where to write the rankings, in TREC's form; 1,000 items of each query.
        ks: The cut-offs k of precision, recall, hit and nDCG.
        neighbours: How many neighbours vote in classification.
        task: ``retrieval``, ``classification`` or ``both``; both by default, and retrieval where
            there are ``qrels``.
        metric: Another metric than the collection's own.
        audited: Whether to look first for pictures that are among queries and gallery alike, and
            for labels that may be wrong; and to measure without them too.
        detailed: Whether to note what a report with pictures shows; see ``write_report``.
        jobs: How many processes decode the queries.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: Neither or both of ``queries`` and ``leave_one_out`` are given, a value
            makes no sense, or there is nothing labelled or judged to compare.
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
    judged = None if qrels is None else read_qrels(qrels)
    gallery = gallery_of(collection)
    asked, names = gallery, gallery.ids
    skipped: Sequence[Skipped] = ()
    if queries is not None:
        asked, names, skipped = queries_of(collection, gallery, queries, labels, jobs, progress)
    wanted = as_metric(metric or collection.metric)
    measured: Callable[..., Evaluation] = partial(
        evaluate_vectors,
        qrels=judged,
        metric=wanted,
        ks=ks,
        neighbours=neighbours,
        task=task,
        progress=progress,
    )
    found = None
    if audited:
        known = replace(gallery, hashes=collection.hashes())
        posed, called = known if leave_one_out else asked, list(names)
        if judged is None:  # what has no label is not measured, and spoils nothing
            rows = [row for row, label in enumerate(posed.labels) if label is not None]
            known, posed = with_labels(known), posed.part(rows)
            called = [names[row] for row in rows]
            _check_labelled(known, rows)
        found = audited_without(known, posed, called, wanted, measured, progress)
    result = measured(gallery, asked, names=names, run=run, detailed=detailed)
    details = result.details
    if details is not None:
        items = {item.id: item.path for item in collection if item.path is not None}
        place = None if queries is None else Path(queries)
        files = items if place is None else {name: place / name for name in names}
        details = replace(details, query_files=files, item_files=items)
    settings = {
        **result.settings,
        "queries": "leave one out" if queries is None else str(queries),
        "labels": str(labels),
        "qrels": None if qrels is None else str(qrels),
        "collection": collection.info(),
        "rejection": collection.calibration.get("knn"),
    }
    return replace(result, skipped=skipped, settings=settings, audit=found, details=details)


def evaluate_vectors(
    gallery: Labelled,
    queries: Labelled,
    *,
    names: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    qrels: Mapping[str, Mapping[str, int]] | None = None,
    run: str | Path | None = None,
    metric: Metric | str = Metric.EUCLIDEAN,
    ks: Sequence[int] = DEFAULT_KS,
    neighbours: int = DEFAULT_NEIGHBOURS,
    task: Task | None = None,
    unmatched: bool = False,
    detailed: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate labelled vectors against labelled vectors; as ``evaluate`` otherwise.

    The whole gallery is ranked for each query, in blocks of queries. An item with the id of the
    query is left out of its answers.

    Args:
        gallery: What is asked of.
        queries: What is asked.
        names: What the queries are called in ``qrels``, ``run`` and the result; by their ids, by
            default.
        categories: What kind of thing each query is, for figures of each kind.
        qrels: For each query the grades of items: 1 and more is relevant.
        run: Where to write the rankings.
        metric: How to compare.
        ks: The cut-offs k.
        neighbours: How many neighbours vote.
        task: What to measure.
        unmatched: Whether it is no error if nothing is relevant to any query.
        detailed: Whether to note what a report with pictures shows.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense, or there is nothing labelled to compare.

    Example:
        >>> known = Labelled(np.array([[0.0], [9.0]]), ["a", "b"], ["low", "high"])
        >>> asked = Labelled(np.array([[1.0], [5.0]]), ["c", "d"], ["low", "low"])
        >>> evaluate_vectors(known, asked, ks=[1], neighbours=1).measures["accuracy"]
        0.5
    """
    task = task or ("both" if qrels is None else "retrieval")
    _check_task(task)
    if qrels is not None and task != "retrieval":
        raise InvalidArgument("Judgements say what is relevant, not what is of which class.")
    if not ks or not all(isinstance(k, int) and k >= 1 for k in [*ks, neighbours]):
        raise InvalidArgument("k and the number of neighbours are whole numbers, 1 or more.")
    wanted = as_metric(metric)
    gallery = checked(gallery)
    queries = checked(queries, gallery.vectors.shape[1])
    called = list(queries.ids if names is None else names)
    for one in (called, queries.ids if categories is None else categories):
        if len(one) != len(queries.ids):
            raise InvalidArgument(
                f"There are {len(queries.ids)} queries, but {len(one)} names or categories."
            )
    rows = list(range(len(called)))
    kept = gallery
    if qrels is None:
        kept = with_labels(gallery)
        rows = [row for row, label in enumerate(queries.labels) if label is not None]
        _check_labelled(kept, rows)
    asked = queries.part(rows)
    called = [called[row] for row in rows]
    own = _own_rows(kept, asked)
    answers = _Answers(kept, asked, own, wanted, sorted(set(ks)), neighbours, task)
    if qrels is not None:
        answers.judge = GradeJudge(grades_of(qrels, called, kept.ids), own)
    notes = Notes() if detailed else None
    with run_file(run, called, kept.ids) if run is not None else nullcontext() as written:
        for block, ranked in rankings(asked.vectors, kept.vectors, wanted):
            ranked = _without(ranked, own[block])  # noqa: PLW2901
            relevance = answers.measure(block, ranked)
            if written is not None:
                written(block, ranked)
            if notes is not None:
                notes.take(ranked, relevance)
            if progress is not None:
                progress("evaluating", block.stop, len(rows))
        found: PerQuery = {"id": called, "label": [label or "" for label in asked.labels]}
        if categories is not None:
            found["category"] = [categories[row] for row in rows]
        left_out = len(queries.ids) - len(rows), len(gallery.ids) - len(kept.ids)
        result = summed_up(
            {**found, **answers.columns()}, len(kept.ids), int((own >= 0).sum()), left_out
        )
        if not unmatched:  # refused in here, or an earlier file of rankings is lost
            check_matched(result, kept.labels if qrels is None else ())
    cutoffs: list[JSON] = [*sorted(set(ks))]
    settings: dict[str, JSON] = {
        "metric": wanted.value,
        "k": cutoffs,
        "neighbours": neighbours,
        "task": task,
        "intervals": f"95 %, {REPLICATES} bootstrap samples, seed 0",
    }
    details = None if notes is None else notes.details(kept, asked, wanted)
    return replace(result, settings=settings, details=details)


def _check_labelled(gallery: Labelled, queries: Sequence[int]) -> None:
    if not gallery.ids or not queries:
        empty = "gallery" if not gallery.ids else "queries"
        raise InvalidArgument(
            f"Nothing in the {empty} has a label, so there is nothing to compare: {LABEL_THEM}."
        )


def check_matched(found: Evaluation, labels: Sequence[str | None]) -> Evaluation:
    """Refuse an evaluation that found nothing to be relevant.

    Args:
        found: The evaluation.
        labels: Those of the gallery, where they say what is relevant.

    Raises:
        InvalidArgument: It did.
    """
    if found.unmatched == found.queries:
        text = "Nothing in the gallery is relevant to any query"
        asked, held = (next(filter(None, one), None) for one in (found.per_query["label"], labels))
        if asked and held:
            text += f": the queries have the label {str(asked)!r} and so on, the gallery {held!r}"
        raise InvalidArgument(f"{text}.")
    return found


class _Answers:
    """One evaluation under way: fills an array a measure, block by block."""

    def __init__(
        self,
        gallery: Labelled,
        queries: Labelled,
        own: Rows,
        metric: Metric,
        ks: Sequence[int],
        neighbours: int,
        task: Task,
    ) -> None:
        self._gallery, self._queries, self._own, self._metric = gallery, queries, own, metric
        self._ks, self._neighbours, self._task = ks, neighbours, task
        labels = [label or "" for label in (*gallery.labels, *queries.labels)]
        self._names, codes = np.unique(np.array(labels, dtype=str), return_inverse=True)
        self._codes, asked = codes[: len(gallery.ids)], codes[len(gallery.ids) :]
        self.judge: Judge = LabelJudge(self._codes, asked, own)
        self._values: dict[str, NDArray[np.float64]] = {}
        self._knn = np.empty(len(queries.ids), np.int64)

    def measure(self, block: slice, rows: Rows) -> measures.Relevance:
        """Take in the rankings of some queries; returns what in them is relevant."""
        relevance = self.judge.relevance(block, rows)
        if self._task != "classification":
            for name, values in self._retrieval(block, rows, relevance).items():
                self._values.setdefault(name, np.empty(len(self._queries.ids)))[block] = values
        if self._task != "retrieval":
            self._knn[block] = self._vote(block, rows[:, : self._neighbours])
        return relevance

    def columns(self) -> PerQuery:
        """What was found of each query."""
        total = self.judge.total
        found: PerQuery = {"relevant": total.astype(np.float64), **self._values}
        if self._task != "retrieval":
            centroids = Centroids(
                self._gallery.vectors, self._codes, len(self._names), self._metric
            )
            members = np.where(self._own >= 0, self._codes[self._own], -1)
            nearest = centroids.nearest(self._queries.vectors, members)
            for method, codes in (("knn", self._knn), ("centroid", nearest)):
                found[method] = [str(self._names[code]) for code in codes]
        return found

    def _retrieval(
        self, block: slice, rows: Rows, relevance: measures.Relevance
    ) -> dict[str, measures.Values]:
        total, ks = self.judge.total[block], self._ks
        return {
            **{f"precision@{k}": measures.precision_at(relevance, k) for k in ks},
            **{f"recall@{k}": measures.recall_at(relevance, total, k) for k in ks},
            **{f"hit@{k}": measures.hit_at(relevance, k) for k in ks},
            "map": measures.average_precision(relevance, total),
            "map@r": measures.map_at_r(relevance, total),
            "r_precision": measures.r_precision(relevance, total),
            "mrr": measures.reciprocal_rank(relevance),
            **{f"ndcg@{k}": values for k, values in self.judge.ndcg(block, rows, ks).items()},
        }

    def _vote(self, block: slice, rows: Rows) -> Rows:
        queries = self._queries.vectors[block]
        apart = np.empty(rows.shape)
        step = max(1, VOTE_BYTES // (32 * queries.shape[1] * rows.shape[1]))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            apart[part] = distances(
                queries[part, None, :], self._gallery.vectors[rows[part]], self._metric
            )
        # Row −1, where a query's own item was, is nobody.
        codes = np.append(self._codes, -1)[rows]
        return knn_vote(codes, np.where(rows < 0, np.inf, apart))[0]


def _own_rows(gallery: Labelled, queries: Labelled) -> Rows:
    """The row of the gallery that each query is itself, or −1."""
    rows = {name: row for row, name in enumerate(gallery.ids)}
    own = np.array([rows.get(name, -1) for name in queries.ids], np.int64)
    if len(rows) < len(gallery.ids):
        raise InvalidArgument("An id is in the gallery twice; ids tell items apart.")
    if len(rows) == 1 and (own >= 0).any():
        raise InvalidArgument("One item alone has no others to be compared with.")
    return own


def _check_task(task: str) -> None:
    if task not in ("retrieval", "classification", "both"):
        raise InvalidArgument(f"{task!r} is no task: retrieval, classification or both.")


def measure_names(ks: Sequence[int] = DEFAULT_KS, task: Task = "both") -> list[str]:
    """The names of the measures that an evaluation gives, in order.

    Raises:
        InvalidArgument: There is no such task.

    Example:
        >>> measure_names([1], "retrieval")
        ['precision@1', 'recall@1', 'hit@1', 'map', 'map@r', 'r_precision', 'mrr', 'ndcg@1']
    """
    _check_task(task)
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
