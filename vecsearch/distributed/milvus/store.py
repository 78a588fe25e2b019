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
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from vecsearch.distributed.milvus.address import Address
from vecsearch.distributed.milvus.blocks import BLOCK_ROWS, parts_of
from vecsearch.distributed.milvus.connection import SECONDS, Connection, asking, send
from vecsearch.distributed.milvus.encoder_files import (
    drop_files,
    get_files,
    put_files,
    stamps_of,
)
from vecsearch.distributed.milvus.entities import columns_of, schema_of
from vecsearch.distributed.milvus.filters import one_of
from vecsearch.distributed.milvus.health import health_of
from vecsearch.distributed.milvus.limits import refuse_what_cannot_be
from vecsearch.distributed.milvus.properties import STATE, Properties
from vecsearch.distributed.milvus.questions import Questions
from vecsearch.distributed.milvus.standing import Standing
from vecsearch.distributed.stores import Block, Health, Neighbour, Profile
from vecsearch.errors import CollectionExists, InvalidArgument, VecsearchError
from vecsearch.index import check_vectors
from vecsearch.store import Record, Records
from vecsearch.types import Metric, Vectors
from vecsearch.where import Condition

if TYPE_CHECKING:
    from pymilvus import MilvusClient

GRAPH = {"M": 16, "efConstruction": 200}
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

        refuse_what_cannot_be(self.address, self._connection, profile)
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
        refuse_what_cannot_be(self.address, self._connection, profile)
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

    def mark(self, state: Literal["whole", "wrong"]) -> None:
        """Say that it holds all that it is to hold, or something else."""
        with asking(self.address):
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
        return self._questions.nearest(queries, k, conditions, exact)

    def fetch(self, ids: Sequence[str] | None = None) -> Iterator[Block]:
        """Items with their vectors, a block at a time, in the order of their ids."""
        return self._questions.items(ids)

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[Sequence[Record], int]:
        """Some of the items of which conditions hold, in the order of their ids, and how many."""
        return self._questions.page(conditions, limit, offset)

    def health(self, wait: bool = True) -> Health:
        """How it is. Whether it is still what it was, as after another push, is looked at anew."""
        self._standing.look()
        if wait:
            self._standing.unsettle()
        items = self._questions.count(strong=wait)
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

    @property
    def _questions(self) -> Questions:
        return Questions(self.address, self._connection, self._standing)
