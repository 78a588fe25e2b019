"""The kinds of approximate index, as FAISS names them."""

import math
from typing import Any

import faiss

from vecsearch.errors import InvalidArgument

# Its stubs do not describe what its classes take in Python.
bare: Any = faiss
# FAISS asks for 39 vectors a list to train on; with fewer lists every one of them is long.
VECTORS_A_LIST = 39
MOST_LISTS = 65536
HNSW_LINKS = 32
PARSED_DIM = 64
# What is tried: so many times the root of the count as lists, so many dims after a PCA.
LIST_FACTORS = (1, 4)
REDUCED = (64, 96)
LEAST_RABITQ = 32


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


def kinds_to_try(count: int, dim: int) -> list[str]:
    """Kinds of index that may be the best for so many vectors, the quickest to make first.

    Lists of whole vectors, of a few bits each dim, and graphs; and the first two after a PCA where
    there are many dims. What finds by bits is measured anew by the vectors themselves.

    Example:
        >>> kinds_to_try(10_000, 32)[:3]
        ['IVF128,Flat', 'IVF128,PQ16x4fs', 'IVF128,RaBitQfs']
    """
    lists = [max(1, 2 ** round(math.log2(factor * count**0.5))) for factor in LIST_FACTORS]
    ivf = [f"IVF{one}" for one in lists if one * VECTORS_A_LIST <= count]
    found = []
    for prefix, rest in [("", dim), *((f"PCA{one},", one) for one in REDUCED if 2 * one <= dim)]:
        for one in ivf:
            found.append(f"{prefix}{one},Flat")
            found += [f"{prefix}{one},PQ{rest // 2}x4fs"] if rest % 2 == 0 else []
            found += [f"{prefix}{one},RaBitQfs"] if rest >= LEAST_RABITQ else []
    return [*found, *(f"HNSW{links},Flat" for links in (16, 32))]
