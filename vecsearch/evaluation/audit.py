"""Look at the images before their figures: leaks between queries and gallery, wrong labels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vecsearch.duplicates import rows_by_hash
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.asking import Labelled
from vecsearch.index import ExactIndex, nearest_others, normalized
from vecsearch.types import JSON, Distances, Metric, Progress, Rows, Vectors

if TYPE_CHECKING:
    from vecsearch.evaluation.result import Evaluation

# Nearer than this share of the usual distance between an item and its nearest, two pictures are
# the same one. On photos of animals, where a perceptual hash finds 85 pairs, that finds 84 of
# them and no other, with pixels, PCA and LDA.
NEAR_SHARE = 0.2
NEIGHBOURS = 10
# So many of the ten nearest must agree on another label, and none have the item's own.
AGREEING = 8
FEWEST_OTHERS = 5


@dataclass(frozen=True)
class Twins:
    """A query and an item of the gallery that are the same picture, or nearly.

    Attributes:
        query: What the query is called.
        item: The id of the item.
        labels: What the two are said to be.
        distance: How far apart they are.
        same_file: Whether their files hold the same bytes.
    """

    query: str
    item: str
    labels: tuple[str | None, str | None]
    distance: float
    same_file: bool

    @property
    def contradict(self) -> bool:
        """Whether they are said to be two different things."""
        return None not in self.labels and self.labels[0] != self.labels[1]


@dataclass(frozen=True)
class Suspect:
    """An image whose label may be wrong.

    Attributes:
        name: What it is called.
        label: What it is said to be.
        neighbours: What its nearest neighbours are said to be.
        share: Which share of them agrees on that.
    """

    name: str
    label: str
    neighbours: str
    share: float


@dataclass(frozen=True)
class Audit:
    """What was seen before anything was measured.

    Attributes:
        twins: Queries that are the same picture as an item of the gallery.
        suspects: Images whose neighbours agree that they are something else.
        without_twins: The measures without the queries that have twins; of each set of twins that
            are queries and items alike, one stays.
        without_suspects: Without these and without the suspects.
    """

    twins: Sequence[Twins]
    suspects: Sequence[Suspect]
    without_twins: Mapping[str, float] = field(default_factory=dict)
    without_suspects: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            "twins": [{**asdict(one), "labels": list(one.labels)} for one in self.twins],
            "contradicting": sum(one.contradict for one in self.twins),
            "suspects": [asdict(one) for one in self.suspects],
            "measures_without_twins": dict(self.without_twins),
            "measures_without_suspects": dict(self.without_suspects),
        }


@dataclass(frozen=True)
class Kept:
    """Which rows of gallery and queries stay: numbers, ascending."""

    gallery: Sequence[int]
    queries: Sequence[int]


def audit(
    gallery: Labelled,
    queries: Labelled,
    names: Sequence[str],
    metric: Metric,
    progress: Progress | None = None,
) -> tuple[Audit, Kept, Kept]:
    """Look for leaks and for wrong labels. Nothing is measured yet.

    Args:
        gallery: What will be asked.
        queries: What will be asked about.
        names: What the queries are called.
        metric: How to compare.
        progress: Called as the work goes on.

    Returns:
        What was found; which rows stay if twins go, and which if suspects go too.
    """
    # Among unit vectors the Euclidean distance is in the order of the cosine, and takes zero too.
    unit = metric is Metric.COSINE
    items, asked = (normalized(one.vectors) if unit else one.vectors for one in (gallery, queries))
    index = ExactIndex([items], Metric.EUCLIDEAN)
    row_of = {name: row for row, name in enumerate(gallery.ids)}
    own = np.array([row_of.get(name, -1) for name in queries.ids], np.int64)
    itself = np.arange(len(gallery.ids))
    within, inside = _search(index, items, itself, progress)
    same = np.array_equal(own, itself)
    apart, rows = (within, inside) if same else _search(index, asked, own, progress)
    pairs = _pairs(gallery, queries, own, apart, rows, _usual(within))
    out_items, out_queries = _redundant(pairs, own, gallery, queries)
    twins = [
        Twins(
            names[query],
            gallery.ids[row],
            (queries.labels[query], gallery.labels[row]),
            distance**2 / 2 if unit else distance,
            _same_file(queries, query, gallery, row),
        )
        for (query, row), distance in pairs.items()
    ]
    wrong = _suspects(gallery, queries.labels, own, rows)
    suspects = [replace(one, name=names[query]) for query, one in wrong.items()]
    bad_queries, bad_items = set(wrong), {int(own[query]) for query in wrong}
    if not same:
        # The gallery's own labels too, unless its items are the queries.
        wrong = _suspects(gallery, gallery.labels, itself, inside)
        suspects += [replace(one, name=gallery.ids[row]) for row, one in wrong.items()]
        bad_items |= set(wrong)
    return (
        Audit(
            sorted(twins, key=lambda one: (one.distance, one.query, one.item)),
            sorted(suspects, key=lambda one: (-one.share, one.name)),
        ),
        _kept(gallery, queries, out_items, out_queries),
        _kept(gallery, queries, out_items | bad_items, out_queries | bad_queries),
    )


def audited_without(
    gallery: Labelled,
    queries: Labelled,
    names: Sequence[str],
    metric: Metric,
    measured: Callable[..., "Evaluation"],
    progress: Progress | None,
) -> Audit:
    """What an audit finds, and what is measured without it.

    Args:
        gallery: What is asked of.
        queries: What is asked.
        names: What the queries are called.
        metric: How to compare.
        measured: Evaluates a gallery and queries, given their ``names``.
        progress: Called as the work goes on.
    """
    found, *kept = audit(gallery, queries, names, metric, progress)
    less: list[dict[str, float]] = [{}, {}]
    for at, part in enumerate(kept):
        left = gallery.part(part.gallery), queries.part(part.queries)
        with suppress(InvalidArgument):  # what is left may be too little to be measured
            less[at] = measured(*left, names=[names[row] for row in part.queries]).measures
    return replace(found, without_twins=less[0], without_suspects=less[1])


def _kept(gallery: Labelled, queries: Labelled, items: set[int], asked: set[int]) -> Kept:
    return Kept(
        [row for row in range(len(gallery.ids)) if row not in items],
        [row for row in range(len(queries.ids)) if row not in asked],
    )


def _search(
    index: ExactIndex, vectors: Vectors, own: Rows, progress: Progress | None
) -> tuple[Distances, Rows]:
    """The ten nearest of each query, itself left out: distances and rows."""

    def advance(done: int) -> None:
        if progress is not None:
            progress("looking for duplicates", done, len(own))

    return nearest_others(index, vectors.__getitem__, own, NEIGHBOURS, advance=advance)


def _pairs(
    gallery: Labelled,
    queries: Labelled,
    own: Rows,
    apart: Distances,
    rows: Rows,
    usual: float,
) -> dict[tuple[int, int], float]:
    """The rows of queries and items that are the same picture, with their distances.

    Of many files of the same bytes each is paired with the first, and with the first of another
    label.

    Of two that are both queries and items, the one that comes first in the gallery is the item.
    """
    found: dict[tuple[int, int], float] = {}
    query_of = {int(row): query for query, row in enumerate(own) if row >= 0}

    def note(query: int, row: int, distance: float) -> None:
        if own[query] >= 0 and row in query_of and own[query] < row:
            query, row = query_of[row], int(own[query])
        found.setdefault((query, row), distance)

    if gallery.hashes is not None and queries.hashes is not None:
        rows_of = rows_by_hash(gallery.hashes)
        for query, one in enumerate(queries.hashes):
            others = [row for row in rows_of.get(one or "", ()) if row != own[query]]
            contrary = [row for row in others if _contradict(gallery, row, queries, query)]
            for row in {*others[:1], *contrary[:1]}:
                note(query, row, 0.0)
    for query, at in zip(*np.nonzero(apart <= NEAR_SHARE * usual), strict=True):
        if not _same_file(queries, int(query), gallery, int(rows[query, at])):
            note(int(query), int(rows[query, at]), float(apart[query, at]))
    return found


def _redundant(
    pairs: Iterable[tuple[int, int]], own: Rows, gallery: Labelled, queries: Labelled
) -> tuple[set[int], set[int]]:
    """The rows of items and of queries that go.

    A query that has a twin goes. If it is an item too it goes as such, so that one of each set of
    twins stays; and both go if they are said to be two different things.
    """
    items: set[int] = set()
    asked: set[int] = set()
    query_of = {int(row): query for query, row in enumerate(own) if row >= 0}
    for query, row in pairs:
        asked.add(query)
        if own[query] >= 0:
            items.add(int(own[query]))
            if _contradict(gallery, row, queries, query):
                items.add(row)
                asked |= {query_of[row]} if row in query_of else set()
    return items, asked


def _usual(within: Distances) -> float:
    """How far an item usually is from the nearest other that is not the very same."""
    nearest = np.where(within > 0, within, np.inf).min(axis=1, initial=np.inf)
    there = nearest[np.isfinite(nearest)]
    return float(np.median(there)) if len(there) else 0.0


def _contradict(gallery: Labelled, row: int, queries: Labelled, query: int) -> bool:
    both = gallery.labels[row], queries.labels[query]
    return None not in both and both[0] != both[1]


def _same_file(queries: Labelled, query: int, gallery: Labelled, row: int) -> bool:
    if queries.hashes is None or gallery.hashes is None or queries.hashes[query] is None:
        return False
    return queries.hashes[query] == gallery.hashes[row]


def _suspects(
    gallery: Labelled, labels: Sequence[str | None], own: Rows, rows: Rows
) -> dict[int, Suspect]:
    """Whose neighbours agree that it is something else, by its row."""
    every = [label or "" for label in (*gallery.labels, *labels)]
    known, codes = np.unique(np.array(every, dtype=str), return_inverse=True)
    codes, mine = codes[: len(gallery.ids)], codes[len(gallery.ids) :]
    others = np.bincount(codes, minlength=len(known))[mine] - (own >= 0)
    found: dict[int, Suspect] = {}
    if rows.shape[1] < NEIGHBOURS:
        return found
    near: NDArray[np.int64] = codes[rows]
    alone = ~(near == mine[:, None]).any(axis=1)
    for query in np.flatnonzero((others >= FEWEST_OTHERS) & alone).tolist():
        counts = np.bincount(near[query], minlength=len(known))
        best = int(counts.argmax())
        label = labels[query]
        if counts[best] >= AGREEING and known[best] and label is not None:
            found[query] = Suspect("", label, str(known[best]), float(counts[best] / NEIGHBOURS))
    return found
