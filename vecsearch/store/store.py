"""Read a collection from its folder, believing nothing that its hash does not prove."""

import json
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import CollectionReplaced, DamagedCollection
from vecsearch.store.durable import stamp_of
from vecsearch.store.manifest import Manifest, generations, newest
from vecsearch.store.segment import Record, read_array, read_line, read_lines
from vecsearch.types import Skipped, Vectors


@dataclass(frozen=True)
class Damage:
    """A file of a collection that is not what was written, and how."""

    file: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """What came of reading a whole collection: how many files and bytes, and what is damaged."""

    files: int
    bytes: int
    damages: Sequence[Damage]


class Store:
    """One generation of a collection, read only. Each file is hashed before it is first used.

    Args:
        folder: Where the collection lies.

    Raises:
        CollectionNotFound: There is none.
        DamagedCollection: Its newest manifest is not as it was written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = newest(folder)
        self._proven: set[str] = set()
        self._starts = [0, *accumulate(entry.count for entry in self.manifest.segments)]
        self._offsets: dict[str, NDArray[np.int64]] = {}
        self._open: dict[str, BinaryIO] = {}

    def __len__(self) -> int:
        return self.manifest.count

    def check_present(self) -> None:
        """See that all files are there, without reading them.

        Raises:
            DamagedCollection: One is missing or has another length than was written.
        """
        for name in self.manifest.files:
            self._present(name)

    def vectors(self) -> list[Vectors]:
        """The vectors of all items, one memory-mapped ``(n, dim)`` array a segment.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        return [
            read_array(self._checked(entry.vectors), "<f4", (entry.count, self.manifest.dim))
            for entry in self.manifest.segments
        ]

    def records(self) -> Iterator[Record]:
        """All items, in the order of their vectors.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        for entry in self.manifest.segments:
            yield from read_lines(self._checked(entry.items))

    def record(self, row: int) -> Record:
        """The item at one position, without reading the others.

        Raises:
            DamagedCollection: Its line is not as it was written.
        """
        segment = int(np.searchsorted(self._starts, row, side="right")) - 1
        entry = self.manifest.segments[segment]
        if entry.offsets not in self._offsets:
            path = self._checked(entry.offsets)
            self._offsets[entry.offsets] = read_array(path, "<i8", (entry.count, 2))
        offsets = self._offsets[entry.offsets]
        at = row - self._starts[segment]
        start, checksum = map(int, offsets[at])
        last = at + 1 == entry.count
        end = self.manifest.files[entry.items].size if last else int(offsets[at + 1, 0])
        return read_line(self._lines(entry.items), start, end, checksum)

    def skipped(self) -> list[Skipped]:
        """What was left out of the folder when the collection was built.

        Raises:
            DamagedCollection: The file is not as it was written.
        """
        if self.manifest.skipped is None:
            return []
        # Not splitlines(): a name may hold what that takes for the end of a line.
        lines = self._checked(self.manifest.skipped).read_bytes().split(b"\n")
        entries = [json.loads(line) for line in lines if line]
        return [Skipped(Path(entry["path"]), entry["reason"]) for entry in entries]

    def encoder_folder(self) -> Path | None:
        """Where the encoder lies, its files checked; None if the vectors came without one.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        encoder = self.manifest.encoder
        if encoder is None:
            return None
        folder = self.folder / encoder.folder
        for path in sorted(folder.iterdir()):
            name = f"{encoder.folder}/{path.name}"
            if name not in self.manifest.files:
                raise DamagedCollection(f"{path} is not a file that the manifest names.")
            self._checked(name)
        return folder

    def verify(self) -> Verification:
        """Read every byte of every file and compare its hash."""
        damages = []
        for name in self.manifest.files:
            self._proven.discard(name)
            try:
                self._checked(name)
            except DamagedCollection as error:
                damages.append(Damage(name, str(error)))
        stamps = self.manifest.files.values()
        return Verification(len(stamps), sum(stamp.size for stamp in stamps), damages)

    def _lines(self, name: str) -> BinaryIO:
        """An items file, open from its first use on: a later writer may delete it."""
        if name not in self._open:
            self._open[name] = self._present(name).open("rb")
            weakref.finalize(self, self._open[name].close)
        return self._open[name]

    def _present(self, name: str) -> Path:
        path = self.folder / name
        if path.resolve() != self.folder.resolve() / name:
            raise DamagedCollection(f"{path} is a link that leads elsewhere.")
        try:
            size = path.stat().st_size
        except OSError as error:
            if generations(self.folder)[-1:] != [self.manifest.generation]:
                raise CollectionReplaced(
                    f"{self.folder} was written anew since it was opened: open it again."
                ) from error
            raise DamagedCollection(f"{path} is missing: {error.strerror}.") from error
        expected = self.manifest.files[name].size
        if size != expected:
            raise DamagedCollection(f"{path} has {size} bytes, but {expected} were written.")
        return path

    def _checked(self, name: str) -> Path:
        path = self._present(name)
        if name not in self._proven:
            try:
                stamp = stamp_of(path)
            except OSError as error:
                raise DamagedCollection(f"{path} cannot be read: {error.strerror}.") from error
            if stamp != self.manifest.files[name]:
                raise DamagedCollection(f"{path} is damaged: its hash is not that of the manifest.")
            self._proven.add(name)
        return path
