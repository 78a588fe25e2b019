"""What a collection on Milvus is asked: which items are near, and what is known of some."""

from collections.abc import Iterator, Sequence
from typing import Any

from vecsearch.distributed.milvus.address import Address
from vecsearch.distributed.milvus.blocks import Pace
from vecsearch.distributed.milvus.connection import SECONDS, Connection, asking
from vecsearch.distributed.milvus.entities import (
    SHOWN,
    STORED,
    block_of,
    neighbours_of,
    shown_of,
)
from vecsearch.distributed.milvus.filters import behind, compiled, keys_of, knows_key, one_of
from vecsearch.distributed.milvus.standing import Standing
from vecsearch.distributed.stores import Block, Neighbour, Profile
from vecsearch.errors import IncompleteAnswer, InvalidArgument, VecsearchError
from vecsearch.store import Record
from vecsearch.types import Metric, Vectors
from vecsearch.where import Condition

# The most that Milvus gives for one question.
MOST_HITS = 16384
# From 20 questions at a time on, FAISS computes x² + y² − 2xy in Milvus, too, by which an item is
# not at 0 from itself.
QUESTIONS_AT_ONCE = 16
# How far the graph is searched at least, and for so many times k. With a filter, farther: at 64 it
# finds 0.89 of the nearest, at 512 0.93, and at 1024 no more (benchmarks/milvus_push.py).
EF, EF_TIMES, EF_FILTERED, EF_FILTERED_TIMES = 64, 2, 512, 8
MOST_EF = 32768


class Questions:
    """Asks a collection on Milvus, once it stands as it was opened.

    Args:
        address: Where it is.
        connection: The way there.
        standing: What is known of it.
    """

    def __init__(self, address: Address, connection: Connection, standing: Standing) -> None:
        self._address, self._connection, self._standing = address, connection, standing

    def nearest(
        self, queries: Vectors, k: int, conditions: tuple[Condition, ...], exact: bool
    ) -> list[list[Neighbour]]:
        """The k nearest items of each query, as ``MilvusStore.search``."""
        profile = self._standing.properties.profile
        if not 1 <= k <= MOST_HITS:
            raise InvalidArgument(f"Milvus finds 1 to {MOST_HITS} items at a time, not {k}.")
        if exact and profile.index != "exact":
            raise InvalidArgument(
                f"{self._address} is searched by a graph, and cannot be compared item by item: "
                "push it with --index exact."
            )
        options: dict[str, Any] = {
            "limit": k,
            "filter": compiled(conditions),
            "output_fields": SHOWN,
            "search_params": {"params": _effort(profile, k, bool(conditions))},
            "consistency_level": self._standing.level,
            "timeout": SECONDS,
        }
        self._standing.ready()
        found = []
        for start in range(0, len(queries), QUESTIONS_AT_ONCE):
            part = list(queries[start : start + QUESTIONS_AT_ONCE])
            found += self._asked(part, options)
        if _may_name_nothing(conditions, any(found)):
            self._refuse_unknown(keys_of(conditions))
        euclidean = profile.metric is Metric.EUCLIDEAN
        return [neighbours_of(hits, euclidean) for hits in found]

    def items(self, ids: Sequence[str] | None) -> Iterator[Block]:
        """Items with their vectors, as ``MilvusStore.fetch``."""
        self._standing.ready()
        dim = self._standing.properties.profile.dim
        pace = Pace(dim)
        for rows in self._all(pace) if ids is None else self._named(ids, pace):
            pace.learn(rows)
            yield block_of(rows, dim)

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[Sequence[Record], int]:
        """Some of the items of which conditions hold, as ``MilvusStore.page``."""
        self._standing.ready()
        where = compiled(conditions)
        count = self._count(where)
        if _may_name_nothing(conditions, count > 0):
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

    def count(self, strong: bool) -> int:
        """How many items there are.

        Args:
            strong: Whether it waits for all that was written.
        """
        level = "Strong" if strong else self._standing.level
        return self._count("", consistency_level=level)

    def _asked(self, queries: Sequence[Any], options: dict[str, Any]) -> list[Any]:
        client, name = self._connection.client, self._address.name
        try:
            with asking(self._address):
                return list(client.search(name, data=queries, **options))
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
                raise InvalidArgument(f"No item of {self._address} has {key!r}.")

    def _named(self, ids: Sequence[str], pace: Pace) -> Iterator[list[dict[str, Any]]]:
        names, start = list(dict.fromkeys(ids)), 0
        while start < len(names):
            part = names[start : start + pace.rows]
            start += len(part)
            if rows := self._queried(one_of(part), STORED):
                yield rows

    def _all(self, pace: Pace) -> Iterator[list[dict[str, Any]]]:
        """All items, page by page, as the iterator of the client does.

        Each page waits for all that was written: its replica may be another than that before. The
        client sends no level with an iterator, so that it is the collection's own that counts.
        """
        last = ""
        while rows := self._queried(
            behind(last), STORED, limit=pace.rows, iterator="True", reduce_stop_for_best="True"
        ):
            yield rows
            last = rows[-1]["id"]

    def _count(self, where: str, **options: Any) -> int:
        return int(self._queried(where, ["count(*)"], **options)[0]["count(*)"])

    def _queried(self, where: str, fields: Sequence[str], **options: Any) -> list[dict[str, Any]]:
        """Rows by a condition."""
        known = {"consistency_level": self._standing.level, "timeout": SECONDS}
        client, name = self._connection.client, self._address.name
        try:
            with asking(self._address):
                return list(
                    client.query(name, filter=where, output_fields=fields, **{**known, **options})
                )
        except VecsearchError:
            self._standing.doubt()  # it may have been released
            raise


def _may_name_nothing(conditions: Sequence[Condition], found: bool) -> bool:
    """Whether a key may be one that no item has: such a one is missing everywhere."""
    return bool(conditions) and (not found or any(one.value is None for one in conditions))


def _effort(profile: Profile, k: int, filtered: bool) -> dict[str, int]:
    """How far to search."""
    if profile.index == "exact":
        return {}
    least, times = (EF_FILTERED, EF_FILTERED_TIMES) if filtered else (EF, EF_TIMES)
    return {"ef": min(MOST_EF, max(least, times * k))}
