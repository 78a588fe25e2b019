"""Choose the kind of index of a collection by what was measured on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vecsearch.ann import budget_of, reindex
from vecsearch.collection import Collection
from vecsearch.encoders.base import check_seed
from vecsearch.encoding import tell_skipped
from vecsearch.errors import InvalidArgument
from vecsearch.images import NO_LABELS, scan
from vecsearch.index import AUTO, EXACT, check_budget, check_kind, fits, kinds_to_try, made_bytes
from vecsearch.tuning.measuring import Bench, Measured, pareto
from vecsearch.types import JSON, Progress, Vectors

QUERIES = 1000
LEAST_ITEMS = 100
# Exact search, which always is among what is measured, reaches the last.
RECALLS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
# Of more items than these, all kinds are tried on so many, and only the best on the whole.
SAMPLED = 100_000
FINALISTS = 4
# Of each so many settings are timed again: the one that seemed the quickest may have had luck.
AGAIN = 3


@dataclass(frozen=True)
class Tuning:
    """What tuning found.

    Attributes:
        measured: Everything that was measured on the whole collection.
        best: Of these, what no other beats in recall, time and memory alike: for each of some
            recalls the fastest, and the smallest. By recall.
        chosen: The fastest that keeps what was asked for; None if nothing does.
        k: For how many neighbours.
        queries: How many were asked.
    """

    measured: Sequence[Measured]
    best: Sequence[Measured]
    chosen: Measured | None
    k: int
    queries: int

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "k": self.k,
            "queries": self.queries,
            "best": [one.to_json() for one in self.best],
            "measured": [one.to_json() for one in self.measured],
        }


def tune(
    collection: Collection,
    *,
    recall: float = 0.95,
    latency_ms: float | None = None,
    memory_mb: float | None = None,
    queries: str | Path | None = None,
    k: int = 10,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    keep: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Find the fastest index that finds enough, and make it the collection's own.

    Each kind is made of the collection less the queries, which are then asked with settings from
    the quickest to the farthest, and compared with exact search. A recall counts as reached if the
    lower end of its 95 % interval reaches it. What was measured of the chosen kind is stored with
    it, for searches that ask for another recall.

    Args:
        collection: What is searched.
        recall: Which part of the k nearest must be found.
        latency_ms: How long a query may take alone, in milliseconds.
        memory_mb: How much the index may take, in 10⁶ bytes.
        queries: A folder of images to ask with; 1,000 of the items, which are left out of what is
            searched meanwhile, by default.
        k: How many neighbours.
        kinds: Those to try, as ``index`` of ``Collection.build`` names them, but ``auto``; a choice
            by size and dims by default. Exact search is always tried.
        seed: For which items are asked and sampled. The times are measured and differ, and with
            them the choice may.
        keep: Make the choice the collection's own, as a commit; else it is only told.
        jobs: How many processes decode the queries.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense, or there are fewer than 100 items.
        CollectionLocked: Another process is writing to the collection.

    Example:
        >>> vectors = np.random.default_rng(0).normal(size=(300, 4))
        >>> found = tune(Collection.from_vectors(vectors), kinds=["exact"])
        >>> found.chosen.kind, found.chosen.recall
        ('exact', 1.0)
    """
    check_seed(seed)
    _check(recall, k, latency_ms, memory_mb, kinds)
    vectors = collection.vectors()
    if len(vectors) < LEAST_ITEMS:
        raise InvalidArgument(
            f"{collection.place} has {len(vectors)} items: of fewer than {LEAST_ITEMS} nothing is "
            "to be tuned, and exact search takes no time."
        )
    rng = np.random.default_rng(seed)
    if queries is None:
        asked = rng.choice(len(vectors), min(QUERIES, len(vectors) // 10), replace=False)
        wanted, vectors = vectors[np.sort(asked)], np.delete(vectors, asked, axis=0)
    else:
        wanted = _encoded(collection, queries, jobs, progress)
    slowest = latency_ms or np.inf
    size = len(collection), vectors.shape[1]  # of what it is made of in the end
    # Of what is made of less.
    room = None if memory_mb is None else memory_mb * len(vectors) / len(collection)
    manifest = collection.view.store.manifest
    budget = budget_of(manifest.index)
    made_by = manifest.encoder.fingerprint if manifest.encoder else None
    named = [kind for kind in kinds or () if kind != EXACT]
    for kind in named:
        check_budget(kind, *size, budget)
    known = named if kinds else kinds_to_try(len(vectors), vectors.shape[1])
    tried = [kind for kind in known if fits(kind, *size, budget)]

    def measured(
        part: Vectors, those: Sequence[str], task: str, room: float | None
    ) -> tuple[list[Measured], list[Measured]]:
        """What was found, and those of it that were timed in turn, which alone can be compared."""
        bench = Bench(part, wanted, collection.metric, k, seed, budget)
        found = [bench.exact()]
        limit = min(slowest, found[0].milliseconds)
        for number, kind in enumerate(those):
            if progress is not None:
                progress(task, number, len(those))
            found += bench.measure(kind, limit)
            bench.forget(but=[one.kind for one in _fastest(_suitable(found, recall, room))])
        if progress is not None:
            progress(task, len(those), len(those))
        return bench.side_by_side(found, _fastest(_suitable(found, recall, room)))

    if len(vectors) > SAMPLED and len(tried) > FINALISTS:
        rows = np.sort(rng.choice(len(vectors), SAMPLED, replace=False))
        # What they take of a sample does not tell: they have as many centres as of the whole.
        most = np.inf if memory_mb is None else 1e6 * memory_mb
        small = [kind for kind in tried if made_bytes(kind, *size) <= most]
        compared = measured(vectors[rows], small, "trying kinds on a sample", None)[1]
        tried = sorted({one.kind for one in compared} - {EXACT})
    found, compared = measured(vectors, tried, "measuring kinds", room)
    enough = [
        one
        for one in _suitable(compared, recall, room)
        if latency_ms is None or one.milliseconds <= latency_ms
    ]
    chosen = min(enough, key=lambda one: (one.milliseconds, one.megabytes), default=None)
    if keep and chosen is not None:
        curve = pareto([one for one in found if one.kind == chosen.kind])
        _keep(collection, chosen, curve, k, len(wanted), made_by)
    return Tuning(found, _best(found, chosen), chosen, k, len(wanted))


def _encoded(
    collection: Collection, queries: str | Path, jobs: int | None, progress: Progress | None
) -> Vectors:
    """The vectors of all images of a folder that can be read; the others are told."""
    found = collection.encode_folder(scan(Path(queries), NO_LABELS), jobs, progress)
    tell_skipped(found.skipped)
    if not len(found.vectors):
        raise InvalidArgument(f"There is no image in {queries} that could be asked with.")
    return found.vectors


def _check(
    recall: float,
    k: int,
    latency_ms: float | None,
    memory_mb: float | None,
    kinds: Sequence[str] | None,
) -> None:
    """Refuse what makes no sense, before anything is read."""
    if not 0 < recall <= 1:
        raise InvalidArgument(f"Recall is a share above 0, 1 at most, not {recall}.")
    if k < 1:
        raise InvalidArgument(f"k is how many to find: 1 or more, not {k}.")
    for name, limit in (("latency_ms", latency_ms), ("memory_mb", memory_mb)):
        if limit is not None and not limit > 0:
            raise InvalidArgument(f"{name} is above 0, not {limit}.")
    for kind in kinds or ():
        check_kind(kind)
        if kind == AUTO:
            raise InvalidArgument("auto chooses a kind: name those to try, or none.")


def _best(measured: Sequence[Measured], chosen: Measured | None) -> list[Measured]:
    """What a table shows of it: a front of points that differ by little would be too long."""
    front = pareto(measured)
    kept = [] if chosen is None else [chosen]
    for recall in RECALLS:
        enough = [one for one in front if one.recall >= recall]
        kept.append(min(enough, key=lambda one: (one.milliseconds, one.megabytes)))
        kept.append(min(enough, key=lambda one: (one.megabytes, one.milliseconds)))
    return sorted({id(one): one for one in kept}.values(), key=lambda one: one.recall)


def _suitable(
    measured: Sequence[Measured], recall: float, memory_mb: float | None
) -> list[Measured]:
    """What surely reaches a recall and is small enough."""
    return [
        one
        for one in measured
        if one.interval[0] >= recall and (memory_mb is None or one.megabytes <= memory_mb)
    ]


def _fastest(suitable: Sequence[Measured]) -> list[Measured]:
    """Of the fastest kinds the fastest settings."""
    found: dict[str, list[Measured]] = {}
    for one in sorted(suitable, key=lambda one: one.milliseconds):
        if one.settings is not None:
            found.setdefault(one.kind, []).append(one)
    return [one for those in [*found.values()][:FINALISTS] for one in those[:AGAIN]]


def _keep(
    collection: Collection,
    chosen: Measured,
    curve: Sequence[Measured],
    k: int,
    queries: int,
    made_by: str | None,
) -> None:
    if chosen.settings is None:
        reindex(collection.path, EXACT)
    else:
        kept: list[JSON] = [
            {"recall": one.recall, "low": one.interval[0], **vars(one.settings)}
            for one in curve
            if one.settings is not None
        ]
        facts: dict[str, JSON] = {
            "chosen": dict(vars(chosen.settings)),
            "curve": kept,
            "k": k,
            "queries": queries,
            "tuned": True,
        }
        reindex(collection.path, chosen.kind, facts=facts, measured_by=made_by)
    collection.refresh()
