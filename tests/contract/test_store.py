"""What the folder on disk owes: all or nothing, and no damage unnoticed."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOS

from vecsearch import Collection, cluster, keep_clustering, verify
from vecsearch.ann import reindex
from vecsearch.errors import (
    CollectionExists,
    CollectionLocked,
    CollectionNotFound,
    CollectionReplaced,
    DamagedCollection,
    InvalidArgument,
    NewerFormat,
    VecsearchError,
)
from vecsearch.images import Preprocess
from vecsearch.keeping import keep_calibration
from vecsearch.store import Manifest, Record, Records, Source, Store, Writer, verify_store
from vecsearch.store.durable import put_if_absent
from vecsearch.types import JSON, Metric, Skipped


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def facts(row: int) -> dict[str, JSON]:
    return {"size": row, "mtime_ns": row}


def write(folder: Path, count: int = 5, overwrite: bool = False) -> Store:
    """A collection whose vectors and metadata tell their number."""
    with Writer(folder, overwrite) as writer:
        vectors = np.arange(2 * count, dtype=np.float32).reshape(count, 2) + 1
        records = [
            Record(
                f"é {row}", f"é {row}.png", str(row % 2), {"n": row}, {"size": row, "mtime_ns": row}
            )
            for row in range(count)
        ]
        writer.add(vectors, records)
        writer.commit(
            metric=Metric.COSINE,
            dim=2,
            source=Source("/photos"),
            skipped=[Skipped(Path("x\udcff.png"), "bad")],
        )
    return Store(folder)


def test_written_and_read(tmp_path: Path) -> None:
    store = write(tmp_path / "index")
    assert len(store) == 5
    assert store.manifest.metric is Metric.COSINE
    assert store.manifest.source == Source("/photos")
    (vectors,) = store.vectors()
    np.testing.assert_array_equal(vectors, np.arange(1, 11).reshape(5, 2))
    assert isinstance(vectors, np.memmap)
    records = list(store.records())
    assert records[3] == Record("é 3", "é 3.png", "1", {"n": 3}, facts(3))
    assert [store.record(row) for row in (4, 0, 3)] == [records[4], records[0], records[3]]
    assert store.skipped() == [Skipped(Path("x\\xff.png"), "bad")]
    assert store.encoder_folder() is None
    assert verify_store(store.folder).damages == []


def test_many_segments_count_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.store.gathering.SEGMENT_BYTES", 8 * 4)
    with Writer(tmp_path / "index") as writer:
        for row in range(10):
            writer.add(np.full((1, 2), row + 1, np.float32), [Record(str(row))])
        writer.commit(metric=Metric.EUCLIDEAN, dim=2)
    store = Store(tmp_path / "index")
    assert [len(block) for block in store.vectors()] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(store.vectors())[:, 0], np.arange(1, 11))
    assert [store.record(row).id for row in range(10)] == [str(row) for row in range(10)]
    assert [record.id for record in store.records()] == [str(row) for row in range(10)]


def test_an_error_takes_everything_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Writer(tmp_path / "index") as writer:
        writer.add(np.ones((1, 2), np.float32), [Record("a")])
        writer._segments.finish()
        assert len(files(tmp_path)) == 6  # the lock, its holder and a segment
        raise ZeroDivisionError
    assert not (tmp_path / "index").exists()
    before = files(write(tmp_path / "index").folder)
    with pytest.raises(InvalidArgument, match="'b' cannot be written as JSON"):
        with Writer(tmp_path / "index", overwrite=True) as writer:
            writer.add(np.ones((1, 2), np.float32), [Record("b", metadata={"x": float("nan")})])
            writer.commit(metric=Metric.EUCLIDEAN, dim=2)
    assert files(tmp_path / "index") == before
    assert len(Store(tmp_path / "index")) == 5


def test_what_stands_there_is_not_overwritten_by_chance(tmp_path: Path) -> None:
    write(tmp_path / "index")
    with pytest.raises(CollectionExists, match=r"ask to overwrite it \(--overwrite\)"):
        write(tmp_path / "index")
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "mine.jpg").write_bytes(b"x")
    for overwrite in (False, True):
        with pytest.raises(CollectionExists, match=r"holds other things \(mine\.jpg"):
            write(tmp_path / "album", overwrite=overwrite)
    with pytest.raises(CollectionExists, match="is a file, not a folder"):
        write(tmp_path / "album" / "mine.jpg")
    assert files(tmp_path / "album") == [tmp_path / "album" / "mine.jpg"]


def test_overwriting_keeps_three_generations(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    for count in range(1, 6):
        write(folder, count, overwrite=True)
    foreign = folder / "segments" / "mine.npy"
    foreign.write_bytes(b"x")
    readers = Store(folder)
    write(folder, 6, overwrite=True)
    manifests = sorted(path.name for path in folder.glob("manifest-*"))
    assert manifests == [f"manifest-{number:06d}.json" for number in (4, 5, 6)]
    assert len(list(folder.glob("segments/*"))) == 3 * 4 + 1
    assert foreign.exists()  # not ours to delete
    assert len(list(readers.records())) == 5  # an older reader goes on
    assert len(Store(folder)) == 6


def test_leftovers_of_a_killed_writer_are_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    script = (
        "import os, sys, numpy as np; from pathlib import Path; from vecsearch.store import *\n"
        "writer = Writer(Path(sys.argv[1])).__enter__()\n"
        "writer.add(np.ones((1, 2), np.float32), [Record('a')])\n"
        "writer._segments.finish(); os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert run.returncode == -9
    (folder / "manifest-000001.json.tmp").write_text("half a mani")
    assert len(files(folder)) == 7
    with pytest.raises(CollectionNotFound, match="make one: vecsearch build FOLDER -o"):
        Store(folder)
    store = write(folder)
    assert set(files(folder)) == {folder / name for name in [*store.manifest.files, ".lock"]} | {
        folder / "manifest-000001.json"
    }


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.store.lock.LOCK_SECONDS", 0.05)
    with Writer(tmp_path / "index") as writer:
        with pytest.raises(
            CollectionLocked, match=rf"Process {os.getpid()} \(.*\) on .* is writing to"
        ):
            write(tmp_path / "index")
        writer.add(np.ones((1, 2), np.float32), [Record("a")])
        writer.commit(metric=Metric.EUCLIDEAN, dim=2)
    assert len(Store(tmp_path / "index")) == 1


def test_a_manifest_is_put_only_where_none_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_if_absent(tmp_path / "a", b"first")
    with pytest.raises(FileExistsError):
        put_if_absent(tmp_path / "a", b"second")

    def no_links(*_: object) -> None:
        raise OSError("this file system has no hard links")

    monkeypatch.setattr(os, "link", no_links)
    put_if_absent(tmp_path / "b", b"third")
    with pytest.raises(FileExistsError):
        put_if_absent(tmp_path / "b", b"fourth")
    assert [path.read_bytes() for path in files(tmp_path)] == [b"first", b"third"]


def test_everything_is_synced_before_the_manifest_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that makes a commit survive a loss of power."""
    log: list[str] = []
    sync, link = os.fsync, os.link

    def watched_sync(descriptor: int) -> None:
        log.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    def watched_link(source: Path, target: Path) -> None:
        log.append(f"link {target.name}")
        link(source, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "link", watched_link)
    store = write(tmp_path / "index")
    names = {Path(name).name for name in store.manifest.files}
    at = log.index("link manifest-000001.json")
    assert names | {"segments", "index", tmp_path.name} <= set(log[:at])
    assert log[at - 1] == "manifest-000001.json.tmp"
    assert log[at + 1 :] == ["index"]
    assert max(log.index(name) for name in names) < log.index("segments")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of images, with an encoder and a list of skipped files."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(PHOTOS, folder / "photos")
    (folder / "photos" / "bad.png").write_bytes(b"bad")
    Collection.build(folder / "photos", folder / "index", dim=3, size=(8, 8))
    return folder / "index"


