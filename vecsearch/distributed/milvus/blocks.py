"""How many items go to and fro between here and Milvus at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

# Messages to a server end at 64 MB, and its answers at 100; texts are counted by their characters,
# of which one may be four bytes.
BLOCK_ROWS, BLOCK_BYTES = 5000, 8 << 20
# As long as it is not known how much an item takes: 64 kB of metadata, at most.
FIRST_ROWS = 256
LOOKED_AT = 64


def parts_of(columns: Mapping[str, Sequence[str]], dim: int) -> Iterator[slice]:
    """Parts of items that can be sent at once.

    Args:
        columns: Their texts, as many a column as there are items.
        dim: How long their vectors are.

    Example:
        >>> list(parts_of({"id": ["a", "b", "c"]}, 1_000_000))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    texts = (np.fromiter(map(len, column), np.int64) for column in columns.values())
    ends = np.cumsum(sum(texts) + 4 * dim)
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + BLOCK_BYTES, "right"))
        stop = min(max(stop, start + 1), start + BLOCK_ROWS)
        yield slice(start, min(stop, len(ends)))
        start = stop


class Pace:
    """How many rows to ask for: more of them, as long as answers are small.

    Args:
        dim: How long their vectors are.

    Attributes:
        rows: How many.
    """

    def __init__(self, dim: int) -> None:
        self._vector = 4 * dim
        self.rows = max(1, min(FIRST_ROWS, BLOCK_BYTES // self._vector))

    def learn(self, answer: Sequence[Mapping[str, Any]]) -> None:
        """See how much the rows of an answer took."""
        some = answer[:: max(1, len(answer) // LOOKED_AT)]
        texts = sum(
            len(str(value)) for row in some for key, value in row.items() if key != "vector"
        )
        row = self._vector + texts / max(1, len(some))
        self.rows = max(1, min(BLOCK_ROWS, 2 * self.rows, int(BLOCK_BYTES / row)))
