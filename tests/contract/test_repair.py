"""What repair owes: all that is whole is kept, what is lost is counted, and nothing is invented."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from painting import PIXELS, expected, held, paint, painted, state, vector, watch

from vecsearch import (
    Collection,
    CollectionNotFound,
    DamagedCollection,
    VecsearchError,
    calibrate,
    repair,
    verify,
)
from vecsearch.store import Manifest, generations, manifest_name
from vecsearch.store.manifest import _sealed
from vecsearch.types import JSON
from vecsearch_cli.main import vecsearch as command

# Items are written in pages of 64 lines: three pages here, the last of which is not full.
SEEDS = {f"{'ab'[seed % 2]}/{seed:03}.png": seed for seed in range(150)}
ORDER = sorted(SEEDS)
PAGES = [ORDER[start : start + 64] for start in (0, 64, 128)]
MORE: dict[str, dict[str, JSON]] = {path: {"n": seed} for path, seed in SEEDS.items()}
DEAD = ORDER[7]
LIVING = {path: seed for path, seed in SEEDS.items() if path != DEAD}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 images with metadata and one broken file, one item of which was removed by hand."""
    home = tmp_path_factory.mktemp("whole")
    root = painted(home / "photos", SEEDS)
    (root / "bad.png").write_bytes(b"bad")
    lines = [json.dumps({"path": path, **MORE[path]}) for path in SEEDS]
    (home / "more.jsonl").write_text("\n".join(lines))
    photos = Collection.build(root, home / "index", metadata=home / "more.jsonl", **PIXELS)
    photos.remove([DEAD])
    assert photos.info()["dead"] == 1
    return home


