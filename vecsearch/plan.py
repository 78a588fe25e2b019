"""What differs between a folder of images and a collection of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vecsearch.build import source_of
from vecsearch.errors import ImageError
from vecsearch.images import (
    GONE,
    NO_LABELS,
    NOWHERE,
    UNKNOWN,
    UNOPENED,
    Content,
    ImageFolder,
    any_absolute,
    hash_file,
    is_absolute,
    not_now,
    reason_by_name,
    stat_files,
)
from vecsearch.store import Record, SegmentEntry, SideFile, Store, same_values
from vecsearch.types import Skipped

TAKEN = "an item that was added by hand has its id"


@dataclass(frozen=True)
class Files:
    """Files by their paths, with the size and the date of each, ``(n, 2)``, as ``stat_files``.

    Arrays rather than a dict: to look through 60,000 files takes half the time.
    """

    paths: Sequence[str]
    facts: NDArray[np.int64]

    def equals(self, other: "Files") -> bool:
        """Whether these are the same files, unchanged."""
        if self.paths == other.paths:
            return np.array_equal(self.facts, other.facts)
        ours, theirs = self.sorted(), other.sorted()
        return ours.paths == theirs.paths and np.array_equal(ours.facts, theirs.facts)

    def sorted(self) -> "Files":
        """The same by path."""
        order = sorted(range(len(self.paths)), key=self.paths.__getitem__)
        return Files([self.paths[at] for at in order], self.facts[order])

    def by_path(self) -> dict[str, tuple[int, int]]:
        """Those that are there, as a dict."""
        pairs = zip(self.paths, self.facts.tolist(), strict=True)
        return {path: (size, time) for path, (size, time) in pairs if size != GONE}


@dataclass
class Plan:
    """What differs between a folder and a collection. Rows are those of the collection.

    Attributes:
        new: Files that are to be encoded and were not known.
        changed: Files that are to be encoded since they have other content, with their rows.
        moved: Rows whose files have another path now.
        touched: Rows whose files have the same content and another date.
        gone: Rows whose files are not there any more.
        relabelled: Rows that have another label or other metadata, and nothing else.
        skipped: Files that were left out before and have not changed since, or whose ids are taken.
        unusual: Files that a walk leaves out by their names, and that were added by hand.
    """

    new: list[str] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)
    moved: dict[int, tuple[str, Content]] = field(default_factory=dict)
    touched: dict[int, tuple[str, Content]] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    relabelled: dict[int, Record] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    unusual: list[str] = field(default_factory=list)


def not_items(found: ImageFolder, unusual: Iterable[str]) -> list[Skipped]:
    """What a walk has left out, less what is an item all the same."""
    items = {found.root / path for path in unusual}
    return [one for one in found.skipped if one.path not in items]


def make_plan(store: Store, found: ImageFolder) -> Plan:
    """Look at every file's size and date, and at the content of those where these differ."""
    plan = Plan()
    known = _known(store)
    now = Files(found.paths, stat_files(found.root, found.paths))
    if now.equals(known) and not tables_differ(store, found):
        return plan
    before = {one.path.as_posix(): one for one in store.skipped() if one.mtime_ns is not None}
    stood, rows = known.by_path(), dict(zip(known.paths, _known_rows(store), strict=True))
    kept: list[tuple[int, str]] = []
    news: dict[str, int] = {}
    # What was added by hand under a name that no walk takes is looked at all the same.
    listed = set(now.paths)
    unusual = [path for path in stood if path not in listed and is_passed_over(found.root, path)]
    more = Files(unusual, stat_files(found.root, unusual))
    for path, facts in [*now.by_path().items(), *more.by_path().items()]:
        left = before.get(path)
        if path in stood:
            if facts in (stood[path], (UNKNOWN, UNKNOWN)):
                kept.append((rows[path], path))
            else:
                _touch(store, found.root, path, rows[path], plan)
        elif left is not None and (left.size, left.mtime_ns) == facts:
            plan.skipped.append(replace(left, path=found.root / path))
        else:
            news[path] = facts[0]
    unopened = tuple(
        f"{one.path.relative_to(found.root).as_posix()}/"
        for one in found.skipped
        if one.reason.startswith((UNOPENED, NOWHERE))
    )
    listed.update(unusual)
    plan.unusual = unusual
    gone = {
        path: rows[path]
        for path in stood
        if path not in listed and not (unopened and path.startswith(unopened))
    }
    _take_in(store, found.root, news, plan)
    _follow_moved(store, found.root, news, gone, plan)
    _yield_to_others(store, found.root, plan)
    if tables_differ(store, found):
        _relabel(store, found, kept, plan)
    return plan


