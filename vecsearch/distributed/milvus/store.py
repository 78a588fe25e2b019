"""A collection on Milvus, as a store among others."""

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from numpy.typing import ArrayLike

from vecsearch.distributed.milvus.address import Address
from vecsearch.distributed.milvus.blocks import BLOCK_ROWS, Pace, parts_of
from vecsearch.distributed.milvus.connection import SECONDS, Connection, asking, send
from vecsearch.distributed.milvus.encoder_files import (
    drop_files,
    get_files,
    put_files,
    stamps_of,
)
from vecsearch.distributed.milvus.entities import (
    SHOWN,
    STORED,
    block_of,
    columns_of,
    neighbours_of,
    schema_of,
    shown_of,
)
from vecsearch.distributed.milvus.filters import (
    behind,
    compiled,
    keys_of,
    knows_key,
    one_of,
)
from vecsearch.distributed.milvus.health import health_of
from vecsearch.distributed.milvus.properties import STATE, Properties
from vecsearch.distributed.milvus.standing import Standing
from vecsearch.distributed.stores import Block, Health, Neighbour, Profile
from vecsearch.errors import (
    CollectionExists,
    IncompleteAnswer,
    InvalidArgument,
    VecsearchError,
)
from vecsearch.index import check_vectors
from vecsearch.store import Record, Records
from vecsearch.types import Metric, Vectors
from vecsearch.where import Condition

if TYPE_CHECKING:
    from pymilvus import MilvusClient

# The most that Milvus gives for one question.
MOST_HITS = 16384
MOST_DIM, MOST_SHARDS = 32768, 16
# From 20 questions at a time on, FAISS computes x² + y² − 2xy in Milvus, too, by which an item is
# not at 0 from itself.
QUESTIONS_AT_ONCE = 16
GRAPH = {"M": 16, "efConstruction": 200}
# How far the graph is searched at least, and for so many times k. With a filter, farther: at 64 it
# finds 0.89 of the nearest, at 512 0.93, and at 1024 no more (benchmarks/milvus_push.py).
EF, EF_TIMES, EF_FILTERED, EF_FILTERED_TIMES = 64, 2, 512, 8
MOST_EF = 32768
INDEX_SECONDS = 3600


