"""One collection in many threads, and writers that overtake each other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from painting import PIXELS, paint, painted, seeds_of

from vecsearch import Collection, InvalidArgument, repair, verify
from vecsearch.store import Record, Store, Writer

SEEDS = seeds_of(4)


def test_threads_share_a_collection_that_is_refreshed(tmp_path: Path) -> None:
    """Each hit is the item whose vector was asked for, also while others write and refresh."""
    count = 3000
    vectors = np.arange(count, dtype=np.float32)[:, None] * [1, 2]
    names = [f"{row:05}" for row in range(count)]
    shared = Collection.from_vectors(vectors, names, path=tmp_path / "index")
    done = threading.Event()

    def ask(seed: int) -> int:
        rng = np.random.default_rng(seed)
        asked = 0
        while not done.is_set():
            row = int(rng.integers(1000, count))
            (hits,) = shared.query_vectors(vectors[row : row + 1], 2)
            assert hits[0].item.id == names[row]
            assert shared.get(names[row]).id == names[row]
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, seed) for seed in range(4)]
        try:
            for turn in range(12):
                shared.remove(names[turn * 50 : turn * 50 + 50])
        finally:
            done.set()
        assert all(answer.result() > 10 for answer in answers)


def waiting(call: object) -> threading.Thread:
    thread = threading.Thread(target=call)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_repair_does_not_undo_what_another_writes_meanwhile(tmp_path: Path) -> None:
    index = tmp_path / "index"
    Collection.from_vectors(np.eye(3), list("abc"), path=index)
    with Writer(index, amend=True) as writer:
        thread = waiting(lambda: repair(index))
        writer.add(np.ones((1, 3), np.float32), [Record("d")])
        writer.commit()
        segment = Store(index).manifest.segments[0]
        damaged = bytearray((index / segment.columns).read_bytes())
        damaged[-1] ^= 1
        (index / segment.columns).write_bytes(damaged)
    thread.join()
    assert sorted(item.id for item in Collection.open(index)) == list("abcd")
    assert verify(index).damages == []


def test_update_looks_again_if_it_was_overtaken(tmp_path: Path) -> None:
    """What another process has added since must not seem to be gone."""
    root, index = painted(tmp_path / "photos", SEEDS), tmp_path / "index"
    photos = Collection.build(root, index, **PIXELS)
    paint(root / "a/mine.png", 80)
    with Writer(index, amend=True) as writer:
        thread = waiting(lambda: photos.update(jobs=1))
        thread.join(1)  # it has looked at the folder and waits for the lock
        paint(root / "a/theirs.png", 81)
        status = (root / "a/theirs.png").stat()
        facts = {"sha256": "", "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        record = Record("a/theirs.png", "a/theirs.png", "a", {}, facts)
        writer.add(np.full((1, photos.dim), 0.5, np.float32), [record])
        writer.commit()
    thread.join()
    assert {"a/mine.png", "a/theirs.png"} <= {item.id for item in Collection.open(index)}


def test_a_file_that_cannot_be_opened_now_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vecsearch.images import reading

    root, index = painted(tmp_path / "photos", SEEDS), tmp_path / "index"
    real = reading.os.open

    def refuse(path: object, *rest: int) -> int:
        if str(path).endswith("a/0.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(reading.os, "open", refuse)
        photos = Collection.build(root, index, **PIXELS)
        assert "a/0.png" not in photos
    assert photos.update(jobs=1).added == ["a/0.png"]
    paint(root / "a/0.png", 90)
    with monkeypatch.context() as patch:
        patch.setattr(reading.os, "open", refuse)
        changes = photos.update(jobs=1)
        assert (changes.removed, [one.path.name for one in changes.skipped]) == ([], ["0.png"])
        assert "a/0.png" in photos
    assert photos.update(jobs=1).changed == ["a/0.png"]
    assert photos.skipped == []


def test_the_kind_of_index_outlives_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    vectors = np.random.default_rng(0).standard_normal((200, 4))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("vecsearch.index.approximate.factory_of", interrupted)
        Collection.from_vectors(vectors, path=tmp_path / "index", index="hnsw")
    things = Collection.open(tmp_path / "index")
    assert things.info()["index"] == "hnsw"
    assert Store(tmp_path / "index").manifest.ann is None
    assert len(things.query_vectors(vectors[:1], 3)[0]) == 3  # exactly, until then
    things.remove(["7"])
    assert Store(tmp_path / "index").manifest.ann is not None


def test_a_segment_has_no_more_items_than_it_may(tmp_path: Path) -> None:
    count = 300_000
    Collection.from_vectors(np.zeros((count, 2), np.float32), path=tmp_path / "index")
    segments = Store(tmp_path / "index").manifest.segments
    assert [entry.count for entry in segments] == [131_072, 131_072, 37_856]


def test_a_temporary_folder_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InvalidArgument, match="overwrite it"):
        Collection.from_vectors(np.ones((5, 4)), index="IVF64,Flat")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_by_way_of_a_link_is_the_same_folder(tmp_path: Path) -> None:
    root, index = painted(tmp_path / "photos", SEEDS), tmp_path / "index"
    photos = Collection.build(root, index, **PIXELS)
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(InvalidArgument, match="in the collection already"):
        photos.add([tmp_path / "link"])
    photos.add([tmp_path / "link", root / "a" / ".."], replace=True, jobs=1)
    assert sorted(item.id for item in photos) == sorted(SEEDS)


def test_a_folder_that_comes_to_hold_what_was_added_by_hand(tmp_path: Path) -> None:
    root = painted(tmp_path / "all" / "photos", SEEDS)
    outside = painted(tmp_path / "all" / "else", {"q.png": 60})
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    photos.add([outside / "q.png"], metadata={"price": 3}, jobs=1)
    changes = photos.update(tmp_path / "all", jobs=1)
    assert (str(outside / "q.png"), "else/q.png") in changes.renamed
    assert photos.get("else/q.png").metadata == {"price": 3}
    assert len(photos) == len(SEEDS) + 1
