"""Nearest items for many clients at a time: what waits together is searched together."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from vecsearch.errors import VecsearchError
from vecsearch.index import scores
from vecsearch.server.problems import Problem
from vecsearch.server.served import Generation
from vecsearch.types import JSON, Metric, Vectors
from vecsearch.where import Condition

# As many as are searched together at most.
BATCH = 64


@dataclass(frozen=True)
class How:
    """How to search: what is asked in the same way can be searched together.

    Attributes:
        k: How many.
        metric: How distances are measured.
        conditions: Which items may be found.
        exact: Whether to compare with every item.
        recall: Which part of the nearest shall be found.
    """

    k: int
    metric: Metric
    conditions: tuple[Condition, ...] = ()
    exact: bool = False
    recall: float | None = None


What: TypeAlias = "str | Vectors"
"""The id of an item, or a vector, ``(dim,)``."""


@dataclass(frozen=True)
class _Waiting:
    generation: Generation
    what: What
    how: How
    future: "asyncio.Future[list[dict[str, JSON]]]"
    loop: asyncio.AbstractEventLoop


class Searcher:
    """Searches in a thread of its own. It takes all that came while it was busy at once.

    Nobody waits for others to come: a query that is alone is searched alone.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)
        self._thread.start()

    async def search(self, generation: Generation, what: What, how: How) -> list[dict[str, JSON]]:
        """The items nearest to one thing, with their ranks.

        Raises:
            Problem: There is no item of that id.
            VecsearchError: It cannot be searched for.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[dict[str, JSON]]] = loop.create_future()
        self._queue.put(_Waiting(generation, what, how, future, loop))
        return await future

    def close(self) -> None:
        """End the thread once it has done what waits."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting = [first]
            try:
                while len(waiting) < BATCH:
                    one = self._queue.get_nowait()
                    if one is None:
                        self._queue.put(None)
                        break
                    waiting.append(one)
            except queue.Empty:
                pass
            groups: dict[Any, list[_Waiting]] = {}
            for one in waiting:
                groups.setdefault((id(one.generation), repr(one.how)), []).append(one)
            for group in groups.values():
                _answer(group)


def _answer(group: Sequence[_Waiting]) -> None:
    try:
        found: list[Any] = list(_found(group))
    except Exception as error:  # noqa: BLE001 - whoever asked hears of it
        if len(group) > 1 and isinstance(error, VecsearchError | Problem):
            for one in group:  # which of them it is shows when each is alone
                _answer([one])
            return
        found = [error] * len(group)
    group[0].loop.call_soon_threadsafe(_deliver, group, found)


def _deliver(group: Sequence[_Waiting], found: Sequence[Any]) -> None:
    for one, answer in zip(group, found, strict=True):
        if one.future.done():
            continue
        if isinstance(answer, BaseException):
            one.future.set_exception(answer)
        else:
            one.future.set_result(answer)


def _found(group: Sequence[_Waiting]) -> list[list[dict[str, JSON]]]:
    generation, how = group[0].generation, group[0].how
    view = generation.view
    names = [one.what for one in group if isinstance(one.what, str)]
    rows = generation.find(names)
    for name, row in zip(names, rows, strict=True):
        if row < 0:
            raise Problem(404, f"There is no item {name!r}.")
    stored = iter(generation.take(rows))
    vectors = np.array(
        [next(stored) if isinstance(one.what, str) else one.what for one in group], np.float32
    )
    distances, found = view.nearest(
        vectors, how.k, how.conditions, how.metric, how.exact, how.recall
    )
    values = scores(distances, how.metric)
    return [
        ranked_items(generation, *(column.tolist() for column in columns))
        for columns in zip(found, distances, values, strict=True)
    ]


def ranked_items(
    generation: Generation,
    rows: Sequence[int],
    distances: Sequence[float],
    scores: Sequence[float],
    first: int = 1,
) -> list[dict[str, JSON]]:
    """Items at some rows as hits, as ``vecsearch.answers.ranked`` has them."""
    found: list[dict[str, JSON]] = []
    for rank, (row, distance, score) in enumerate(zip(rows, distances, scores, strict=True), first):
        item = generation.item(row)
        found.append(
            {
                "rank": rank,
                "id": item["id"],
                "label": item["label"],
                "distance": distance,
                "score": score,
                "path": item["path"],
                "metadata": item["metadata"],
            }
        )
    return found
