"""What an evaluation found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.evaluation.audit import Audit
from vecsearch.evaluation.details import Details
from vecsearch.evaluation.intervals import Interval, class_intervals, mean_intervals
from vecsearch.evaluation.tables import Classification, classification
from vecsearch.types import JSON, Skipped

PerQuery: TypeAlias = "dict[str, Sequence[str] | NDArray[np.float64]]"
# Columns of the queries that are not measures.
METHODS = {"knn": "", "centroid": "centroid_"}
OTHERS = ("id", "label", "category", "relevant", *METHODS)


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        queries: How many queries were asked.
        gallery: How many items they were asked of.
        measures: The means over all queries, by name: ``precision@k``, ``recall@k``, ``hit@k``,
            ``map``, ``map@r``, ``r_precision``, ``mrr``, ``ndcg@k``, then ``accuracy``,
            ``macro_precision``, ``macro_recall`` and ``macro_f1`` by k nearest neighbours, and
            the same by nearest centroid with ``centroid_`` before them.
        intervals: The 95 % interval of each, by the bootstrap over queries.
        knn: Classification by k nearest neighbours; None if only retrieval was asked for.
        centroid: Classification by nearest centroid; None likewise.
        per_category: The means over the queries of each category, if they have any.
        unmatched: Queries for which nothing in the gallery is relevant. The retrieval measures
            leave them out, as trec_eval does; in classification they count as errors.
        own: Queries that are themselves in the gallery; they were not counted as answers.
        unlabelled_queries: Queries without a label, left out.
        unlabelled_gallery: Gallery items without a label, left out.
        skipped: Query files that could not be read.
        per_query: For each query, by name: its ``id`` and ``label``, its ``category`` if it has
            one, how many items are ``relevant``, its retrieval measures, and what it was taken
            for, ``knn`` and ``centroid``.
        settings: How it was measured, and of what.
        audit: What was seen in the images before, if that was asked for.
        details: What a report shows beyond the figures, if that was asked for.
    """

    queries: int
    gallery: int
    measures: dict[str, float]
    intervals: dict[str, Interval]
    knn: Classification | None
    centroid: Classification | None
    per_category: dict[str, dict[str, float]]
    unmatched: int
    own: int
    unlabelled_queries: int
    unlabelled_gallery: int
    skipped: Sequence[Skipped]
    per_query: PerQuery
    settings: Mapping[str, JSON] = field(default_factory=dict)
    audit: Audit | None = None
    details: Details | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, JSON]:
        """As plain values, in the order of the command line's contract."""
        result: dict[str, JSON] = {
            "queries": self.queries,
            "gallery": self.gallery,
            "measures": dict(self.measures),
            "per_class": {},
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
        }
        for name, table in (("", self.knn), ("centroid_", self.centroid)):
            if table is not None:
                result[f"{name}per_class"] = {
                    label: asdict(figures) for label, figures in table.per_class.items()
                }
                if table.confusion is not None:
                    result[f"{name}confusion"] = {
                        "labels": list(table.labels),
                        "counts": table.confusion.tolist(),
                    }
        result |= self.categories_json()
        result |= {
            "unmatched": self.unmatched,
            "own": self.own,
            "unlabelled_queries": self.unlabelled_queries,
            "unlabelled_gallery": self.unlabelled_gallery,
            "skipped": len(self.skipped),
        }
        if self.audit is not None:
            result["audit"] = self.audit.to_json()
        result["settings"] = dict(self.settings)
        return result

    def categories_json(self) -> dict[str, JSON]:
        """The figures of each category as plain values; empty if there are no categories."""
        if not self.per_category:
            return {}
        return {"per_category": {name: {**row} for name, row in self.per_category.items()}}


def summed_up(
    per_query: PerQuery,
    gallery: int,
    own: int = 0,
    unlabelled: tuple[int, int] = (0, 0),
    skipped: Sequence[Skipped] = (),
) -> Evaluation:
    """Put what was found of each query together.

    Args:
        per_query: As ``Evaluation`` has it. Where nothing is relevant to any query there are no
            measures of retrieval.
        gallery: How many items were asked.
        own: How many queries are among them.
        unlabelled: How many queries, and how many items, have no label and were left out.
        skipped: Query files that could not be read.
    """
    matched = np.asarray(per_query["relevant"]) > 0
    values = {
        name: np.asarray(column, np.float64)[matched]
        for name, column in per_query.items()
        if name not in OTHERS
    }
    if not matched.any():
        values = {}
    measures = {name: float(column.mean()) for name, column in values.items()}
    ends = mean_intervals(values)
    true = [str(label) for label in per_query["label"]]
    tables: dict[str, Classification] = {}
    for method, prefix in METHODS.items():
        if method not in per_query:
            continue
        predicted = [str(name) for name in per_query[method]]
        tables[method] = classification(true, predicted)
        for name, found in class_intervals(true, predicted).items():
            measures[prefix + name] = getattr(tables[method], name)
            ends[prefix + name] = found
    return Evaluation(
        queries=len(true),
        gallery=gallery,
        measures=measures,
        intervals=ends,
        knn=tables.get("knn"),
        centroid=tables.get("centroid"),
        per_category=_by_category(per_query, values, matched),
        unmatched=int((~matched).sum()),
        own=own,
        unlabelled_queries=unlabelled[0],
        unlabelled_gallery=unlabelled[1],
        skipped=skipped,
        per_query=per_query,
    )


def joined(parts: Sequence[Evaluation]) -> Evaluation:
    """Evaluations of different queries as one; its gallery is the largest of theirs."""
    per_query: PerQuery = {
        name: column
        if isinstance(column, np.ndarray)
        else [one for part in parts for one in part.per_query[name]]
        for name, column in parts[0].per_query.items()
    }
    for name, column in per_query.items():
        if isinstance(column, np.ndarray):
            per_query[name] = np.concatenate([np.asarray(part.per_query[name]) for part in parts])
    found = summed_up(
        per_query,
        max(part.gallery for part in parts),
        sum(part.own for part in parts),
        (sum(part.unlabelled_queries for part in parts), parts[0].unlabelled_gallery),
        [one for part in parts for one in part.skipped],
    )
    return replace(found, settings=parts[0].settings)


def _by_category(
    per_query: PerQuery, values: Mapping[str, NDArray[np.float64]], matched: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    if "category" not in per_query:
        return {}
    categories = np.array([str(name) for name in per_query["category"]])
    found: dict[str, dict[str, float]] = {}
    for name in np.unique(categories).tolist():
        inside = categories[matched] == name
        means = {
            one: float(column[inside].mean()) for one, column in values.items() if inside.any()
        }
        found[name] = {"queries": int((categories == name).sum()), **means}
        for method, prefix in METHODS.items():
            if method in per_query:
                right = np.array(per_query[method]) == np.array(per_query["label"])
                found[name][f"{prefix}accuracy"] = float(right[categories == name].mean())
    return found
