"""Write a new generation of a collection: all of it, or nothing."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from uuid import uuid4

import numpy as np

from vecsearch.errors import CollectionExists, DamagedCollection, InvalidArgument
from vecsearch.store.beside import Written, skipped_lines, write_index
from vecsearch.store.clusters import clustering_bytes
from vecsearch.store.compaction import compacted
from vecsearch.store.draft import Draft
from vecsearch.store.durable import (
    Stamp,
    put_if_absent,
    stamp_of,
    sync,
    sync_folder,
    write_files,
)
from vecsearch.store.garbage import collect_garbage, note_draft, refuse_foreign
from vecsearch.store.gathering import Segments, segment_items
from vecsearch.store.lock import Lock
from vecsearch.store.manifest import (
    DRAFT,
    FILE,
    ANNEntry,
    EncoderEntry,
    Manifest,
    SegmentEntry,
    Source,
    generations,
)
from vecsearch.store.manifest import newest as newest_manifest
from vecsearch.store.parts import Part, Parts
from vecsearch.store.records import Record, Records
from vecsearch.store.removal import without
from vecsearch.store.store import Store
from vecsearch.store.successor import successor
from vecsearch.types import JSON, Clustering, Metric, Rows, Skipped, Vectors


class Writer:
    """Gathers changes and commits them as the next generation of a collection.

    Use it as a context manager: it holds the collection's lock, and on an error it takes back
    what it wrote. Readers see the new generation only once ``commit`` has returned.

    Args:
        folder: Where the collection lies or shall lie.
        overwrite: Whether a collection that stands there may be replaced.
        amend: Whether to begin with what it holds, rather than with nothing.
        newest: What gives the generation to begin with, if not the newest; asked under the lock.

    Raises:
        CollectionExists: One stands there, or the folder holds something else.
        CollectionNotFound: There is none to amend.
        CollectionLocked: Another process is writing to it.

    Example:
        >>> with Writer(tmp / "books") as writer:
        ...     writer.add(np.eye(2, dtype=np.float32), [Record("a"), Record("b")])
        ...     writer.commit(metric=Metric.EUCLIDEAN, dim=2).count
        2
        >>> with Writer(tmp / "books", amend=True) as writer:
        ...     writer.remove(writer.base.find(["a"]))
        ...     writer.commit().count
        1
    """

    def __init__(
        self,
        folder: Path,
        overwrite: bool = False,
        amend: bool = False,
        newest: Callable[[], Manifest] | None = None,
    ) -> None:
        self.folder = folder
        self._base: Store | None = None
        self._overwrite = overwrite
        self._amend = amend
        self._newest = newest or partial(newest_manifest, folder)
        self._lock = Lock(folder)
        self._added: list[str] = []
        self._segments = Segments(folder)
        self._files: dict[str, Stamp] = {}
        self._removed: list[Rows] = []
        self._dropped: set[int] = set()
        self._encoder: EncoderEntry | None = None
        self._ann: ANNEntry | None = None
        self._draft: Draft | None = None
        self._parts: Parts | None = None
        self._committed = False

    def __enter__(self) -> Self:
        if self._amend:
            self._newest()  # looked for first, so that no lock is left where there is none
        else:
            refuse_foreign(self.folder)
        self._lock.acquire()
        try:
            if self._amend:
                self._base = Store(self.folder, self._newest())
            else:
                refuse_foreign(self.folder)
                self._refuse_standing()
            for name in ("segments", "encoder", "ann"):
                if (self.folder / name).is_symlink():
                    raise DamagedCollection(f"{self.folder / name} is a link: take it away.")
            (self.folder / "segments").mkdir(exist_ok=True)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._segments.close()
            if self._draft is not None:
                self._draft.close()
            if not self._committed:
                # What a build has read so far is kept, unless it was told that it cannot go on.
                drafts = [one for one in (self._draft, self._parts) if one is not None]
                if drafts:
                    note_draft(self.folder, None)
                begun = any(one.begun for one in drafts) and not isinstance(error, InvalidArgument)
                collect_garbage(self.folder, keep_draft=begun or not drafts)
                if not generations(self.folder) and not (self.folder / DRAFT).exists():
                    self._lock.remove_folder()
        finally:
            self._lock.release()

    @property
    def base(self) -> Store:
        """What the collection held when this writer took the lock.

        Raises:
            InvalidArgument: The writer does not amend one.
        """
        if self._base is None:
            raise InvalidArgument("This writer begins with nothing.")
        return self._base

    def add(self, vectors: Vectors, records: Records | Sequence[Record]) -> None:
        """Take in items, ``(n, dim)`` float32; a segment is written when 64 MiB have come together.

        Memory is that of four segments: one that is gathered, and three on their way to the disk.
        """
        columns = records if isinstance(records, Records) else Records.of(records)
        if self._amend:
            self._added += columns.ids
        self._segments.add(vectors, columns)

    def remove(self, rows: Rows) -> None:
        """Take out items of ``base``, by their rows."""
        self._removed.append(np.asarray(rows, np.int64))

    def drop(self, segments: Iterable[int]) -> None:
        """Take out whole segments of ``base``, read or not."""
        self._dropped.update(segments)

    def draft(self, key: Mapping[str, JSON]) -> Draft:
        """What an interrupted run of the same work has done; empty if there was none.

        Args:
            key: What makes the work the same.
        """
        self._draft = Draft(self.folder / DRAFT, key)
        return self._draft

    @property
    def generation(self) -> int:
        """The number of the generation that a commit makes."""
        return max(generations(self.folder), default=0) + 1

    def parts(self, key: Mapping[str, JSON]) -> Parts:
        """The parts of the same work that others have written; none if it was not begun.

        Args:
            key: What makes the work the same.
        """
        self._parts = Parts(self.folder, key)
        return self._parts

    def take(self, part: Part) -> None:
        """Take over a part that was written by another process: its segment follows the others."""
        if part.segment is not None:
            self._segments.put(*part.placed(self.folder))

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
        for path in sorted(folder.rglob("*")):
            file = f"{relative}/{path.relative_to(folder).as_posix()}"
            if (
                path.is_symlink()
                or not (path.is_dir() or path.is_file())
                or not FILE.fullmatch(file)
            ):
                raise InvalidArgument(
                    f"The encoder {name!r} saved {path.name!r}: it may save files and folders "
                    "only, with names of letters, digits, '.', '_' and '-', five deep at most."
                )
            if path.is_dir():
                sync_folder(path)
            else:
                _sync_file(path)
                self._files[file] = stamp_of(path)
        sync_folder(folder)
        self._encoder = EncoderEntry(name, params, fingerprint, facts, relative)

    def set_ann(self, write: Written, covers: Sequence[tuple[str, int]]) -> None:
        """Take over an approximate index of some vectors files, each with its count."""
        name, stamp = write_index(self.folder, write)
        self._files[name] = stamp
        self._ann = ANNEntry(name, tuple(covers))

    def commit(
        self,
        *,
        metric: Metric | None = None,
        dim: int | None = None,
        source: Source | None = None,
        skipped: Iterable[Skipped] | None = None,
        index: Mapping[str, JSON] | None = None,
        calibration: Mapping[str, JSON] | None = None,
        clusterings: Mapping[str, Clustering | None] | None = None,
        compaction: Literal["due", "all", "none"] = "due",
    ) -> Manifest:
        """Make what stands now the newest generation. On return it is on the disk.

        Args:
            metric: How distances are measured; as before if it is None, and so with the others.
            dim: The length of the vectors.
            source: The folder that the collection follows.
            skipped: What was left out of it.
            index: The kind of index and its parameters.
            calibration: From how far on something is a stranger. What there was is dropped when
                another encoder comes.
            clusterings: Clusterings by name, and None for those that are to be forgotten; others
                stay. Another encoder leaves them all behind.
            compaction: ``due``: write segments anew that are small, or more than a fifth of which
                is dead. ``all``: leave no dead row and no segment that fits into another.
        """
        written, stamps = self._segments.finish()
        self._files |= stamps
        kept: list[SegmentEntry] = []
        if self._base is not None:
            kept, stamps = without(self._base, self._removed, self._dropped)
            self._files |= stamps
        self._refuse_twice()
        manifest = successor(
            None if self._base is None else self._base.manifest,
            self.generation,
            (*kept, *written),
            self._files,
            metric=metric,
            dim=dim,
            source=source,
            encoder=self._encoder,
            index=index,
            ann=self._ann,
        )
        if compaction != "none":
            most = segment_items(manifest.dim)
            manifest = compacted(Store(self.folder, manifest), most, compaction == "all")
        manifest = self._with_files(manifest, skipped, calibration, clusterings)
        self._publish(manifest)
        return manifest

    def _with_files(
        self,
        manifest: Manifest,
        skipped: Iterable[Skipped] | None,
        calibration: Mapping[str, JSON] | None,
        clusterings: Mapping[str, Clustering | None] | None,
    ) -> Manifest:
        """The manifest with the files beside the segments, which are written if they are given."""
        if skipped is not None:
            name = self._write_beside("skipped.jsonl", skipped_lines(skipped))
            manifest = replace(manifest, skipped=name)
        if calibration is not None:
            text = f"{json.dumps(calibration, ensure_ascii=False)}\n" if calibration else ""
            name = self._write_beside("calibration.json", text.encode())
            manifest = replace(manifest, calibration=name)
        if clusterings:
            files: dict[str, str | None] = dict(manifest.clusterings)
            for title, one in clusterings.items():
                data = b"" if one is None else clustering_bytes(one)
                files[title] = self._write_beside("clustering.safetensors", data)
            there = {title: file for title, file in files.items() if file is not None}
            manifest = replace(manifest, clusterings=there)
        return manifest.with_stamps({**manifest.files, **self._files})

    def _publish(self, manifest: Manifest) -> None:
        """Bring all that is written to the disk, and then the manifest, which makes it count."""
        for name in ("segments", "encoder", "ann", "."):
            if (self.folder / name).is_dir():
                sync_folder(self.folder / name)
        if self._base is None:
            # The names of all folders above, which this run or one that failed may have made.
            for above in self.folder.resolve().parents:
                with suppress(PermissionError):
                    sync_folder(above)
        drafted = self._draft is not None or self._parts is not None
        if drafted:
            note_draft(self.folder, manifest.generation)
        put_if_absent(self.folder / manifest.name, manifest.to_bytes())
        self._committed = True
        if self._draft is not None:
            self._draft.close()
        # A build or update that was interrupted goes on also after other changes.
        collect_garbage(self.folder, keep_draft=not drafted)

    def _refuse_twice(self) -> None:
        """See that no id is there twice, whoever wrote it."""
        if self._base is None or not self._added:
            return
        segments = self._base.manifest.segments
        alive = np.concatenate(
            [
                np.zeros(entry.count, np.bool_)
                if at in self._dropped
                else self._base.alive_in(entry)
                for at, entry in enumerate(segments)
            ]
            or [np.empty(0, np.bool_)]
        )
        alive[np.concatenate([np.empty(0, np.int64), *self._removed])] = False
        standing = self._base.find(self._added, alive)
        twice = [name for name, row in zip(self._added, standing, strict=True) if row >= 0]
        twice += [name for name, count in Counter(self._added).items() if count > 1]
        if twice:
            raise InvalidArgument(f"The id {twice[0]!r} would be there twice.")

    def _write_beside(self, kind: str, text: bytes) -> str | None:
        """Write a file that the manifest names beside the segments; None if it would be empty."""
        if not text:
            return None
        stem, ending = kind.split(".")
        name = f"{stem}-{uuid4().hex}.{ending}"
        self._files |= write_files({self.folder / name: [text]}, self.folder)
        return name

    def _refuse_standing(self) -> None:
        if generations(self.folder) and not self._overwrite:
            raise CollectionExists(
                f"There is a collection at {self.folder} already: choose another place, or "
                "ask to overwrite it (--overwrite)."
            )


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        sync(file.fileno())