@pytest.fixture
def index(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged; its images stay where they are."""
    shutil.copytree(whole / "index", tmp_path / "index")
    return tmp_path / "index"


def test_what_may_not_be_read_is_no_damage(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(index)
    access = os.access

    def closed(path: Path, mode: int) -> bool:
        return access(path, mode) and path.suffix != ".jsonl"

    monkeypatch.setattr("vecsearch.store.repair.os.access", closed)
    with pytest.raises(VecsearchError, match=r"\.jsonl may not be read by this user: it need not"):
        repair(index)
    assert state(index) == before


def newest(index: Path) -> Manifest:
    return Manifest.read(index / manifest_name(generations(index)[-1]))


def file_of(index: Path, kind: str) -> Path:
    """A file of the newest generation."""
    manifest = newest(index)
    (entry,) = manifest.segments
    if kind == "encoder":
        assert manifest.encoder is not None
        return index / manifest.encoder.folder / "settings.json"
    if kind == "weights":
        assert manifest.encoder is not None
        return index / manifest.encoder.folder / "weights.safetensors"
    name = manifest.skipped if kind == "skipped" else getattr(entry, kind)
    return index / str(name)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def delete(path: Path) -> None:
    path.unlink()


HOWS = pytest.mark.parametrize("how", [flip, cut, delete])
How = Callable[[Path], None]


def test_what_is_whole_is_not_written(index: Path) -> None:
    before = state(index)
    result = repair(index)
    assert (result.items, result.encoded, result.lost, list(result.notes)) == (149, 0, 0, [])
    assert state(index) == before


@HOWS
@pytest.mark.parametrize("kind", ["vectors", "offsets", "columns", "skipped", "dead"])
def test_one_damaged_file_loses_nothing(index: Path, kind: str, how: How) -> None:
    path = file_of(index, kind)
    how(path)
    assert [one.file for one in verify(index).damages] == [path.relative_to(index).as_posix()]
    result = repair(index)
    assert verify(index).damages == []
    assert path.name in " ".join(result.notes)
    assert result.lost == 0
    assert result.encoded == (149 if kind == "vectors" else 0)
    photos = Collection.open(index)
    # Which item had been removed is told by that one file only.
    seeds = SEEDS if kind == "dead" else LIVING
    assert result.items == len(seeds)
    assert held(photos) == expected(seeds, MORE)
    assert [one.path.name for one in photos.skipped] == ([] if kind == "skipped" else ["bad.png"])
    if kind == "dead":
        assert any("is not known; 1 " in note and "back" in note for note in result.notes)
    before = state(index)
    assert list(repair(index).notes) == []
    assert state(index) == before
    photos.update(jobs=1)
    assert held(photos) == expected(SEEDS, MORE)
    assert [one.path.name for one in photos.skipped] == ["bad.png"]


@pytest.mark.parametrize("page", range(3))
def test_only_the_damaged_page_is_lost(
    index: Path, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(index, "items")
    at = path.read_bytes().index(f'"id": "{PAGES[page][20]}"'.encode()) + 10
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    result = repair(index)
    gone = set(PAGES[page]) - {DEAD}
    assert (result.lost, result.items, result.encoded) == (len(gone), 149 - len(gone), 0)
    assert verify(index).damages == []
    photos = Collection.open(index)
    rest = {path: seed for path, seed in LIVING.items() if path not in gone}
    assert held(photos) == expected(rest, MORE)
    assert f"{len(gone)} items could not be saved" in result.notes[-1]
    decoded = watch(monkeypatch)
    photos.update(jobs=1)
    assert sorted(decoded) == sorted(gone | {DEAD})
    assert held(photos) == expected(SEEDS, MORE)


def test_a_cut_list_of_items_loses_its_last_page(index: Path) -> None:
    cut(file_of(index, "items"))
    result = repair(index)
    assert (result.lost, result.items) == (22, 127)
    photos = Collection.open(index)
    rest = {path: seed for path, seed in LIVING.items() if path not in PAGES[2]}
    assert held(photos) == expected(rest, MORE)


@pytest.mark.parametrize("other", ["deleted", "offsets"])
def test_a_list_of_items_that_is_lost_altogether(index: Path, other: str) -> None:
    path = file_of(index, "items")
    delete(path) if other == "deleted" else flip(path)
    if other == "offsets":
        flip(file_of(index, "offsets"))
    result = repair(index)
    assert (result.items, result.lost) == (0, 149)
    assert verify(index).damages == []
    photos = Collection.open(index)
    assert (len(photos), list(photos)) == (0, [])
    assert photos.query_vectors(np.ones((1, 16)), k=3) == [[]]
    photos.update(jobs=1)
    assert held(photos) == expected(SEEDS, MORE)


def test_vectors_of_images_that_have_changed_are_lost(whole: Path, tmp_path: Path) -> None:
    """A new picture under an old name is not the one that the item was of."""
    shutil.copytree(whole, tmp_path / "home")
    index, root = tmp_path / "home" / "index", tmp_path / "home" / "photos"
    manifest = newest(index)
    assert manifest.source is not None
    moved_to(index, root)
    paint(root / ORDER[3], 900)
    (root / ORDER[5]).unlink()
    flip(file_of(index, "vectors"))
    result = repair(index)
    assert (result.items, result.encoded, result.lost) == (147, 147, 2)
    photos = Collection.open(index)
    gone = (ORDER[3], ORDER[5])
    rest = {path: seed for path, seed in LIVING.items() if path not in gone}
    assert held(photos) == expected(rest, MORE)
    photos.update(jobs=1)
    now = {**SEEDS, ORDER[3]: 900}
    del now[ORDER[5]]
    assert held(photos) == expected(now, MORE)


def moved_to(index: Path, root: Path) -> None:
    """Let a collection follow another folder, without an update."""
    path = index / manifest_name(generations(index)[-1])
    body = json.loads(path.read_text())["manifest"]
    body["source"]["root"] = root.as_posix()
    path.write_bytes(_sealed(body))


def test_vectors_of_images_from_elsewhere(index: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    paint(outside, 500)
    photos = Collection.open(index)
    photos.add([outside], label="hand", metadata={"n": 5}, jobs=1)
    photos.compact()
    flip(file_of(index, "vectors"))
    assert repair(index).encoded == 150
    photos.refresh()
    hand = {outside.as_posix(): ("hand", {"n": 5}, vector(500).tolist())}
    assert held(photos) == {**expected(LIVING, MORE), **hand}
    moved_to(index, tmp_path / "nowhere")
    for path in index.glob("segments/*.npy"):
        if not path.name.endswith(("offsets.npy", "dead.npy")):
            flip(path)
    result = repair(index)
    assert (result.items, result.encoded, result.lost) == (1, 1, 149)
    assert held(Collection.open(index)) == hand


def test_vectors_without_images_are_lost(tmp_path: Path) -> None:
    books = Collection.from_vectors(np.eye(3), ["a", "b", "c"], path=tmp_path / "index")
    books.add_vectors(2 * np.eye(3), ["d", "e", "f"])
    (first,) = newest(tmp_path / "index").segments  # both became one
    flip(tmp_path / "index" / first.vectors)
    result = repair(tmp_path / "index")
    assert (result.items, result.lost) == (0, 6)
    books.refresh()
    books.add_vectors(np.eye(3), ["a", "b", "c"])
    assert [hit.item.id for hit in books.query_vectors([[0, 1, 0]], k=1)[0]] == ["b"]
    assert verify(tmp_path / "index").damages == []


@HOWS
def test_a_damaged_manifest_goes_back_to_the_one_before(index: Path, how: How) -> None:
    assert generations(index) == [1, 2]
    path = index / manifest_name(2)
    how(path)
    result = repair(index)
    if how is delete:  # nothing tells that there ever was one
        assert list(result.notes) == []
        assert generations(index) == [1]
    else:
        assert f"{path.name} is damaged" in result.notes[0]
        assert "Went back to the one before it" in result.notes[0]
        assert generations(index) == [1, 2, 3]
    assert (result.items, result.lost) == (150, 0)
    assert verify(index).damages == []
    photos = Collection.open(index)
    assert held(photos) == expected(SEEDS, MORE)
    for turn in range(4):  # and the damaged one is cleared away in time
        photos.add_vectors([np.ones(16)], [str(turn)])
    assert verify(index).damages == []
    assert generations(index) == ([3, 4, 5] if how is delete else [5, 6, 7])


def test_a_damaged_manifest_and_a_file_that_is_gone(index: Path) -> None:
    """The older generation is mended as the newest would be."""
    flip(index / manifest_name(2))
    entry = Manifest.read(index / manifest_name(1)).segments[0]
    (index / entry.columns).unlink()
    result = repair(index)
    assert (result.items, result.lost) == (150, 0)
    assert verify(index).damages == []
    assert held(Collection.open(index)) == expected(SEEDS, MORE)


@pytest.mark.parametrize("how", [flip, cut])
def test_the_only_manifest(index: Path, how: How) -> None:
    (index / manifest_name(1)).unlink()
    how(index / manifest_name(2))
    before = state(index)
    with pytest.raises(DamagedCollection, match="There is no other manifest: build the collection"):
        repair(index)
    assert state(index) == before
    (index / manifest_name(2)).unlink()
    with pytest.raises(CollectionNotFound):
        repair(index)


def test_a_manifest_of_a_later_version_is_not_damage(index: Path) -> None:
    """An old program must not take a newer collection back to what it was before."""
    path = index / manifest_name(2)
    body = json.loads(path.read_text())["manifest"] | {"format": 2}
    path.write_bytes(_sealed(body))
    before = state(index)
    with pytest.raises(DamagedCollection, match="is of format 2"):
        repair(index)
    assert state(index) == before


@HOWS
@pytest.mark.parametrize("kind", ["encoder", "weights"])
def test_a_damaged_encoder_is_fitted_anew(whole: Path, tmp_path: Path, kind: str, how: How) -> None:
    root, index = whole / "photos", tmp_path / "index"
    Collection.build(root, index, dim=3, size=(4, 4), color="grey", jobs=1)
    fresh = Collection.build(root, tmp_path / "fresh", dim=3, size=(4, 4), color="grey", jobs=1)
    path = file_of(index, kind)
    how(path)
    result = repair(index)
    assert (result.items, result.encoded, result.lost) == (150, 0, 0)
    assert len(result.notes) == 1
    assert path.name in result.notes[0]
    assert f"vecsearch update {index} --refit" in result.notes[0]
    assert [one.file for one in verify(index).damages] == [path.relative_to(index).as_posix()]
    told = CliRunner().invoke(command, ["verify", str(index)])
    assert f"fitted anew: vecsearch update {index} --refit" in str(told.exception)
    photos = Collection.open(index)
    assert len(photos.query_vectors(fresh.vectors()[:1])[0]) == 10
    with pytest.raises(DamagedCollection, match=f"vecsearch update {index} --refit"):
        photos.encode([root / "a/0.png"])
    photos.update(refit=True, jobs=1)
    assert verify(index).damages == []
    assert photos.encoder.fingerprint == fresh.encoder.fingerprint
    np.testing.assert_array_equal(photos.vectors(), fresh.vectors())


def test_a_damaged_encoder_saves_no_vectors(index: Path) -> None:
    flip(file_of(index, "encoder"))
    flip(file_of(index, "vectors"))
    result = repair(index)
    assert (result.items, result.encoded, result.lost) == (0, 0, 149)
    assert [Path(one.file).name for one in verify(index).damages] == ["settings.json"]
    photos = Collection.open(index)
    photos.update(refit=True, jobs=1)
    assert {name: row for name, (_, _, row) in held(photos).items()} == {
        name: row for name, (_, _, row) in expected(SEEDS).items()
    }
    assert verify(index).damages == []


@HOWS
def test_what_was_replaced_does_not_come_back(whole: Path, tmp_path: Path, how: How) -> None:
    """An image that has changed has a dead row: without its mark there would be two of one id."""
    root, index = painted(tmp_path / "photos", SEEDS), tmp_path / "index"
    photos = Collection.build(root, index, **PIXELS)
    paint(root / ORDER[3], 900)
    (root / ORDER[4]).rename(root / "z.png")
    photos.update(jobs=1)
    now = {**SEEDS, ORDER[3]: 900, "z.png": SEEDS[ORDER[4]]}
    del now[ORDER[4]]
    assert held(photos) == expected(now)
    (dead,) = (entry.dead for entry in newest(index).segments if entry.dead)
    how(index / dead)
    repair(index)
    photos.refresh()
    ids = [item.id for item in photos]
    assert len(ids) == len(set(ids)) == len(photos)
    assert photos.vectors([ORDER[3]]).tolist() == [expected(now)[ORDER[3]][2]]
    photos.update(jobs=1)
    assert held(photos) == expected(now)


def test_a_damaged_calibration_is_let_go(tmp_path: Path) -> None:
    index, vectors = tmp_path / "index", np.random.default_rng(0).normal(size=(60, 4))
    calibrate(Collection.from_vectors(vectors, labels=list("abcdef") * 10, path=index), far=0.2)
    (path,) = index.glob("calibration-*.json")
    flip(path)
    result = repair(index)
    assert (result.items, result.lost) == (60, 0)
    assert "vecsearch calibrate" in result.notes[0]
    assert (verify(index).damages, Collection.open(index).calibration) == ([], {})


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    index, vectors = tmp_path / "index", np.random.default_rng(0).normal(size=(200, 8))
    Collection.from_vectors(vectors, path=index, index="IVF4,Flat")
    (path,) = index.glob("ann/*.faiss")
    flip(path)
    result = repair(index)
    assert (result.items, result.lost) == (200, 0)
    assert "It is made again." in result.notes[0]
    assert verify(index).damages == []
    assert Collection.open(index).info()["index_now"] == "IVF4,Flat"
