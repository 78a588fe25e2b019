"""The nearest neighbours of items among themselves, each without itself."""

from collections.abc import Callable

import numpy as np

from vecsearch.index.exact import Allowed, ExactIndex
from vecsearch.types import Distances, Rows

BLOCK_BYTES = 32 << 20
MOST_AT_ONCE = 1024


def nearest_others(
    index: ExactIndex,
    queries: Callable[[slice], np.ndarray],
    own: Rows,
    k: int,
    allowed: Allowed | None = None,
    advance: Callable[[int], None] | None = None,
) -> tuple[Distances, Rows]:
    """The k nearest of each query, where a query may be a row itself, which does not count.

    Args:
        index: What to search.
        queries: Gives some of the queries, ``(n, dim)``.
        own: The row that each of them is, ``(n,)``; −1 if it is none.
        k: How many; all others there are, if they are fewer.
        allowed: Which rows may be found; all by default.
        advance: Called with how many queries are done.

    Returns:
        Distances ``(n, k)`` and rows ``(n, k)``, nearest first.
    """
    there = len(index) if allowed is None else int(np.count_nonzero(allowed))
    wanted = min(k + 1, there)
    apart = np.full((len(own), wanted), np.inf)
    rows = np.full((len(own), wanted), -1, np.int64)
    step = max(1, min(MOST_AT_ONCE, BLOCK_BYTES // (4 * (index.dim or 1))))
    for start in range(0, len(own), step):
        block = slice(start, start + step)
        apart[block], rows[block] = index.search(queries(block), wanted, allowed)
        if advance is not None:
            advance(min(start + step, len(own)))
    itself = rows == own[:, None]
    itself[~itself.any(axis=1), -1] = True  # so that each has as many others
    shape = len(own), max(0, wanted - 1)
    return apart[~itself].reshape(shape), rows[~itself].reshape(shape)
