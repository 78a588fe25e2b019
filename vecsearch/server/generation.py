"""One generation of a collection that is served, and what was worked out of it."""

import math
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from vecsearch.answers import ranked
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.images import is_absolute
from vecsearch.index import scores
from vecsearch.server.problems import Problem
from vecsearch.store import Record, key_of
from vecsearch.types import JSON, Hit, Metric, Rows, Vectors
from vecsearch.view import View
from vecsearch.where import Condition, Where, as_conditions

T = TypeVar("T")
Plain: TypeAlias = dict[str, JSON]
What: TypeAlias = "str | Vectors"
"""The id of an item, or a vector, ``(dim,)``."""

ITEMS_KEPT = 20_000
RESULTS_KEPT = 32


@dataclass(frozen=True)
class How:
    """How to search: what is asked in the same way can be searched together.

    Attributes:
        k: How many.
        metric: How distances are measured.
        conditions: Which items may be found.
        exact: Whether to compare with every item.
        recall: Which part of the nearest shall be found.
        offset: How many of the nearest are passed over.
    """

    k: int
    metric: Metric
    conditions: tuple[Condition, ...] = ()
    exact: bool = False
    recall: float | None = None
    offset: int = 0


class Generation:
    """One generation of a collection. It never changes; what is made of it is kept with it.

    Args:
        collection: A snapshot.
        light: Threads for what takes milliseconds.
    """

    # Items that pages can show.
    shown: float = math.inf

    def __init__(self, collection: Collection, light: Executor) -> None:
        self.collection = collection
        self.light = light
        self._items: dict[int, Plain] = {}
        self._results: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.collection)

    @property
    def number(self) -> int:
        """Which generation it is."""
        return self.view.store.manifest.generation

    @property
    def clusterings(self) -> Sequence[str]:
        """The names of the clusterings that were saved."""
        return list(self.view.store.manifest.clusterings)

    @cached_property
    def view(self) -> View:
        """All of it by rows."""
        return self.collection.view

    def warm(self) -> None:
        """Do what the first query would have to wait for."""
        if len(self):
            one = np.ones((1, self.collection.dim), np.float32)
            self.collection.query_vectors(one, 1)
            self._find([""])

    def look_at(self, conditions: tuple[Condition, ...]) -> None:
        """Find out which items conditions let through, before others have to wait for that.

        Raises:
            InvalidArgument: No item has such a key.
        """
        self.view.attributes.allowed(conditions)

    def nearest(self, asked: Sequence[What], how: How) -> list[list[Plain]]:
        """The items nearest to each of some things, with their ranks.

        Raises:
            Problem: There is no item of one of the ids.
            VecsearchError: They cannot be searched for.
        """
        stored = iter(self.vectors([one for one in asked if isinstance(one, str)]))
        vectors = np.array(
            [next(stored) if isinstance(one, str) else one for one in asked], np.float32
        )
        distances, rows = self.view.nearest(
            vectors, how.k + how.offset, how.conditions, how.metric, how.exact, how.recall
        )
        distances, rows = distances[:, how.offset :], rows[:, how.offset :]
        values = scores(distances, how.metric)
        return [
            [
                hit_of(self.item(row), rank, distance, score)
                for rank, (row, distance, score) in enumerate(
                    zip(*columns, strict=True), how.offset + 1
                )
            ]
            for columns in zip(rows.tolist(), distances.tolist(), values.tolist(), strict=True)
        ]

    def record(self, name: str) -> Record:
        """What is stored of the item of an id.

        Raises:
            Problem: There is none.
        """
        return self.view.store.record(self._rows([name])[0])

    def vectors(self, names: Sequence[str]) -> Vectors:
        """The vectors of the items of some ids, ``(n, dim)``.

        Raises:
            Problem: There is no item of one of them.
        """
        return self._take(self._rows(names))

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[list[Plain], int]:
        """Items of which some conditions hold, beginning with one, and how many there are."""
        allowed = self.view.attributes.allowed(conditions)
        rows = self.view.store.rows() if allowed is None else np.flatnonzero(allowed)
        return [self.item(row) for row in rows[offset : offset + limit].tolist()], len(rows)

    def faces(self, count: int) -> list[Plain]:
        """Some items from all over the collection."""
        rows = self.view.store.rows()
        places = [at * len(rows) // count for at in range(count)] if len(rows) else []
        return [self.item(int(rows[at])) for at in dict.fromkeys(places)]

    def facts(self) -> dict[str, Any]:
        """What its items have: labels and how many of each, keys of metadata, pictures."""
        info = self.view.info()
        keys: set[str] = set()
        pictures = False
        for record in self.view.store.records():
            keys |= record.metadata.keys()
            pictures = pictures or record.path is not None
        return {
            "labels": info["labels"],
            "unlabelled": info["unlabelled"],
            "keys": sorted(keys),
            "pictures": pictures,
        }

    def item(self, row: int) -> Plain:
        """The item at a row as plain values, not to be changed."""
        if (known := self._items.get(row)) is not None:
            return known
        found = item_of(self.view.store.record(row))
        with self._lock:
            self._items[row] = found
            if len(self._items) > ITEMS_KEPT:
                del self._items[next(iter(self._items))]
        return found

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
                # Or what is kept would keep this generation, when there is a newer one, too.
                future.add_done_callback(partial(_forget_failed, weakref.ref(self), key))
                while len(self._results) > RESULTS_KEPT:
                    self._results.popitem(last=False)
            else:
                self._results.move_to_end(key)
            return future

    def forget(self, key: Hashable) -> None:
        """Let what some work gave go."""
        with self._lock:
            self._results.pop(key, None)

    def _rows(self, names: Sequence[str]) -> list[int]:
        rows = self._find(names)
        if -1 in rows:
            raise unknown(names[rows.index(-1)])
        return rows

    def _find(self, names: Sequence[str]) -> list[int]:
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

    def _take(self, rows: Sequence[int]) -> Vectors:
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


def _forget_failed(of: "weakref.ref[Generation]", key: Hashable, future: "Future[Any]") -> None:
    generation = of()
    if generation is not None and (future.cancelled() or future.exception() is not None):
        generation.forget(key)


def conditions_of(where: Where) -> tuple[Condition, ...]:
    """The conditions of a client.

    Raises:
        InvalidArgument: One cannot be read, or is on a path.
    """
    found = as_conditions(where)
    refuse_paths(one.key for one in found)
    return found


def refuse_paths(keys: Iterable[str]) -> None:
    """Let nobody ask by paths: where folders lie on the server is nobody's business.

    Raises:
        InvalidArgument: Somebody does.
    """
    if "path" in keys:
        raise InvalidArgument(
            "Nobody can ask a server by path: the id of an image in the collection's folder is its "
            "path below that."
        )


def unknown(name: str) -> Problem:
    """There is no item of an id."""
    return Problem(404, f"There is no item {name!r}.")


def item_of(record: Record) -> Plain:
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


def hit_of(item: Plain, rank: int, distance: float, score: float) -> Plain:
    """An item as a hit, as ``vecsearch.answers.ranked`` has it."""
    return {
        "rank": rank,
        "id": item["id"],
        "label": item["label"],
        "distance": distance,
        "score": score,
        "path": item["path"],
        "metadata": item["metadata"],
    }


def below(hits: Sequence[Hit], root: Path | None, first: int = 1) -> list[Plain]:
    """Hits as plain values, with paths below the collection's folder.

    Args:
        hits: Nearest first.
        root: The collection's folder.
        first: The rank of the first one.
    """
    found = ranked(hits, first)
    for one, hit in zip(found, hits, strict=True):
        if (path := hit.item.path) is not None:
            inside = root is not None and path.is_relative_to(root)
            one["path"] = path.relative_to(root).as_posix() if root and inside else path.name
    return found
