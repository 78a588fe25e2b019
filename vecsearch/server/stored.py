"""A collection that lies on another server, and is served from here."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from vecsearch.distributed.collection import StoredCollection
from vecsearch.distributed.snapshot import MOST_COUNTED
from vecsearch.server.generation import Generation, How, Plain, What, below, item_of, unknown
from vecsearch.server.served import Served
from vecsearch.store import Record
from vecsearch.types import Vectors
from vecsearch.where import Condition

# What was worked out of all items is used for so long, unless their number changes before.
KEPT_SECONDS = 60.0
# So many items tell of those that are too many to be looked at, which keys they have.
SAMPLE = 1000


class StoredGeneration(Generation):
    """A collection on another server, which is asked there. Only ``view`` fetches all of it.

    Args:
        collection: What it is now.
        number: How many others there were before.
    """

    collection: StoredCollection

    def __init__(self, collection: StoredCollection, number: int) -> None:
        super().__init__(collection)
        self._number = number
        self.made = time.monotonic()

    @property
    def number(self) -> int:
        """How often the number of its items has changed since it is served."""
        return self._number

    @property
    def clusterings(self) -> list[str]:
        """There are none."""
        return []

    def warm(self) -> None:
        """Do what the first query would have to wait for."""
        self.faces(1)

    def nearest(self, asked: Sequence[What], how: How) -> list[list[Plain]]:
        """The items nearest to each of some things, with their ranks.

        Raises:
            Problem: There is no item of one of the ids.
            VecsearchError: They cannot be searched for.
        """
        stored = self._stored([one for one in asked if isinstance(one, str)])
        vectors = [stored[one] if isinstance(one, str) else one for one in asked]
        found = self.collection.query_vectors(
            np.array(vectors, np.float32),
            how.k,
            where=how.conditions,
            metric=how.metric,
            exact=how.exact,
            recall=how.recall,
        )
        return [below(hits, self.collection.root) for hits in found]

    def record(self, name: str) -> Record:
        """What is stored of the item of an id.

        Raises:
            Problem: There is none.
        """
        for records, _ in self.collection.store.fetch([name]):
            return records.one(0)
        raise unknown(name)

    def vector(self, name: str) -> Vectors:
        """The vector of the item of an id, ``(dim,)``.

        Raises:
            Problem: There is none.
        """
        return self._stored([name])[name]

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

    def _stored(self, names: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for records, vectors in self.collection.store.fetch(names) if names else ():
            found |= zip(records.ids, vectors, strict=True)
        for name in names:
            if name not in found:
                raise unknown(name)
        return found


class StoredServed(Served):
    """A collection on another server that is served from here, to be looked at only."""

    # A look asks the other server how many items there are.
    LOOK_SECONDS = 5.0

    collection: StoredCollection
    generation: StoredGeneration

    def _first(self) -> StoredGeneration:
        return StoredGeneration(self.collection.snapshot(), 0)

    def _newer(self) -> StoredGeneration | None:
        """What it is now, if it has more or fewer items, or was looked at some time ago."""
        before = self.generation
        self.collection.refresh(wait=False)
        changed = len(self.collection) != len(before)
        if not changed and time.monotonic() - before.made < KEPT_SECONDS:
            return None
        return StoredGeneration(self.collection.snapshot(), before.number + changed)