def is_passed_over(root: Path, path: str) -> bool:
    """Whether a file is there that a walk leaves out by its name."""
    *folders, name = path.split("/")
    hidden = any(one.startswith(".") for one in folders)
    return (hidden or reason_by_name(name) is not None) and (root / path).is_file()


def _known(store: Store) -> Files:
    """The files below the collection's root as they were when they were encoded."""
    paths: list[Any] = []
    facts = [np.empty((0, 2), np.int64)]
    for entry in store.manifest.segments:
        columns = store.columns(entry)
        both = np.stack([columns.sizes, columns.mtimes], axis=1)
        here = _below_root(store, entry)
        if here is None:
            paths += columns.paths or ()
            facts.append(both)
        elif columns.paths is not None:
            paths += [columns.paths[row] for row in here]
            facts.append(both[here])
    return Files(paths, np.concatenate(facts))


def _known_rows(store: Store) -> list[int]:
    """The rows of ``_known``."""
    rows: list[int] = []
    for entry, start in zip(store.manifest.segments, store.starts, strict=False):
        here = _below_root(store, entry)
        rows += [start + row for row in (range(entry.count) if here is None else here)]
    return rows


def _below_root(store: Store, entry: SegmentEntry) -> list[int] | None:
    """Which rows of a segment are items whose files lie below the root; None if all are."""
    paths = store.columns(entry).paths
    if paths is None:
        return []
    if (
        not entry.dead_count
        and None not in paths
        and not any_absolute(cast("Sequence[str]", paths))
    ):
        return None
    alive = store.alive_in(entry).tolist()
    pairs = enumerate(zip(paths, alive, strict=True))
    return [row for row, (path, living) in pairs if living and path and not is_absolute(path)]


def _touch(store: Store, root: Path, path: str, row: int, plan: Plan) -> None:
    """A file with another size or date: is its content another?"""
    try:
        content = hash_file(root / path)
    except ImageError as error:
        if not_now(str(error)):
            # Not now; the item stays as it was, and the next update looks again.
            plan.skipped.append(Skipped(root / path, str(error)))
        else:
            plan.changed[path] = row
        return
    before = store.record(row).file
    if before is not None and before["sha256"] == content.sha256:
        plan.touched[row] = path, content
    else:
        plan.changed[path] = row


def _take_in(store: Store, root: Path, news: dict[str, int], plan: Plan) -> None:
    """Items that were added by hand, and whose files lie below the root now that it is another."""
    source = store.manifest.source
    if source is None or root.resolve() == Path(source.root):
        return
    here = f"{root.resolve().as_posix()}/"
    names = [f"{here}{path}" for path in news]
    for name, row in zip(names, store.find(names).tolist(), strict=True):
        path = name.removeprefix(here)
        if row >= 0:
            try:
                content = hash_file(name)
            except ImageError:
                continue
            before = store.record(row).file
            if before is None or before["sha256"] == content.sha256:
                plan.moved[row] = path, content
            else:
                plan.changed[path] = row
            del news[path]


def taken_in(store: Store, plan: Plan) -> dict[str, int]:
    """Which of the changed files are items from elsewhere that lie below the root now."""
    records = ((path, row, store.record(row)) for path, row in plan.changed.items())
    return {path: row for path, row, old in records if old.path and is_absolute(old.path)}


