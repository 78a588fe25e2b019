"""Duplicates are moved, deleted or linked, and nothing is ever lost."""

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vecsearch import (
    Collection,
    CollectionLocked,
    Group,
    InvalidArgument,
    apply_duplicates,
    find_duplicates,
)
from vecsearch.labelling import add_encoded
from vecsearch.store.lock import Lock


@pytest.fixture
def photos(small: Path, tmp_path: Path) -> Path:
    """Thirty pictures; of three of them one copy each in other folders, of one two."""
    folder = tmp_path / "photos"
    shutil.copytree(small / "train", folder)
    for at, name in enumerate(["bag", "sneaker", "trouser"]):
        original = sorted((folder / name).iterdir())[0]
        (folder / name / "deep").mkdir()
        shutil.copy2(original, folder / name / "deep" / f"copy{at}.png")
    shutil.copy2(folder / "bag" / "deep" / "copy0.png", folder / "bag" / "zz.png")
    return folder


@pytest.fixture
def collection(photos: Path, tmp_path: Path) -> Collection:
    return Collection.build(
        photos, tmp_path / "index", encoder="pixels", size=(28, 28), color="grey"
    )


def exact(collection: Collection) -> list[Group]:
    found = list(find_duplicates(collection, None).groups)
    assert [len(group.members) for group in found] == [3, 2, 2]
    return found


