"""Read a collection from its folder, believing nothing that its hash does not prove."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import DamagedCollection
from vecsearch.store.beside import parse_calibration, parse_skipped
from vecsearch.store.clusters import parse_clustering
from vecsearch.store.manifest import Manifest, SegmentEntry, newest, standing
from vecsearch.store.proven import ProvenFiles
from vecsearch.store.records import Record
from vecsearch.store.segment import (
    PAGE_LINES,
    Block,
    Columns,
    Pages,
    key_of,
    parse_line,
    read_array,
    read_columns,
    read_ids,
    read_lines,
    read_page,
)
from vecsearch.store.uploads import moved_along
from vecsearch.types import JSON, Clustering, Rows, Skipped, Vectors

T = TypeVar("T")

# What systems leave in folders that somebody looked into. Nobody loads it.
LITTER = (".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir")


class Store:
    """One generation of a collection, read only.

    A row is the position of an item through all segments, dead items included.

    Args:
        folder: Where the collection lies.
        manifest: The generation; the newest by default.
        known: What ``standing`` gave before, where the disk need not be looked at.

    Attributes:
        files: Its files, each of which is hashed before it is first used.

    Raises:
        CollectionNotFound: There is none.
        DamagedCollection: Its newest manifest is not as it was written.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest | None = None,
        known: tuple[int, int, int] | None = None,
    ) -> None:
        self.folder = folder
        # Before it is read: what comes in between is newer.
        found = standing(folder) if known is None else known
        self.manifest: Manifest = newest(folder) if manifest is None else manifest
        self.files = ProvenFiles(folder, self.manifest, found)
        self.starts = [0, *accumulate(entry.count for entry in self.manifest.segments)]
        self._offsets: dict[str, NDArray[np.int64]] = {}
        self._columns: dict[str, Columns] = {}
        self._alive: NDArray[np.bool_] | None = None
        self._pages = Pages()

    def __len__(self) -> int:
        return self.manifest.count

    def newer(self) -> "Store | None":
        """The newest generation, if it is another one; what was proven of its files stays so.

        One of the same number is another one if it was written anew, as after a whole new build.
        """
        if standing(self.folder) == self.files.standing:
            return None
        store = Store(self.folder)
        store.files.trust(self.files)
        return store

    def reopened(self) -> "Store":
        """The same generation with no file open; what was proven of its files stays so."""
        store = Store(self.folder, self.manifest, self.files.standing)
        store.files.trust(self.files)
        return store

    def check_present(self) -> None:
        """See that all items are there, without reading them.

        Raises:
            DamagedCollection: A file is missing or has another length than was written.
        """
        for entry in self.manifest.segments:
            for name in entry.files:
                self.files.present(name)

    def vectors(self) -> list[Vectors]:
        """The vectors of all rows, one memory-mapped ``(n, dim)`` array a segment.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        self.files.check_large([entry.vectors for entry in self.manifest.segments])
        return [self.vectors_of(entry) for entry in self.manifest.segments]

    def vectors_of(self, entry: SegmentEntry) -> Vectors:
        """The vectors of one segment, dead rows included."""
        shape = (entry.count, self.manifest.dim)
        with self.files.reading():
            return read_array(self.files.checked(entry.vectors), "<f4", shape)

    def take(self, rows: Rows) -> Vectors:
        """The vectors at some rows, ``(len(rows), dim)``, in the order of the rows.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        taken = np.empty((len(rows), self.manifest.dim), np.float32)
        segments = np.searchsorted(self.starts, rows, side="right") - 1
        for at in np.unique(segments).tolist():
            inside = segments == at
            block = self.vectors_of(self.manifest.segments[at])
            taken[inside] = block[rows[inside] - self.starts[at]]
        return taken

    def alive(self) -> NDArray[np.bool_] | None:
        """Which rows are items; None if all of them are.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        if self._alive is None and any(entry.dead for entry in self.manifest.segments):
            self._alive = np.concatenate([self.alive_in(entry) for entry in self.manifest.segments])
        return self._alive

    def alive_in(self, entry: SegmentEntry) -> NDArray[np.bool_]:
        """Which rows of one segment are items."""
        if entry.dead is None:
            return np.ones(entry.count, np.bool_)
        with self.files.reading():
            path = self.files.checked(entry.dead)
            bits = read_array(path, "|u1", ((entry.count + 7) // 8,))
        dead = np.unpackbits(bits, count=entry.count, bitorder="little").view(np.bool_)
        if np.count_nonzero(dead) != entry.dead_count:
            raise DamagedCollection(f"{path} does not tell as many dead rows as the manifest.")
        alive: NDArray[np.bool_] = ~dead
        return alive

    def rows(self) -> Rows:
        """The rows of all items, ascending."""
        alive = self.alive()
        return np.arange(self.starts[-1]) if alive is None else np.flatnonzero(alive)

    def records(self) -> Iterator[Record]:
        """All items, in the order of ``rows``.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        for entry in self.manifest.segments:
            yield from self.records_of(entry)

    def ids(self) -> list[str]:
        """The ids of all items, in the order of ``rows``.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        return [name for entry in self.manifest.segments for name in self._read(entry, read_ids)]

    def records_of(self, entry: SegmentEntry) -> Iterator[Record]:
        """The items of one segment."""
        return (moved_along(one, self.folder) for one in self._read(entry, read_lines))

    def _read(self, entry: SegmentEntry, lines: Callable[[Path], Iterator[T]]) -> Iterator[T]:
        """What there is of each item of one segment."""
        living = self.alive_in(entry).tolist()
        row = 0
        with self.files.reading():
            for row, one in enumerate(lines(self.files.checked(entry.items)), 1):
                if row <= entry.count and living[row - 1]:
                    yield one
        if row != entry.count:
            raise DamagedCollection(f"{entry.items} has {row} lines, not {entry.count}.")

    def record(self, row: int) -> Record:
        """The item at one row, without reading the others.

        Raises:
            DamagedCollection: Its line is not as it was written.
        """
        segment = bisect_right(self.starts, row) - 1
        entry = self.manifest.segments[segment]
        page, line = divmod(row - self.starts[segment], PAGE_LINES)
        path = self.folder / entry.items
        lines = self._pages.get((segment, page))
        if lines is None:
            lines = self._read_page(entry, page, path)
            self._pages.keep((segment, page), lines)
        if line >= len(lines):
            raise DamagedCollection(f"{path} has no line for row {row}.")
        return moved_along(parse_line(lines[line].decode(), path), self.folder)

    def _read_page(self, entry: SegmentEntry, page: int, path: Path) -> list[bytes]:
        """A page of lines of one segment, checked."""
        if entry.offsets not in self._offsets:
            pages = -(-entry.count // PAGE_LINES)
            with self.files.reading():
                table = self.files.checked(entry.offsets)
                pairs = read_array(table, "<i8", (pages, 2))
                # Of a plain kind, which is quicker to index.
                self._offsets[entry.offsets] = np.asarray(pairs)
        with self.files.reading():
            return read_page(self.files.text(entry.items), self._offsets[entry.offsets], page, path)

    def block(self, entry: SegmentEntry) -> Block:
        """The items of one segment as they are on disk, without the dead ones."""
        with self.files.reading():
            text = self.files.checked(entry.items).read_bytes()
        return Block(text, self.columns(entry)).taken(self.alive_in(entry))

    def columns(self, entry: SegmentEntry) -> Columns:
        """What the items of one segment are found by, dead rows included.

        Raises:
            DamagedCollection: The file is not as it was written.
        """
        if entry.columns not in self._columns:
            with self.files.reading():
                path = self.files.checked(entry.columns)
                self._columns[entry.columns] = read_columns(path, entry.count)
        return self._columns[entry.columns]

    def find(self, ids: Sequence[str], among: NDArray[np.bool_] | None = None) -> Rows:
        """The row of each id, ``(n,)``; −1 where there is no such item.

        Args:
            ids: What to look for.
            among: The rows that count; those of all items by default.
        """
        found = np.full(len(ids), -1, np.int64)
        wanted: dict[int, list[int]] = {}
        for at, name in enumerate(ids):
            wanted.setdefault(key_of(name), []).append(at)
        sought = np.fromiter(wanted, np.uint32, len(wanted))
        alive = self.alive() if among is None else among
        for entry, start in zip(self.manifest.segments, self.starts, strict=False):
            if among is not None and not among[start : start + entry.count].any():
                continue
            keys = self.columns(entry).keys
            rows = np.flatnonzero(np.isin(keys, sought))
            if alive is not None:
                rows = rows[alive[start + rows]]
            for row in rows.tolist():
                name = self.record(start + row).id
                for at in wanted[int(keys[row])]:
                    if ids[at] == name:
                        found[at] = start + row
        return found

    def labels(self) -> tuple[list[str], NDArray[np.int64]]:
        """All labels there are, and the position of each row's label among them, or −1."""
        names: dict[str, int] = {}
        codes = [np.empty(0, np.int64)]
        for entry in self.manifest.segments:
            columns = self.columns(entry)
            known = [names.setdefault(name, len(names)) for name in columns.names]
            codes.append(np.array([*known, -1], np.int64)[columns.labels])
        return list(names), np.concatenate(codes)

    def skipped(self) -> list[Skipped]:
        """What was left out of the folder when the collection was built or updated.

        Raises:
            DamagedCollection: The file is not as it was written.
        """
        if self.manifest.skipped is None:
            return []
        return parse_skipped(*self.files.read(self.manifest.skipped))

    def calibration(self) -> dict[str, JSON]:
        """From how far on something is a stranger, as it was committed; empty if never.

        Raises:
            DamagedCollection: The file is not as it was written.
        """
        if self.manifest.calibration is None:
            return {}
        return parse_calibration(*self.files.read(self.manifest.calibration))

    def clustering(self, name: str) -> Clustering:
        """The clustering that was committed under a name.

        Raises:
            InvalidArgument: There is none.
            DamagedCollection: The file is not as it was written.
        """
        data, path = self.files.read(self.manifest.clustering_file(name, self.folder))
        return parse_clustering(data, path, self.manifest.dim)

    def encoder_folder(self) -> Path | None:
        """Where the encoder lies, its files checked; None if the vectors came without one.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        encoder = self.manifest.encoder
        if encoder is None:
            return None
        folder = self.folder / encoder.folder
        for name in self.manifest.files:
            if name.startswith(f"{encoder.folder}/"):
                self.files.checked(name)
        with self.files.reading():
            present = sorted(folder.rglob("*"))
        for path in present:
            named = path.relative_to(self.folder).as_posix() in self.manifest.files
            litter = any(part in LITTER for part in path.relative_to(folder).parts)
            if not named and not litter and (path.is_symlink() or not path.is_dir()):
                raise DamagedCollection(f"{path} is not a file that the manifest names: delete it.")
        return folder
