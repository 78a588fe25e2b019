"""Which items are the very same: by the bytes of their files, and by the bytes of their vectors."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vecsearch.duplicates.components import Components
from vecsearch.types import Metric, Rows, Vectors
from vecsearch.view import View
from vecsearch.where import Where, as_conditions

DIGEST_BYTES = 16
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Contents:
    """What the items that are compared are.

    Attributes:
        rows: Where they stand in the store, ``(n,)``, ascending.
        hashes: The sha256 of the file of each, in hex, or None.
    """

    rows: Rows
    hashes: Sequence[str | None]


def contents(view: View, where: Where) -> Contents:
    """The items of one generation of which some conditions hold, with the hashes of their files.

    Raises:
        InvalidArgument: A condition cannot be read, or no item has its key.
        DamagedCollection: A file is not as it was written.
    """
    store = view.store
    allowed = view.attributes.allowed(as_conditions(where))
    rows, hashes = [], []
    for row, record in zip(store.rows().tolist(), store.records(), strict=True):
        if allowed is None or allowed[row]:
            found = (record.file or {}).get("sha256")
            rows.append(row)
            hashes.append(None if found is None else str(found))
    return Contents(np.array(rows, np.int64), hashes)


@dataclass(frozen=True)
class Same:
    """Which of some items are the very same; places count through ``Contents``.

    Attributes:
        first: The place of the first item with the same vector, ``(n,)``.
        leaders: The place of the first that is the same by its bytes or its vector, ``(n,)``.
        different: The places of those that are the first, and can be compared, ascending.
    """

    first: Rows
    leaders: Rows
    different: Rows


def same_items(view: View, found: Contents, metric: Metric) -> Same:
    """Sort out which items are the very same, so that only different ones need be compared.

    Args:
        view: The generation.
        found: Its items.
        metric: How they are compared. Under cosine, what has no direction is not: it is the same
            as another only by the bytes of its file.
    """
    places = np.arange(len(found.rows))
    first, zeros = first_of_vector(view.store.vectors(), found.rows)
    comparable = np.ones(len(places), np.bool_)
    comparable[zeros] = metric is not Metric.COSINE
    same = Components(len(places))
    same.join(places, first_of_hash(found.hashes))
    same.join(places, np.where(comparable, first, places))
    leaders = same.first()
    return Same(first, leaders, np.flatnonzero((leaders == places) & comparable))


def rows_by_hash(hashes: Sequence[str | None]) -> dict[str, list[int]]:
    """Where each hash stands, in the order of their first places.

    Example:
        >>> rows_by_hash(["b7", None, "a1", "b7"])
        {'b7': [0, 3], 'a1': [2]}
    """
    found: dict[str, list[int]] = {}
    for row, one in enumerate(hashes):
        if one is not None:
            found.setdefault(one, []).append(row)
    return found


def first_of_hash(hashes: Sequence[str | None]) -> Rows:
    """The place of the first with the same hash, ``(n,)``; its own where there is none."""
    first = np.arange(len(hashes))
    for rows in rows_by_hash(hashes).values():
        first[rows] = rows[0]
    return first


def first_of_vector(blocks: Sequence[Vectors], rows: Rows) -> tuple[Rows, Rows]:
    """Where each vector stands for the first time.

    Args:
        blocks: The vectors of a store.
        rows: Which of them.

    Returns:
        The place among ``rows`` of the first that is the same, ``(n,)``, and the places of those
        that are zero.
    """
    seen: dict[bytes, int] = {}
    first = np.arange(len(rows))
    zeros: list[int] = []
    starts = np.cumsum([0, *(len(block) for block in blocks)])
    ends = np.searchsorted(rows, starts)
    for block, start, left, right in zip(blocks, starts, ends, ends[1:], strict=False):
        step = max(1, BLOCK_BYTES // (4 * block.shape[1]))
        for top in range(int(left), int(right), step):
            places = range(top, min(top + step, int(right)))
            # Adding zero makes −0 and 0 the same bytes.
            vectors = block[rows[places.start : places.stop] - start] + np.float32(0)
            zeros += (top + np.flatnonzero(~vectors.any(axis=1))).tolist()
            for place, vector in zip(places, vectors, strict=True):
                digest = hashlib.blake2b(vector, digest_size=DIGEST_BYTES).digest()
                first[place] = seen.setdefault(digest, place)
    return first, np.array(zeros, np.int64)
