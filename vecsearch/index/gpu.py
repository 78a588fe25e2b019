"""Search and training on a GPU, where FAISS was built for one; faiss-cpu was not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index.kinds import bare
from vecsearch.types import Rows, Vectors

DEVICES = ("cpu", "cuda")
# More neighbours, or lists to look into, FAISS does not take on a GPU.
MOST = 2048


@dataclass
class _Gpu:
    """What a GPU works with. It does one thing at a time, as FAISS asks for."""

    resources: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


_gpu: _Gpu | None = None


def use_device(name: str) -> None:
    """Let FAISS search and learn on a GPU from now on, or again on the processor, in this process.

    Exact search, lists (IVF) without conditions, and the training of lists go there; graphs, fast
    scan, and more than 2,048 neighbours stay on the processor. Distances are measured anew on the
    processor in any case, so that answers are the same.

    Args:
        name: ``cpu`` or ``cuda``.

    Raises:
        InvalidArgument: FAISS has no GPU here, or there is no such device.

    Example:
        >>> use_device("cpu")
    """
    global _gpu  # noqa: PLW0603 - as FAISS's own threads, it belongs to the process
    if name not in DEVICES:
        raise InvalidArgument(f"{name!r} is no device of FAISS: {', '.join(DEVICES)}.")
    if name == "cuda" and not bare.get_num_gpus():
        raise InvalidArgument(
            "FAISS has no GPU here: it needs one from NVIDIA, and a FAISS built for it in place of "
            "faiss-cpu. Leave out the device to work on the processor."
        )
    _gpu = _Gpu(bare.StandardGpuResources()) if name == "cuda" else None


def knn(
    queries: Vectors, vectors: Vectors, k: int, kind: int
) -> tuple[NDArray[np.float32], Rows] | None:
    """What ``faiss.knn`` finds, from a GPU; None if that is not to be asked."""
    gpu = _gpu  # which another thread may take away
    if gpu is None or k > MOST:
        return None
    with gpu.lock:
        values, rows = bare.knn_gpu(gpu.resources, queries, vectors, k, metric=kind)
    return values, rows


@contextmanager
def teaching(lists: Any) -> Iterator[None]:
    """Let an index of lists, or None, find its centres on a GPU, if there is one to use."""
    gpu = _gpu
    if gpu is None or lists is None:
        yield
        return
    with gpu.lock:
        flat = faiss.IndexFlat(lists.d, lists.metric_type)
        lists.clustering_index = there = bare.index_cpu_to_gpu(gpu.resources, 0, flat)
        try:
            yield
        finally:
            lists.clustering_index = None
            del there  # FAISS did not own it


class GpuCopy:
    """An index of lists as a GPU has it, from the first search on.

    Args:
        index: The index, on the processor.
    """

    def __init__(self, index: Any) -> None:
        self._index = index
        self._copy: Any = None
        self._of: _Gpu | None = None

    def search(self, queries: Vectors, k: int, nprobe: int, parameters: Any) -> Rows | None:
        """The rows near each query, ``(n, k)``; None if a GPU is not to be asked, or cannot."""
        gpu = _gpu
        if gpu is None or max(k, nprobe) > MOST:
            return None
        with gpu.lock:
            if self._of is not gpu:
                self._of, self._copy = gpu, _copied(gpu, self._index)
            if self._copy is None:
                return None
            found: Rows = self._copy.search(queries, k, params=parameters)[1]
        return found


def _copied(gpu: _Gpu, index: Any) -> Any:
    try:
        return bare.index_cpu_to_gpu(gpu.resources, 0, index)
    except RuntimeError:  # a kind that it has no code for, or more than it has memory for
        return None
