"""Keep the approximate index of a collection in step with its vectors."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from vecsearch.errors import (
    CollectionReplaced,
    DamagedCollection,
    InvalidArgument,
    VecsearchError,
)
from vecsearch.index import (
    AUTO,
    EXACT,
    NEIGHBOURS,
    RECALL,
    ApproximateIndex,
    ExactIndex,
    PartialIndex,
    SearchSettings,
    as_bytes,
    check_budget,
    check_kind,
    climb,
    train_index,
    within_budget,
)
from vecsearch.store import Store, Writer
from vecsearch.types import JSON, Metric, Rows, Vectors

# The largest part of the items that an index may leave to exact search, and how many are always
# few enough: 10,000 of 128 dims are compared in a millisecond.
MOST_UNCOVERED = 0.1
FEW = 10_000
Train: TypeAlias = Callable[[Sequence[Vectors], Metric, str, int | None], ApproximateIndex]
log = logging.getLogger(__name__)


def asked_for(kind: str, memory_budget: int | str | None) -> dict[str, JSON]:
    """How neighbours shall be found, as a manifest has it.

    Raises:
        InvalidArgument: There is no such kind, or the budget is no size.
    """
    check_kind(kind)
    budget = {} if memory_budget is None else {"memory_budget": as_bytes(memory_budget)}
    return {"kind": kind, **budget}


def reindex(
    path: Path,
    kind: str | None = None,
    anew: bool = False,
    facts: Mapping[str, JSON] | None = None,
    measured_by: str | None = None,
    budget: int | None = None,
    train: Train = train_index,
) -> None:
    """Bring the approximate index up to date, if a collection has one and that is worth it.

    A new index is searched as far as it must be to find enough, as is measured; if it never finds
    enough, ``auto`` is exact, and of another kind it is said.

    Args:
        path: Where the collection lies.
        kind: Another kind of index from now on, as for ``Collection.build``.
        anew: Make it again in any case.
        facts: What was measured of another kind, and shall stand beside it.
        measured_by: The fingerprint of the encoder of the vectors that it was measured on.
        budget: How many bytes of memory the making may take; as before, by default.
        train: Makes it, as ``train_index`` does.

    Raises:
        InvalidArgument: FAISS cannot make such an index of these vectors, or not in the budget; or
            what was measured was measured on others.
        CollectionLocked: Another process is writing to the collection.
    """
    store = Store(path)
    if kind is None and budget is None and not _due(store, anew):
        return
    with Writer(path, amend=True) as writer:
        base = writer.base
        encoder = base.manifest.encoder
        if facts is not None and (encoder.fingerprint if encoder else None) != measured_by:
            raise InvalidArgument(
                f"The vectors of {path} were made anew, by another encoder, while its index was "
                "measured: measure it again."
            )
        known = base.manifest.index
        wanted = str(known["kind"]) if kind is None else kind
        room = budget or budget_of(known)
        stays: dict[str, JSON] = {"kind": wanted} | ({"memory_budget": room} if room else {})
        count, dim = len(base), base.manifest.dim
        if wanted != AUTO:
            check_budget(wanted, count, dim, room)
        factory = within_budget(wanted, count, dim, room) if count else EXACT
        if factory == EXACT:
            writer.commit(index=stays, compaction="none")
            return
        index = train(base.vectors(), base.manifest.metric, factory, room)
        if facts is None:
            facts = known if kind is None and "tuned" in known else _measured(base, index)
        if wanted == AUTO and not _enough(facts):
            writer.commit(index={**stays, "exact_at": count}, compaction="none")
            return
        if "curve" in facts and "tuned" not in facts and not _enough(facts):
            log.warning("The index %s finds less than %g of the nearest items.", wanted, RECALL)
        writer.set_ann(index.write, [(one.vectors, one.count) for one in base.manifest.segments])
        writer.commit(index={**facts, **stays, "factory": factory}, compaction="none")


def _measured(store: Store, index: ApproximateIndex) -> dict[str, JSON]:
    """The settings that find enough, or else most, and all that were tried on the way there."""
    reached = climb(store.vectors(), index, store.manifest.metric, store.alive())
    if not reached:
        return {}
    curve: list[JSON] = [
        {"recall": one.recall, "low": one.low, **vars(one.settings)} for one in reached
    ]
    found = [one for one in reached if one.low >= RECALL] or [max(reached, key=lambda one: one.low)]
    chosen = vars(found[-1].settings)
    return {"chosen": dict(chosen), "curve": curve, "k": NEIGHBOURS}


def _enough(facts: Mapping[str, JSON]) -> bool:
    """Whether what was measured of an index is what one finds that was not tuned."""
    curve: Any = facts.get("curve", ())
    return any(one["low"] >= RECALL for one in curve)


def make_index(path: Path, train: Train = train_index) -> None:
    """Make the index of a collection that was just written.

    Args:
        path: Where the collection lies.
        train: Makes it, as ``train_index`` does.

    Raises:
        InvalidArgument: FAISS cannot make it, or not in the budget. The collection stands, and
            compares every item.
    """
    try:
        with _standing(f"{path} is there, and compares every item"):
            reindex(path, train=train)
    except InvalidArgument as error:
        reindex(path, EXACT)
        raise InvalidArgument(
            f"{str(error).rstrip('.')}. {path} is there, and compares every item; to build it "
            "again with another kind, overwrite it."
        ) from error


def keep_indexed(path: Path, anew: bool = False) -> None:
    """Bring the approximate index up to date after a change, which stands whatever happens here.

    Args:
        path: Where the collection lies.
        anew: Make it again in any case.
    """
    try:
        with _standing(f"What was asked for is done, but the index of {path} is as it was"):
            reindex(path, anew=anew)
    except (VecsearchError, OSError) as error:
        log.warning("The index is not brought up to date: %s", error)


def remake_index(path: Path, kind: str) -> None:
    """Give a collection, which was changed already, another kind of index.

    Raises:
        InvalidArgument: FAISS cannot make it of these vectors.
    """
    with _standing(f"{path} is compact, but its index is as it was", f" --index {kind}"):
        reindex(path, kind)


@contextmanager
def _standing(what: str, option: str = "") -> Iterator[None]:
    """Say what stands, if somebody interrupts the making of an index."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"{what}: vecsearch compact{option} makes the index.") from error