def everything(folder: Path) -> dict[str, str]:
    """What lies below a folder, by its path: the hash of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


COPIES = ["bag/deep/copy0.png", "bag/zz.png", "sneaker/deep/copy1.png", "trouser/deep/copy2.png"]


def reasons(outcome: Any) -> dict[str, str]:
    return {one.id: one.reason for one in outcome.left}


def test_a_dry_run_changes_nothing(photos: Path, collection: Collection, tmp_path: Path) -> None:
    before, items = everything(tmp_path), list(collection)
    for action, folder in (("delete", None), ("move", tmp_path / "out"), ("hardlink", None)):
        outcome = apply_duplicates(collection, exact(collection), action, folder=folder)
        assert outcome.dry_run
        assert [step.id for step in outcome.done] == COPIES
        assert (outcome.left, outcome.removed) == ([], [])
        sizes = [(photos / name).stat().st_size for name in COPIES]
        assert [step.size for step in outcome.done] == sizes
    assert everything(tmp_path) == before
    assert list(Collection.open(collection.path)) == items


def test_files_are_deleted_and_items_removed(photos: Path, collection: Collection) -> None:
    before = everything(photos)
    generation = collection.info()["generation"]
    outcome = apply_duplicates(collection, exact(collection), "delete", dry_run=False)
    assert [step.id for step in outcome.done] == list(outcome.removed) == COPIES
    assert everything(photos) == {name: one for name, one in before.items() if name not in COPIES}
    assert set(before.values()) == set(everything(photos).values())
    assert len(collection) == 30
    assert not set(COPIES) & {item.id for item in collection}
    assert collection.info()["generation"] == int(str(generation)) + 1  # one commit
    assert find_duplicates(collection, None).groups == []
    changes = collection.update()
    assert (changes.added, changes.removed) == ([], [])


def test_files_are_moved_as_they_lay(photos: Path, collection: Collection, tmp_path: Path) -> None:
    before, out = everything(photos), tmp_path / "out" / "of"
    ages = {name: (photos / name).stat().st_mtime_ns for name in COPIES}
    outcome = apply_duplicates(collection, exact(collection), "move", folder=out, dry_run=False)
    assert everything(out) == {name: before[name] for name in COPIES}
    assert {name: (out / name).stat().st_mtime_ns for name in COPIES} == ages
    assert {**everything(photos), **everything(out)} == before
    assert [step.target for step in outcome.done] == [out / name for name in COPIES]
    assert len(collection) == 30


def test_nothing_is_moved_into_the_folder_from_above(tmp_path: Path, photos: Path) -> None:
    for name in ("photos", "index", "free"):
        shutil.copytree(photos / "bag" / "deep", photos / name)
    collection = Collection.build(photos, tmp_path / "index", encoder="pixels", size=(8, 8))
    before = everything(photos)
    groups = list(find_duplicates(collection, None).groups)[:1]
    for dry_run in (True, False):
        outcome = apply_duplicates(collection, groups, "move", folder=tmp_path, dry_run=dry_run)
        assert reasons(outcome) == {
            "photos/copy0.png": f"it would go to {photos}, in {photos}: the next update "
            "would find files there",
            "index/copy0.png": f"it would go to {tmp_path / 'index'}, in {tmp_path / 'index'}: "
            "that is the collection itself",
        }
        assert "free/copy0.png" in [step.id for step in outcome.done]
    gone = {step.id for step in outcome.done}
    assert everything(photos) == {name: one for name, one in before.items() if name not in gone}


def test_a_move_overwrites_nothing(photos: Path, collection: Collection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "bag" / "deep").mkdir(parents=True)
    (out / "bag" / "deep" / "copy0.png").write_bytes(b"mine")
    (out / "bag" / "zz.png").symlink_to(tmp_path / "nowhere")
    for dry_run in (True, False):
        outcome = apply_duplicates(
            collection, exact(collection), "move", folder=out, dry_run=dry_run
        )
        assert [step.id for step in outcome.done] == COPIES[2:]
        assert all("is there already" in reason for reason in reasons(outcome).values())
        assert set(reasons(outcome)) == set(COPIES[:2])
    assert (out / "bag" / "deep" / "copy0.png").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()
    assert all((photos / name).exists() for name in COPIES[:2])
    assert len(collection) == 32


def test_a_move_to_another_device_copies(
    photos: Path, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, out = everything(photos), tmp_path / "out"

    def refuse(*names: Any, **more: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr("vecsearch.duplicates.placing.os.link", refuse)
    groups = exact(collection)
    with monkeypatch.context() as patch:  # what is copied wrongly is not taken for moved
        patch.setattr(
            "vecsearch.duplicates.placing.shutil.copyfileobj",
            lambda source, target: target.write(source.read()[:-1]),
        )
        outcome = apply_duplicates(collection, groups[:1], "move", folder=out, dry_run=False)
    assert outcome.done == []
    assert all("is not what was written" in reason for reason in reasons(outcome).values())
    # Some file systems have no permissions that could be copied.
    monkeypatch.setattr("vecsearch.duplicates.placing.shutil.copystat", refuse)
    assert (everything(photos), everything(out)) == (before, {})
    (out / "sneaker" / "deep").mkdir(parents=True)
    (out / "sneaker" / "deep" / "copy1.png").write_bytes(b"mine")
    outcome = apply_duplicates(collection, groups, "move", folder=out, dry_run=False)
    assert set(reasons(outcome)) == {"sneaker/deep/copy1.png"}
    assert everything(out) == {
        **{name: before[name] for name in COPIES},
        "sneaker/deep/copy1.png": hashlib.sha256(b"mine").hexdigest(),
    }


def test_links_share_their_bytes(photos: Path, collection: Collection) -> None:
    before = everything(photos)
    outcome = apply_duplicates(collection, exact(collection), "hardlink", dry_run=False)
    assert [step.id for step in outcome.done] == COPIES
    assert everything(photos) == before
    for step in outcome.done:
        assert (photos / step.id).samefile(photos / step.kept)
    assert list(outcome.removed) == []
    assert len(collection) == 34
    again = apply_duplicates(collection, exact(collection), "hardlink", dry_run=False)
    assert again.done == []
    assert all("linked to" in reason for reason in reasons(again).values())
    # To a name of the same file, the others can be deleted: the bytes stay under the last one.
    apply_duplicates(collection, exact(collection), "delete", dry_run=False)
    assert everything(photos) == {name: one for name, one in before.items() if name not in COPIES}


def test_only_the_same_bytes_are_linked(
    photos: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = photos / find_duplicates(collection, None).groups[0].keep
    with Image.open(original) as image:
        image.resize((56, 56)).save(photos / "bag" / "larger.png")
    collection.update()
    (group,) = (one for one in find_duplicates(collection, 1.0).groups if len(one.members) == 4)
    assert group.keep == "bag/larger.png"
    outcome = apply_duplicates(collection, [group], "hardlink", dry_run=False)
    assert outcome.done == []
    assert all("to the byte" in reason for reason in reasons(outcome).values())
    real = os.stat

    def elsewhere(path: Any, **more: Any) -> Any:
        found = real(path, **more)
        if str(path).endswith("copy1.png"):
            return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10]))
        return found

    groups = find_duplicates(collection, None).groups
    monkeypatch.setattr("vecsearch.duplicates.placing.os.stat", elsewhere)
    outcome = apply_duplicates(collection, groups, "hardlink")
    assert reasons(outcome) == {
        "sneaker/deep/copy1.png": f"{groups[1].keep} lies on another device"
    }


def test_what_has_changed_is_left(photos: Path, collection: Collection) -> None:
    """A copy that is another picture by now, a kept one that is, and one that is gone."""
    groups = exact(collection)
    (photos / "bag" / "zz.png").write_bytes(b"something else")
    (photos / groups[1].keep).write_bytes(b"something else")
    (photos / groups[2].keep).unlink()
    before = everything(photos)
    outcome = apply_duplicates(collection, groups, "delete", dry_run=False)
    assert [step.id for step in outcome.done] == ["bag/deep/copy0.png"]
    told = reasons(outcome)
    assert told["bag/zz.png"] == "it has changed since it was encoded"
    assert "which is to be kept, has changed" in told["sneaker/deep/copy1.png"]
    assert "which is to be kept: cannot be read" in told["trouser/deep/copy2.png"]
    assert everything(photos) == {name: one for name, one in before.items() if "copy0" not in name}
    assert "bag/zz.png" in collection
    assert "bag/deep/copy0.png" not in collection


def test_a_copy_that_is_gone_already_is_left(photos: Path, collection: Collection) -> None:
    groups = exact(collection)
    (photos / "bag" / "zz.png").unlink()
    outcome = apply_duplicates(collection, groups, "delete", dry_run=False)
    assert reasons(outcome) == {"bag/zz.png": "cannot be read: No such file or directory"}
    assert "bag/zz.png" in collection  # update drops it


def test_the_last_copy_stays(photos: Path, collection: Collection) -> None:
    """Two groups that each keep what the other drops."""
    (group,) = exact(collection)[1:2]
    one, two = group.ids
    crossed = [Group(group.members, 0.0, True, one), Group(group.members, 0.0, True, two)]
    outcome = apply_duplicates(collection, crossed, "delete", dry_run=False)
    assert [step.id for step in outcome.done] == [two]
    assert list(reasons(outcome)) == [one]
    assert (photos / one).exists()


def test_another_name_of_the_kept_file_is_no_copy(photos: Path, tmp_path: Path) -> None:
    """The kept item is a link, and the other the file that it leads to."""
    (photos / "bag" / "aa.png").symlink_to(photos / "sneaker" / "deep" / "copy1.png")
    collection = Collection.build(photos, tmp_path / "index", encoder="pixels", size=(8, 8))
    (group,) = (one for one in find_duplicates(collection, None).groups if "bag/aa.png" in one.ids)
    assert group.keep != "bag/aa.png"
    outcome = apply_duplicates(collection, [group], "delete", dry_run=False)
    assert reasons(outcome)["bag/aa.png"] == "it is a link"
    (photos / "trouser" / "tt.png").symlink_to(sorted((photos / "trouser").glob("*.png"))[0])
    collection.update()
    (group,) = (
        one for one in find_duplicates(collection, None).groups if "trouser/tt.png" in one.ids
    )
    linked = Group(group.members, 0.0, True, "trouser/tt.png")
    outcome = apply_duplicates(collection, [linked], "delete", dry_run=False)
    assert (photos / "trouser" / "tt.png").exists()
    assert list(reasons(outcome).values()) == [
        "it is the very file that is kept, trouser/tt.png, under another name"
    ]


def test_the_file_of_another_item_stays(photos: Path, tmp_path: Path) -> None:
    """Of an album that is made of links, or of one upload under two ids."""
    (photos / "bag" / "zalbum.png").symlink_to(photos / "bag" / "zz.png")
    collection = Collection.build(photos, tmp_path / "index", encoder="pixels", size=(8, 8))
    upload = tmp_path / "index.uploads" / "1.png"
    upload.parent.mkdir()
    shutil.copy2(photos / "sneaker" / "deep" / "copy1.png", upload)
    row = int(collection.view.store.find(["sneaker/deep/copy1.png"])[0])
    same = collection.view.store.record(row)
    for name in ("u1", "u2"):
        record = same._replace(id=name, path=upload.as_posix())
        add_encoded(collection, collection.vectors()[row], record, collection.view.encoder)
    groups = find_duplicates(collection, None).groups
    told = {
        "bag/zz.png": "it is the file of bag/zalbum.png as well",
        "bag/zalbum.png": "it is a link",
        "u1": "it is the file of u2 as well",
        "u2": "it is the file of u1 as well",
    }
    for dry_run in (True, False):
        outcome = apply_duplicates(collection, groups, "delete", dry_run=dry_run)
        assert reasons(outcome) == told
        assert len(outcome.done) == 3
    assert upload.exists()
    assert (photos / "bag" / "zalbum.png").exists()
    # A link in its place serves the others as well.
    (photos / "bag" / "z.png").write_bytes((photos / "bag" / "zz.png").read_bytes())
    collection.update()
    groups = find_duplicates(collection, None).groups
    linked = apply_duplicates(collection, groups, "hardlink")
    assert {"bag/z.png", "u1"} <= {step.id for step in linked.done}


def test_uploads_of_the_collection_that_it_was_copied_from_stay(
    photos: Path, tmp_path: Path, collection: Collection
) -> None:
    upload = tmp_path / "index.uploads" / "1.png"
    upload.parent.mkdir()
    shutil.copy2(photos / "bag" / "zz.png", upload)
    collection.add([upload], label="bag")
    shutil.copytree(tmp_path / "index", tmp_path / "copy")
    copied = Collection.open(tmp_path / "copy")
    (group,) = (one for one in find_duplicates(copied, None).groups if upload.as_posix() in one.ids)
    outcome = apply_duplicates(copied, [group], "delete", dry_run=False)
    assert reasons(outcome) == {upload.as_posix(): "it was uploaded to another collection"}
    # Pictures of somebody who calls folders so, beside one that is no collection, are none.
    mine = tmp_path / "mine.uploads" / "1.png"
    mine.parent.mkdir()
    (tmp_path / "mine").mkdir()
    shutil.copy2(upload, mine)
    copied.add([mine], label="bag")
    (group,) = (one for one in find_duplicates(copied, None).groups if mine.as_posix() in one.ids)
    assert mine.as_posix() in [step.id for step in apply_duplicates(copied, [group], "delete").done]
    copied.remove([mine.as_posix()])
    shutil.copytree(upload.parent, tmp_path / "copy.uploads")
    copied = Collection.open(tmp_path / "copy")
    own = tmp_path / "copy.uploads" / "1.png"
    assert copied.get(upload.as_posix()).path == own
    (group,) = (one for one in find_duplicates(copied, None).groups if upload.as_posix() in one.ids)
    outcome = apply_duplicates(copied, [group], "delete", dry_run=False)
    assert [step.path for step in outcome.done] == [own]
    assert upload.exists()
    assert not own.exists()


def test_links_are_not_followed_out(photos: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy2(photos / "bag" / "zz.png", outside / "far.png")
    (photos / "bag" / "way").symlink_to(outside)
    collection = Collection.build(photos, tmp_path / "index", encoder="pixels", size=(8, 8))
    group = find_duplicates(collection, None).groups[0]
    assert "bag/way/far.png" in group.ids
    assert group.keep != "bag/way/far.png"
    outcome = apply_duplicates(collection, [group], "delete", dry_run=False)
    assert reasons(outcome) == {"bag/way/far.png": "a link leads to it out of the folder"}
    assert (outside / "far.png").exists()
    # Nor into a place outside of the folder that files are moved to.
    out = tmp_path / "out"
    out.mkdir()
    (out / "sneaker").symlink_to(outside)
    (group,) = (one for one in find_duplicates(collection, None).groups if "sneaker" in one.ids[0])
    outcome = apply_duplicates(collection, [group], "move", folder=out, dry_run=False)
    assert "by a link" in reasons(outcome)["sneaker/deep/copy1.png"]
    assert sorted(path.name for path in outside.iterdir() if path.is_file()) == ["far.png"]


def test_files_from_elsewhere_can_be_cleared_away(
    photos: Path, collection: Collection, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "same.png"
    other.parent.mkdir()
    shutil.copy2(photos / "bag" / "zz.png", other)
    collection.add([other], label="bag")
    group = find_duplicates(collection, None).groups[0]
    outcome = apply_duplicates(collection, [group], "move", folder=tmp_path / "out", dry_run=False)
    assert other.as_posix() in [step.id for step in outcome.done]
    assert not other.exists()
    assert (tmp_path / "out" / other.relative_to("/")).exists()


def test_contradicting_labels_can_be_left(photos: Path, tmp_path: Path) -> None:
    shutil.copy2(photos / "bag" / "zz.png", photos / "trouser" / "not.png")
    collection = Collection.build(photos, tmp_path / "index", encoder="pixels", size=(8, 8))
    group = find_duplicates(collection, None).groups[0]
    assert group.contradict
    assert group.labels == ["bag", "trouser"]
    left = apply_duplicates(collection, [group], "delete", leave_contradicting=True)
    assert reasons(left) == {
        "trouser/not.png": f"its label is trouser, that of {group.keep} is bag"
    }
    assert len(apply_duplicates(collection, [group], "delete").done) == 3


def test_what_was_written_since_counts(
    photos: Path, collection: Collection, tmp_path: Path
) -> None:
    """Groups of an earlier generation: one item is gone by now, another has another file."""
    groups = exact(collection)
    other = Collection.open(collection.path)
    other.remove(["bag/zz.png"])
    shutil.copy2(
        photos / "trouser" / "deep" / "copy2.png", photos / "sneaker" / "deep" / "copy1.png"
    )
    other.update()
    other.remove(["bag/zz.png"])
    outcome = apply_duplicates(collection, groups, "delete", dry_run=False)
    told = reasons(outcome)
    assert told.keys() == {"bag/zz.png", "sneaker/deep/copy1.png"}
    assert "is no item of the collection any more" in told["bag/zz.png"]
    assert "has another file in the collection by now" in told["sneaker/deep/copy1.png"]
    assert (photos / "bag" / "zz.png").exists()
    assert len(collection) == len(Collection.open(collection.path)) == 31


def test_a_failure_half_way_leaves_all_of_one_piece(
    photos: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    groups, unlink = exact(collection), Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "zz.png":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        outcome = apply_duplicates(collection, groups[:1], "delete", dry_run=False)
    assert [step.id for step in outcome.done] == COPIES[:1]
    assert reasons(outcome) == {"bag/zz.png": "cannot be deleted: Permission denied"}

    def interrupt(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path.name == "copy1.png":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", interrupt)
        with pytest.raises(KeyboardInterrupt):
            apply_duplicates(collection, groups[1:], "delete", dry_run=False)
    assert "Broken off; before, 1 files were deleted." in caplog.text
    there = {item.id for item in Collection.open(collection.path)}
    assert there == set(everything(photos))
    assert "trouser/deep/copy2.png" in there
    assert "sneaker/deep/copy1.png" not in there


def test_a_move_that_fails_leaves_no_second_copy(
    photos: Path, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, unlink, before = exact(collection), Path.unlink, everything(photos)
    out = tmp_path / "out"

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.is_relative_to(photos):
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        outcome = apply_duplicates(collection, groups, "move", folder=out, dry_run=False)
    assert outcome.done == []
    assert set(reasons(outcome).values()) == {"cannot be moved: Permission denied"}
    assert (everything(photos), everything(out)) == (before, {})
    assert len(collection) == 34


def test_a_link_that_fails_leaves_the_file(
    photos: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, before = exact(collection), everything(photos)

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        outcome = apply_duplicates(collection, groups, "hardlink", dry_run=False)
    assert set(reasons(outcome).values()) == {"cannot be linked: Permission denied"}
    assert everything(photos) == before


def test_a_commit_that_fails_is_told(
    photos: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    groups = exact(collection)

    def refuse(*names: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("vecsearch.store.writer.put_if_absent", refuse)
        with pytest.raises(OSError, match="No space left"):
            apply_duplicates(collection, groups, "delete", dry_run=False)
    assert "4 files were deleted, but their items are still in" in caplog.text
    assert list(collection.update().removed) == COPIES


def test_nothing_is_touched_while_another_writes(photos: Path, collection: Collection) -> None:
    groups, before = exact(collection), everything(photos)
    lock = Lock(collection.path)
    lock.acquire()
    try:
        with pytest.raises(CollectionLocked):
            apply_duplicates(collection, groups, "delete", dry_run=False)
    finally:
        lock.release()
    assert everything(photos) == before


@pytest.mark.parametrize(
    ("action", "folder", "message"),
    [
        ("burn", None, "is none of move, delete, hardlink"),
        ("move", None, "takes the folder"),
        ("delete", "out", "takes the folder"),
        ("move", "photos/out", "the next update would find files"),
        ("move", "photos", "the next update would find files"),
        ("move", "index/out", "the collection itself"),
        ("move", "file", "it is a file"),
    ],
)
def test_what_makes_no_sense(
    collection: Collection, tmp_path: Path, action: Any, folder: str | None, message: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    before = everything(tmp_path)
    with pytest.raises(InvalidArgument, match=message):
        apply_duplicates(
            collection,
            exact(collection),
            action,
            folder=None if folder is None else tmp_path / folder,
            dry_run=False,
        )
    assert everything(tmp_path) == before


def test_items_without_files(collection: Collection, tmp_path: Path) -> None:
    books = Collection.from_vectors([[1, 1], [1, 1], [5, 5]])
    found = find_duplicates(books, 0.1)
    assert [(group.ids, group.keep) for group in found.groups] == [(["0", "1"], "0")]
    with pytest.raises(InvalidArgument, match="have no files"):
        apply_duplicates(books, found.groups, "delete")
    # Among others that have files, they are left, and not kept.
    zz = collection.vectors(["bag/zz.png"])
    collection.add_vectors(np.concatenate([zz, zz]), ["a", "b"])
    (group,) = (one for one in find_duplicates(collection, 0.01).groups if "a" in one.ids)
    assert group.keep.startswith("bag/")
    outcome = apply_duplicates(collection, [group], "delete", dry_run=False)
    assert reasons(outcome) == {"a": "a has no file", "b": "b has no file"}
    assert [step.id for step in outcome.done] == COPIES[:2]


def test_progress_is_told(collection: Collection) -> None:
    told: list[Any] = []
    find_duplicates(collection, progress=lambda *one: told.append(one))
    assert [one for one in told if one[1] == one[2]] == [
        ("looking for a threshold", 30, 30),
        ("comparing", 30, 30),
    ]
    told.clear()
    apply_duplicates(
        collection, exact(collection), "delete", progress=lambda *one: told.append(one)
    )
    assert told == [("clearing away", done, 4) for done in (1, 2, 3, 4)]