@pytest.fixture(scope="module")
def lived_in(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with every kind of file that there is: two segments, dead rows, an index."""
    folder = tmp_path_factory.mktemp("lived") / "index"
    shutil.copytree(built, folder)
    reindex(folder, "Flat")  # which finds what comparing all finds
    collection = Collection.open(folder)
    collection.remove(["cat/grey16.png"])
    more = [{"price": row} for row in range(5)]
    collection.add_vectors(np.ones((5, 3)), list("abcde"), ["x"] * 5, more)
    keep_clustering(collection, "two", cluster(collection, 2))
    keep_calibration(folder, "knn", {"threshold": 1.5}, collection.fingerprint)
    return folder


def answers(folder: Path) -> object:
    """Everything that a collection can be asked."""
    collection = Collection.open(folder)
    hits = collection.query([PHOTOS / "cat" / "plain.jpg", PHOTOS / "stray.png"], k=10)
    return (
        [[(hit.item, hit.distance, hit.score) for hit in row] for row in hits],
        list(collection),
        collection.skipped,
        {name: one.codes.tolist() for name, one in collection.clusterings.items()},
        collection.calibration,
        {**collection.info(), "path": ""},
        "cat/plain.jpg" in collection,
        collection.get("cat/plain.jpg"),
        collection.vectors(["dog/cmyk.jpg"]).tolist(),
        [hit.item for hit in collection.query_vectors(np.ones((1, 3)), where="label=cat")[0]],
    )


HOWS = ("flip", "cut", "zero", "swap", "grow")


def mutate(data: bytes, how: str, rng: random.Random) -> bytes:
    if how == "flip":
        at = rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    if how == "cut":
        return data[: rng.randrange(len(data))]
    if how == "zero":
        start = rng.randrange(len(data))
        size = min(rng.randint(1, 64), len(data) - start)
        return data[:start] + bytes(size) + data[start + size :]
    if how == "swap":
        size = min(16, len(data) // 2)
        one = rng.randrange(len(data) - 2 * size + 1)
        other = rng.randrange(one + size, len(data) - size + 1)
        changed = bytearray(data)
        changed[one : one + size] = data[other : other + size]
        changed[other : other + size] = data[one : one + size]
        return bytes(changed)
    return data + b"\n"


def check_mutations(lived_in: Path, tmp_path: Path, count: int) -> None:
    """No mutation of any file passes: an error that names the file, or the right answer."""
    expected = answers(lived_in)
    copy = tmp_path / "index"
    shutil.copytree(lived_in, copy)
    manifest = Store(copy).manifest
    targets = [copy / name for name in [*manifest.files, manifest.name]]
    # Two segments, dead rows, encoder, index, skipped list, clusters, thresholds, manifest.
    assert len(targets) == 16
    rng = random.Random(0)
    noticed = mutated = 0
    for turn in range(count):
        path = targets[turn % len(targets)]
        whole = path.read_bytes()
        changed = mutate(whole, HOWS[turn // len(targets) % len(HOWS)], rng)
        if changed == whole:
            continue
        path.write_bytes(changed)
        mutated += path.suffix != ".faiss"
        try:
            # The index is a cache: without it, answers are the same.
            assert answers(copy) == expected
            assert path.suffix == ".faiss"
        except VecsearchError as error:
            assert isinstance(error, DamagedCollection)
            assert path.name in str(error)
            noticed += 1
        found = damage_of(copy)
        assert path.name in found
        path.write_bytes(whole)
    assert noticed == mutated > 0.8 * count
    assert answers(copy) == expected
    print(f"{count} mutations of {len(targets)} files: 0 wrong answers, {noticed} errors that name")


def damage_of(folder: Path) -> str:
    try:
        return " ".join(one.file for one in verify(folder).damages)
    except DamagedCollection as error:
        return str(error)


def test_no_damage_passes_unnoticed(lived_in: Path, tmp_path: Path) -> None:
    check_mutations(lived_in, tmp_path, 150)


@pytest.mark.slow
def test_no_damage_of_a_thousand_passes_unnoticed(lived_in: Path, tmp_path: Path) -> None:
    check_mutations(lived_in, tmp_path, 1000)


@pytest.mark.parametrize("number", range(8))
def test_a_missing_file_is_named(built: Path, tmp_path: Path, number: int) -> None:
    copy = tmp_path / "index"
    shutil.copytree(built, copy)
    path = [path for path in files(copy) if path.name != ".lock"][number]
    path.unlink()
    if path.name.startswith("manifest"):
        with pytest.raises(CollectionNotFound):
            Collection.open(copy)
    else:
        with pytest.raises(DamagedCollection, match=rf"{path.name} is missing"):
            answers(copy)


def test_swapped_files_are_noticed(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one"), write(tmp_path / "other")
    ours = one.folder / one.manifest.segments[0].vectors
    theirs = other.folder / other.manifest.segments[0].vectors
    data = bytearray(theirs.read_bytes())
    data[-1] ^= 1
    ours.write_bytes(data)
    with pytest.raises(DamagedCollection, match="hash is not that of the manifest"):
        Store(one.folder).vectors()


def forged(folder: Path, **changes: object) -> Path:
    """A manifest that anyone could have made: other content, and the right hash."""
    from vecsearch.store.manifest import _sealed

    path = folder / "manifest-000001.json"
    body = json.loads(path.read_text())["manifest"] | changes
    path.write_bytes(_sealed(body))
    return path


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "segments/../../secret", "segments/a/b.npy", ".lock", ""]
)
def test_a_manifest_names_nothing_outside(tmp_path: Path, name: str) -> None:
    store = write(tmp_path / "index")
    stamps = {key: vars(stamp) for key, stamp in store.manifest.files.items()}
    path = forged(store.folder, files={**stamps, name: {"size": 1, "sha256": ""}})
    with pytest.raises(DamagedCollection, match="names files it must not"):
        Manifest.read(path)


def test_a_link_out_of_the_collection_is_not_followed(tmp_path: Path) -> None:
    store = write(tmp_path / "index")
    path = store.folder / store.manifest.segments[0].items
    shutil.move(path, tmp_path / "elsewhere.jsonl")
    path.symlink_to(tmp_path / "elsewhere.jsonl")
    with pytest.raises(DamagedCollection, match="is a link that leads elsewhere"):
        Collection.open(store.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "is of format 2, this version reads 1: update vecsearch"),
        ({"count": 6}, "contradicts itself"),
        ({"generation": 7}, "contradicts itself"),
        ({"metric": "manhattan"}, "no manifest of ours"),
        ({"segments": [1]}, "no manifest of ours"),
        ({"files": {}}, "contradicts itself"),
    ],
)
def test_a_manifest_that_makes_no_sense(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = forged(write(tmp_path / "index").folder, **changes)
    with pytest.raises(DamagedCollection, match=message):
        Manifest.read(path)


def test_a_later_format_is_no_damage(tmp_path: Path) -> None:
    folder = write(tmp_path / "index").folder
    forged(folder, format=2)
    with pytest.raises(NewerFormat, match="update vecsearch"):
        verify(folder)


def test_a_damaged_manifest_is_told_with_what_mends_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "index").folder
    path = next(folder.glob("manifest-*.json"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedCollection, match=f"Mend it: vecsearch repair {folder}"):
        Manifest.read(path)


def test_an_array_of_another_kind_is_refused(tmp_path: Path) -> None:
    store = write(tmp_path / "index")
    name = store.manifest.segments[0].vectors
    path = store.folder / name
    for array in (np.ones((5, 2)), np.array([{"a": 1}] * 5), np.ones((4, 2), np.float32)):
        np.save(path, array, allow_pickle=True)
        stamp = {"size": path.stat().st_size, "sha256": _sha256(path)}
        stamps = {key: vars(value) for key, value in store.manifest.files.items()}
        forged(store.folder, files={**stamps, name: stamp})
        with pytest.raises(DamagedCollection, match=r"holds|is not an array of ours"):
            Store(store.folder).vectors()


def _sha256(path: Path) -> str:
    from vecsearch.store.durable import stamp_of

    return stamp_of(path).sha256


def test_an_encoder_from_elsewhere_is_not_loaded(built: Path, tmp_path: Path) -> None:
    """A manifest may not lead to an encoder outside, nor to files that it has no hash of."""
    copy, outside = tmp_path / "index", tmp_path / "evil"
    shutil.copytree(built, copy)
    body = json.loads((copy / "manifest-000001.json").read_text())["manifest"]
    shutil.copytree(copy / body["encoder"]["folder"], outside)
    for place in (str(outside), "../evil", "encoder/../../evil"):
        others = {name: stamp for name, stamp in body["files"].items() if "encoder" not in name}
        forged(copy, encoder={**body["encoder"], "folder": place}, files=others)
        with pytest.raises(DamagedCollection, match="names files it must not"):
            Collection.open(copy)
    unhashed = {name: stamp for name, stamp in body["files"].items() if "weights" not in name}
    forged(copy, encoder=body["encoder"], files=unhashed)
    with pytest.raises(DamagedCollection, match=r"weights\.safetensors is not a file that the man"):
        Collection.open(copy).query([PHOTOS / "stray.png"])


def test_names_that_end_a_line_in_unicode(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(PHOTOS / "stray.png", tmp_path / "photos")
    names = {"a\u2028b.txt", "a\x0bb.txt", "a\x85b.txt", "a\nb.txt"}
    for name in names:
        (tmp_path / "photos" / name).write_text("x")
    built = Collection.build(tmp_path / "photos", tmp_path / "index", encoder="pixels")
    assert {one.path.name for one in built.skipped} == names


def test_a_reader_keeps_what_it_has_opened(tmp_path: Path) -> None:
    write(tmp_path / "index")
    warm, cold = Collection.open(tmp_path / "index"), Collection.open(tmp_path / "index")
    before = warm.query_vectors([[1, 2]], k=9)
    for count in (6, 7, 8):
        write(tmp_path / "index", count, overwrite=True)
    assert warm.query_vectors([[1, 2]], k=9) == before
    assert len(warm) == len(before[0]) == 5
    with pytest.raises(CollectionReplaced, match="refresh it, or open it again"):
        cold.query_vectors([[1, 2]])


class Saving:
    """An encoder of another package, whose files are called as it likes."""

    name = "saving"
    dim = 1
    fingerprint = "x"
    preprocess = Preprocess((1, 1))

    def __init__(self, *names: str) -> None:
        self.names = names

    def encode(self, images: np.ndarray) -> np.ndarray:
        return np.ones((len(images), 1), np.float32)

    def get_params(self) -> dict[str, object]:
        return {}

    def facts(self) -> dict[str, object]:
        return {}

    def save(self, folder: Path) -> None:
        for name in self.names:
            (folder / name).write_text("x")


def test_files_of_other_encoders(tmp_path: Path) -> None:
    good = Saving("settings.json", "Model_1.bin", "vocab.v2.json")
    for _ in range(5):
        Collection.build(PHOTOS, tmp_path / "index", encoder=good, overwrite=True)  # type: ignore[arg-type]
    assert len(list((tmp_path / "index" / "encoder").glob("*/*"))) == 3 * 3
    bad = Saving("settings.json", "with space.bin")
    with pytest.raises(
        InvalidArgument, match=r"saved 'with space\.bin': it may save files and folders"
    ):
        Collection.build(PHOTOS, tmp_path / "index", encoder=bad, overwrite=True)  # type: ignore[arg-type]
    assert len(Collection.open(tmp_path / "index")) == 10
    assert verify(tmp_path / "index").damages == []


def test_new_folders_above_are_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[str] = set()
    sync = os.fsync

    def watched(descriptor: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write(tmp_path / "new" / "deep" / "index")
    assert {str(tmp_path), str(tmp_path / "new"), str(tmp_path / "new" / "deep")} <= synced


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_file_system_that_knows_no_sync_of_folders(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def refused(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refused)
    if number == errno.EIO:  # what is on the disk nobody knows then
        with pytest.raises(OSError, match=os.strerror(number)):
            write(tmp_path / "index")
    else:
        write(tmp_path / "index")
        assert verify(tmp_path / "index").damages == []


def test_a_waiting_writer_outlives_one_that_fails(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    script = (
        "import sys, numpy as np; from pathlib import Path; from vecsearch.store import *\n"
        "from vecsearch.types import Metric; import filelock; real = filelock.FileLock.acquire\n"
        "def told(*a, **k): print('go', flush=True); return real(*a, **k)\n"
        "filelock.FileLock.acquire = told\n"
        "with Writer(Path(sys.argv[1])) as writer:\n"
        "    writer.add(np.ones((1, 2), np.float32), [Record('a')])\n"
        "    writer.commit(metric=Metric.EUCLIDEAN, dim=2)"
    )
    command = [sys.executable, "-c", script, str(folder)]
    with pytest.raises(ZeroDivisionError), Writer(folder):
        waiting = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert waiting.stdout is not None
        waiting.stdout.readline()
        time.sleep(0.5)
        raise ZeroDivisionError
    assert waiting.wait(timeout=20) == 0
    waiting.stdout.close()
    assert len(Store(folder)) == 1


def test_the_encoder_must_be_the_one_that_made_the_vectors(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(built, copy)
    body = json.loads((copy / "manifest-000001.json").read_text())["manifest"]
    forged(copy, encoder={**body["encoder"], "fingerprint": "0" * 64})
    with pytest.raises(DamagedCollection, match="another encoder 'pca' than the one that made"):
        Collection.open(copy).query([PHOTOS / "stray.png"])


def test_there_is_no_collection(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound, match="No such file"):
        Collection.open(tmp_path / "nowhere")
    with pytest.raises(CollectionNotFound, match="make one: vecsearch build"):
        Collection.open(tmp_path)
    with pytest.raises(CollectionNotFound):
        verify(tmp_path)


def test_a_full_disk_is_loud_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    write(tmp_path / "index")
    script = (
        "import resource, signal, sys, numpy as np; from vecsearch import Collection\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "try:\n"
        "    Collection.from_vectors(np.ones((100, 9)), path=sys.argv[1], overwrite=True)\n"
        "except OSError as error: print(error.strerror)\n"
        "else: print('done')"
    )
    outcomes = []
    for limit in (1, 200, 1000, 3000, 5000, 1_000_000):
        command = [sys.executable, "-c", script, str(tmp_path / "index"), str(limit)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        outcomes.append(run.stdout.strip())
        assert len(Collection.open(tmp_path / "index")) == (100 if outcomes[-1] == "done" else 5)
        assert verify(tmp_path / "index").damages == []
    assert outcomes == ["File too large"] * 5 + ["done"]


@pytest.mark.parametrize("label", [None, "x"])
def test_any_text_is_an_id(tmp_path: Path, label: str | None) -> None:
    names = [
        "plain",
        'a "quote"',
        "back\\slash",
        "line\nend",
        "null",
        "",
        "käfer",
        "\u2028",
        "🦋",
        "\x00",
    ]
    for ids in (names, *([name] for name in names)):
        with Writer(tmp_path / "index", overwrite=True) as writer:
            labels = None if label is None else [label] * len(ids)
            writer.add(np.eye(len(ids), 4, dtype=np.float32), Records(ids, labels=labels))
            writer.add(np.eye(1, 4, dtype=np.float32), Records(["behind"]))
            writer.commit(metric=Metric.EUCLIDEAN, dim=4)
        store = Store(tmp_path / "index")
        assert [store.record(row).id for row in range(len(store))] == [*ids, "behind"]
        assert store.find([*ids, "behind"]).tolist() == list(range(len(ids) + 1))
