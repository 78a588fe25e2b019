"""Let FAISS compare many queries at once by products of matrices."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss

# Left to itself, FAISS 1.15 multiplies matrices from 128,000 / dim queries on, in other blocks.
# From 16 on that is 1.3 to 6 times as fast, as benchmarks/batches.py shows.
MANY = 16
SETTINGS = {
    "distance_compute_blas_threshold": 1,
    "distance_compute_blas_query_bs": 512,
    "distance_compute_blas_database_bs": 4096,
}

_lock = threading.Lock()
_before: dict[str, int] = {}
_inside = 0


@contextmanager
def by_products(queries: int) -> Iterator[None]:
    """Set FAISS up for a search by so many queries, and put it back, since it is others' too."""
    global _inside
    if queries < MANY:
        yield
        return
    # Its stubs do not know its variables.
    variables: Any = faiss.cvar
    with _lock:
        if not _inside:
            _before.update({name: getattr(variables, name) for name in SETTINGS})
            for name, value in SETTINGS.items():
                setattr(variables, name, value)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                for name, value in _before.items():
                    setattr(variables, name, value)
