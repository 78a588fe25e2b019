"""The whole gallery in order of distance, for measures that look past the first k."""

from collections.abc import Iterator

import numpy as np

from vecsearch.index.metrics import normalized
from vecsearch.types import Metric, Rows, Vectors

BLOCK_BYTES = 32 << 20


def rankings(queries: Vectors, gallery: Vectors, metric: Metric) -> Iterator[tuple[slice, Rows]]:
    """Rank every vector of a gallery for each query, in blocks of queries.

    Args:
        queries: ``(n, dim)`` float32.
        gallery: ``(m, dim)`` float32.
        metric: How to compare.

    Yields:
        Which queries, and for each of them the rows of the gallery, nearest first, of equals the
        earlier row first: ``(block, m)`` int64. A block takes 32 MiB, whatever n and m are.
    """
    if metric is Metric.COSINE:
        queries, gallery = normalized(queries), normalized(gallery)
    else:
        # |q − g|² = |q|² + |g|² − 2 q·g loses the digits that the three have in common; moving
        # the origin into the middle of the data makes them small.
        middle = gallery.mean(axis=0, dtype=np.float64).astype(np.float32)
        queries, gallery = queries - middle, gallery - middle
    squares = np.einsum("ij,ij->i", gallery, gallery)
    rows = np.arange(len(gallery), dtype=np.uint64)
    step = max(1, BLOCK_BYTES // (8 * max(1, len(gallery))))
    for start in range(0, len(queries), step):
        part = queries[start : start + step]
        near = part @ gallery.T
        if metric is Metric.COSINE:
            apart = 1 - near
        else:
            apart = squares - 2 * near + np.einsum("ij,ij->i", part, part)[:, None]
        # The bits of floats from 0 up are in the order of the floats. With the row behind them
        # they are one integer, and sorting integers is five times as fast as a stable argsort.
        bits = np.maximum(apart, 0, dtype=np.float32).view(np.uint32)
        keys = (bits.astype(np.uint64) << np.uint64(32)) | rows
        keys.sort(axis=1)
        yield slice(start, start + len(part)), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
