"""The kinds of approximate index, as FAISS names them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss

from vecsearch.errors import InvalidArgument
from vecsearch.spelling import did_you_mean

# Its stubs do not describe what its classes take in Python.
bare: Any = faiss
AUTO, EXACT = "auto", "exact"
# FAISS asks for 39 vectors a list to train on; with fewer lists every one of them is long.
VECTORS_A_LIST = 39
MOST_LISTS = 65536
HNSW_LINKS = 32
PARSED_DIM = 64
# What is tried: so many times the root of the count as lists, so many dims after a PCA.
LIST_FACTORS = (1, 4)
REDUCED = (64, 128)
LEAST_RABITQ = 32
# Which stops comparing where the first dims tell enough, as those of a PCA do: it finds all, 60,000
# × 784 in 1.3 ms where every vector takes 16.
PANORAMA_DIM = 256
PANORAMA = f"PCA{PANORAMA_DIM},FlatL2Panorama16"
# What a vector becomes in the lists of IVF, by the names of such kinds; {half} is half the dims,
# {quarter} a quarter of them, if they divide so.
CODES = {
    "ivf": "Flat",
    "sq8": "SQ8",
    "ivfpq": "PQ{quarter}",
    "ivfpqfs": "PQ{half}x4fs",
    "rabitq": "RaBitQ",
    "rabitqfs": "RaBitQfs",
}
STORED = {"hnsw": "Flat", "hnswsq8": "SQ8"}
NAMES = (AUTO, EXACT, *STORED, *CODES)
# Fewer vectors than these are too few to learn 256 values of a code from: they stay whole.
LEAST_CODED = 256
# Up to here auto compares every vector: by benchmarks on two cores, 5,000 vectors of 784 dims take
# 2 ms, 30,000 of 32 dims 0.3 ms, and an index not less than 0.15 ms.
EXACT_COUNT = 5_000
EXACT_NUMBERS = 1_000_000
# From so many dims on a graph finds 0.99 sooner than lists (60,000 × 784: 0.34 against 0.45 ms;
# 60,000 × 32: 0.21 against 0.16), while making it takes less than a minute.
GRAPH_DIM = 96
GRAPH_COUNT = 200_000


def factory_of(kind: str, count: int, dim: int) -> str:
    """What FAISS calls a kind of index over so many vectors.

    Args:
        kind: One of ``NAMES`` but ``exact``, or a string of FAISS's own, as ``IVF256,PQ16``.
        count: How many vectors.
        dim: How long they are.

    Returns:
        ``exact`` where that is what auto takes.

    Example:
        >>> factory_of("ivf", 60_000, 32), factory_of("hnsw", 100, 32)
        ('IVF979,Flat', 'HNSW32,Flat')
        >>> factory_of("auto", 60_000, 784), factory_of("auto", 60_000, 32)
        ('HNSW32,SQ8', 'IVF979,SQ8')
    """
    if kind == AUTO:
        kind = _best_kind(count, dim)
    if kind not in CODES and kind not in STORED:
        return kind
    code = CODES.get(kind) or STORED[kind]
    few = code != "Flat" and count < LEAST_CODED
    code = "Flat" if few else code.format(half=_part(dim, 2), quarter=_part(dim, 4))
    if kind in STORED:
        return f"HNSW{HNSW_LINKS},{code}"
    lists = min(int(4 * count**0.5), count // VECTORS_A_LIST, MOST_LISTS)
    return f"IVF{max(1, lists)},{code}"


def _best_kind(count: int, dim: int) -> str:
    if count <= EXACT_COUNT or count * dim <= EXACT_NUMBERS:
        return EXACT
    return "hnswsq8" if dim >= GRAPH_DIM and count <= GRAPH_COUNT else "sq8"


def _part(dim: int, of: int) -> int:
    """Into how many parts of equal length a vector is cut: one in ``of`` dims, if that goes."""
    return next(dim // size for size in range(of, 0, -1) if dim % size == 0)


def check_kind(kind: str) -> None:
    """Refuse what is no kind of index for any vectors, before work is put into them.

    Raises:
        InvalidArgument: FAISS cannot read it.
    """
    if kind in NAMES:
        return
    try:
        faiss.index_factory(PARSED_DIM, kind)
    except RuntimeError as error:
        if "could not parse" in str(error):
            raise InvalidArgument(
                f"No kind of index is called {kind!r}.{did_you_mean(kind, NAMES)} There are "
                f"{', '.join(NAMES)}, and what FAISS's index_factory reads, as IVF256,PQ16."
            ) from error


@contextmanager
def making(kind: str, count: int, dim: int) -> Iterator[None]:
    """Say in our words what FAISS cannot make of so many vectors."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).rpartition(": ")[2] or str(error)
        raise InvalidArgument(
            f"FAISS cannot make the index {kind!r} of {count} vectors of {dim} dims: {reason}"
        ) from error


def kinds_to_try(count: int, dim: int) -> list[str]:
    """Kinds of index that may be the best for so many vectors, the quickest to make first.

    Lists of whole vectors, of a byte or a few bits each dim, and graphs; after a PCA where there
    are many dims, and then all vectors one by one, too, by Panorama. What finds by codes or fewer
    dims is measured anew by the vectors themselves.

    Example:
        >>> kinds_to_try(10_000, 32)[:3]
        ['IVF128,Flat', 'IVF128,SQ8', 'IVF128,PQ16x4fs']
    """
    lists = [max(1, 2 ** round(math.log2(factor * count**0.5))) for factor in LIST_FACTORS]
    ivf = [f"IVF{one}" for one in lists if one * VECTORS_A_LIST <= count]
    found = []
    # Many dims at a time take long to compare, and most of what they tell is in a few of a PCA.
    # It has no more axes than it learns from vectors.
    reduced = [(f"PCA{one},", one) for one in REDUCED if 2 * one <= dim and one <= count]
    for prefix, rest in reduced or [("", dim)]:
        for one in ivf:
            found += [f"{prefix}{one},Flat", f"{prefix}{one},SQ8"]
            found += [f"{prefix}{one},PQ{rest // 2}x4fs"] if rest % 2 == 0 and not prefix else []
            found += [f"{prefix}{one},RaBitQfs"] if rest >= LEAST_RABITQ else []
    graphs = [f"{prefix}HNSW{HNSW_LINKS},SQ8" for prefix, rest in reduced if rest == REDUCED[-1]]
    # A graph of whole vectors of many dims waits for memory.
    graphs += [
        f"HNSW{HNSW_LINKS},{code}" for code in ("SQ8", "Flat") if code == "SQ8" or not graphs
    ]
    panorama = [PANORAMA] if dim >= 2 * PANORAMA_DIM and count >= PANORAMA_DIM else []
    return [*found, *panorama, *graphs]
