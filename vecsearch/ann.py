"""Keep the approximate index of a collection in step with its vectors."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch.errors import (
    CollectionLocked,
    CollectionReplaced,
    DamagedCollection,
    InvalidArgument,
)
from vecsearch.index import (
    ApproximateIndex,
    ExactIndex,
    PartialIndex,
    SearchSettings,
    factory_of,
    train_index,
)
from vecsearch.store import Store, Writer
from vecsearch.types import JSON, Rows

# The largest part of the items that an index may leave to exact search, and how many are always
# few enough: 10,000 of 128 dims are compared in a millisecond.
MOST_UNCOVERED = 0.1
FEW = 10_000
log = logging.getLogger(__name__)


def reindex(
    path: Path,
    kind: str | None = None,
    anew: bool = False,
    facts: Mapping[str, JSON] | None = None,
) -> None:
    """Bring the approximate index up to date, if a collection has one and that is worth it.

    Args:
        path: Where the collection lies.
        kind: Another kind of index from now on: ``exact``, ``hnsw``, ``ivf``, or a string that
            FAISS makes one of.
        anew: Make it again in any case.
        facts: What was measured of another kind, and shall stand beside it.

    Raises:
        InvalidArgument: FAISS cannot make such an index of these vectors.
        CollectionLocked: Another process is writing to the collection.
    """
    store = Store(path)
    wanted = str(store.manifest.index["kind"]) if kind is None else kind
    if kind is None and (wanted == "exact" or not (anew or _due(store))):
        return
    with Writer(path, amend=True) as writer:
        base = writer.base
        segments = base.manifest.segments
        if wanted == "exact" or not len(base):
            writer.commit(index={"kind": wanted}, compaction="none")
            return
        metric = base.manifest.metric
        index = train_index(base.vectors(), metric, wanted)
        covers = [(entry.vectors, entry.count) for entry in segments]
        writer.set_ann(index.write, covers)
        count = sum(entry.count for entry in segments)
        known = facts or (base.manifest.index if kind is None else {})
        writer.commit(
            index={**known, "kind": wanted, "factory": factory_of(wanted, count)},
            compaction="none",
        )


def keep_indexed(path: Path, anew: bool = False) -> None:
    """Bring the approximate index up to date after a change, which stands whatever happens here.

    Args:
        path: Where the collection lies.
        anew: Make it again in any case.
    """
    try:
        reindex(path, anew=anew)
    except (InvalidArgument, CollectionLocked) as error:
        log.warning("The index is not brought up to date: %s", error)


def open_index(store: Store, exact: ExactIndex) -> PartialIndex | None:
    """The approximate index of a collection over its own metric; None if it has none to use.

    One that is missing or damaged is said so, and does without.
    """
    entry = store.manifest.ann
    if entry is None or store.manifest.index["kind"] == "exact":
        return None
    try:
        path = store.checked(entry.file)
        approximate = ApproximateIndex.read(path, store.manifest.metric)
        rows = _rows(store)
        approximate = approximate.at(settings) if (settings := _tuned(store)) else approximate
        if len(rows) != len(approximate):
            raise DamagedCollection(f"{path} holds another number of vectors than it should.")
    except (DamagedCollection, CollectionReplaced) as error:
        log.warning(
            "%s Every item is compared instead, until it is made again: vecsearch compact %s",
            str(error).split(" Mend it:")[0],
            store.folder,
        )
        return None
    return PartialIndex(exact, approximate, rows, store.manifest.metric)


def settings_for(store: Store, recall: float) -> SearchSettings:
    """The settings of a tuned index that find such a part of the nearest, with some certainty.

    Raises:
        InvalidArgument: The index was not tuned, or reached no such recall.
        DamagedCollection: What was measured of it is not as it was written.
    """
    index = store.manifest.index
    if "curve" not in index:
        raise InvalidArgument(
            f"The index of {store.folder} was not tuned, so that nobody knows its recall: "
            f"vecsearch tune {store.folder} --recall {recall:g}, or --exact."
        )
    body: Any = index["curve"]
    try:
        curve = [(float(one["low"]), SearchSettings.from_json(one)) for one in body]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCollection(f"{store.folder}: the curve of its index is damaged.") from error
    # Of equal ones the first, which is the quicker one.
    if enough := [pair for pair in curve if pair[0] >= recall]:
        return min(enough, key=lambda pair: pair[0])[1]
    most = max((low for low, _ in curve), default=0.0)
    raise InvalidArgument(
        f"The index of {store.folder} surely finds {most:.3f} of the nearest, not {recall:g}: tune "
        f"it again, vecsearch tune {store.folder} --recall {recall:g}, or search with --exact."
    )


def _tuned(store: Store) -> SearchSettings | None:
    """The settings that tuning chose; None if it was not tuned."""
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


def _due(store: Store) -> bool:
    """Whether so much is not covered that searching it takes longer than it should."""
    entry = store.manifest.ann
    if entry is None or not (store.folder / entry.file).exists():
        return True
    covered = {name for name, _ in entry.covers}
    left = sum(part.count for part in store.manifest.segments if part.vectors not in covered)
    return left > max(FEW, MOST_UNCOVERED * len(store))
