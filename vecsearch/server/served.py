"""A collection that is served: its newest generation, and what was worked out of it."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vecsearch.collection import Collection
from vecsearch.errors import VecsearchError
from vecsearch.images import is_absolute
from vecsearch.server.settings import name_of
from vecsearch.store import Record, key_of
from vecsearch.types import JSON, Rows, Vectors

T = TypeVar("T")

# How often to look whether another process has committed something; a look takes 30 µs.
LOOK_SECONDS = 0.25
ITEMS_KEPT = 20_000
RESULTS_KEPT = 32


class Generation:
    """One generation of a collection. It never changes; what is made of it is kept with it.

    Args:
        collection: A snapshot.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.view = collection.view
        self._items: dict[int, dict[str, JSON]] = {}
        self._results: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.collection)

    @property
    def number(self) -> int:
        """Which generation it is."""
        return self.view.store.manifest.generation

    def item(self, row: int) -> dict[str, JSON]:
        """The item at a row as plain values, not to be changed."""
        if (known := self._items.get(row)) is not None:
            return known
        found = item_of(self.view.store.record(row))
        with self._lock:
            self._items[row] = found
            if len(self._items) > ITEMS_KEPT:
                del self._items[next(iter(self._items))]
        return found

    def find(self, names: Sequence[str]) -> list[int]:
        """The row of each id, −1 where there is no such item.

        As ``Store.find``, which compares with the keys of all items: these are sorted once here.
        """
        keys, order, alive = self._sorted
        wanted = np.array([key_of(name) for name in names], np.uint32)
        first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, "right")
        found = []
        for name, start, end in zip(names, first.tolist(), last.tolist(), strict=True):
            rows = [row for row in order[start:end].tolist() if alive is None or alive[row]]
            found.append(next((row for row in rows if self.item(row)["id"] == name), -1))
        return found

    def take(self, rows: Sequence[int]) -> Vectors:
        """The vectors at some rows, ``(n, dim)``, from files that are opened once."""
        starts = np.array(self.view.store.starts)
        blocks = np.searchsorted(starts, rows, side="right") - 1
        taken = [
            self._blocks[block][row - starts[block]]
            for block, row in zip(blocks.tolist(), rows, strict=True)
        ]
        return np.array(taken, np.float32).reshape(len(rows), self.collection.dim)

    @cached_property
    def _blocks(self) -> Sequence[Vectors]:
        return self.view.store.vectors()

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint32], Rows, NDArray[np.bool_] | None]:
        store = self.view.store
        columns = [store.columns(entry).keys for entry in store.manifest.segments]
        keys = np.concatenate([np.empty(0, np.uint32), *columns])
        order = np.argsort(keys, kind="stable")
        return keys[order], order, store.alive()

    def kept(self, key: Hashable, work: Callable[[], T]) -> T:
        """What some work gave when it was done the first time."""
        with self._lock:
            known = self._results.get(key)
        if known is None:
            known = Future()
            known.set_result(work())
            with self._lock:
                self._results[key] = known
        result: T = known.result()
        return result

    def once(self, pool: Executor, key: Hashable, work: Callable[[], T]) -> "Future[T]":
        """What some work gives, done once, however many ask for it at a time."""
        with self._lock:
            future = self._results.get(key)
            if future is None:
                future = self._results[key] = pool.submit(work)
                future.add_done_callback(partial(self._forget_failed, key))
                while len(self._results) > RESULTS_KEPT:
                    self._results.popitem(last=False)
            else:
                self._results.move_to_end(key)
            return future

    def _forget_failed(self, key: Hashable, future: "Future[Any]") -> None:
        if future.cancelled() or future.exception() is not None:
            with self._lock:
                self._results.pop(key, None)


def item_of(record: Record) -> dict[str, JSON]:
    """An item as plain values.

    Its path is that below the collection's folder, of a file elsewhere its name alone: where
    folders lie on the server is nobody's business.
    """
    path = record.path
    return {
        "id": record.id,
        "label": record.label,
        "path": Path(path).name if path is not None and is_absolute(path) else path,
        "metadata": dict(record.metadata),
    }


class Served:
    """A collection that is served.

    Args:
        path: Where it lies.
        pool: What works on it.
    """

    def __init__(self, path: Path, pool: Executor) -> None:
        self.name = name_of(path)
        self.collection = Collection.open(path)
        self._pool = pool
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._looking: asyncio.Future[None] | None = None
        self.generation = Generation(self.collection.snapshot())

    async def now(self) -> Generation:
        """The newest generation, as of a moment ago.

        Whoever asks while it is looked for is answered from the one before.
        """
        if self._looking is None and time.monotonic() - self._looked > LOOK_SECONDS:
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._pool, self.look)
            self._looking.add_done_callback(self._has_looked)
        return self.generation

    def look(self) -> None:
        """See what was committed since, and make it ready before anybody is answered from it."""
        with self._lock:
            self.collection.refresh()
            if self.collection.view is not self.generation.view:
                fresh = Generation(self.collection.snapshot())
                warm(fresh)
                self.generation = fresh

    def _has_looked(self, done: "asyncio.Future[None]") -> None:
        self._looked = time.monotonic()
        self._looking = None
        error = done.exception()
        if error is not None and not isinstance(error, VecsearchError | OSError):
            raise error


def open_served(paths: Sequence[Path], pool: Executor) -> dict[str, Served]:
    """Collections by name, ready to answer.

    Args:
        paths: Where they lie.
        pool: What works on them.

    Raises:
        CollectionNotFound: There is none at one of the paths.
        DamagedCollection: One is not as it was written.
    """
    found = [Served(path, pool) for path in paths]
    for one in found:
        warm(one.generation)
    return {one.name: one for one in found}


def warm(generation: Generation) -> None:
    """Do what the first query would have to wait for."""
    if len(generation):
        collection = generation.collection
        collection.query_vectors(np.ones((1, collection.dim), np.float32), 1)
        generation.find([""])


async def in_pool(pool: Executor, work: Callable[..., T], *args: Any, **options: Any) -> T:
    """Do something off the event loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, partial(work, *args, **options))


async def ready(future: "Future[T]") -> T:
    """Wait for what others wait for too: who goes away does not stop it."""
    return await asyncio.shield(asyncio.wrap_future(future))
