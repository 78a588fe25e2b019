"""What update and add owe on folders that are not plain: links, odd names, things added by hand."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from painting import PIXELS, held, paint, painted, seeds_of, touch, vector

from vecsearch import Collection, InvalidArgument, relabel, verify
from vecsearch.encoding import facts_of
from vecsearch.errors import ImageError
from vecsearch.finding import find_images
from vecsearch.images import File, Preprocess, reading
from vecsearch.labelling import add_encoded
from vecsearch.store import Record

SEEDS = seeds_of(6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return painted(tmp_path / "photos", SEEDS)


@pytest.fixture
def photos(root: Path, tmp_path: Path) -> Collection:
    return Collection.build(root, tmp_path / "index", **PIXELS)


def ids(collection: Collection) -> set[str]:
    return {item.id for item in collection}


def test_a_link_that_leads_nowhere_just_now_keeps_its_items(root: Path, tmp_path: Path) -> None:
    """A disk that is unplugged. What lay below the link is there, but cannot be seen."""
    paint(tmp_path / "disk" / "1.png", 70)
    (root / "away").symlink_to(tmp_path / "disk")
    (root / "c.png").symlink_to(tmp_path / "disk" / "1.png")
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    assert {"away/1.png", "c.png"} <= ids(photos)
    (tmp_path / "disk").rename(tmp_path / "drawer")
    changes = photos.update(jobs=1)
    assert changes.removed == ["c.png"]  # a file is gone where its link leads nowhere
    assert "away/1.png" in ids(photos)
    with pytest.raises(InvalidArgument, match="cannot be opened: what it holds would be lost"):
        photos.update(refit=True, jobs=1)
    (tmp_path / "drawer").rename(tmp_path / "disk")
    assert photos.update(jobs=1).added == ["c.png"]
    assert "away/1.png" in ids(photos)
    for name in ("0.png", "dead"):  # nothing of these is in the collection
        (root / name).symlink_to(tmp_path / "nothing")
    photos.update(refit=True, jobs=1)
    assert "away/1.png" in ids(photos)


@pytest.mark.parametrize("name", ["a/0.jpg_640", ".cover.png", ".hidden/0.png"])
def test_a_name_that_no_walk_takes_stays_if_it_was_added_by_hand(
    photos: Collection, root: Path, name: str
) -> None:
    paint(root / "new.png", 60)
    (root / name).parent.mkdir(exist_ok=True)
    (root / "new.png").rename(root / name)
    photos.add([root / name])
    assert name in ids(photos)
    changes = photos.update(jobs=1)
    assert changes.removed == []
    assert root / name not in {one.path for one in changes.skipped}
    generation = photos.info()["generation"]
    assert photos.update(jobs=1).removed == []
    assert photos.info()["generation"] == generation
    paint(root / "new.png", 61)
    (root / "new.png").rename(root / name)
    assert photos.update(jobs=1).changed == [name]
    assert held(photos)[name][2] == vector(61).tolist()
    changes = photos.update(refit=True, jobs=1)
    assert root / name not in {one.path for one in changes.skipped}
    (root / name).unlink()
    assert name not in ids(photos) or photos.update(jobs=1).removed == [name]


def test_another_root_takes_in_what_lies_below_it_as_it_is_now(
    photos: Collection, root: Path, tmp_path: Path
) -> None:
    """Two files from elsewhere; one has become another picture since."""
    for name, seed in (("same.png", 50), ("other.png", 51)):
        paint(tmp_path / "else" / name, seed)
        photos.add([tmp_path / "else" / name], metadata={"seed": seed})
    paint(tmp_path / "else" / "other.png", 52)
    whole = tmp_path / "all"
    whole.mkdir()
    root.rename(whole / "photos")
    (tmp_path / "else").rename(whole / "else")
    for name in ("same.png", "other.png"):  # they are known by where they lay
        photos.remove([f"{tmp_path}/else/{name}"])
        photos.add([whole / "else" / name], metadata={"by": "hand"})
    paint(whole / "else" / "other.png", 53)
    photos.update(whole, jobs=1)
    found = held(photos)
    assert found["else/same.png"][1:] == ({"by": "hand"}, vector(50).tolist())
    assert found["else/other.png"][1:] == ({"by": "hand"}, vector(53).tolist())
    assert not any(name.startswith("/") for name in found)
    assert verify(photos.path).damages == []


def test_fitting_anew_follows_as_an_update_does(
    photos: Collection, root: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "all"
    whole.mkdir()
    root = root.rename(whole / "photos")
    photos.update(root, jobs=1)
    paint(whole / "else" / "1.png", 50)
    photos.add([whole / "else" / "1.png"], metadata={"by": "hand"})
    paint(tmp_path / "up.png", 51)
    photos.add([tmp_path / "up.png"])
    (root / "a/0.png").rename(root / "b/again.png")
    paint(whole / "else" / "2.png", 52)
    photos.add([whole / "else" / "2.png"], metadata={"by": "hand, too"})
    paint(whole / "else" / "2.png", 53)
    photos.update(whole, refit=True, jobs=1)
    found = held(photos)
    assert found["else/1.png"][1] == {"by": "hand"}
    assert found["else/2.png"][1:] == ({"by": "hand, too"}, vector(53).tolist())
    assert {name for name in found if name.startswith("/")} == {f"{tmp_path}/up.png"}
    assert found["photos/b/again.png"][2] == vector(0).tolist()
    assert len(found) == len(SEEDS) + 3


def test_fitting_anew_keeps_what_was_said_of_a_renamed_file(photos: Collection, root: Path) -> None:
    relabel(photos, "a/0.png", metadata={"price": 3})
    (root / "a/0.png").rename(root / "b/again.png")
    changes = photos.update(refit=True, jobs=1)
    assert changes.renamed == [("a/0.png", "b/again.png")]
    assert (changes.added, changes.removed) == ([], [])
    assert held(photos)["b/again.png"][:2] == ("b", {"price": 3})


def test_fitting_anew_leaves_out_a_file_whose_id_another_has(
    photos: Collection, root: Path, tmp_path: Path
) -> None:
    paint(tmp_path / "mine.png", 50)
    facts = tmp_path.joinpath("mine.png").stat()
    file = File(str(tmp_path / "mine.png"), "0" * 64, facts.st_size, facts.st_mtime_ns, 4, 4)
    record = Record("a/z.png", file.path, "mine", {}, facts_of(file))
    add_encoded(photos, vector(50), record, photos.encoder)
    paint(root / "a/z.png", 60)
    changes = photos.update(refit=True, jobs=1)
    assert [one.reason for one in changes.skipped] == ["an item that was added by hand has its id"]
    assert held(photos)["a/z.png"] == ("mine", {}, vector(50).tolist())


def test_files_of_a_linked_folder_are_called_as_a_walk_calls_them(
    root: Path, tmp_path: Path
) -> None:
    paint(tmp_path / "cats" / "1.png", 70)
    (root / "cat").symlink_to(tmp_path / "cats")
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    paint(tmp_path / "cats" / "2.png", 71)
    assert photos.add([root / "cat" / "2.png"]).added == ["cat/2.png"]
    assert held(photos)["cat/2.png"][0] == "cat"
    with pytest.raises(InvalidArgument, match="in the collection already"):
        photos.add([root / "cat"])
    assert photos.update(jobs=1).added == []
    paint(tmp_path / "cats" / "3.png", 72)  # by its own name it lies elsewhere
    assert photos.add([tmp_path / "cats" / "3.png"]).added == [f"{tmp_path}/cats/3.png"]


def test_metadata_by_hand_stays_though_there_is_a_table(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("path,price\na/0.png,3\n")
    photos = Collection.build(root, tmp_path / "index", metadata=table, **PIXELS)
    paint(root / "a/new.png", 60)
    photos.add([root / "a/new.png"], metadata={"price": 30})
    for name, seed in (("a/new.png", 61), ("a/0.png", 62)):
        paint(root / name, seed)
    assert sorted(photos.update(jobs=1).changed) == ["a/0.png", "a/new.png"]
    assert held(photos)["a/new.png"][1] == {"price": 30}
    assert held(photos)["a/0.png"][1] == {"price": 3}
    photos.update(refit=True, jobs=1)
    assert held(photos)["a/new.png"][1] == {"price": 30}
    table.write_text("path,price\na/0.png,4\n")
    photos.update(jobs=1)
    assert held(photos)["a/0.png"][1] == {"price": 4}
    paint(root / "a/0.png", 64)
    photos.update(metadata="none", jobs=1)  # what it said stays
    assert held(photos)["a/0.png"][1:] == ({"price": 4}, vector(64).tolist())


def test_a_table_that_is_gone_is_told_with_what_to_do(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na/0.png,cat\n")
    photos = Collection.build(root, tmp_path / "index", labels=table, **PIXELS)
    paint(root / "a/new.png", 60)
    table = table.rename(tmp_path / "moved.csv")
    told = "labels.csv, from which the collection has its labels, is not there any more: .*--labels"
    with pytest.raises(InvalidArgument, match=told):
        photos.update(jobs=1)
    with pytest.raises(InvalidArgument, match=told):
        photos.add([root / "a/new.png"])
    assert photos.update(labels=table, jobs=1).added == ["a/new.png"]
    assert held(photos)["a/0.png"][0] == "cat"


def test_metadata_by_hand_stays_though_labels_change(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na/0.png,x\n")
    photos = Collection.build(root, tmp_path / "index", labels=table, **PIXELS)
    relabel(photos, "a/0.png", metadata={"price": 3})
    table.write_text("path,label\na/0.png,y\n")
    paint(root / "a/0.png", 60)
    photos.update(jobs=1)
    assert held(photos)["a/0.png"] == ("y", {"price": 3}, vector(60).tolist())


@pytest.mark.parametrize("refit", [False, True])
def test_metadata_by_hand_stays_though_only_the_labels_of_two_tables_change(
    root: Path, tmp_path: Path, refit: bool
) -> None:
    labels, metadata = tmp_path / "labels.csv", tmp_path / "more.csv"
    labels.write_text("path,label\na/0.png,x\n")
    metadata.write_text("path,price\na/0.png,2\na/1.png,2\n")
    photos = Collection.build(root, tmp_path / "index", labels=labels, metadata=metadata, **PIXELS)
    relabel(photos, "a/0.png", metadata={"price": 3})
    paint(root / "a" / "new.png", 90)
    photos.add([root / "a" / "new.png"], metadata={"price": 4})
    labels.write_text("path,label\na/0.png,y\na/new.png,z\n")
    photos.update(jobs=1, refit=refit)
    found = held(photos)
    assert found["a/0.png"][:2] == ("y", {"price": 3})
    assert found["a/1.png"][1] == {"price": 2}
    assert found["a/new.png"][:2] == ("z", {"price": 4})
    metadata.write_text("path,price\na/0.png,7\n")
    photos.update(jobs=1)
    assert [held(photos)[f"a/{name}.png"][1] for name in ("0", "new")] == [{"price": 7}, {}]


def test_what_was_only_being_written_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of a file comes while its first part is found to be damaged."""
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    new = root / "a" / "new.png"
    paint(new, 90)
    whole, real = new.read_bytes(), reading.decode
    new.write_bytes(whole[:40])

    def decode(data: bytes, preprocess: Preprocess) -> object:
        if data == whole[:40]:
            new.write_bytes(whole)
        return real(data, preprocess)

    monkeypatch.setattr(reading, "decode", decode)
    photos.update(jobs=1)
    assert "a/new.png" not in photos
    photos.update(jobs=1)
    assert "a/new.png" in photos


