"""Pictures of clients and of collections, decoded in worker processes with little memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from loky.process_executor import ShutdownExecutorError

from vecsearch.errors import ImageError
from vecsearch.images import Preprocess, decode
from vecsearch.images.thumbnails import make_thumbnail
from vecsearch.images.workers import submit, worker_pool
from vecsearch.server.problems import Problem
from vecsearch.types import Pixels

T = TypeVar("T")

WORKERS = 2
TURNS = 2 * WORKERS  # one each, and the next
# 50 megapixels in 4 bytes, three times over, which is what turning and flattening them takes.
MEMORY = 1 << 30
SECONDS = 20.0
# So many wait at most; who comes then is told to come again.
WAITING = 64
CACHE_BYTES = 32 << 20


class Decoder:
    """Worker processes that decode. A picture that kills one, or takes too long, is refused."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._waiting = 0
        self._closed = False
        self._turns = asyncio.Semaphore(TURNS)
        self._alone = asyncio.Lock()  # or two would wait for the turns that the other has
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def start(self) -> None:
        """Start the processes before the first picture comes."""
        submit(self._pools(), int)

    async def pixels(self, data: bytes, preprocess: Preprocess) -> tuple[Pixels, tuple[int, int]]:
        """The pixels of an uploaded picture, and its width and height.

        Raises:
            ImageError: It cannot be decoded.
        """
        return await self._do(decode, data, preprocess)

    async def thumbnail(
        self, key: str, path: Path, root: Path | None, sha256: str | None, side: int
    ) -> bytes:
        """A picture of a collection, small, as WebP.

        Args:
            key: What it is kept under.
            path: Where it lies.
            root: The folder that it must lie in.
            sha256: The hash of what was indexed.
            side: How wide and high it is at most.

        Raises:
            ImageError: It cannot be decoded, or may not be shown.
        """
        if (known := self._thumbnails.get(key)) is not None:
            self._thumbnails.move_to_end(key)
            return known
        made = await self._do(make_thumbnail, path, root, sha256, side)
        if key not in self._thumbnails:
            self._thumbnails[key] = made
            self._size += len(made)
        while self._size > CACHE_BYTES:
            self._size -= len(self._thumbnails.popitem(last=False)[1])
        return made

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)
            self._pool = None

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        if self._waiting >= WAITING:
            raise Problem(429, "Too many pictures are waiting to be decoded: come again.")
        self._waiting += 1
        try:
            for alone in (False, True):  # another one's picture may have been the cause
                with suppress(BrokenProcessPool):
                    return await self._tried(alone, work, *args)
            raise ImageError("The decoder crashed on it, or ran out of memory.")
        finally:
            self._waiting -= 1

    async def _tried(self, alone: bool, work: Callable[..., T], *args: Any) -> T:
        """Do it when its turn comes, or the wait for others would count as its own time."""
        async with AsyncExitStack() as turns:
            if alone:
                await turns.enter_async_context(self._alone)
            for _ in range(TURNS if alone else 1):
                await turns.enter_async_context(self._turns)
            while True:
                pool = self._pools()
                future = asyncio.wrap_future(submit(pool, work, *args))
                try:
                    return await asyncio.wait_for(future, SECONDS)
                except ShutdownExecutorError:
                    continue  # another one's picture took too long
                except TimeoutError as error:
                    self._renew(pool)
                    raise ImageError("It takes too long to decode.") from error
                except BrokenProcessPool:
                    self._renew(pool)
                    raise

    def _pools(self) -> Any:
        if self._closed:
            raise Problem(503, "The server is stopping.")
        if self._pool is None:
            self._pool = worker_pool(WORKERS, MEMORY)
        return self._pool

    def _renew(self, broken: Any) -> None:
        if self._pool is broken:
            self._pool = None
            broken.shutdown(wait=False, kill_workers=True)
