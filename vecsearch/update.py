"""Follow a folder of images at the cost of what changed in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vecsearch.amend import Changes
from vecsearch.build import draft_key, left_out, read_into, records_of, source_of
from vecsearch.encoders import Encoder
from vecsearch.errors import InvalidArgument
from vecsearch.images import (
    ImageFolder,
    not_now,
    scan,
)
from vecsearch.plan import (
    Plan,
    make_plan,
    metadata_differs,
    not_items,
    renewed,
)
from vecsearch.store import Record, SideFile, Store, Writer, printable
from vecsearch.types import Progress, Rows, Skipped

BLOCK_ROWS = 8192
NO_METADATA = "none"


def update_collection(
    path: Path,
    encoder: Callable[[Store], Encoder],
    folder: str | Path | None,
    labels: str | Path | None,
    metadata: str | Path | None,
    dry_run: bool,
    jobs: int | None,
    progress: Progress | None,
) -> Changes:
    """Add new files, encode changed ones anew, follow renamed ones, and drop those that are gone.

    Files are told apart by size and date first, and by the hash of their content where those
    differ. If nothing has changed, nothing is written.

    Raises:
        InvalidArgument: The collection follows no folder, or the folder cannot be read or has no
            images at all.
        CollectionLocked: Another process is writing to the collection.
    """
    store = Store(path)
    found = scan_again(store, folder, labels, metadata)
    plan = make_plan(store, found)
    changes = _changes(store, plan, [*not_items(found, plan.unusual), *plan.skipped], None)
    if dry_run or not _differs(store, found, plan, changes.skipped):
        return changes
    with Writer(path, amend=True) as writer:
        if writer.base.manifest.generation != store.manifest.generation:
            # Someone else wrote in between, perhaps of files that were not there yet.
            found = scan_again(writer.base, folder, labels, metadata)
            plan = make_plan(writer.base, found)
        return _apply(writer, encoder, found, plan, jobs, progress)


def scan_again(
    store: Store,
    folder: str | Path | None,
    labels: str | Path | None,
    metadata: str | Path | None,
) -> ImageFolder:
    """The folder as it is now, with the tables that the collection was made with.

    Args:
        store: The collection.
        folder: Another folder than it followed so far.
        labels: As for a build; where they came from, by default.
        metadata: As for a build, or ``none``; where it came from, by default.

    Raises:
        InvalidArgument: It follows no folder, there are no images in it any more, or a table is
            gone.
    """
    source = store.manifest.source
    if source is None:
        made = "of images that a list or a URL named" if store.manifest.encoder else "from vectors"
        raise InvalidArgument(
            f"The collection {store.folder} was made {made}: there is no folder to follow."
        )
    root = source.root if folder is None else folder
    if labels is None:
        table = source.labels
        labels = table.found("labels") if isinstance(table, SideFile) else table
    if metadata is None and source.metadata is not None:
        metadata = source.metadata.found("metadata")
    elif metadata is not None and str(metadata) == NO_METADATA:
        metadata = None
    found = scan(root, labels, metadata)
    if not found.paths:
        raise InvalidArgument(
            f"There are no images in {root} any more, so all {len(store)} items would go. If that "
            "is meant, delete the collection."
        )
    return found


def _apply(
    writer: Writer,
    encoder: Callable[[Store], Encoder],
    found: ImageFolder,
    plan: Plan,
    jobs: int | None,
    progress: Progress | None,
) -> Changes:
    store = writer.base
    skipped = [*not_items(found, plan.unusual), *plan.skipped]
    encoded: list[str] = []
    to_encode = sorted([*plan.new, *plan.changed])
    if to_encode:
        part = replace(found, paths=to_encode)
        metric, ready = store.manifest.metric, encoder(store)
        draft = writer.draft(draft_key("update", part, ready, metric, learns=False))
        drafted = read_into(draft, part, ready, metric, False, jobs, progress)
        skipped += drafted.skipped
        later = {one.path for one in drafted.skipped if not_now(one.reason)}
        for path in [path for path in plan.changed if found.root / path in later]:
            del plan.changed[path]  # it stays as it was
        before = {path: store.record(row).metadata for path, row in plan.changed.items()}
        if found.metadata_from is None or not metadata_differs(store, found):
            part = replace(part, metadata={**before, **found.metadata})
        for start in range(0, len(drafted.files), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            files = drafted.files[rows]
            writer.add(np.array(drafted.rows[rows]), records_of(files, part))
            encoded += [file.path for file in files]
    kept = {**plan.relabelled}
    for row, (path, content) in {**plan.moved, **plan.touched}.items():
        old = store.record(row)
        facts = {**(old.file or {}), **vars(content)}
        kept[row] = renewed(store, old, path, found)._replace(file=facts)
    _add_again(writer, kept)
    writer.remove(np.array([*kept, *plan.changed.values(), *plan.gone], np.int64))
    changes = _changes(store, plan, skipped, encoded)
    done = kept or encoded or plan.changed or plan.gone
    if done or _is_told_otherwise(store, found, changes.skipped):
        left = left_out(changes.skipped, found.root)
        writer.commit(source=source_of(found), skipped=left)
    elif to_encode:
        draft.keep(0)  # of what could not be read there is nothing to go on with
    return changes


def _differs(store: Store, found: ImageFolder, plan: Plan, skipped: Sequence[Skipped]) -> bool:
    """Whether there is anything to write."""
    others = (plan.new, plan.changed, plan.moved, plan.touched, plan.gone, plan.relabelled)
    return any(others) or _is_told_otherwise(store, found, skipped)


def _is_told_otherwise(store: Store, found: ImageFolder, skipped: Sequence[Skipped]) -> bool:
    """Whether another folder is followed, or other files are left out of it."""
    if source_of(found) != store.manifest.source:
        return True
    return _facts(left_out(skipped, found.root)) != _facts(store.skipped())


def _facts(skipped: Sequence[Skipped]) -> list[tuple[str, str, int | None, int | None]]:
    return [(printable(one.path), one.reason, one.size, one.mtime_ns) for one in skipped]


def _add_again(writer: Writer, records: Mapping[int, Record]) -> None:
    """Items with the vectors that they had before."""
    rows: Rows = np.array(sorted(records), np.int64)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        writer.add(writer.base.take(block), [records[row] for row in block.tolist()])


def _changes(
    store: Store,
    plan: Plan,
    skipped: Sequence[Skipped],
    encoded: Sequence[str] | None,
) -> Changes:
    """What the plan comes to; without ``encoded``, as if every file could be read."""
    done = {*plan.new, *plan.changed} if encoded is None else set(encoded)
    added = [path for path in plan.new if path in done]
    changed = [path for path in plan.changed if path in done]
    lost = [path for path in plan.changed if path not in done]
    removed = [store.record(row).id for row in plan.gone]
    renamed = [(store.record(row).id, path) for row, (path, _) in sorted(plan.moved.items())]
    return Changes(
        indexed=len(store) + len(added) - len(lost) - len(removed),
        added=added,
        changed=changed,
        renamed=renamed,
        relabelled=[record.id for record in plan.relabelled.values()],
        removed=sorted([*removed, *lost]),
        skipped=sorted(skipped, key=lambda one: str(one.path)),
    )