def test_copies_that_move_together_keep_their_own_metadata(root: Path, tmp_path: Path) -> None:
    for number in range(8):
        paint(root / "dress" / f"{number}.png", 60)
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    for number in range(8):
        relabel(photos, f"dress/{number}.png", metadata={"price": number})
    (root / "dress").rename(root / "gown")
    photos.update(jobs=1)
    found = held(photos)
    assert [found[f"gown/{number}.png"][1]["price"] for number in range(8)] == list(range(8))


def test_what_could_not_be_read_is_tried_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network drive that drops in the middle; Ctrl-C; the same command."""
    whole, real = Collection.build(root, tmp_path / "whole", **PIXELS), reading._read_bytes
    seen: list[str] = []

    def dropped(path: str | Path) -> object:
        seen.append(str(path))
        if 4 <= len(seen) < 8:
            raise reading.ImageError(f"{reading.UNREADABLE}: Input/output error")
        if len(seen) == 9:
            raise KeyboardInterrupt
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "_read_bytes", dropped)
        with pytest.raises(KeyboardInterrupt):
            Collection.build(root, tmp_path / "index", **PIXELS)
    found = Collection.build(root, tmp_path / "index", **PIXELS)
    assert ids(found) == ids(whole)
    assert found.skipped == []


def test_uploads_inside_the_folder_are_no_images_of_it(root: Path) -> None:
    index = root / "index"
    photos = Collection.build(root, index, **PIXELS)
    paint(root / "index.uploads" / "0.png", 60)
    paint(root / "my.uploads" / "0.png", 61)  # which is a folder like any other
    assert photos.update(jobs=1).added == ["my.uploads/0.png"]


def test_without_a_folder_to_follow_names_are_whole(tmp_path: Path) -> None:
    paint(tmp_path / "shelf" / "new.png", 60)
    found = find_images(None, [tmp_path / "shelf" / "new.png"])
    assert (found.paths, found.labels) == ([f"{tmp_path}/shelf/new.png"], {})


def test_a_file_that_cannot_be_read_is_no_reason_to_commit(
    photos: Collection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(root / "a/closed.png", 60)
    real = reading._read_bytes

    def refuse(path: str | Path) -> object:
        if str(path).endswith("closed.png"):
            raise reading.ImageError(f"{reading.UNREADABLE}: Permission denied")
        return real(path)

    monkeypatch.setattr(reading, "_read_bytes", refuse)
    photos.update(jobs=1)
    generation = photos.info()["generation"]
    for _ in range(3):
        assert photos.update(jobs=1).added == []
    assert photos.info()["generation"] == generation
    assert not (photos.path / "draft").exists()
    monkeypatch.undo()
    assert photos.update(jobs=1).added == ["a/closed.png"]


def test_new_labels_of_touched_files_are_told(
    photos: Collection, root: Path, tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "".join(f"{path},new\n" for path in SEEDS))
    for path in SEEDS:
        touch(root / path)
    told = photos.update(labels=table, dry_run=True).relabelled
    changes = photos.update(labels=table, jobs=1)
    assert sorted(changes.relabelled) == sorted(told) == sorted(SEEDS)
    assert {label for label, *_ in held(photos).values()} == {"new"}
    assert photos.update(jobs=1).relabelled == []


def test_half_a_character_is_told_before_anything_is_read(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.jsonl"
    table.write_text(
        '{"path": "a/1.png", "title": "ok \\ud83d\\ude00"}\n'
        '{"path": "a/0.png", "title": "nice \\ud83d"}\n'
    )
    with pytest.raises(InvalidArgument, match=r"more.jsonl, line 2: .*surrogates"):
        Collection.build(root, tmp_path / "index", metadata=table, **PIXELS)
    table.write_text(json.dumps({"path": "a/1.png", "title": "ok 😀"}) + "\n")
    found = Collection.build(root, tmp_path / "index", metadata=table, **PIXELS)
    assert held(found)["a/1.png"][1] == {"title": "ok 😀"}


def test_fitting_anew_keeps_labels_that_were_given_by_hand(root: Path, tmp_path: Path) -> None:
    """As an update does: until the file is another, or a table says more."""
    photos = Collection.build(root, tmp_path / "index", labels="none", **PIXELS)
    for name, label in (("a/0.png", "cat"), ("a/1.png", "dog")):
        relabel(photos, name, label)
    paint(root / "a/1.png", 60)
    photos.update(refit=True, jobs=1)
    found = {name: label for name, (label, _, _) in held(photos).items() if label is not None}
    assert found == {"a/0.png": "cat"}
    relabel(photos, "b/0.png", "cow")
    photos.update(labels="folder", refit=True, jobs=1)
    assert {label for label, _, _ in held(photos).values()} == {"a", "b"}
    relabel(photos, "a/0.png", None)
    photos.update(refit=True, jobs=1)
    assert held(photos)["a/0.png"][0] is None


def test_dates_beyond_64_bits(root: Path, tmp_path: Path) -> None:
    seconds = int(datetime(2300, 1, 1, tzinfo=UTC).timestamp())
    os.utime(root / "a/0.png", (seconds, seconds))
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    assert not photos.update(jobs=1).changed
    assert held(photos)["a/0.png"][2] == vector(SEEDS["a/0.png"]).tolist()


@pytest.mark.parametrize("read", [1, 2])
def test_a_file_that_is_being_written_keeps_its_item(
    root: Path, photos: Collection, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    """Whether that is seen when it is hashed or when it is decoded."""
    relabel(photos, "a/0.png", metadata={"price": 3})
    paint(root / "a/0.png", 60)
    whole, reads = reading._read_bytes, 0

    def torn(path: str | Path) -> object:
        nonlocal reads
        reads += str(path).endswith("a/0.png")
        if reads == read:
            raise ImageError(reading.CHANGED)
        return whole(path)

    monkeypatch.setattr(reading, "_read_bytes", torn)
    changes = photos.update(jobs=1)
    assert reads == read
    assert (changes.changed, changes.removed, changes.indexed) == ([], [], len(SEEDS))
    assert [one.reason for one in changes.skipped] == [reading.CHANGED]
    assert held(photos)["a/0.png"] == ("a", {"price": 3}, vector(SEEDS["a/0.png"]).tolist())
    assert photos.update(jobs=1).changed == ["a/0.png"]
    assert held(photos)["a/0.png"] == ("a", {"price": 3}, vector(60).tolist())
