"""Fit the encoder of a collection anew, and encode all of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vecsearch.amend import Changes
from vecsearch.build import fill
from vecsearch.encoders import Encoder, remake_encoder, unfitted
from vecsearch.encoding import encoder_of
from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.images import NOWHERE, UNOPENED, ImageFolder, is_absolute
from vecsearch.plan import (
    TAKEN,
    Plan,
    is_passed_over,
    labels_stay,
    make_plan,
    metadata_differs,
    not_items,
    tables_differ,
    taken_in,
)
from vecsearch.store import Record, Store, Writer
from vecsearch.types import Progress, Skipped
from vecsearch.update import scan_again


def refit_collection(
    path: Path,
    folder: str | Path | None,
    labels: str | Path | None,
    metadata: str | Path | None,
    jobs: int | None,
    progress: Progress | None,
) -> Changes:
    """Fit the encoder anew to what the folder holds now, and encode all of it.

    Items that were added by hand from elsewhere stay, encoded anew, as long as their files do.

    Raises:
        InvalidArgument: As ``update_collection``; or an item has no image file.
        CollectionLocked: Another process is writing to the collection.
    """
    with Writer(path, amend=True) as writer:
        store = writer.base
        encoder = _encoder_anew(store)
        found = scan_again(store, folder, labels, metadata)
        before = list(store.records())
        _refuse_losses(found, before)
        plan = make_plan(store, found)
        followed = _followed(store, plan)
        whole = _whole(store, found, plan, before, followed)
        writer.remove(store.rows())
        indexed = fill(writer, whole, encoder, store.manifest.metric, None, jobs, progress)
        return _changes(indexed, Store(path), found, before, followed)


def _encoder_anew(store: Store) -> Encoder:
    """The collection's encoder as it was before it had learned anything."""
    entry = store.manifest.encoder
    if entry is None:
        raise InvalidArgument(
            f"The collection {store.folder} was made from vectors: nothing is fitted."
        )
    try:
        return unfitted(encoder_of(store))
    except DamagedCollection:  # what it was made with is enough
        return remake_encoder(entry.name, entry.params)


def _refuse_losses(found: ImageFolder, before: Sequence[Record]) -> None:
    """Refuse what would lose items: those that have no file, or that cannot be looked at now."""
    if closed := _closed(found, before):
        raise InvalidArgument(
            f"{closed[0].path} cannot be opened: what it holds would be lost. Nothing was changed."
        )
    away = [one.path for one in before if one.path and is_absolute(one.path)]
    away = [path for path in away if not Path(path).parent.is_dir()]
    if away:
        raise InvalidArgument(
            f"{len(away)} items were added by hand from folders that are not there now, as "
            f"{away[0]}, and would be lost. Nothing was changed: bring them back, or remove the "
            "items first."
        )
    if strangers := [one.id for one in before if one.path is None]:
        raise InvalidArgument(
            f"{len(strangers)} items have no image file, as {strangers[0]!r}: they cannot be "
            "encoded anew. Remove them first."
        )


def _closed(found: ImageFolder, records: Iterable[Record]) -> list[Skipped]:
    """Folders that cannot be looked into, and links that lead nowhere though items lie below."""
    links = [one for one in found.skipped if one.reason.startswith(NOWHERE)]
    paths = (one.path for one in records if one.path is not None) if links else ()
    parents = {found.root / path.rpartition("/")[0] for path in paths}
    folders = {folder for one in parents for folder in (one, *one.parents)}
    lost = [one for one in links if one.path in folders]
    return [*(one for one in found.skipped if one.reason.startswith(UNOPENED)), *lost]


def _followed(store: Store, plan: Plan) -> dict[str, Record]:
    """Files that are old items under another path, with what these were."""
    moved = {path: row for row, (path, _) in plan.moved.items()}
    return {path: store.record(row) for path, row in {**moved, **taken_in(store, plan)}.items()}


def _whole(
    store: Store,
    found: ImageFolder,
    plan: Plan,
    before: Sequence[Record],
    followed: Mapping[str, Record],
) -> ImageFolder:
    """All that is to be encoded: the folder, and what was added by hand and is still there.

    As in an update, what was said of a file stays until it is another, or a table says more.
    """
    yields = [one for one in plan.skipped if one.reason == TAKEN]
    out = {one.path for one in yields}
    named = [one for one in found.paths if found.root / one not in out]
    from_elsewhere = {one.path: one for one in before if one.path and is_absolute(one.path)}
    gone = {one.path for one in followed.values()}
    there = {
        path: one
        for path, one in from_elsewhere.items()
        if path not in gone and Path(path).is_file()
    }
    listed = set(found.paths)
    unusual = {  # added by hand under a name that no walk takes
        one.path: one.label
        for one in before
        if one.path is not None
        and one.path not in listed
        and not is_absolute(one.path)
        and is_passed_over(found.root, one.path)
    }
    differ, by_hand_only = tables_differ(store, found), labels_stay(store, found)
    labels: dict[str, str | None] = {
        **found.labels,
        **{
            one.path: one.label
            for one in before
            if one.path == one.id and (by_hand_only or not differ) and one.path not in plan.changed
        },
        **{path: old.label for path, old in followed.items() if by_hand_only},
        **unusual,
        **{path: one.label for path, one in there.items()},
    }
    stays = found.metadata_from is None or not metadata_differs(store, found)
    return replace(
        found,
        paths=[*named, *unusual, *there],
        skipped=[*not_items(found, unusual), *yields],
        labels={path: label for path, label in labels.items() if label is not None},
        metadata={
            **{
                one.path: one.metadata
                for one in before
                if one.path and (stays or one.path in from_elsewhere)
            },
            **{path: old.metadata for path, old in followed.items()},
            **found.metadata,
            **{  # also where a hand has said another thing than the table
                one.path: one.metadata
                for one in before
                if stays and one.path == one.id and one.path not in plan.changed
            },
        },
        ids={path: one.id for path, one in there.items()},
    )


def _changes(
    indexed: int,
    now: Store,
    found: ImageFolder,
    before: Sequence[Record],
    followed: Mapping[str, Record],
) -> Changes:
    """What has come of it."""
    old, new = ({record.id for record in records} for records in (before, now.records()))
    renamed = sorted((one.id, path) for path, one in followed.items() if path in new)
    return Changes(
        indexed=indexed,
        added=sorted(new - old - {path for _, path in renamed}),
        changed=sorted(new & old),
        renamed=renamed,
        removed=sorted(old - new - {name for name, _ in renamed}),
        skipped=[replace(one, path=found.root / one.path) for one in now.skipped()],
    )
