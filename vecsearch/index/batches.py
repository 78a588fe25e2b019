"""How FAISS works on queries that come together: by products of matrices, in which threads."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import faiss

Answer = TypeVar("Answer")

# Left to itself, FAISS 1.15 multiplies matrices from 128,000 / dim queries on, in other blocks.
# From 4 on that is faster: of 60,000 × 1280, 8 queries take 124 ms of a processor in place of 272,
# of 60,000 × 32 they take 5.1 ms in place of 7.9; many are 5 times as fast (benchmarks/batches.py).
MANY = 4
# So few are found by an approximate index before a second thread is awake, and while that one waits
# it takes from others what it does not use: 16 take .47 ms of a processor in place of 1.0.
FEW = 32
SETTINGS = {
    "distance_compute_blas_threshold": 1,
    "distance_compute_blas_query_bs": 512,
    "distance_compute_blas_database_bs": 4096,
}


class _Products:
    """Variables of FAISS that are ours while anybody is inside, and then again as they were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: dict[str, int] = {}

    def __enter__(self) -> None:
        variables: Any = faiss.cvar  # which its stubs do not know
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = {name: getattr(variables, name) for name in SETTINGS}
                for name, value in SETTINGS.items():
                    setattr(variables, name, value)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for name, value in self._before.items():
                    setattr(faiss.cvar, name, value)


_products, _nothing = _Products(), nullcontext()


def by_products(queries: int) -> AbstractContextManager[None]:
    """Set FAISS up for a search by so many queries; after it, it is for others as it was."""
    return _products if queries >= MANY else _nothing


def in_few_threads(queries: int, search: Callable[[], Answer]) -> Answer:
    """Search for so many queries in an approximate index, in one thread of FAISS if they are few.

    The number of threads belongs to the thread that asks: others are not touched.
    """
    threads = faiss.omp_get_max_threads() if queries < FEW else 1
    if threads == 1:
        return search()
    faiss.omp_set_num_threads(1)
    try:
        return search()
    finally:
        faiss.omp_set_num_threads(threads)
