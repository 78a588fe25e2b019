"""Items on their way to the disk, gathered into segments."""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from vecsearch.store.durable import Stamp
from vecsearch.store.manifest import SegmentEntry
from vecsearch.store.records import Records
from vecsearch.store.segment import encode, write_segment
from vecsearch.types import Vectors

SEGMENT_BYTES = 64 << 20
SEGMENT_ITEMS = 1 << 17
# One waits for the disk while the processors are busy with the others.
WRITERS = 3


def segment_items(dim: int) -> int:
    """How many items with so many dims a segment holds at most."""
    return max(1, min(SEGMENT_ITEMS, SEGMENT_BYTES // (4 * max(1, dim))))


class Segments:
    """Writes segments beside one another as they fill up; what it gives keeps their order.

    Args:
        folder: The collection's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vectors: list[Vectors] = []
        self._records: list[Records] = []
        self._waiting = 0
        self._pool = ThreadPoolExecutor(WRITERS)
        self._writing: deque[Future[tuple[SegmentEntry, dict[str, Stamp]]]] = deque()
        self._entries: list[SegmentEntry] = []
        self._stamps: dict[str, Stamp] = {}

    def add(self, vectors: Vectors, columns: Records) -> None:
        """Take in items, ``(n, dim)`` float32."""
        most, start = segment_items(vectors.shape[1]), 0
        while start < len(columns):
            part = slice(start, start + most - self._waiting)
            self._vectors.append(vectors[part])
            self._records.append(columns.part(part))
            self._waiting += len(self._records[-1])
            start += len(self._records[-1])
            if self._waiting == most:
                self._flush()

    def put(self, entry: SegmentEntry, stamps: Mapping[str, Stamp]) -> None:
        """Take over a segment that others have written: it follows what came before."""
        self.finish()
        self._entries.append(entry)
        self._stamps |= stamps

    def finish(self) -> tuple[Sequence[SegmentEntry], Mapping[str, Stamp]]:
        """All segments and the stamps of their files, once they are on the disk."""
        self._flush()
        while self._writing:
            self._take_written()
        return self._entries, self._stamps

    def close(self) -> None:
        """Write nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _flush(self) -> None:
        if not self._records:
            return
        vectors, records = self._vectors, Records.joined(self._records)
        self._vectors, self._records, self._waiting = [], [], 0
        while len(self._writing) >= WRITERS:
            self._take_written()
        self._writing.append(self._pool.submit(_written, self._folder, vectors, records))

    def _take_written(self) -> None:
        entry, stamps = self._writing.popleft().result()
        self._entries.append(entry)
        self._stamps |= stamps


def _written(
    folder: Path, vectors: Sequence[Vectors], records: Records
) -> tuple[SegmentEntry, dict[str, Stamp]]:
    return write_segment(folder, vectors, encode(records))
