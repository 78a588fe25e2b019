"""What update owes to labels, metadata, the encoder, and items that were added by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import (
    PIXELS,
    array,
    expected,
    held,
    paint,
    painted,
    pixels,
    seeds_of,
    state,
    touch,
    vector,
    watch,
)

from vecsearch import Collection, InvalidArgument, relabel
from vecsearch.types import Vectors

SEEDS = seeds_of(6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return painted(tmp_path / "photos", SEEDS)


@pytest.fixture
def photos(root: Path, tmp_path: Path) -> Collection:
    return Collection.build(root, tmp_path / "index", **PIXELS)


def labels_of(collection: Collection) -> dict[str, str | None]:
    return {item.id: item.label for item in collection}


def metadata_of(collection: Collection) -> dict[str, dict[str, Any]]:
    return {item.id: dict(item.metadata) for item in collection}


def by_id(collection: Collection) -> dict[str, Vectors]:
    return {item.id: row for item, row in zip(collection, collection.vectors(), strict=True)}


def test_other_labels_without_encoding(
    photos: Collection, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = watch(monkeypatch)
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na/0.png,x\na/1.png,a\nb/2.png,\n")
    changes = photos.update(labels=table)
    named = {**dict.fromkeys(SEEDS), "a/0.png": "x", "a/1.png": "a"}
    assert labels_of(photos) == named
    assert sorted(changes.relabelled) == sorted(set(SEEDS) - {"a/1.png"})
    assert photos.info()["labels"] == {"a": 1, "x": 1}
    before = state(photos.path)
    assert photos.update().relabelled == []  # the table is looked at again, and has not changed
    assert state(photos.path) == before
    table.write_text("path,label\na/0.png,y\na/1.png,a\nb/2.png,\n")
    assert photos.update(dry_run=True).relabelled == ["a/0.png"]
    assert photos.update().relabelled == ["a/0.png"]
    assert labels_of(photos) == {**named, "a/0.png": "y"}
    (root / "a/0.png").rename(root / "b/0z.png")
    touch(root / "a/1.png")
    paint(root / "a/2.png", 90)
    table.write_text("path,label\na/1.png,t\na/2.png,c\nb/0z.png,m\n")
    photos.update(jobs=1)
    assert decoded == ["a/2.png"]
    moved = {path: None for path in named if path != "a/0.png"}
    assert labels_of(photos) == {**moved, "a/1.png": "t", "a/2.png": "c", "b/0z.png": "m"}
    assert sorted(photos.update(labels="none").relabelled) == ["a/1.png", "a/2.png", "b/0z.png"]
    assert set(labels_of(photos).values()) == {None}
    assert len(photos.update(labels="folder").relabelled) == 12
    assert labels_of(photos) == {path: path[0] for path in labels_of(photos)}
    assert decoded == ["a/2.png"]


def test_a_table_that_is_gone_or_speaks_of_other_images(photos: Collection, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na/0.png,x\n")
    photos.update(labels=table)
    before = state(photos.path)
    for text in ("path,label\nz.png,x\n", "path,label\na/0.png,x\na/0.png,y\n", "path\n", None):
        table.unlink() if text is None else table.write_text(text)
        with pytest.raises(InvalidArgument, match=r"labels\.csv"):
            photos.update()
    assert state(photos.path) == before


def test_other_metadata_without_encoding(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "more.jsonl"
    lines = [{"path": path, "seed": seed} for path, seed in SEEDS.items()]
    table.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    photos = Collection.build(root, tmp_path / "index", metadata=table, **PIXELS)
    assert held(photos) == expected(SEEDS, {path: {"seed": seed} for path, seed in SEEDS.items()})
    decoded = watch(monkeypatch)
    lines[3]["seed"] = "three"
    table.write_text("".join(f"{json.dumps(line)}\n" for line in lines[:-1]))
    changes = photos.update()
    assert sorted(changes.relabelled) == ["a/3.png", "b/5.png"]
    more: dict[str, dict[str, Any]] = {path: {"seed": seed} for path, seed in SEEDS.items()}
    more |= {"a/3.png": {"seed": "three"}, "b/5.png": {}}
    assert held(photos) == expected(SEEDS, more)
    (hit,) = photos.query_vectors([vector(3)], where="seed=three")[0]
    assert (hit.item.id, hit.distance) == ("a/3.png", 0)
    assert decoded == []
    (root / "a/0.png").rename(root / "a/z.png")  # the table speaks of a/0.png only
    photos.update()
    assert metadata_of(photos)["a/z.png"] == {"seed": 0}  # so its old one stays


def test_metadata_given_by_hand_stays_with_its_file(photos: Collection, root: Path) -> None:
    for name in ("new", "other", "third"):
        paint(root / f"a/{name}.png", 90 + len(name))
        photos.add([root / f"a/{name}.png"], metadata={"price": len(name)}, jobs=1)
    (root / "a/new.png").rename(root / "b/new.png")
    paint(root / "a/other.png", 80)
    touch(root / "a/third.png")
    changes = photos.update(jobs=1)
    assert (changes.renamed, changes.changed) == ([("a/new.png", "b/new.png")], ["a/other.png"])
    seeds = {**SEEDS, "b/new.png": 93, "a/other.png": 80, "a/third.png": 95}
    prices = {"b/new.png": {"price": 3}, "a/other.png": {"price": 5}, "a/third.png": {"price": 5}}
    assert held(photos) == expected(seeds, prices)


@pytest.mark.parametrize("refit", [False, True])
def test_without_labels_of_the_folder_those_given_by_hand_stay(
    root: Path, tmp_path: Path, refit: bool
) -> None:
    table = tmp_path / "more.csv"
    table.write_text("path,price\na/0.png,1\n")
    index = tmp_path / "plain"
    photos = Collection.build(root, index, labels="none", metadata=table, **PIXELS)
    for name, label in ("a/0", "hat"), ("a/1", "bag"), ("b/0", "shoe"), ("b/1", "belt"):
        relabel(photos, f"{name}.png", label)
    table.write_text("path,price\na/0.png,2\n")
    (root / "a/1.png").rename(root / "b/moved.png")
    paint(root / "b/0.png", 80)
    touch(root / "b/1.png")
    photos.update(jobs=1, refit=refit)
    labels = {item.id: item.label for item in photos if item.label is not None}
    # b/0.png is another picture now.
    assert labels == {"a/0.png": "hat", "b/moved.png": "bag", "b/1.png": "belt"}
    photos.update(labels="folder", jobs=1)
    assert {item.id: item.label for item in photos}["a/0.png"] == "a"


def test_true_is_not_one(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("path,sale\na/0.png,1\na/1.png,0\n")
    photos = Collection.build(root, tmp_path / "plain", metadata=table, **PIXELS)
    table.write_text("path,sale\na/0.png,true\na/1.png,false\n")
    assert photos.update(jobs=1).relabelled == ["a/0.png", "a/1.png"]
    (hit,) = photos.query_vectors(photos.vectors()[:1], 5, where="sale=true")[0]
    assert hit.item.id == "a/0.png"
    assert relabel(photos, "a/0.png", metadata={"sale": 1}).relabelled == ["a/0.png"]
    assert not relabel(photos, "a/0.png", metadata={"sale": 1}).relabelled


def test_a_table_that_has_only_moved_says_nothing_new(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("path,price\na/0.png,1\n")
    photos = Collection.build(root, tmp_path / "plain", metadata=table, **PIXELS)
    relabel(photos, "a/1.png", "hat")
    table.rename(tmp_path / "elsewhere.csv")
    photos.update(metadata=tmp_path / "elsewhere.csv", jobs=1)
    assert photos.get("a/1.png").label == "hat"
    assert photos.update(jobs=1).relabelled == []


def test_what_is_added_by_hand_has_what_the_tables_say(root: Path, tmp_path: Path) -> None:
    """At the latest after an update, which would have found the file by itself."""
    labels, more = tmp_path / "labels.csv", tmp_path / "more.csv"
    labels.write_text("path,label\na/0.png,x\na/new.png,y\n")
    more.write_text("path,n\na/0.png,1\na/new.png,2\n")
    tables = {"labels": labels, "metadata": more}
    photos = Collection.build(root, tmp_path / "index", **tables, **PIXELS)
    paint(root / "a/new.png", 90)
    photos.add([root / "a/new.png"], jobs=1)
    photos.update(jobs=1)
    fresh = Collection.build(root, tmp_path / "fresh", **tables, **PIXELS)
    assert fresh.get("a/new.png").metadata == {"n": 2}
    assert held(photos) == held(fresh)


@pytest.mark.parametrize("with_table", [False, True])
def test_what_was_added_from_elsewhere_survives(
    photos: Collection, root: Path, tmp_path: Path, with_table: bool
) -> None:
    outside = painted(tmp_path / "outside", {"x/1.png": 50, "2.png": 51})
    photos.add([outside / "x"], jobs=1)
    photos.add([outside / "2.png"], label="hand", metadata={"price": 3}, jobs=1)
    hand = {
        (outside / "x/1.png").as_posix(): (None, {}, vector(50).tolist()),
        (outside / "2.png").as_posix(): ("hand", {"price": 3}, vector(51).tolist()),
    }
    paint(root / "a/0.png", 90)
    table = None
    if with_table:
        table = tmp_path / "more.csv"
        table.write_text("path,seed\na/1.png,1\n")
    seeds, more = {**SEEDS, "a/0.png": 90}, {"a/1.png": {"seed": 1}} if with_table else {}
    assert photos.update(metadata=table, jobs=1).changed == ["a/0.png"]
    assert held(photos) == {**expected(seeds, more), **hand}
    changes = photos.update(refit=True, jobs=1)
    assert (changes.removed, len(changes.changed), changes.indexed) == ([], 14, 14)
    assert held(photos) == {**expected(seeds, more), **hand}
    (outside / "2.png").unlink()
    assert photos.update().removed == []  # update does not look there
    assert photos.update(refit=True, jobs=1).removed == [(outside / "2.png").as_posix()]
    outside.rename(tmp_path / "away")  # as a disk may be
    with pytest.raises(InvalidArgument, match=r"1 items were added by hand from .*x/1\.png, and"):
        photos.update(refit=True, jobs=1)
    assert (outside / "x/1.png").as_posix() in photos


def test_refitting_is_building_anew(root: Path, tmp_path: Path) -> None:
    photos = Collection.build(root, tmp_path / "index", dim=3, size=(4, 4), jobs=1)
    reader = Collection.open(tmp_path / "index")
    before = reader.encoder.fingerprint
    for number in range(6):
        paint(root / f"c/{number}.png", 70 + number)
    (root / "a/0.png").unlink()
    photos.update(jobs=1)
    assert photos.encoder.fingerprint == before
    changes = photos.update(refit=True, jobs=1)
    assert (changes.added, changes.removed, len(changes.changed)) == ([], [], 17)
    fresh = Collection.build(root, tmp_path / "fresh", dim=3, size=(4, 4), jobs=1)
    assert photos.encoder.fingerprint == fresh.encoder.fingerprint != before
    assert [item.id for item in photos] == [item.id for item in fresh]
    np.testing.assert_array_equal(photos.vectors(), fresh.vectors())
    assert labels_of(photos) == labels_of(fresh)
    image = root / "c/1.png"
    assert [hit.distance for hit in photos.query_one(image)] == [
        hit.distance for hit in fresh.query_one(image)
    ]
    assert reader.refresh()
    assert reader.encoder.fingerprint == fresh.encoder.fingerprint
    with pytest.raises(InvalidArgument, match="there is nothing to try out"):
        photos.update(refit=True, dry_run=True)


@pytest.mark.parametrize("how", ["update", "add", "add_vectors"])
def test_who_opened_it_before_a_refit_does_not_mix_two_encoders(
    root: Path, tmp_path: Path, how: str
) -> None:
    """The second object knows the encoder of the generation that it opened, and no later one."""
    photos = Collection.build(root, tmp_path / "index", dim=3, size=(4, 4), jobs=1)
    other = Collection.open(tmp_path / "index")
    old = other.encoder
    for number in range(6):
        paint(root / f"c/{number}.png", 70 + number)
    photos.update(refit=True, jobs=1)
    paint(root / "c/new.png", 90)
    if how == "update":
        other.update(jobs=1)
    elif how == "add":
        other.add([root / "c/new.png"], jobs=1)
    else:
        with pytest.raises(InvalidArgument, match="were made by another encoder"):
            other.add_vectors(
                old.encode(pixels(90)[None, :, :, None].repeat(3, 3)), ["c/new.png"], encoder=old
            )
        return
    now = Collection.open(tmp_path / "index")
    assert now.encoder.fingerprint != old.fingerprint
    np.testing.assert_array_equal(now.vectors(["c/new.png"]), now.encode([root / "c/new.png"]))


def test_vectors_have_no_folder(tmp_path: Path) -> None:
    books = Collection.from_vectors(array(SEEDS), path=tmp_path / "index")
    before = state(books.path)
    with pytest.raises(InvalidArgument, match="made from vectors: there is no folder to follow"):
        books.update()
    with pytest.raises(InvalidArgument, match="was made from vectors: nothing is fitted"):
        books.update(refit=True)
    with pytest.raises(InvalidArgument, match="there is no folder to follow"):
        books.update(tmp_path, dry_run=True)
    assert state(books.path) == before


def test_vectors_beside_images(photos: Collection, root: Path) -> None:
    photos.add_vectors([vector(50)], ["mine"], ["m"], [{"n": 1}])
    paint(root / "a/0.png", 90)
    assert photos.update(jobs=1).changed == ["a/0.png"]
    mine = {"mine": ("m", {"n": 1}, vector(50).tolist())}
    assert held(photos) == {**expected({**SEEDS, "a/0.png": 90}), **mine}
    before = state(photos.path)
    with pytest.raises(InvalidArgument, match="1 items have no image file, as 'mine'"):
        photos.update(refit=True)
    assert state(photos.path) == before


@pytest.mark.parametrize("how", ["there before", "put in its place", "renamed to it"])
def test_an_id_is_never_there_twice(photos: Collection, root: Path, how: str) -> None:
    """A vector that someone has given the name of a file, and then the file itself."""
    if how == "put in its place":
        photos.add_vectors([vector(50)], ["a/1.png"], replace=True)
    else:
        photos.add_vectors([vector(50)], ["a/z.png"])
        if how == "renamed to it":
            (root / "a/1.png").rename(root / "a/z.png")
        else:
            paint(root / "a/z.png", 90)
    photos.update(jobs=1)
    ids = [item.id for item in photos]
    assert len(ids) == len(set(ids)) == len(photos)


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_table_by_a_relative_path(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """What is said of a table does not change with the folder that one happens to be in."""
    monkeypatch.chdir(tmp_path)
    table = Path("labels.csv" if where == "beside" else "photos/labels.csv")
    table.write_text("path,label\na/0.png,x\nz.png,y\n")
    photos = Collection.build("photos", "index", labels=table, **PIXELS)
    (skipped,) = photos.skipped
    assert skipped.path.resolve() == tmp_path / table
    assert skipped.reason == "1 of its paths are no images here, as 'z.png'"
    generation = photos.info()["generation"]
    photos.update()
    assert [one.path.resolve() for one in photos.skipped] == [tmp_path / table]
    assert photos.info()["generation"] == generation
    shutil.rmtree(tmp_path / "index")
