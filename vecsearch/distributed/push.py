"""Copy a collection to a server: all of it, once, and see that it answers the same there."""

import hashlib
import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import get_args

import numpy as np

from vecsearch.collection import Collection
from vecsearch.distributed.folder_store import FolderStore
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.stores import Block, Health, Kind, Profile, VectorStore
from vecsearch.errors import (
    CollectionExists,
    CollectionNotFound,
    DamagedCollection,
    InvalidArgument,
    VecsearchError,
)
from vecsearch.types import Progress

# How many of its own items are asked for in the end, with so many neighbours each.
SAMPLE, NEIGHBOURS = 50, 10
UNDER_WAY = 2
# What a graph must find of them, and how much distances may differ: Milvus computes in float32.
LEAST_FOUND, TOLERANCE = 0.9, 1e-3
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        items: How many items are there now.
        pushed: How many of them this run has put there.
        resumed: How many an interrupted run had put there before.
        index: How they are searched there: ``exact`` or ``hnsw``.
        shards: How many parts take in writes.
        replicas: How many copies answer questions.
        sampled: How many items were then asked for.
        found: Which part of the 10 nearest items of each the server gave.
    """

    items: int
    pushed: int
    resumed: int
    index: str
    shards: int
    replicas: int
    sampled: int
    found: float


def push(
    collection: Collection,
    address: str,
    *,
    shards: int = 1,
    replicas: int = 1,
    index: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Copy a collection to Milvus: vectors, ids, labels, metadata, encoder and calibration.

    A push that was interrupted goes on when it is asked for again. Until it has come to its end,
    nobody can open what is there.

    Args:
        collection: A collection in a folder.
        address: Where it shall be, as ``milvus://localhost:19530/shop``.
        shards: How many parts take in writes.
        replicas: How many copies answer questions; each wants a query node of its own. With one,
            the loss of a query node costs answers until it is replaced.
        index: ``exact``, ``hnsw``, or ``auto``: as the collection itself is searched.
        overwrite: Replace the collection that is there.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense, or Milvus cannot take an item.
        CollectionExists: Another one is there.
        MissingPackage: pymilvus is not installed.
        StoreError: The server cannot be reached, or refuses.
        VecsearchError: It answers otherwise than the collection.

    Example:
        >>> books = Collection.open("indexes/books")  # doctest: +SKIP
        >>> push(books, "milvus://localhost:19530/books").pushed  # doctest: +SKIP
        4
    """
    if shards < 1 or replicas < 1:
        raise InvalidArgument("There is 1 shard or more, and 1 replica or more.")
    if index != "auto" and index not in get_args(Kind):
        raise InvalidArgument(f"{index!r} is no index here: auto, {', '.join(get_args(Kind))}.")
    source = FolderStore(collection.path)
    # Whoever goes on has to see all that stands there.
    target = MilvusStore(replace(Address.parse(address), consistency="strong"), partial=True)
    known = source.profile
    profile = replace(
        known,
        encoder=None if known.encoder is None else replace(known.encoder, folder=""),
        index=known.index if index == "auto" else index,  # type: ignore[arg-type]
        shards=shards,
        replicas=replicas,
        origin=_origin(source),
    )
    # Of what stands now, which others may have changed since the collection was opened.
    total = len(source.view)
    if overwrite and not _goes_on(target, profile, total):
        target.check(profile, source.fetch(), source.encoder_folder())
        target.drop()
    begun = _begin(source, target, profile)
    if replicas < 2:
        log.warning(
            "There is one replica: when its query node fails, answers lack items until it is "
            "replaced. --replicas 2 wants two query nodes."
        )

    pushed = _put_all(source, target, begun, progress)
    if _origin(source) != profile.origin:
        raise VecsearchError(
            f"{source.place} was changed while it was pushed: push it again, with --overwrite."
        )
    target.seal()
    try:
        health, sampled, found = _compared(source, target, total)
    except _Otherwise as error:
        if target.properties.whole:
            raise _changed_since(source, target) from error
        target.mark("wrong")
        raise
    target.mark("whole")
    return Pushed(
        items=health.items,
        pushed=pushed,
        resumed=total - pushed,
        index=profile.index,
        shards=health.shards,
        replicas=health.replicas,
        sampled=sampled,
        found=found,
    )


def _origin(source: FolderStore) -> str:
    return hashlib.sha256(source.view.store.manifest.to_bytes()).hexdigest()


def _goes_on(target: MilvusStore, profile: Profile, total: int) -> bool:
    """Whether there is a part of what is pushed, from a push that was interrupted."""
    try:
        if target.properties.whole or _begun_as(target.profile) != _begun_as(profile):
            return False
        target.ensure_index()
        return not target.properties.wrong and target.health().items <= total
    except (CollectionNotFound, DamagedCollection):
        return False


