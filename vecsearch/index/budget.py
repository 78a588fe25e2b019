"""How much memory it takes to make an index, and which kinds fit into what there is."""

import re
from typing import Any, NamedTuple

import faiss

from vecsearch.errors import InvalidArgument
from vecsearch.index.kinds import AUTO, CODES, EXACT, STORED, bare, factory_of, making

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
# With less, not even the segments would fit that wait for the disk: import of 300,000 × 128 vectors
# took 88 MB without an index.
LEAST_BUDGET = 128 << 20
# FAISS lets arrays grow to twice their size, beside which the old one stands meanwhile.
GROWTH = 2.0
GROWTH_OF_ONE = 3.0
# What k-means, a part of the vectors on its way, and FAISS itself take beside sample and index.
BESIDE = 48 << 20


def as_bytes(size: str | int) -> int:
    """A size as people write it, in bytes.

    Raises:
        InvalidArgument: It is none.

    Example:
        >>> as_bytes("500MB"), as_bytes("2GiB"), as_bytes(200_000_000)
        (500000000, 2147483648, 200000000)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]?I?B)?", str(size).strip().upper())
    if match is None or (match[2] or "B") not in UNITS:
        raise InvalidArgument(f"{size!r} is no size: write 500MB, 2GB or 2GiB.")
    count = int(float(match[1]) * UNITS[match[2] or "B"])
    if count < LEAST_BUDGET:
        raise InvalidArgument(
            f"A memory budget of {size} is too little for anything: it is {LEAST_BUDGET >> 20}MiB "
            "or more."
        )
    return count


def sample_bytes(budget: int) -> int:
    """How much of a budget the sample takes that an index learns from.

    k-means has a copy of it, codes learn from the differences to the centres, and a PCA computes
    in double precision.
    """
    return budget // 16


def needed(kind: str, count: int, dim: int) -> int:
    """How many bytes it takes at most to make an index, in anonymous memory.

    Args:
        kind: As for ``factory_of``.
        count: How many vectors.
        dim: How long they are.

    Raises:
        InvalidArgument: FAISS cannot make it of vectors of that dim.
    """
    sizes = _sizes(kind, count, dim)
    if sizes is None:
        return 0
    return int(GROWTH * sizes.lists + GROWTH_OF_ONE * sizes.array + 2 * sizes.centers) + BESIDE


def made_bytes(kind: str, count: int, dim: int) -> int:
    """How many bytes an index takes once it is made, to a few in a hundred.

    Args and Raises: As for ``needed``.
    """
    sizes = _sizes(kind, count, dim)
    return 0 if sizes is None else sizes.lists + sizes.array + sizes.centers


class _Sizes(NamedTuple):
    """Of an index: the bytes of its lists, of what is one array, and of the lists' centres."""

    lists: int
    array: int
    centers: int


def _sizes(kind: str, count: int, dim: int) -> _Sizes | None:
    """None of what is no index."""
    factory = factory_of(kind, count, dim)
    if factory == EXACT:
        return None
    with making(kind, count, dim):
        made: Any = faiss.index_factory(dim, factory)
    inner, refined = bare.downcast_index(made), 0
    while isinstance(inner, bare.IndexPreTransform | bare.IndexRefine):
        if isinstance(inner, bare.IndexRefine):
            refined += bare.downcast_index(inner.refine_index).sa_code_size()
            inner = bare.downcast_index(inner.base_index)
        else:
            inner = bare.downcast_index(inner.index)
    lists = bare.try_extract_index_ivf(made)
    if lists is not None:
        centers = 4 * lists.nlist * lists.d
        return _Sizes(count * (lists.code_size + 8), count * refined, centers)
    if isinstance(inner, bare.IndexHNSW):
        links = 4 * (2 * inner.hnsw.nb_neighbors(1) + 4)
        stored = bare.downcast_index(inner.storage).code_size + links
    else:
        stored = inner.sa_code_size()
    return _Sizes(0, count * (stored + refined), 0)


def fits(kind: str, count: int, dim: int, budget: int | None) -> bool:
    """Whether an index can be made in so many bytes; the sample takes some of them."""
    return budget is None or needed(kind, count, dim) <= budget // 2


def check_budget(kind: str, count: int, dim: int, budget: int | None) -> None:
    """Refuse a kind of index that takes more than there is, before it is begun.

    Raises:
        InvalidArgument: It does; the text names one that fits.
    """
    if budget is None or fits(kind, count, dim, budget):
        return
    others = [one for one in (*STORED, *CODES) if fits(one, count, dim, budget)]
    advice = f"{others[0]} fits" if others else "none fits but exact, which needs no index"
    raise InvalidArgument(
        f"The index {kind!r} of {count} vectors of {dim} dims takes up to "
        f"{2 * needed(kind, count, dim) / 1e6:.0f} MB while it is made, more than the memory "
        f"budget of {budget / 1e6:.0f} MB: {advice}."
    )


def within_budget(kind: str, count: int, dim: int, budget: int | None) -> str:
    """The string that FAISS makes the index of; of ``auto`` something that fits in any case."""
    if kind != AUTO or fits(kind, count, dim, budget):
        return factory_of(kind, count, dim)
    smaller = ("sq8", "ivfpqfs", "rabitqfs")
    fitting = [one for one in smaller if fits(one, count, dim, budget)]
    return factory_of(fitting[0], count, dim) if fitting else EXACT
