"""Write a new generation of a collection: all of it, or nothing."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import numpy as np

from vecsearch.errors import (
    CollectionExists,
    CollectionLocked,
    DamagedCollection,
    InvalidArgument,
)
from vecsearch.store.durable import Stamp, new_file, put_if_absent, stamp_of, sync_folder
from vecsearch.store.manifest import (
    FILE,
    EncoderEntry,
    Manifest,
    SegmentEntry,
    generations,
    manifest_name,
)
from vecsearch.store.segment import Record, write_segment
from vecsearch.types import JSON, Metric, Skipped, Vectors

SEGMENT_BYTES = 64 << 20
SEGMENT_ITEMS = 1 << 17
KEPT_GENERATIONS = 3
LOCK_SECONDS = 5.0
# What else a writer makes, beside the files that a manifest names.
OURS = re.compile(r"\.lock|manifest-\d{6,18}\.json(\.tmp)?")


class Writer:
    """Gathers items and commits them as the next generation of a collection.

    Use it as a context manager: it holds the collection's lock, and on an error it takes back
    what it wrote. Readers see the new generation only once ``commit`` has returned.

    Args:
        folder: Where the collection lies or shall lie.
        overwrite: Whether a collection that stands there may be replaced.

    Raises:
        CollectionExists: One stands there, or the folder holds something else.
        CollectionLocked: Another process is writing to it.

    Example:
        >>> with Writer(tmp / "books") as writer:
        ...     writer.add(np.eye(2, dtype=np.float32), [Record("a"), Record("b")])
        ...     writer.commit(metric=Metric.EUCLIDEAN, dim=2)
    """

    def __init__(self, folder: Path, overwrite: bool = False) -> None:
        from filelock import FileLock

        self.folder = folder
        self._overwrite = overwrite
        self._lock = FileLock(folder / ".lock", timeout=LOCK_SECONDS)
        self._vectors: list[Vectors] = []
        self._records: list[Record] = []
        self._waiting = 0
        self._made: list[Path] = []
        self._segments: list[SegmentEntry] = []
        self._files: dict[str, Stamp] = {}
        self._encoder: EncoderEntry | None = None
        self._committed = False

    def __enter__(self) -> Self:
        self._refuse_foreign_folder()
        self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        self._acquire()
        try:
            self._refuse_foreign_folder()
            if generations(self.folder) and not self._overwrite:
                raise CollectionExists(
                    f"There is a collection at {self.folder} already: choose another place, or "
                    "ask to overwrite it (--overwrite)."
                )
            (self.folder / "segments").mkdir(exist_ok=True)
        except BaseException:
            self._lock.release()
            raise
        return self

    def _acquire(self) -> None:
        from filelock import Timeout

        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except FileNotFoundError:
                continue  # the writer that we waited for failed and took the folder away
            except Timeout as error:
                raise CollectionLocked(
                    f"Another process is writing to {self.folder}: wait until it is done."
                ) from error
            return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self._committed:
                collect_garbage(self.folder)
                if not generations(self.folder):
                    # Under the lock: who waits for it sees that the file is gone, and begins anew.
                    with suppress(OSError):
                        (self.folder / ".lock").unlink()
                        self.folder.rmdir()
        finally:
            self._lock.release()

    def add(self, vectors: Vectors, records: Sequence[Record]) -> None:
        """Take in items; a segment is written whenever 64 MiB of vectors have come together."""
        self._vectors.append(vectors)
        self._records.extend(records)
        self._waiting += vectors.nbytes
        if self._waiting >= SEGMENT_BYTES or len(self._records) >= SEGMENT_ITEMS:
            self._flush()

    def encoder_folder(self) -> Path:
        """A new folder that an encoder can be saved into; ``set_encoder`` takes it over."""
        folder = self.folder / "encoder" / uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def set_encoder(
        self,
        folder: Path,
        name: str,
        params: Mapping[str, JSON],
        fingerprint: str,
        facts: Mapping[str, JSON],
    ) -> None:
        """Say what made the vectors, once it is saved in a folder from ``encoder_folder``.

        Raises:
            InvalidArgument: It saved something else than files with plain names.
        """
        relative = folder.relative_to(self.folder).as_posix()
        for path in sorted(folder.iterdir()):
            file = f"{relative}/{path.name}"
            if not path.is_file() or not FILE.fullmatch(file):
                raise InvalidArgument(
                    f"The encoder {name!r} saved {path.name!r}: it may save files only, "
                    "with names of letters, digits, '.', '_' and '-'."
                )
            _sync_file(path)
            self._files[file] = stamp_of(path)
        sync_folder(folder)
        self._encoder = EncoderEntry(name, params, fingerprint, facts, relative)

    def commit(
        self, metric: Metric, dim: int, root: str | None = None, skipped: Iterable[Skipped] = ()
    ) -> None:
        """Make everything added the newest generation. On return it is on the disk."""
        from importlib.metadata import version

        self._flush()
        generation = max(generations(self.folder), default=0) + 1
        left_out = self._write_skipped(skipped)
        for name in ("segments", "encoder", "."):
            if (self.folder / name).is_dir():
                sync_folder(self.folder / name)
        for made in self._made or [self.folder]:
            sync_folder(made.resolve().parent)
        manifest = Manifest(
            generation=generation,
            metric=metric,
            dim=dim,
            count=sum(entry.count for entry in self._segments),
            root=root,
            encoder=self._encoder,
            index={"kind": "exact"},
            segments=tuple(self._segments),
            skipped=left_out,
            files=self._files,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            software=version("vecsearch"),
        )
        put_if_absent(self.folder / manifest.name, manifest.to_bytes())
        self._committed = True
        collect_garbage(self.folder)

    def _flush(self) -> None:
        if not self._records:
            return
        vectors = np.concatenate(self._vectors)
        entry, stamps = write_segment(self.folder, vectors, self._records)
        self._segments.append(entry)
        self._files |= stamps
        self._vectors, self._records, self._waiting = [], [], 0

    def _write_skipped(self, skipped: Iterable[Skipped]) -> str | None:
        lines = [
            json.dumps({"path": printable(one.path), "reason": one.reason}, ensure_ascii=False)
            for one in skipped
        ]
        if not lines:
            return None
        name = f"skipped-{uuid4().hex}.jsonl"
        with new_file(self.folder / name) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        self._files[name] = file.stamp
        return name

    def _refuse_foreign_folder(self) -> None:
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise CollectionExists(f"{self.folder} is a file, not a folder for a collection.")
        foreign = [name for name, path in _contents(self.folder) if not _is_ours(name)]
        if foreign and not generations(self.folder):
            raise CollectionExists(
                f"{self.folder} holds other things ({foreign[0]} …): name a new folder for the "
                "collection."
            )


def collect_garbage(folder: Path) -> None:
    """Delete what no manifest of the last three generations names. Only a writer may call this.

    While one of the three cannot be read, nothing is deleted: it may name anything.
    """
    everything = generations(folder)
    named = set()
    for generation in everything[-KEPT_GENERATIONS:]:
        try:
            manifest = Manifest.read(folder / manifest_name(generation))
        except DamagedCollection:
            return
        named |= {manifest.name, ".lock", *manifest.files}
    for name, path in _contents(folder):
        if _is_ours(name) and name not in named and name != ".lock":
            # A file that cannot be deleted now, as one that is open on Windows, goes next time.
            with suppress(OSError):
                path.unlink()
    for emptied in [*folder.glob("encoder/*"), folder / "encoder", folder / "segments"]:
        with suppress(OSError):
            emptied.rmdir()


def _is_ours(name: str) -> bool:
    return bool(OURS.fullmatch(name) or FILE.fullmatch(name))


def _contents(folder: Path) -> list[tuple[str, Path]]:
    """All files below a folder, with their POSIX paths below it."""
    paths = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    return sorted((path.relative_to(folder).as_posix(), path) for path in paths)


def printable(path: Path) -> str:
    """A path as text that any encoding takes: bytes that are no UTF-8 are written as escapes."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
