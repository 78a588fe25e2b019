"""Clear away duplicates: say what would be done, and do it."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from vecsearch.ann import keep_indexed
from vecsearch.collection import Collection
from vecsearch.duplicates.groups import Group, Member
from vecsearch.duplicates.placing import (
    Refused,
    check_dropped,
    check_folder,
    check_kept,
    check_linkable,
    check_target,
    delete,
    link,
    move,
    place_in,
)
from vecsearch.duplicates.sharing import owners
from vecsearch.errors import InvalidArgument
from vecsearch.store import Record, Store, Writer, is_of_another
from vecsearch.types import Progress

Action: TypeAlias = Literal["move", "delete", "hardlink"]
DONE = {"move": "moved", "delete": "deleted", "hardlink": "linked"}
logger = logging.getLogger("vecsearch")


@dataclass(frozen=True)
class Step:
    """A file that was dealt with, or would be.

    Attributes:
        id: The item.
        path: Its file.
        kept: The id of the item that is kept in its stead.
        target: Where the file went, if it was moved.
        size: Of the file, in bytes.
    """

    id: str
    path: Path
    kept: str
    target: Path | None
    size: int


@dataclass(frozen=True)
class Left:
    """A file that is left as it is, and why."""

    id: str
    path: Path | None
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What was done to duplicates, or would be.

    Attributes:
        action: ``move``, ``delete`` or ``hardlink``.
        dry_run: Whether nothing was changed.
        done: What was done, in its order.
        left: What was left as it is.
        removed: The ids of the items that were removed from the collection.
    """

    action: Action
    dry_run: bool
    done: Sequence[Step]
    left: Sequence[Left]
    removed: Sequence[str] = ()


