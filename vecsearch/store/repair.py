"""Save what can be saved of a damaged collection."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import (
    CollectionNotFound,
    CollectionReplaced,
    DamagedCollection,
    NewerFormat,
    VecsearchError,
)
from vecsearch.store.manifest import Manifest, SegmentEntry, generations, manifest_name
from vecsearch.store.records import Record
from vecsearch.store.segment import PAGE_LINES, parse_line, read_array, read_page
from vecsearch.store.store import Store
from vecsearch.store.uploads import moved_along
from vecsearch.store.writer import Writer
from vecsearch.types import Vectors

Encode: TypeAlias = Callable[[Sequence[Record]], tuple[Sequence[Record], Vectors]]


@dataclass(frozen=True)
class Repair:
    """What a repair did.

    Attributes:
        items: How many items there are now.
        encoded: How many of them were encoded anew from their files.
        lost: How many items could not be saved.
        notes: What was found, and what is left to do, for people to read.
    """

    items: int
    encoded: int = 0
    lost: int = 0
    notes: Sequence[str] = ()


@dataclass
class _Saved:
    """What could be read of damaged segments."""

    segments: list[int] = field(default_factory=list)
    items: list[tuple[list[Record], Vectors]] = field(default_factory=list)
    without_vectors: list[Record] = field(default_factory=list)
    lost: int = 0
    notes: list[str] = field(default_factory=list)


def repair_store(folder: Path, encode: Callable[[Store], Encode]) -> Repair:
    """Commit a generation of all that is whole, if anything is not.

    Lines of items are saved page by page, each checked by its checksum. Where vectors are damaged,
    their items are encoded anew from files that have not changed since.

    Args:
        folder: Where the collection lies.
        encode: Given the collection, what makes vectors of those items whose files are as they
            were, and says which these are.

    Raises:
        CollectionNotFound: There is none.
        DamagedCollection: No manifest of it can be read.
        CollectionLocked: Another process is writing to it.
        VecsearchError: A file of it may not be read.
    """
    _refuse_closed(folder)
    notes: list[str] = []
    with Writer(folder, amend=True, newest=lambda: _newest_whole(folder, notes)) as writer:
        store, manifest = writer.base, writer.base.manifest
        saved = _Saved(notes=notes)
        for at, entry in enumerate(manifest.segments):
            if damage := _damage(store, entry.files):
                saved.segments.append(at)
                saved.notes.append(damage)
                _save(store, at, saved)
        anew = _beside(store, saved.notes)
        folder_of = f"{manifest.encoder.folder}/" if manifest.encoder else None
        own = [name for name in manifest.files if folder_of and name.startswith(folder_of)]
        encoder_damage = _damage(store, own)
        ann = manifest.ann
        if ann and (damage := _damage(store, [ann.file])):
            saved.notes.append(f"{damage} It is made again.")
        if not saved.notes and not encoder_damage:
            return Repair(len(store))
        encoded: Sequence[Record] = ()
        if saved.without_vectors and not encoder_damage:
            encoded, vectors = encode(store)(saved.without_vectors)
            writer.add(vectors, encoded)
        lost = saved.lost + len(saved.without_vectors) - len(encoded)
        for records, block in saved.items:
            writer.add(block, records)
        writer.drop(saved.segments)
        items = len(store)
        if saved.notes:
            items = writer.commit(**anew).count
        if encoder_damage:
            saved.notes.append(f"{encoder_damage} Fit it anew: vecsearch update {folder} --refit")
        if lost:
            saved.notes.append(
                f"{lost} items could not be saved. Those whose files are still there come back "
                f"with: vecsearch update {folder}"
            )
    return Repair(items, len(encoded), lost, saved.notes)


def _refuse_closed(folder: Path) -> None:
    """See that all files may be read: of one that may not, nobody can tell whether it is whole."""
    for path in folder.rglob("*"):
        needed = os.R_OK | (os.X_OK if os.path.isdir(path) else 0)
        if os.path.exists(path) and not os.access(path, needed):
            raise VecsearchError(
                f"{path} may not be read by this user: it need not be damaged. Let its owner "
                "repair the collection, or give the right to read it."
            )


def _newest_whole(folder: Path, notes: list[str]) -> Manifest:
    notes.clear()
    found = generations(folder)
    if not found:
        raise CollectionNotFound(f"There is no collection at {folder}.")
    for generation in reversed(found):
        try:
            return Manifest.read(folder / manifest_name(generation))
        except NewerFormat:
            raise
        except DamagedCollection as error:
            notes.append(f"{str(error).split(' Mend it:')[0]} Went back to the one before it.")
    raise DamagedCollection(f"{notes[0]} There is no other manifest: build the collection anew.")


def _damage(store: Store, names: Sequence[str]) -> str | None:
    """What is wrong with the first of some files that is not as it was written."""
    for name in names:
        try:
            store.files.checked(name)
        except (DamagedCollection, CollectionReplaced) as error:
            return str(error).split(" Mend it:")[0]
    return None


def _beside(store: Store, notes: list[str]) -> dict[str, Any]:
    """What to commit in the place of damaged files beside the segments."""
    manifest = store.manifest
    anew: dict[str, Any] = {}
    if manifest.skipped and (damage := _damage(store, [manifest.skipped])):
        notes.append(f"{damage} The list of skipped files is gone.")
        anew["skipped"] = []
    if manifest.calibration and (damage := _damage(store, [manifest.calibration])):
        notes.append(f"{damage} Calibrate it anew: vecsearch calibrate")
        anew["calibration"] = {}
    for name, file in manifest.clusterings.items():
        if damage := _damage(store, [file]):
            notes.append(f"{damage} Cluster it anew: vecsearch cluster --save {name!r}")
            anew.setdefault("clusterings", {})[name] = None
    return anew


def _save(store: Store, at: int, saved: _Saved) -> None:
    entry = store.manifest.segments[at]
    records = _records(store, entry)
    try:
        alive = store.alive_in(entry)
    except (DamagedCollection, CollectionReplaced):
        alive = _alive_by_ids(store, at, records)
        back = int(np.count_nonzero(alive)) - entry.alive
        saved.notes.append(
            f"Which of {entry.count} items had been removed is not known; {max(0, back)} may be "
            "back that were removed."
        )
    rows = [row for row in np.flatnonzero(alive).tolist() if records[row] is not None]
    kept = [record for row in rows if (record := records[row]) is not None]
    saved.lost += int(np.count_nonzero(alive)) - len(kept)
    if _damage(store, [entry.vectors]):
        saved.without_vectors += kept
    elif kept:
        saved.items.append((kept, store.vectors_of(entry)[rows]))


def _alive_by_ids(store: Store, at: int, records: Sequence[Record | None]) -> NDArray[np.bool_]:
    """Which rows of a segment may be alive: those whose ids no other row has that is newer.

    Ids are unique among the living, and of two rows of one id the later is the newer.
    """
    known: set[str] = set()
    for other, entry in enumerate(store.manifest.segments):
        if other == at:
            continue
        try:
            living = store.alive_in(entry)
        except (DamagedCollection, CollectionReplaced):
            # Its marks are lost too. Of what is in both, the later one is right.
            living = np.full(entry.count, other > at)
        pairs = zip(_records(store, entry), living.tolist(), strict=True)
        known |= {record.id for record, alive in pairs if alive and record is not None}
    alive = np.zeros(len(records), np.bool_)
    for row in range(len(records) - 1, -1, -1):
        record = records[row]
        alive[row] = record is None or record.id not in known
        if record is not None:
            known.add(record.id)
    return alive


def _records(store: Store, entry: SegmentEntry) -> list[Record | None]:
    """The item of each row, None where its line is lost."""
    path = store.folder / entry.items
    if not _damage(store, [entry.items]):
        lines = path.read_bytes().splitlines()
        return [moved_along(parse_line(line, path), store.folder) for line in lines]
    nothing: list[Record | None] = [None] * entry.count
    if not path.is_file() or _damage(store, [entry.offsets]):
        return nothing
    pages = -(-entry.count // PAGE_LINES)
    offsets: NDArray[np.int64] = read_array(store.files.checked(entry.offsets), "<i8", (pages, 2))
    text = np.frombuffer(path.read_bytes(), np.uint8)
    for page in range(pages):
        try:
            lines = read_page(text, offsets, page, path)
        except DamagedCollection:
            continue
        for at, line in enumerate(lines, page * PAGE_LINES):
            nothing[at] = moved_along(parse_line(line, path), store.folder)
    return nothing