def _begun_as(profile: Profile) -> tuple[str | None, str, int, int]:
    """What must be the same for a push to go on."""
    return profile.origin, profile.index, profile.shards, profile.replicas


def _begin(source: FolderStore, target: MilvusStore, profile: Profile) -> bool:
    """Make what is not there yet; whether there is anything already."""
    try:
        known = target.profile
    except CollectionNotFound:
        target.create(profile, source.encoder_folder(), whole=False)
        return False
    if known.origin != profile.origin:
        raise CollectionExists(
            f"{target.place} is another collection, or {source.place} as it was before: choose "
            "another name, or ask to overwrite it (--overwrite)."
        )
    asked, there = _begun_as(profile)[1:], _begun_as(known)[1:]
    if asked != there:
        raise CollectionExists(
            f"{target.place} was begun with index, shards and replicas {there}, not {asked}: ask "
            "for these, or to overwrite it (--overwrite)."
        )
    target.ensure_index()
    items, total = target.health().items, len(source.view)
    if target.properties.whole and items != total:
        raise _changed_since(source, target)
    return items > 0


def _changed_since(source: FolderStore, target: MilvusStore) -> CollectionExists:
    return CollectionExists(
        f"{target.place} was pushed to its end, and changed since: it has other items than "
        f"{source.place}. Ask to overwrite it (--overwrite)."
    )


class _Otherwise(VecsearchError):
    """A server answers otherwise than the collection that was pushed there."""


def _put_all(
    source: FolderStore, target: MilvusStore, begun: bool, progress: Progress | None
) -> int:
    """Put in what is not there yet; returns how many items that were.

    Raises:
        CollectionExists: All was there once, and something is not any more.
    """
    whole, total = begun and target.properties.whole, len(source.view)

    def put(block: Block) -> int:
        records, vectors = _without_standing(block, target) if begun else block
        if whole and len(records):
            raise _changed_since(source, target)
        if len(records):
            target.upsert(vectors, records, new=True)
        return len(records)

    pushed = seen = 0
    # While the server takes in one block, others are read and made ready.
    with ThreadPoolExecutor(UNDER_WAY) as pool:
        under_way: deque[tuple[Future[int], int]] = deque()
        for block in chain(source.fetch(), UNDER_WAY * [None]):
            if len(under_way) == UNDER_WAY or (block is None and under_way):
                done, count = under_way.popleft()
                pushed, seen = pushed + done.result(), seen + count
                if progress is not None:
                    progress("pushing", seen, total)
            if block is not None:
                under_way.append((pool.submit(put, block), len(block[0])))
    return pushed


def _without_standing(block: Block, target: VectorStore) -> Block:
    """Those items of a block that are not there yet."""
    records, vectors = block
    there = {name for found, _ in target.fetch(records.ids) for name in found.ids}
    rows = [row for row, name in enumerate(records.ids) if name not in there]
    return records.at(rows), vectors[rows]


def _compared(source: FolderStore, target: MilvusStore, total: int) -> tuple[Health, int, float]:
    """Count the items, and ask both for the neighbours of some.

    Returns:
        How the collection there is, how many items were asked for, and which part was found.

    Raises:
        _Otherwise: They answer otherwise.
        VecsearchError: It is loaded with too few replicas.
    """
    health = target.health()
    if health.items != total:
        raise _Otherwise(
            f"{target.place} counts {health.items} items, {source.place} has {total}: push it "
            "again, with --overwrite."
        )
    if health.replicas < target.profile.replicas and not target.address.is_file:
        raise VecsearchError(
            f"{target.place} is loaded with {health.replicas} replicas, not "
            f"{target.profile.replicas}: release it on the server, and push it again."
        )
    store = source.view.store
    rows = store.rows()
    rows = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)]
    if not len(rows):
        return health, 0, 1.0
    queries = store.take(rows)
    shares = []
    for mine, theirs in zip(
        source.search(queries, NEIGHBOURS, exact=True),
        target.search(queries, NEIGHBOURS),
        strict=True,
    ):
        # By their distances: of equally near ones, each may give others.
        limit = mine[-1].distance * (1 + TOLERANCE) + TOLERANCE
        shares.append(sum(one.distance <= limit for one in theirs) / len(mine))
    found = float(np.mean(shares))
    least = 1.0 if target.profile.index == "exact" else LEAST_FOUND
    if found < least:
        raise _Otherwise(
            f"Of the {NEIGHBOURS} nearest of {len(rows)} items, {target.place} finds {found:.3f}, "
            f"and should {least:g}: push it again, with --overwrite and --index exact."
        )
    return health, len(rows), found
