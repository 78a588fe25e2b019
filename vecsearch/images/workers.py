"""Worker processes: how they start, how much they may take, and how they end."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # worker processes and all that they need are imported when they are started
    from concurrent.futures import Future

T = TypeVar("T")

WATCH_SECONDS = 1.0


def worker_pool(jobs: int, memory: int | None = None) -> Any:
    """Processes that end with this one, whatever it ends by.

    Args:
        jobs: How many.
        memory: How many bytes each may take beyond what it begins with; where the system knows
            such a limit.
    """
    # loky, unlike multiprocessing, neither forks a process that may have threads nor imports the
    # caller's main module again, so that a script needs no `if __name__ == "__main__"`.
    from multiprocessing import resource_tracker

    import loky

    # Started here, since whoever starts it first lets interrupts through again.
    resource_tracker.ensure_running()
    return loky.ProcessPoolExecutor(jobs, initializer=_begin, initargs=(os.getpid(), memory))


def submit(pool: Any, work: Callable[..., T], *args: Any) -> "Future[T]":
    """Let a pool do something; if it is broken or has ended, what comes back says so."""
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    from loky.process_executor import ShutdownExecutorError

    try:
        with _interrupts_held():
            future: Future[T] = pool.submit(work, *args)
    except (BrokenProcessPool, ShutdownExecutorError) as error:
        future = Future()
        future.set_exception(error)
    return future


def _begin(parent: int, memory: int | None) -> None:
    _die_with(parent)
    if memory is not None:
        _limit(memory)


def _die_with(parent: int) -> None:
    """Let a worker end when its parent is gone, which had no time to say so if it was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit(memory: int) -> None:
    """Let every further allocation fail beyond so many bytes."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return  # Windows and macOS have no such limit
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait. Workers are started in here and inherit it: Ctrl-C is for the parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
