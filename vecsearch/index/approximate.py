"""Approximate nearest neighbours, by any index that FAISS can make."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.index.exact import SPARE, Allowed
from vecsearch.index.metrics import normalized
from vecsearch.types import Metric, Rows, Vectors

# Its stubs do not describe what its classes take in Python.
bare: Any = faiss
# FAISS asks for 39 vectors a list to train on; with fewer lists every one of them is long.
VECTORS_A_LIST = 39
MOST_LISTS = 65536
HNSW_LINKS = 32
PARSED_DIM = 64
# How far a search goes, of which the recall depends: lists of IVF, and candidates of HNSW.
PROBED = 0.1
LEAST_PROBED = 8
HNSW_SEARCHED = 128


def factory_of(kind: str, count: int) -> str:
    """What FAISS calls a kind of index over so many vectors.

    Args:
        kind: ``hnsw``, ``ivf``, or a string of FAISS's own, as ``IVF256,PQ16``.
        count: How many vectors.

    Example:
        >>> factory_of("ivf", 60_000), factory_of("hnsw", 100)
        ('IVF979,Flat', 'HNSW32,Flat')
    """
    if kind == "hnsw":
        return f"HNSW{HNSW_LINKS},Flat"
    if kind == "ivf":
        lists = min(int(4 * count**0.5), count // VECTORS_A_LIST, MOST_LISTS)
        return f"IVF{max(1, lists)},Flat"
    return kind


def check_kind(kind: str) -> None:
    """Refuse what is no kind of index for any vectors, before work is put into them.

    Raises:
        InvalidArgument: FAISS cannot read it.
    """
    try:
        faiss.index_factory(PARSED_DIM, factory_of(kind, PARSED_DIM))
    except RuntimeError as error:
        if "could not parse" in str(error):
            raise InvalidArgument(
                f"No kind of index is called {kind!r}: there are auto, exact, hnsw, ivf, and what "
                "FAISS's index_factory reads, as IVF256,PQ16."
            ) from error


def train_index(blocks: Sequence[Vectors], metric: Metric, kind: str) -> "ApproximateIndex":
    """Make an index of vectors, a block at a time.

    Args:
        blocks: The vectors, as one or more ``(n, dim)`` float32 arrays.
        metric: How to compare.
        kind: As for ``factory_of``.

    Raises:
        InvalidArgument: FAISS knows no such index, cannot make it of these vectors, or could not
            leave out removed items with it.
    """
    count, dim = sum(map(len, blocks)), blocks[0].shape[1]
    cosine = metric is Metric.COSINE
    measure = faiss.METRIC_INNER_PRODUCT if cosine else faiss.METRIC_L2
    factory = factory_of(kind, count)
    try:
        made: Any = faiss.index_factory(dim, factory, measure)
        if (lists := bare.try_extract_index_ivf(made)) is not None:
            lists.cp.min_points_per_centroid = 1  # or else it tells stderr that they are few
        if not made.is_trained:
            made.train(_sample(blocks, cosine))
        for block in blocks:
            made.add(normalized(block) if cosine else np.ascontiguousarray(block))
        index = ApproximateIndex(made, metric)
        index.candidates(np.ascontiguousarray(blocks[0][:1]), 1, np.ones(count, np.bool_))
    except RuntimeError as error:
        reason = str(error).rpartition(": ")[2] or str(error)
        raise InvalidArgument(
            f"FAISS cannot make the index {kind!r} of {count} vectors of {dim} dims: {reason}"
        ) from error
    return index


class ApproximateIndex:
    """Finds rows that are probably the nearest; how near they are is measured elsewhere.

    Args:
        index: What FAISS made.
        metric: How to compare.
    """

    def __init__(self, index: Any, metric: Metric) -> None:
        self._index = index
        self._cosine = metric is Metric.COSINE

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def read(cls, path: Path, metric: Metric) -> "ApproximateIndex":
        """Open a file that has been checked against its stamp, memory-mapped where FAISS can.

        Raises:
            DamagedCollection: It is not an index.
        """
        try:
            return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), metric)
        except RuntimeError as error:
            raise DamagedCollection(f"{path} is no index of FAISS.") from error

    def to_bytes(self) -> memoryview:
        """What its file holds."""
        # FAISS itself says that it wrote a file when the disk was full, so others write for it.
        serialized: NDArray[np.uint8] = faiss.serialize_index(self._index)
        return serialized.data

    def candidates(self, queries: Vectors, k: int, allowed: Allowed | None = None) -> Rows:
        """Rows that are probably near, ``(n, at least k)``; −1 where there are fewer.

        Args:
            queries: ``(n, dim)``.
            k: How many.
            allowed: Which rows may be found, ``(len(self),)`` bool; all by default.
        """
        wanted = normalized(queries) if self._cosine else queries
        selector = None
        if allowed is not None:
            selector = bare.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        parameters = _parameters(self._index, selector)
        most = min(2 * k + SPARE, len(self))
        found: Rows = self._index.search(wanted, most, params=parameters)[1]
        return found


def _sample(blocks: Sequence[Vectors], cosine: bool) -> Vectors:
    """Enough vectors to train on: FAISS itself takes no more than 256 a list, of 65,536 lists."""
    count = sum(map(len, blocks))
    step = max(1, count // (256 * 4096))
    part = np.concatenate([block[::step] for block in blocks])
    return normalized(part) if cosine else part


def _parameters(index: Any, selector: Any) -> Any:
    """How far to search, and what may be found, in the words of each kind of index."""
    kind = bare.downcast_index(index)
    if isinstance(kind, bare.IndexPreTransform):
        return bare.SearchParametersPreTransform(index_params=_parameters(kind.index, selector))
    if isinstance(kind, bare.IndexRefine):
        inner = _parameters(kind.base_index, selector)
        return bare.IndexRefineSearchParameters(k_factor=4.0, base_index_params=inner)
    if isinstance(kind, bare.IndexIVF):
        probed = max(LEAST_PROBED, int(PROBED * kind.nlist))
        return bare.SearchParametersIVF(sel=selector, nprobe=probed)
    if isinstance(kind, bare.IndexHNSW):
        return bare.SearchParametersHNSW(sel=selector, efSearch=HNSW_SEARCHED)
    return bare.SearchParameters(sel=selector)
