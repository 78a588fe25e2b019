"""A collection that lies on another server, and is served from here."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np

from vecsearch.distributed.collection import StoredCollection
from vecsearch.distributed.milvus.questions import MOST_HITS
from vecsearch.distributed.snapshot import MOST_COUNTED
from vecsearch.server.generation import Generation, How, Plain, What, below, item_of, unknown
from vecsearch.server.served import Served
from vecsearch.server.settings import Place
from vecsearch.store import Record
from vecsearch.types import Vectors
from vecsearch.where import Condition

# What was worked out of all items is used for so long, unless their number changes before.
KEPT_SECONDS, OLD_SECONDS = 60.0, 90.0
# So many items tell of those that are too many to be looked at, which keys they have.
SAMPLE = 1000
# How many questions wait for the other server at a time.
THREADS = 4


class StoredGeneration(Generation):
    """A collection on another server, which is asked there. Only ``view`` fetches all of it.

    Args:
        collection: What it is now.
        light: Threads for what takes milliseconds.
        number: How often it was another before.
    """

    collection: StoredCollection
    shown = MOST_HITS

    def __init__(self, collection: StoredCollection, light: Executor, number: int) -> None:
        super().__init__(collection, light)
        self.made = time.monotonic()
        self._number = number

    @property
    def number(self) -> int:
        """How often the number of its items has changed, or it was pushed anew, while served."""
        return self._number

    @property
    def clusterings(self) -> list[str]:
        """There are none."""
        return []

    def warm(self) -> None:
        """Do what the first query would have to wait for."""
        self.faces(1)

    def look_at(self, conditions: tuple[Condition, ...]) -> None:
        """The other server looks at them with each question."""

    def nearest(self, asked: Sequence[What], how: How) -> list[list[Plain]]:
        """The items nearest to each of some things, with their ranks.

        Raises:
            Problem: There is no item of one of the ids.
            VecsearchError: They cannot be searched for.
        """
        stored = iter(self.vectors([one for one in asked if isinstance(one, str)]))
        vectors = [next(stored) if isinstance(one, str) else one for one in asked]
        found = self.collection.query_vectors(
            np.array(vectors, np.float32),
            how.k + how.offset,
            where=how.conditions,
            metric=how.metric,
            exact=how.exact,
            recall=how.recall,
        )
        skipped, root = how.offset, self.collection.root
        return [below(hits[skipped:], root, skipped + 1) for hits in found]

    def record(self, name: str) -> Record:
        """What is stored of the item of an id.

        Raises:
            Problem: There is none.
        """
        for records, _ in self.collection.store.fetch([name]):
            return records.one(0)
        raise unknown(name)

    def vectors(self, names: Sequence[str]) -> Vectors:
        """The vectors of the items of some ids, ``(n, dim)``.

        Raises:
            Problem: There is no item of one of them.
        """
        found: dict[str, Vectors] = {}
        for records, vectors in self.collection.store.fetch(names) if names else ():
            found |= zip(records.ids, vectors, strict=True)
        for name in names:
            if name not in found:
                raise unknown(name)
        wanted = [found[name] for name in names]
        return np.array(wanted, np.float32).reshape(len(names), self.collection.dim)

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[list[Plain], int]:
        """Items of which some conditions hold, beginning with one, and how many there are."""
        records, count = self.collection.store.page(conditions, limit, offset)
        return [item_of(one) for one in records], count

    def faces(self, count: int) -> list[Plain]:
        """Some items."""
        return self.page((), count, 0)[0]

    def facts(self) -> dict[str, Any]:
        """What its items have; of many, their labels are not counted, and keys may be missed."""
        if len(self) <= MOST_COUNTED:
            return super().facts()
        some = self.collection.store.page((), SAMPLE, 0)[0]
        return {
            "labels": None,
            "unlabelled": None,
            "keys": sorted({key for one in some for key in one.metadata}),
            "pictures": any(one.path is not None for one in some),
        }


class StoredServed(Served):
    """A collection on another server that is served from here, to be looked at only.

    It has threads of its own, so that others need not wait where that server is slow.
    """

    # A look asks the other server how many items there are.
    LOOK_SECONDS = 5.0
    FAULT_SECONDS = 0.0

    generation: StoredGeneration

    def __init__(self, path: Place, pool: Executor) -> None:  # noqa: ARG002 - others' threads
        super().__init__(path, ThreadPoolExecutor(THREADS))

    async def now(self) -> Generation:
        """What it is, as of a moment ago.

        Raises:
            CollectionNotFound: It is not there any more.
            IncompleteAnswer: A part of it does not answer, or it is being pushed anew.
            StoreError: The other server did not answer.
        """
        await super().now()
        looking = self._looking
        if looking is not None and time.monotonic() - self.generation.made > OLD_SECONDS:
            await asyncio.shield(looking)  # nobody has asked for long
        return self.generation

    def close(self) -> None:
        """Let go of its threads."""
        super().close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _first(self) -> StoredGeneration:
        return self._made(StoredCollection.at(str(self.place)), 0)

    def _newer(self) -> StoredGeneration | None:
        """What it is now, if it is another, or was looked at some time ago."""
        before = self.generation
        now = before.collection.snapshot()
        now.refresh(wait=False)
        changed = len(now) != len(before) or now.profile != before.collection.profile
        if not changed and time.monotonic() - before.made < KEPT_SECONDS:
            return None
        return self._made(now, before.number + changed)

    def _made(self, collection: StoredCollection, number: int) -> StoredGeneration:
        return StoredGeneration(collection, self._pool, number)