def open_index(store: Store, exact: ExactIndex) -> PartialIndex | None:
    """The approximate index of a collection over its own metric; None if it has none to use.

    One that is missing or damaged is said so, and does without.
    """
    entry = store.manifest.ann
    if entry is None or store.manifest.index["kind"] == EXACT:
        return None
    try:
        path = store.files.checked(entry.file)
        approximate = ApproximateIndex.read(path, store.manifest.metric)
        rows = _rows(store)
        approximate = approximate.at(settings) if (settings := _tuned(store)) else approximate
        if (len(rows), store.manifest.dim) != (len(approximate), approximate.dim):
            raise DamagedCollection(f"{path} holds other vectors than it should.")
        if not (rows >= 0).any():
            return None  # all its vectors have gone to other files
    except (DamagedCollection, CollectionReplaced) as error:
        log.warning(
            "%s Every item is compared instead, until it is made again: vecsearch compact %s",
            str(error).split(" Mend it:")[0],
            store.folder,
        )
        return None
    return PartialIndex(exact, approximate, rows, store.manifest.metric)


def settings_for(store: Store, recall: float) -> SearchSettings:
    """The settings of an index that find such a part of the nearest, with some certainty.

    Raises:
        InvalidArgument: The index was not measured, or reached no such recall.
        DamagedCollection: What was measured of it is not as it was written.
    """
    index = store.manifest.index
    if "curve" not in index:
        raise InvalidArgument(
            f"The index of {store.folder} was not measured, so that nobody knows its recall: "
            f"vecsearch tune {store.folder} --recall {recall:g}, or --exact."
        )
    body: Any = index["curve"]
    try:
        curve = [(float(one["low"]), SearchSettings.from_json(one)) for one in body]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCollection(f"{store.folder}: the curve of its index is damaged.") from error
    enough = [settings for low, settings in curve if low >= recall]
    if enough:
        found = enough[0]  # the quicker come first
        if index.get("tuned"):
            return found
        # As in climb: a graph found the vectors that it holds, and others are harder to find.
        farther = (one for one in enough[1:] if one.walks_farther(found))
        return next(farther, found)
    most = max((low for low, _ in curve), default=0.0)
    raise InvalidArgument(
        f"The index of {store.folder} surely finds {most:.3f} of the nearest, not {recall:g}: tune "
        f"it again, vecsearch tune {store.folder} --recall {recall:g}, or search with --exact."
    )


def _tuned(store: Store) -> SearchSettings | None:
    """The settings that were chosen by measuring; None if none were."""
    chosen = store.manifest.index.get("chosen")
    try:
        return None if chosen is None else SearchSettings.from_json(chosen)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCollection(
            f"{store.folder}: the settings of its index are damaged."
        ) from error


def _rows(store: Store) -> Rows:
    """Which row each vector of the approximate index is now; −1 if its segment is gone."""
    entry = store.manifest.ann
    here = {
        segment.vectors: range(start, start + segment.count)
        for segment, start in zip(store.manifest.segments, store.starts, strict=False)
    }
    parts = [np.empty(0, np.int64)]
    for name, count in entry.covers if entry is not None else ():
        rows = here.get(name)
        parts.append(np.full(count, -1) if rows is None else np.arange(rows.start, rows.stop))
    return np.concatenate(parts)


def _due(store: Store, anew: bool) -> bool:
    """Whether an index is to be made, or made again, or taken away."""
    index, entry = store.manifest.index, store.manifest.ann
    kind = str(index["kind"])
    factory = within_budget(kind, len(store), store.manifest.dim, budget_of(index))
    if factory == EXACT or not len(store):
        return entry is not None
    if entry is None and "exact_at" in index:
        # So few items more will not find enough either.
        return len(store) > (1 + MOST_UNCOVERED) * float(str(index["exact_at"]))
    if anew or entry is None or not (store.folder / entry.file).exists():
        return True
    covered = {name for name, _ in entry.covers}
    parts = store.manifest.segments
    left = sum(part.count for part in parts if part.vectors not in covered)
    # Of a small collection, too, one that knows less than half is of little use.
    return left > min(max(FEW, MOST_UNCOVERED * len(store)), sum(one.count for one in parts) / 2)


def budget_of(index: Mapping[str, JSON]) -> int | None:
    """How much memory the making of the index may take, if that was ever said."""
    budget = index.get("memory_budget")
    return budget if isinstance(budget, int) else None
