"""All vectors within a distance, by FAISS, in pieces that fit in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index.batches import by_products
from vecsearch.index.metrics import distances
from vecsearch.types import Distances, Metric, Rows, Vectors

Mask: TypeAlias = NDArray[np.bool_]

# So many queries are compared with so many vectors at a time: if all of them are within the
# distance, 2 million pairs come of it, some 100 MiB.
QUERIES = 512
ROWS = 4096
WORK_BYTES = 64 << 20
# What the slack is where the sum of two lengths is 1e18, and their squares still far from 3e38.
MOST_SLACK = 1e29


@dataclass(frozen=True)
class Pairs:
    """Vectors that are near each other.

    Attributes:
        left: Which query, or the row of one of the two, ``(n,)`` int64.
        right: The row of the other, ``(n,)`` int64.
        distances: How far they are apart, ``(n,)`` float64.
    """

    left: Rows
    right: Rows
    distances: Distances


@dataclass(frozen=True)
class Gallery:
    """What is compared with, as ``ExactIndex`` holds it.

    Attributes:
        blocks: The vectors.
        searched: What FAISS compares: of length 1 under cosine.
        starts: The row of the first of each block.
        metric: How to compare.
    """

    blocks: Sequence[Vectors]
    searched: Sequence[Vectors]
    starts: Sequence[int]
    metric: Metric


# No vectors of float32 are that far apart, and its square is still a float.
FARTHEST = 1e150


def as_radius(radius: object) -> float:
    """A distance, given by a user; one whose square is no float comes to the same as 1e150.

    Raises:
        InvalidArgument: It is no number from 0 up.
    """
    number = isinstance(radius, int | float | np.number) and not isinstance(radius, bool)
    if not number or not 0 <= float(radius) < np.inf:  # type: ignore[arg-type]
        raise InvalidArgument(f"A threshold is a distance, 0 or more, not {radius!r}.")
    return min(float(radius), FARTHEST)  # type: ignore[arg-type]


def within(
    gallery: Gallery,
    queries: Vectors,
    wanted: Vectors,
    radius: float,
    slack: float,
    allowed: Mask | None,
    first: int = 0,
) -> Iterator[Pairs]:
    """What lies within a distance of some queries.

    FAISS is asked for all that may be, for which its rounding is added to the distance, and the
    distances of these are computed anew in double precision.

    Args:
        gallery: What to compare with.
        queries: ``(n, dim)``, at most ``QUERIES`` of them.
        wanted: The same as FAISS compares them: of length 1 under cosine.
        radius: The distance, which still counts.
        slack: How far off a value of FAISS may be, as far as its rounding goes.
        allowed: Which rows may be found; all by default.
        first: The first row that may be found.

    Yields:
        Pairs of a query and a row, by piece of the gallery; in it by query, then by row.
    """
    dim = queries.shape[1]
    step = max(1, min(ROWS, WORK_BYTES // (4 * dim)))
    for block, searched, start in zip(
        gallery.blocks, gallery.searched, gallery.starts, strict=False
    ):
        for top in range(max(0, first - start), len(block), step):
            part = slice(top, top + step)
            rows = np.arange(top, min(top + step, len(block)))
            piece = searched[part]
            if allowed is not None:
                inside = allowed[start + rows]
                if not inside.any():
                    continue
                if not inside.all():
                    rows, piece = rows[inside], piece[inside]
            left, near = _candidates(wanted, piece, radius, slack, gallery.metric)
            yield _measured(queries, block, left, rows[near], start, radius, gallery.metric)


def _candidates(
    queries: Vectors, vectors: Vectors, radius: float, slack: float, metric: Metric
) -> tuple[Rows, Rows]:
    """Queries and vectors that FAISS does not hold to be farther apart: numbers of both."""
    count = len(queries)
    # The plain functions of FAISS, which its stubs do not describe as they are in Python.
    bare: Any = faiss
    # Products of numbers near 1e-19 and below round to nothing, however little of them is left.
    slack += 8 * queries.shape[1] * float(np.finfo(np.float32).tiny)
    if metric is Metric.COSINE:
        limit, search, worst = 1 - radius - slack, bare.range_search_inner_product, -np.inf
    else:
        limit, search, worst = radius**2 + slack, bare.range_search_L2sqr, np.inf
    with np.errstate(over="ignore"):
        # FAISS leaves out what is exactly at the limit.
        edge = np.nextafter(np.float32(limit), np.float32(worst))
    # Beyond these, sums of squares may overflow: nothing is known of such vectors.
    if not np.isfinite(edge) or not slack < MOST_SLACK:
        every = np.arange(count * len(vectors))
        return every // len(vectors), every % len(vectors)
    found = bare.RangeSearchResult(count)
    queries, vectors = np.ascontiguousarray(queries), np.ascontiguousarray(vectors)
    pointers = bare.swig_ptr(queries), bare.swig_ptr(vectors)
    with by_products(count):
        search(*pointers, queries.shape[1], count, len(vectors), float(edge), found)
    ends = bare.rev_swig_ptr(found.lims, count + 1).astype(np.int64)
    if not ends[-1]:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    right = bare.rev_swig_ptr(found.labels, int(ends[-1])).astype(np.int64)
    left = np.repeat(np.arange(count), np.diff(ends))
    order = np.lexsort((right, left))
    return left[order], right[order]


def _measured(
    queries: Vectors,
    block: Vectors,
    left: Rows,
    right: Rows,
    start: int,
    radius: float,
    metric: Metric,
) -> Pairs:
    """Those that are within the distance, measured in double precision."""
    step = max(1, WORK_BYTES // (32 * queries.shape[1]))
    apart = np.empty(len(left))
    for at in range(0, len(left), step):
        part = slice(at, at + step)
        apart[part] = distances(queries[left[part]], block[right[part]], metric)
    near = apart <= radius
    return Pairs(left[near], start + right[near], apart[near])
