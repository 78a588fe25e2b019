"""Nearest items for many clients at a time: what waits together is searched together."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vecsearch.errors import InvalidArgument
from vecsearch.server.generation import Generation, How, Plain, What
from vecsearch.server.problems import Problem

# As many as are searched together at most.
BATCH = 64
CLOSE_SECONDS = 5


@dataclass(frozen=True)
class _Waiting:
    generation: Generation
    what: What
    how: How
    future: "asyncio.Future[list[Plain]]"
    loop: asyncio.AbstractEventLoop


class Searcher:
    """Searches in a thread of its own. It takes all that came while it was busy at once.

    Nobody waits for others to come: a query that is alone is searched alone.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)
        self._thread.start()

    async def search(self, generation: Generation, what: What, how: How) -> list[Plain]:
        """The items nearest to one thing, with their ranks.

        Raises:
            Problem: There is no item of that id.
            VecsearchError: It cannot be searched for.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Plain]] = loop.create_future()
        self._queue.put(_Waiting(generation, what, how, future, loop))
        return await future

    def close(self) -> None:
        """End the thread once it has done what waits, which another server may hold up."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while self._round():
            pass

    def _round(self) -> bool:
        """Answer those who wait, together; between two rounds nothing is held of what was asked."""
        if (first := self._queue.get()) is None:
            return False
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
        return True


def _answer(group: Sequence[_Waiting]) -> None:
    first = group[0]
    try:
        found: list[Any] = list(first.generation.nearest([one.what for one in group], first.how))
    except Exception as error:  # noqa: BLE001 - whoever asked hears of it
        if len(group) > 1 and isinstance(error, InvalidArgument | Problem):
            for one in group:  # which of them it is shows when each is alone
                _answer([one])
            return
        found = [error] * len(group)
    first.loop.call_soon_threadsafe(_deliver, group, found)


def _deliver(group: Sequence[_Waiting], found: Sequence[Any]) -> None:
    for one, answer in zip(group, found, strict=True):
        if one.future.done():
            continue
        if isinstance(answer, BaseException):
            one.future.set_exception(answer)
        else:
            one.future.set_result(answer)
