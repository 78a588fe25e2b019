"""What the routes share: the collections, the threads and processes that work, the settings."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends, Path, Request

from vecsearch.server.decoding import Decoder
from vecsearch.server.generation import Generation
from vecsearch.server.problems import Problem
from vecsearch.server.served import Served
from vecsearch.server.settings import Settings

# Threads for what takes seconds and must not hold up what takes milliseconds.
HEAVY, WRITERS = 2, 1
# How many such questions there may be at a time, those that are answered among them.
MOST_HEAVY = 16
T = TypeVar("T")


class HeavyPool(Executor):
    """Threads for what takes seconds, with a queue that has an end; a process ends without them."""

    def __init__(self) -> None:
        self._room = Semaphore(MOST_HEAVY)
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        for _ in range(HEAVY):
            Thread(target=self._work, name="heavy", daemon=True).start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """As of all pools.

        Raises:
            Problem: Too much is waiting already.
        """
        if not self._room.acquire(blocking=False):
            raise Problem(429, "Too many long questions are waiting: come again.")
        future: Future[T] = Future()
        future.add_done_callback(lambda _: self._room.release())
        self._waiting.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let the threads end; what is begun is not waited for, and what waits is not begun."""
        with suppress(Empty):
            while True:
                if (one := self._waiting.get_nowait()) is not None:
                    one[0].cancel()
        for _ in range(HEAVY):
            self._waiting.put(None)

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            future, work = one
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - whoever waits hears of it
                    future.set_exception(error)
            del one, future, work  # or the last generation would be kept until another comes


@dataclass
class State:
    """What the routes share.

    Attributes:
        settings: How the server runs.
        light: Threads for what takes milliseconds.
        served: The collections by name.
        heavy: Threads for what takes seconds.
        writer: A thread for changes, one after the other.
        decoder: Decodes pictures.
    """

    settings: Settings
    light: ThreadPoolExecutor
    served: Mapping[str, Served]
    heavy: HeavyPool = field(default_factory=HeavyPool)
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WRITERS))
    decoder: Decoder = field(default_factory=Decoder)

    def collection(self, name: str) -> Served:
        """A collection by its name.

        Raises:
            Problem: There is none of that name.
        """
        if name not in self.served:
            there = ", ".join(self.served)
            raise Problem(404, f"There is no collection {name!r}; there are: {there}.")
        return self.served[name]

    def close(self) -> None:
        """Let go of all of it."""
        self.decoder.close()
        for served in self.served.values():
            served.close()
        for pool in (self.light, self.heavy, self.writer):
            # What is worked out for seconds is not waited for here, where nothing else is heard.
            pool.shutdown(wait=pool is self.writer, cancel_futures=True)


def state_of(request: Request) -> State:
    """What the routes share, from any request."""
    state: State = request.app.state.vecsearch
    return state


Name: TypeAlias = Annotated[str, Path(description="A collection")]


async def _state(request: Request) -> State:
    return state_of(request)


async def _served(request: Request, name: Name) -> Served:
    return state_of(request).collection(name)


async def _generation(request: Request, name: Name) -> Generation:
    return await state_of(request).collection(name).now()


TheState: TypeAlias = Annotated[State, Depends(_state)]
TheServed: TypeAlias = Annotated[Served, Depends(_served)]
TheGeneration: TypeAlias = Annotated[Generation, Depends(_generation)]
