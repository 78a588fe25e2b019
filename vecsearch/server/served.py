"""A collection that is served: its newest generation, and what finds in it."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from vecsearch.collection import Collection
from vecsearch.errors import VecsearchError
from vecsearch.server.generation import Generation
from vecsearch.server.searching import Searcher
from vecsearch.server.settings import Place, is_address, name_of

T = TypeVar("T")
LOG = logging.getLogger(__name__)


class Served:
    """A collection that is served.

    Args:
        path: Where it lies.
        pool: What works on it.

    Attributes:
        name: What it is called.
        place: Where it lies.
        generation: The newest one, as far as anybody has looked.
        searcher: Finds nearest items in it.
    """

    # How often to look whether another process has committed something; a look takes 30 µs.
    LOOK_SECONDS = 0.25
    # After a quiet time the first waits so long for what a look finds.
    PATIENCE_SECONDS = 0.2
    # So long it may be away or in pieces, as while it is copied anew, before that is said.
    FAULT_SECONDS = 5.0

    def __init__(self, path: Place, pool: Executor) -> None:
        self.name = name_of(path)
        self.place, self._pool = path, pool
        self._lock = threading.Lock()
        self._looked = self._began = time.monotonic()
        self._looking: asyncio.Future[None] | None = None
        self._fault: VecsearchError | OSError | None = None
        self._faulty = 0.0
        self.generation = self._first()
        self.searcher = Searcher()

    async def now(self) -> Generation:
        """The newest generation, as of a moment ago.

        Whoever asks while it takes long to make ready is answered from the one before.

        Raises:
            CollectionNotFound: It is not there any more.
            DamagedCollection: The newest generation is not as it was written.
            OSError: It cannot be read.
        """
        now = time.monotonic()
        quiet = now - self._looked
        if self._looking is None and quiet > self.LOOK_SECONDS:
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._pool, self.look)
            self._looking.add_done_callback(self._has_looked)
            self._began = now
        patience = self._began + self.PATIENCE_SECONDS - now
        if self._fault is not None:
            patience = math.inf  # it may have been mended long ago
        if self._looking is not None and quiet > 2 * self.LOOK_SECONDS and patience > 0:
            most = None if patience == math.inf else patience
            await asyncio.wait([self._looking], timeout=most)
        fault = self._fault
        if fault is not None and time.monotonic() - self._faulty >= self.FAULT_SECONDS:
            raise type(fault)(*fault.args)
        return self.generation

    def look(self) -> None:
        """See what was committed since, and make it ready before anybody is answered from it.

        Raises:
            VecsearchError, OSError: As ``now``, which tells it to others.
        """
        with self._lock:
            try:
                fresh = self._newer()
                if fresh is not None:
                    fresh.warm()
                    self.generation = fresh
            except (VecsearchError, OSError) as error:
                if self._fault is None:
                    self._faulty = time.monotonic()
                if str(error) != str(self._fault):
                    LOG.warning("%s: %s", self.name, error)
                self._fault = error
                raise
            self._fault = None

    def close(self) -> None:
        """End its threads."""
        self.searcher.close()

    def _first(self) -> Generation:
        self.collection = Collection.open(self.place)
        return Generation(self.collection.snapshot(), self._pool)

    def _newer(self) -> Generation | None:
        """A generation that was committed since."""
        self.collection.refresh()
        if self.collection.view is self.generation.view:
            return None
        return Generation(self.collection.snapshot(), self._pool)

    def _has_looked(self, done: "asyncio.Future[None]") -> None:
        self._looked = time.monotonic()
        self._looking = None
        error = done.exception()
        if error is not None and not isinstance(error, VecsearchError | OSError):
            raise error


def open_served(places: Sequence[Place], pool: Executor) -> dict[str, Served]:
    """Collections by name, ready to answer.

    Args:
        places: Where they lie.
        pool: What works on them.

    Raises:
        CollectionNotFound: There is none at one of the places.
        DamagedCollection: One is not as it was written.
        IncompleteAnswer: A part of one does not answer.
    """
    found = []
    for place in places:
        kind = Served
        if is_address(place):
            from vecsearch.server.stored import StoredServed

            kind = StoredServed
        found.append(kind(place, pool))
    for one in found:
        one.generation.warm()
    return {one.name: one for one in found}


async def in_pool(pool: Executor, work: Callable[..., T], *args: Any, **options: Any) -> T:
    """Do something off the event loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, partial(work, *args, **options))


async def ready(future: "Future[T]") -> T:
    """Wait for what others wait for too: who goes away does not stop it.

    asyncio's own way leaves a circle of references, which keeps what came until garbage is looked
    for, and with it the generation that it is of.
    """
    if not future.done():
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()

        def done() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake(_: object) -> None:
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(done)

        future.add_done_callback(wake)
        await waiter
    return future.result()