def apply_duplicates(
    collection: Collection,
    groups: Sequence[Group],
    action: Action,
    *,
    folder: str | Path | None = None,
    dry_run: bool = True,
    leave_contradicting: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Clear away all of some groups but the one to keep in each.

    Before a file is touched, its bytes are hashed, and so are those of the file that is kept: both
    must be what the collection has of them, or the file is left as it is, with the reason. Links
    are left, and so is what lies outside of the collection's folder by way of a link, and what is
    the file of another item as well. Nobody else can write to the collection meanwhile. Items whose
    files were deleted or moved are removed from it in one commit at the end, also if something
    fails in between.

    Args:
        collection: Whose items they are. It is refreshed.
        groups: Those of what ``find_duplicates`` found: its ``groups``.
        action: ``delete`` the files; ``move`` them to where they are below ``folder`` as they were
            below the collection's folder, never over another file; or make each a ``hardlink``
            to the one that is kept, if it has the same bytes and is on the same device. Linked
            items stay in the collection.
        folder: Where files are moved to; not in the collection's own folder.
        dry_run: Change nothing, and say what would be done, after the same checks.
        leave_contradicting: Leave files whose label is another than that of the one to keep.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: The action is none of these, its folder cannot be used, or the collection
            has no files. Nothing was touched.
        CollectionLocked: Another process is writing to the collection. Nothing was touched.

    Example:
        >>> from vecsearch import Collection, find_duplicates
        >>> photos = Collection.build("tests/data/photos", tmp / "photos", encoder="pixels")
        >>> groups = find_duplicates(photos, 0).groups
        >>> apply_duplicates(photos, groups, "delete").dry_run
        True
    """
    target = check_action(collection, action, folder)
    members = [one for group in groups for one in group.members]
    if members and all(one.path is None for one in members):
        raise InvalidArgument(
            f"The items of {collection.place} have no files: remove them by their ids instead."
        )
    if dry_run:
        work = _Work(collection.view.store, action, target, leave_contradicting)
        work.go(groups, None, progress)
        return work.outcome(dry_run=True)
    with Writer(collection.path, amend=True) as writer:
        work = _Work(writer.base, action, target, leave_contradicting)
        try:
            work.go(groups, work.act, progress)
        except BaseException:
            work.settle()
            logger.warning("Broken off; before, %d files were %s.", len(work.done), DONE[action])
            raise
        finally:
            _remove(writer, work)
    collection.refresh()
    keep_indexed(collection.path)
    collection.refresh()
    return work.outcome(dry_run=False)


def _remove(writer: Writer, work: "_Work") -> None:
    """Take the items of files that are gone out of the collection."""
    if work.action == "hardlink" or not work.done:
        return
    try:
        writer.remove(np.array(work.rows, np.int64))
        writer.commit()
    except BaseException:
        logger.warning(
            "%d files were %s, but their items are still in %s: vecsearch update removes them.",
            len(work.done), DONE[work.action], writer.folder,
        )  # fmt: skip
        raise


def check_action(collection: Collection, action: Action, folder: str | Path | None) -> Path | None:
    """Refuse what could not be done to any file, before duplicates are looked for.

    Raises:
        InvalidArgument: The action is none of these, its folder cannot be used, or the collection
            lies in no folder.
    """
    if action not in get_args(Action):
        raise InvalidArgument(f"{action!r} is none of {', '.join(get_args(Action))}.")
    if (action == "move") != (folder is not None):
        raise InvalidArgument("move takes the folder to move to; delete and hardlink take none.")
    place = collection.path
    if folder is None:
        return None
    target = Path(folder).absolute()
    check_folder(target, collection.root, place)
    return target


class _Work:
    """One go through all groups.

    Args:
        base: The generation that is changed.
        action: What is done to files.
        folder: Where they are moved to.
        leave_contradicting: Leave what has another label than the kept one.
    """

    def __init__(
        self, base: Store, action: Action, folder: Path | None, leave_contradicting: bool
    ) -> None:
        self.action = action
        self.done: list[Step] = []
        self.left: list[Left] = []
        self.rows: list[int] = []
        source = base.manifest.source
        self._base, self._folder = base, folder
        self._root = Path(source.root) if source is not None else None
        self._leave_contradicting = leave_contradicting
        self._targets: set[Path] = set()
        self._owners: Mapping[str, list[str]] = {}
        self._under_way: tuple[Step, int] | None = None

    def outcome(self, dry_run: bool) -> Outcome:
        """What came of it."""
        removed = [] if dry_run or self.action == "hardlink" else [one.id for one in self.done]
        return Outcome(self.action, dry_run, self.done, self.left, removed)

    def go(
        self,
        groups: Sequence[Group],
        act: Callable[[Step, Member], None] | None,
        progress: Progress | None,
    ) -> None:
        """Check each file, and act on it if it may be."""
        ids = [one.id for group in groups for one in group.members]
        row_of = dict(zip(ids, self._base.find(ids).tolist(), strict=True))
        total = sum(len(group.dropped) for group in groups)
        if self.action != "hardlink":
            files = [one.path for group in groups for one in group.dropped if one.path is not None]
            self._owners = owners(files, self._base.records(), self._root or Path())
        for group in groups:
            kept = group.kept
            for one in group.dropped:
                try:
                    step = self._step(one, kept, row_of)
                    if act is not None:
                        self._under_way = step, row_of[one.id]
                        act(step, kept)
                except Refused as refused:
                    self.left.append(Left(one.id, one.path, str(refused)))
                except OSError as error:
                    self.left.append(Left(one.id, one.path, f"{error.strerror}"))
                else:
                    self._note(step, row_of[one.id])
                self._under_way = None
                if progress is not None:
                    progress("clearing away", len(self.done) + len(self.left), total)

    def settle(self) -> None:
        """Count what was under way when the work was broken off, if its file is gone by now."""
        if self._under_way is not None and not os.path.lexists(self._under_way[0].path):
            self._note(*self._under_way)

    def _note(self, step: Step, row: int) -> None:
        if row not in self.rows[-1:]:
            self.done.append(step)
            self.rows.append(row)

    def _step(self, one: Member, kept: Member, row_of: Mapping[str, int]) -> Step:
        """What is to be done with a file, once it is certain that it may be."""
        self._check_record(kept, row_of[kept.id])
        record = self._check_record(one, row_of[one.id])
        differ = None not in (one.label, kept.label) and one.label != kept.label
        if differ and self._leave_contradicting:
            raise Refused(f"its label is {one.label}, that of {kept.id} is {kept.label}")
        check_kept(kept)
        check_dropped(one, kept, self._root)
        if one.path is None or record.path is None:
            raise Refused("it has no file")
        target = None
        if self.action == "hardlink":
            check_linkable(one, kept)
        else:
            self._check_ours(one.id, one.path)
        if self._folder is not None:
            target = place_in(self._folder, record.path)
            check_target(target, self._root, self._base.folder)
            if target in self._targets or target.exists() or target.is_symlink():
                raise Refused(f"{target} is there already")
            self._targets.add(target)
        return Step(one.id, one.path, kept.id, target, one.path.stat().st_size)

    def _check_record(self, one: Member, row: int) -> Record:
        if row < 0:
            raise Refused(f"{one.id} is no item of the collection any more")
        record = self._base.record(row)
        if record.path is None or one.sha256 is None:
            raise Refused(f"{one.id} has no file")
        if (record.file or {}).get("sha256") != one.sha256:
            raise Refused(f"{one.id} has another file in the collection by now")
        if one.path != (self._root or Path()) / record.path:
            raise Refused(f"{one.id} lies elsewhere by now")
        return record

    def _check_ours(self, name: str, path: Path) -> None:
        others = [one for one in self._owners.get(os.path.realpath(path), ()) if one != name]
        if others:
            raise Refused(f"it is the file of {others[0]} as well")
        if is_of_another(path, self._base.folder):
            raise Refused("it was uploaded to another collection")

    def act(self, step: Step, kept: Member) -> None:
        """Do to one file what is to be done to all."""
        if step.target is not None and self._folder is not None:
            move(step.path, step.target, self._folder)
        elif self.action == "delete":
            delete(step.path)
        elif kept.path is not None:
            link(step.path, kept.path)
