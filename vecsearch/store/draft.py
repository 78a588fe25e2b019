"""What a long piece of work has done so far, so that it goes on after an interruption."""

import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vecsearch.store.durable import as_bytes
from vecsearch.types import JSON

Note: TypeAlias = "dict[str, Any]"

SYNC_SECONDS = 5.0
READ_BYTES = 1 << 20


class Draft:
    """A row of blocks, each a note in JSON and rows of an array, that outlives its process.

    A block is whole or not there: each is found by its checksum when the draft is opened again.
    After a loss of power the blocks of the last seconds may be gone.

    Args:
        folder: Where it is kept.
        key: What makes the work the same; a draft of other work is thrown away.

    Attributes:
        notes: The notes of all blocks, in order.

    Example:
        >>> draft = Draft(tmp / "draft", {"of": "squares"})
        >>> draft.append({"done": [1, 2]}, np.array([[1], [4]], np.uint8))
        >>> draft.close()
        >>> again = Draft(tmp / "draft", {"of": "squares"})
        >>> again.notes, again.rows(np.uint8, (1,)).ravel()
        ([{'done': [1, 2]}], memmap([1, 4], dtype=uint8))
        >>> again.close()
    """

    def __init__(self, folder: Path, key: Mapping[str, JSON]) -> None:
        self._folder = folder
        text = json.dumps(key, sort_keys=True)
        if not self._is_of(text):
            _remove(folder)
            folder.mkdir(parents=True)
            (folder / "key").write_text(text)
        self._journal = open(folder / "journal", "a+b", buffering=0)  # noqa: SIM115
        self._payload = open(folder / "payload", "a+b", buffering=0)  # noqa: SIM115
        self.notes: list[Note] = []
        self._ends = [(0, 0)]  # of each block in the two files
        try:
            for note, journal_end, payload_end in self._whole_blocks():
                self.notes.append(note)
                self._ends.append((journal_end, payload_end))
            self._cut()
        except BaseException:
            self.close()
            raise
        self._synced = time.monotonic()

    @property
    def begun(self) -> bool:
        """Whether there is a block, also one that was interrupted before it was noted."""
        return (self._folder / "journal").stat().st_size > 0

    @property
    def sizes(self) -> list[int]:
        """How many bytes of rows each block has."""
        return [after[1] - before[1] for before, after in pairwise(self._ends)]

    def _is_of(self, key: str) -> bool:
        """Whether a draft of this work is there, and is made of plain files."""
        parts = [self._folder / name for name in ("key", "journal", "payload")]
        if self._folder.is_symlink() or any(
            part.is_symlink() or (part.exists() and not part.is_file()) for part in parts
        ):
            return False
        try:
            return parts[0].read_text() == key
        except (OSError, ValueError):
            return False

    def keep(self, blocks: int) -> None:
        """Forget all blocks but the first ones."""
        del self.notes[blocks:], self._ends[blocks + 1 :]
        self._cut()

    def append(self, note: Note, rows: NDArray[Any]) -> None:
        """Add a block."""
        data = as_bytes(rows)
        line = json.dumps([note, len(data), zlib.crc32(data)]).encode()
        line = b"%08x %s\n" % (zlib.crc32(line), line)
        _write(self._payload.fileno(), data)
        _write(self._journal.fileno(), memoryview(line))
        self.notes.append(note)
        before = self._ends[-1]
        self._ends.append((before[0] + len(line), before[1] + len(data)))
        if time.monotonic() - self._synced > SYNC_SECONDS:
            for file in (self._payload, self._journal):
                os.fsync(file.fileno())
            self._synced = time.monotonic()

    def rows(self, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        """The rows of all blocks, ``(n, *shape)``, on disk rather than in memory."""
        kind = np.dtype(dtype)
        size = kind.itemsize * int(np.prod(shape))
        count = self._ends[-1][1] // size
        if not count:
            return np.empty((0, *shape), kind)
        return np.memmap(self._folder / "payload", kind, "r", shape=(count, *shape))

    def close(self) -> None:
        """Close its files."""
        self._journal.close()
        self._payload.close()

    def _whole_blocks(self) -> Iterator[tuple[Note, int, int]]:
        self._journal.seek(0)
        self._payload.seek(0)
        journal_end = payload_end = 0
        length = os.fstat(self._payload.fileno()).st_size
        with open(self._journal.fileno(), "rb", closefd=False) as journal:
            for line in journal:
                checksum, _, text = line.rstrip(b"\n").partition(b" ")
                if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
                    return
                try:
                    note, size, payload_sum = json.loads(text)
                except (ValueError, TypeError, RecursionError):
                    return
                if not isinstance(note, dict) or not isinstance(size, int) or size < 0:
                    return
                if payload_end + size > length or payload_sum is None:
                    return
                if _checksum(self._payload, payload_end, size) != payload_sum:
                    return
                journal_end += len(line)
                payload_end += size
                yield note, journal_end, payload_end

    def _cut(self) -> None:
        journal_end, payload_end = self._ends[-1]
        self._journal.truncate(journal_end)
        self._payload.truncate(payload_end)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _write(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _checksum(file: IO[bytes], start: int, size: int) -> int | None:
    """The CRC-32 of a part of a file; None if the file ends before."""
    checksum = 0
    file.seek(start)
    while size:
        data = file.read(min(size, READ_BYTES))
        if not data:
            return None
        checksum = zlib.crc32(data, checksum)
        size -= len(data)
    return checksum