def _follow_moved(
    store: Store,
    root: Path,
    news: Mapping[str, int],
    gone: Mapping[str, int],
    plan: Plan,
) -> None:
    """Which new files are old ones under another name. Only those of a size that went are read."""
    files = {old: store.record(row).file for old, row in gone.items()} if news else {}
    sizes = {file["size"] for file in files.values() if file is not None}
    by_content: dict[str, list[str]] = {}
    for old, file in files.items():
        if file is not None:
            by_content.setdefault(str(file["sha256"]), []).append(old)
    for path, size in news.items():
        content = None
        if size in sizes:
            try:
                content = hash_file(root / path)
            except ImageError:
                content = None
        if content is not None and (those := by_content.get(content.sha256)):
            # Of copies rather the one that was called so in another folder.
            name = path.rpartition("/")[2]
            old = next((one for one in those if one.rpartition("/")[2] == name), those[0])
            those.remove(old)
            plan.moved[gone[old]] = path, content
        else:
            plan.new.append(path)
    plan.gone = [row for row in gone.values() if row not in plan.moved]


def _yield_to_others(store: Store, root: Path, plan: Plan) -> None:
    """Leave out files whose ids are those of items that have no file, or one elsewhere."""
    moved = {path: row for row, (path, _) in plan.moved.items()}
    paths = [*plan.new, *moved, *taken_in(store, plan)]
    going = {*plan.gone, *plan.moved}
    rows = store.find(paths)
    for path, row in zip(paths, rows.tolist(), strict=True):
        if row < 0 or row in going:
            continue
        plan.skipped.append(Skipped(root / path, TAKEN))
        if path in moved:
            del plan.moved[moved[path]]
            plan.gone.append(moved[path])
        elif path in plan.changed:
            del plan.changed[path]  # it stays the item that it is
        else:
            plan.new.remove(path)


def tables_differ(store: Store, found: ImageFolder) -> bool:
    """Whether labels or metadata come from elsewhere than before, or from changed tables."""
    before = store.manifest.source
    if before is None or metadata_differs(store, found):
        return True
    return _hash(before.labels) != _hash(source_of(found).labels)


def metadata_differs(store: Store, found: ImageFolder) -> bool:
    """Whether metadata comes from elsewhere than before, or from a changed table."""
    before = store.manifest.source
    return before is None or _hash(before.metadata) != _hash(source_of(found).metadata)


def _hash(table: str | SideFile | None) -> str | None:
    return table.sha256 if isinstance(table, SideFile) else table


def labels_stay(store: Store, found: ImageFolder) -> bool:
    """Whether labels come from nowhere, as before: those that there are were given by hand."""
    before = store.manifest.source
    return before is not None and before.labels == found.labels_from == NO_LABELS


def _relabel(store: Store, found: ImageFolder, kept: Iterable[tuple[int, str]], plan: Plan) -> None:
    touched = ((row, path) for row, (path, _) in plan.touched.items())
    for row, path in sorted([*kept, *touched]):
        old = store.record(row)
        now = _named(store, old, path, found)
        if old.label != now.label or not same_values(old.metadata, now.metadata):
            plan.relabelled[row] = now


def renewed(store: Store, old: Record, path: str, found: ImageFolder) -> Record:
    """An item whose file was moved or touched: what was said of it stays, if no table says more."""
    if path == old.id and not tables_differ(store, found):
        return old
    now = _named(store, old, path, found)
    return now if path == old.id or path in found.metadata else now._replace(metadata=old.metadata)


def _named(store: Store, old: Record, path: str, found: ImageFolder) -> Record:
    """An item under a path, with the label and the metadata that it has there."""
    label = old.label if labels_stay(store, found) else found.labels.get(path)
    stays = path == old.id and not metadata_differs(store, found)
    stays = stays or found.metadata_from is None
    more = old.metadata if stays else found.metadata.get(path, {})
    return old._replace(id=path, path=path, label=label, metadata=more)