class MilvusStore:
    """A collection on Milvus.

    Args:
        address: Where it is, or shall be.
        partial: Whether it is to be filled by a push, and need not be whole.
    """

    def __init__(self, address: Address, partial: bool = False) -> None:
        self.address = address
        self._connection = Connection(address)
        self._standing = Standing(address, self._connection, partial)
        self._encoder: tuple[Mapping[str, tuple[str, int]], Path] | None = None
        self._lock = threading.RLock()

    def anew(self) -> "MilvusStore":
        """The same by the same connection, taken for what it is now."""
        fresh = MilvusStore(self.address)
        fresh._connection, fresh._standing = self._connection, self._standing.anew()
        return fresh

    @property
    def place(self) -> str:
        """The address, without secrets."""
        return str(self.address)

    @property
    def properties(self) -> Properties:
        """What is kept with the collection.

        Raises:
            CollectionNotFound: There is none of that name.
            DamagedCollection: It is none of ours.
        """
        return self._standing.properties

    @property
    def profile(self) -> Profile:
        """What it was created as."""
        return self.properties.profile

    def create(self, profile: Profile, encoder: Path | None = None, *, whole: bool = True) -> None:
        """Make it, with no items.

        Args:
            profile: What it shall be.
            encoder: The folder that holds its encoder.
            whole: Whether it may be opened already; ``mark`` says so later.
        """
        from importlib.metadata import version

        self._refuse_what_cannot_be(profile)
        client, name = self._client, self.address.name
        with asking(self.address):
            if client.has_collection(name):
                raise CollectionExists(
                    f"There is a collection {self.place} already: choose another name, or ask to "
                    "overwrite it (--overwrite)."
                )
            files = {} if encoder is None else stamps_of(encoder)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            found = Properties(profile, files, whole, created, version("vecsearch"))
        try:
            with asking(self.address):
                if encoder is not None:
                    put_files(client, name, encoder)
                client.create_collection(
                    name,
                    schema=schema_of(client, profile),
                    num_shards=profile.shards,
                    consistency_level="Strong",  # of what names none: pages of all items
                    properties=found.to_milvus(),
                )
        except BaseException:
            # Unless another push has made it meanwhile, whose files they are.
            with suppress(VecsearchError), asking(self.address):
                if not client.has_collection(name):
                    drop_files(client, name)
            raise
        self._standing.begin(found)
        self.ensure_index()

    def ensure_index(self) -> None:
        """Say how it is to be searched, unless that was said."""
        client, name, profile = self._client, self.address.name, self.profile
        with asking(self.address):
            if client.list_indexes(name):
                return
            index = client.prepare_index_params()
            kind, params = ("FLAT", {}) if profile.index == "exact" else ("HNSW", GRAPH)
            metric = "L2" if profile.metric is Metric.EUCLIDEAN else "COSINE"
            index.add_index("vector", index_type=kind, metric_type=metric, params=params)
            client.create_index(name, index, sync=False)

    def check(self, profile: Profile, blocks: Iterable[Block], encoder: Path | None) -> None:
        """See that Milvus can take items, and their encoder, before anything is done about it.

        Raises:
            InvalidArgument: It cannot.
        """
        self._refuse_what_cannot_be(profile)
        if encoder is not None:
            stamps_of(encoder)
        for records, _ in blocks:
            columns_of(records)

    def drop(self) -> None:
        """Take it away with all that belongs to it, if it is there.

        Raises:
            DamagedCollection: It is none of ours.
        """
        self._standing.forget()
        with asking(self.address):
            there = self._client.has_collection(self.address.name)
        if there:
            _ = self.properties  # which refuses what is not ours
            with asking(self.address):
                self._client.drop_collection(self.address.name)
                drop_files(self._client, self.address.name)
        self._standing.forget()

    def seal(self) -> None:
        """Wait until the server has indexed all that was put in.

        Until then it goes by an index in a hurry, which with conditions finds too little.
        """
        client, name = self._client, self.address.name
        with asking(self.address):
            client.flush(name, timeout=INDEX_SECONDS)
            end = time.monotonic() + INDEX_SECONDS
            while client.describe_index(name, "vector")["pending_index_rows"]:
                if time.monotonic() > end:
                    raise VecsearchError(f"{self.place} is not indexed in {INDEX_SECONDS} s.")
                time.sleep(0.1)

    def mark(self, whole: bool) -> None:
        """Say whether all that it is to hold has been put in."""
        with asking(self.address):
            state = "whole" if whole else "filling"
            self._client.alter_collection_properties(self.address.name, {STATE: state})
        self._standing.forget()

    def upsert(self, vectors: Vectors, records: Records, *, new: bool = False) -> None:
        """Put in items. On return the server has them in its log."""
        profile, client = self.profile, self._client
        checked = check_vectors(vectors, profile.dim, profile.metric)
        if len(set(records.ids)) < len(records):
            raise InvalidArgument("An id is there twice.")
        columns = columns_of(records)  # all of them, before any is sent
        self._standing.refuse_another()
        schema = schema_of(client, profile)
        with asking(self.address):
            for rows in parts_of(columns, profile.dim):
                part: dict[str, list[Any]] = {key: all_[rows] for key, all_ in columns.items()}
                part["vector"] = checked[rows].tolist()
                send(self._client, self.address.name, schema, part, new)
        self._standing.unsettle()

    def delete(self, ids: Sequence[str]) -> None:
        """Take out items; ids that are not there are passed over."""
        names = list(ids)
        self._standing.refuse_another()
        self._standing.ready()
        with asking(self.address):
            for start in range(0, len(names), BLOCK_ROWS):
                part = one_of(names[start : start + BLOCK_ROWS])
                self._client.delete(self.address.name, filter=part, timeout=SECONDS)
        self._standing.unsettle()

    def search(
        self,
        vectors: ArrayLike,
        k: int,
        conditions: tuple[Condition, ...] = (),
        *,
        exact: bool = False,
    ) -> list[list[Neighbour]]:
        """The k nearest items of each of some vectors."""
        profile = self.profile
        queries = check_vectors(vectors, profile.dim, profile.metric)
        if not 1 <= k <= MOST_HITS:
            raise InvalidArgument(f"Milvus finds 1 to {MOST_HITS} items at a time, not {k}.")
        if exact and profile.index != "exact":
            raise InvalidArgument(
                f"{self.place} is searched by a graph, and cannot be compared item by item: push "
                "it with --index exact."
            )
        options: dict[str, Any] = {
            "limit": k,
            "filter": compiled(conditions),
            "output_fields": SHOWN,
            "search_params": {"params": self._effort(k, bool(conditions))},
            "consistency_level": self._standing.level,
            "timeout": SECONDS,
        }
        self._standing.ready()
        found = []
        for start in range(0, len(queries), QUESTIONS_AT_ONCE):
            part = list(queries[start : start + QUESTIONS_AT_ONCE])
            found += self._asked(part, options)
        if conditions and not any(found):
            self._refuse_unknown(keys_of(conditions))
        euclidean = profile.metric is Metric.EUCLIDEAN
        return [neighbours_of(hits, euclidean) for hits in found]

    def fetch(self, ids: Sequence[str] | None = None) -> Iterator[Block]:
        """Items with their vectors, a block at a time, in the order of their ids."""
        self._standing.ready()
        if ids is None:
            yield from self._fetch_all()
            return
        names, start = list(dict.fromkeys(ids)), 0
        pace = Pace(self.profile.dim)
        while start < len(names):
            part = names[start : start + pace.rows]
            start += len(part)
            if rows := self._queried(one_of(part), STORED):
                pace.learn(rows)
                yield block_of(rows, self.profile.dim)

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[Sequence[Record], int]:
        """Some of the items of which conditions hold, in the order of their ids, and how many."""
        self._standing.ready()
        where = compiled(conditions)
        count = self._count(where)
        if conditions and not count:
            self._refuse_unknown(keys_of(conditions))
        if offset >= count:
            return [], count
        if offset >= MOST_HITS:
            raise InvalidArgument(
                f"Milvus shows the first {MOST_HITS} items, and no further ones: ask for those of "
                "which a condition holds, or for what is near to something."
            )
        most = min(limit, MOST_HITS - offset)
        rows = self._queried(where, ["id", *SHOWN], limit=most, offset=offset)
        return [shown_of(one["id"], one) for one in rows], count

    def health(self, wait: bool = True) -> Health:
        """How it is. Whether it is still what it was, as after another push, is looked at anew."""
        self._standing.look()
        if wait:
            self._standing.unsettle()
        items = self._count("", consistency_level="Strong" if wait else self._standing.level)
        with asking(self.address):
            health = health_of(self._client, self.address.name, items, self.address.is_file)
        if not self.properties.whole:
            return replace(health, faults=[*health.faults, "it was not pushed to its end"])
        return health

    def encoder_folder(self) -> Path | None:
        """A temporary folder with its encoder, whose files are checked."""
        properties = self.properties
        if properties.profile.encoder is None:
            return None
        with self._lock:
            if self._encoder is None or self._encoder[0] != properties.files:
                folder = Path(tempfile.mkdtemp(prefix="vecsearch-encoder-"))
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                with asking(self.address):
                    get_files(self._client, self.address.name, properties.files, folder)
                self._encoder = properties.files, folder
            return self._encoder[1]

    def close(self) -> None:
        """Let go of the connection; the next question makes another."""
        self._connection.close()

    @property
    def _client(self) -> "MilvusClient":
        return self._connection.client

    def _effort(self, k: int, filtered: bool) -> dict[str, int]:
        if self.profile.index == "exact":
            return {}
        least, times = (EF_FILTERED, EF_FILTERED_TIMES) if filtered else (EF, EF_TIMES)
        return {"ef": min(MOST_EF, max(least, times * k))}

    def _refuse_what_cannot_be(self, profile: Profile) -> None:
        """Refuse what the server would, before anything is done about it."""
        if profile.dim > MOST_DIM:
            raise InvalidArgument(
                f"Milvus takes vectors of {MOST_DIM} dims at most, not {profile.dim}: build with "
                "another encoder, as pca."
            )
        if profile.shards > MOST_SHARDS:
            raise InvalidArgument(
                f"Milvus takes {MOST_SHARDS} shards at most, not {profile.shards}."
            )
        if profile.replicas > 1 and not self.address.is_file:
            # How many query nodes there are, it tells by loading something.
            client, name = self._client, f"{self.address.name}_{uuid4().hex[:8]}"
            index = client.prepare_index_params()
            index.add_index("vector", index_type="FLAT", metric_type="L2")
            schema = schema_of(client, Profile(Metric.EUCLIDEAN, 2))
            with asking(self.address):
                client.create_collection(name, schema=schema, index_params=index)
                try:
                    client.release_collection(name)
                    client.load_collection(name, replica_number=profile.replicas)
                finally:
                    client.drop_collection(name)

    def _asked(self, queries: Sequence[Any], options: dict[str, Any]) -> list[Any]:
        try:
            with asking(self.address):
                return list(self._client.search(self.address.name, data=queries, **options))
        except VecsearchError as error:
            # Is it the question, or the server?
            self._standing.doubt()
            try:
                self._standing.ready()
            except IncompleteAnswer as incomplete:
                raise incomplete from error
            raise

    def _refuse_unknown(self, keys: Sequence[str]) -> None:
        """Tell a key that no item has, which is a mistake, from a value that none has."""
        for key in keys:
            if not self._queried(knows_key(key), ["id"], limit=1):
                raise InvalidArgument(f"No item of {self.place} has {key!r}.")

    def _fetch_all(self) -> Iterator[Block]:
        """All items, page by page, as the iterator of the client does.

        Each page waits for all that was written: its replica may be another than that before. The
        client sends no level with an iterator, so that it is the collection's own that counts.
        """
        last = ""
        pace = Pace(self.profile.dim)
        while True:
            rows = self._queried(
                behind(last),
                STORED,
                limit=pace.rows,
                iterator="True",
                reduce_stop_for_best="True",
            )
            if not rows:
                return
            pace.learn(rows)
            yield block_of(rows, self.profile.dim)
            last = rows[-1]["id"]

    def _count(self, where: str, **options: Any) -> int:
        return int(self._queried(where, ["count(*)"], **options)[0]["count(*)"])

    def _queried(self, where: str, fields: Sequence[str], **options: Any) -> list[dict[str, Any]]:
        """Rows by a condition."""
        known = {"consistency_level": self._standing.level, "timeout": SECONDS}
        try:
            with asking(self.address):
                return list(
                    self._client.query(
                        self.address.name,
                        filter=where,
                        output_fields=fields,
                        **{**known, **options},
                    )
                )
        except VecsearchError:
            self._standing.doubt()  # it may have been released
            raise
