"""What a build by many workers owes, whatever engine they belong to: here they are this process."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PHOTOS
from painting import paint, painted, seeds_of
from PIL import Image

from vecsearch import Collection, CollectionNotFound, InvalidArgument, VecsearchError, verify
from vecsearch.ann import make_index
from vecsearch.distributed import filesystems, work
from vecsearch.distributed.building import build_by_parts, lacks_its_index
from vecsearch.distributed.fitting import ready
from vecsearch.distributed.indexing import ShardedTraining
from vecsearch.distributed.listing import list_images
from vecsearch.distributed.tasks import Task
from vecsearch.distributed.work import Job, Worker, decode_task, fill_shard
from vecsearch.encoders import make_encoder_for
from vecsearch.images import Batch, Preprocess, read_chunk
from vecsearch.index import Shard, Shards
from vecsearch.store import PARTS, Part, Parts, Record, write_part
from vecsearch.types import Metric
from vecsearch.view import newest_store

IMAGES = 40


class Killed(BaseException):
    """Stands for kill -9: nothing is told, and nothing tidied."""


class Here:
    """An engine whose one worker is this process; it is killed before it begins some task."""

    decoders = 1

    def __init__(self, tasks: int | None = None) -> None:
        self.left = tasks
        self.made: list[str] = []
        self.filled = 0

    def make(self, job: Job, tasks: Sequence[Task]) -> Iterator[Part]:
        worker = Worker(job)
        for task in reversed(tasks):  # any order will do
            if self.left is not None and len(self.made) == self.left:
                raise Killed
            self.made.append(task.name)
            yield worker.make(Task.from_json(task.to_json()))

    def decode(
        self, tasks: Iterable[Task], preprocess: Preprocess, keep: Path | None
    ) -> Iterator[Batch]:
        for task in tasks:
            yield decode_task(task, preprocess, keep)

    def fill(self, shards: Shards, groups: Sequence[Sequence[Path]]) -> Iterator[Shard]:
        for group in groups:
            self.filled += 1
            yield fill_shard(shards, group)


OPTIONS: dict[str, dict[str, Any]] = {
    "pixels": {},
    "pca": {"dim": 3},
    "lda": {},
    "chain:pixels+pca4": {},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = painted(tmp_path / "photos", seeds_of(IMAGES // 2))
    shutil.copytree(PHOTOS, folder / "photos")
    (folder / "photos" / "broken.png").write_bytes(b"no image")
    (folder / "photos" / "notes.txt").write_text("no image either")
    return folder


def build(
    what: str | Path,
    path: Path,
    name: str = "pixels",
    metric: Metric = Metric.EUCLIDEAN,
    engine: Here | None = None,
    overwrite: bool = False,
    **tables: Any,
) -> Collection:
    encoder = make_encoder_for(name, size=(4, 4), **OPTIONS[name])
    listing = list_images(what, **tables)
    with_index = {"kind": "exact"}
    build_by_parts(listing, path, encoder, metric, with_index, engine or Here(), overwrite, None)
    return Collection.open(path)


def held(collection: Collection) -> list[tuple[Any, ...]]:
    return [
        (record.id, record.path, record.label, record.metadata, record.file)
        for record in collection.view.store.records()
    ]


def check_local(ours: Collection, root: Path, path: Path) -> None:
    """See that a collection made with PCA is what a local build makes."""
    theirs = Collection.build(root, path, encoder="pca", dim=3, size=(4, 4))
    assert held(ours) == held(theirs)
    np.testing.assert_allclose(ours.vectors(), theirs.vectors(), atol=1e-5)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("name", OPTIONS)
def test_it_equals_a_local_build(root: Path, tmp_path: Path, name: str, metric: Metric) -> None:
    ours = build(root, tmp_path / "ours", name, metric)
    options = OPTIONS[name]
    theirs = Collection.build(
        root, tmp_path / "local", encoder=name, size=(4, 4), metric=metric, **options
    )
    assert held(ours) == held(theirs)
    np.testing.assert_allclose(ours.vectors(), theirs.vectors(), atol=1e-5)
    assert [vars(one) for one in ours.skipped] == [vars(one) for one in theirs.skipped]
    assert ours.encoder.fingerprint == theirs.encoder.fingerprint
    assert ours.encoder.facts() == theirs.encoder.facts()
    assert verify(tmp_path / "ours").damages == []
    assert not (tmp_path / "ours" / "draft").exists()
    # A local update follows, and finds nothing to do.
    counts = ours.update().counts()
    assert (counts.pop("indexed"), counts.pop("skipped")) == (len(ours), len(theirs.skipped))
    assert set(counts.values()) == {0}
    paint(root / "new.png", 99)
    assert ours.update().added == ["new.png"]


@pytest.mark.parametrize("tasks", [1, 9])
def test_what_was_killed_goes_on_and_does_nothing_twice(
    root: Path, tmp_path: Path, tasks: int
) -> None:
    killed, again = Here(tasks), Here()
    with pytest.raises(Killed):
        build(root, tmp_path / "index", "pca", engine=killed)
    with pytest.raises(CollectionNotFound, match="run the same command again, and it goes on"):
        Collection.open(tmp_path / "index")
    ours = build(root, tmp_path / "index", "pca", engine=again)
    assert len(killed.made) == tasks
    assert not set(killed.made) & set(again.made)
    check_local(ours, root, tmp_path / "local")


def test_what_an_encoder_learned_from_is_not_decoded_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def chunk(folder: Path, preprocess: Preprocess, paths: Sequence[str]) -> Batch:
        read.extend(paths)
        return read_chunk(folder, preprocess, paths)

    monkeypatch.setattr(work, "read_chunk", chunk)
    build(root, tmp_path / "index", "pca")
    assert sorted(read) == sorted(list_images(root).images.paths)


def test_segments_have_the_same_names_at_every_run(root: Path, tmp_path: Path) -> None:
    names = []
    for folder in ("one", "two"):
        ours = build(root, tmp_path / folder)
        names.append(sorted(path.name for path in (tmp_path / folder / "segments").iterdir()))
        assert len(ours.view.store.manifest.segments) > 10
    assert names[0] == names[1]


def test_a_file_that_changed_between_the_runs_is_read_again(root: Path, tmp_path: Path) -> None:
    killed, again = Here(9), Here()
    with pytest.raises(Killed):
        build(root, tmp_path / "index", engine=killed)
    changed = sorted(seeds_of(IMAGES // 2))[-1]
    paint(root / changed, 98)
    os.utime(root / changed, ns=(1, 1))
    ours = build(root, tmp_path / "index", engine=again)
    theirs = Collection.build(root, tmp_path / "local", encoder="pixels", size=(4, 4))
    assert held(ours) == held(theirs)
    assert 0 < len(set(again.made) - set(killed.made)) < len(ours.view.store.manifest.segments)


@pytest.mark.parametrize("end", [Killed, KeyboardInterrupt, OSError])
def test_ended_between_the_last_part_and_the_commit(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    """By kill -9, Ctrl-C or a full disk: what was placed already is not made again."""
    placed: list[Part] = []
    place = Part.placed

    def stop(part: Part, folder: Path) -> Any:
        placed.append(part)
        if len(placed) == 5:
            raise end
        return place(part, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Part, "placed", stop)
        if end is Killed:  # then not even the writer tidies
            patch.setattr("vecsearch.store.writer.collect_garbage", lambda *_, **__: None)
        with pytest.raises(end):
            build(root, tmp_path / "index")
    again = Here()
    ours = build(root, tmp_path / "index", engine=again)
    assert again.made == []
    assert verify(tmp_path / "index").damages == []
    assert len(ours) == IMAGES + 10


def test_a_build_over_a_collection_leaves_its_files_alone(root: Path, tmp_path: Path) -> None:
    """Also where the parts are of the same files, which the driver takes for unchanged."""
    standing = build(root, tmp_path / "index")
    before = standing.vectors()
    for path in set(root.rglob("*.png")) - set((root / "photos").iterdir()):
        facts = path.stat()
        Image.new("RGB", (4, 4), "red").save(path)
        path.write_bytes(path.read_bytes().ljust(facts.st_size, b"\0")[: facts.st_size])
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(Killed), pytest.MonkeyPatch.context() as patch:
        patch.setattr("vecsearch.store.writer.collect_garbage", lambda *_, **__: None)
        patch.setattr("vecsearch.store.writer.Writer.commit", killed)
        build(root, tmp_path / "index", overwrite=True)
    assert verify(tmp_path / "index").damages == []
    again = Here()
    np.testing.assert_array_equal(Collection.open(tmp_path / "index").vectors(), before)
    ours = build(root, tmp_path / "index", engine=again, overwrite=True)
    assert again.made == []  # it went on
    assert not np.array_equal(ours.vectors(), before)
    np.testing.assert_array_equal(standing.vectors(), before)
    assert verify(tmp_path / "index").damages == []


def killed(*_: object, **__: object) -> None:
    raise Killed


def test_a_worker_that_was_given_up_comes_too_late(tmp_path: Path) -> None:
    name, parts = 32 * "a", Parts(tmp_path, {"of": "this"})
    records = [Record("a"), Record("b")]
    first = write_part(tmp_path, name, [np.eye(2, dtype=np.float32)], records, [])
    late = write_part(tmp_path, name, [2 * np.eye(2, dtype=np.float32)], records, [])
    assert late == first == parts.done([name])[name]
    # Other work begins anew.
    assert Parts(tmp_path, {"of": "that"}).done([name]) == {}


SECRET = "../../../secret.npy"


def lead_out(note: dict[str, Any]) -> None:
    """All fits together, but for where it leads."""
    del note["stamps"][note["segment"]["vectors"]]
    note["stamps"][SECRET] = {"size": 1, "sha256": 64 * "0"}
    note["segment"]["vectors"] = SECRET


NOTES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another file": lead_out,
    "a file above": lambda note: note["stamps"].update({SECRET: {"size": 1, "sha256": 64 * "0"}}),
    "another name": lambda note: note.update(name=32 * "b"),
    "no name": lambda note: note.update(name="../../../evil"),
    "another length": lambda note: next(iter(note["stamps"].values())).update(size=1),
}


@pytest.mark.parametrize("what", NOTES)
def test_a_crafted_note_counts_for_nothing(tmp_path: Path, what: str) -> None:
    name, place = 32 * "a", tmp_path / "index"
    parts = Parts(place, {})
    write_part(place, name, [np.eye(1, dtype=np.float32)], [Record("a")], [])
    (tmp_path / "secret.npy").write_bytes(b"1")
    path = place / PARTS / f"{name}.json"
    note = json.loads(path.read_text())
    NOTES[what](note)
    path.write_text(json.dumps(note))
    assert parts.done([name]) == {}
    assert not path.exists()
    assert (tmp_path / "secret.npy").exists()


def test_an_image_that_crashes_its_worker_costs_only_itself(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = sorted(seeds_of(IMAGES // 2))[7]
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    (plugin / "crashing.py").write_text(
        "import os\nfrom vecsearch.images import reading\n"
        "def chunk(folder, preprocess, paths):\n"
        f"    if {deadly!r} in paths: os._exit(3)\n"
        "    return reading.read_chunk(folder, preprocess, paths)\n"
    )
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.setenv("PYTHONPATH", str(plugin), prepend=os.pathsep)
    import crashing

    monkeypatch.setattr(work, "read_chunk", crashing.chunk)
    # The first time it takes the worker with it, of which only the note of the beginning is left.
    monkeypatch.setattr(os, "_exit", lambda code: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        build(root, tmp_path / "index")
    ours = build(root, tmp_path / "index")
    assert deadly not in {item.id for item in ours}
    assert len(ours) == IMAGES + 10 - 1
    assert [one.reason for one in ours.skipped if one.path.name == Path(deadly).name] == [
        "the decoder crashed on it, or ran out of memory"
    ]


def test_a_task_that_crashes_every_worker_is_not_tried_for_ever(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Restarting(Here):
        def make(self, job: Job, tasks: Sequence[Task]) -> Iterator[Part]:
            for _ in range(100):
                with contextlib.suppress(Killed):
                    list(super().make(job, tasks))
            yield from ()

    tries = []

    def crash(*arguments: Any) -> Any:
        tries.append(arguments)
        raise Killed

    monkeypatch.setattr(work, "encode_batches", crash)
    with pytest.raises(VecsearchError, match="was lost 5 times with its worker"):
        build(root, tmp_path / "index", engine=Restarting())
    assert len(tries) == 5


def test_images_of_another_file_system(root: Path, tmp_path: Path) -> None:
    # file:// goes the way of s3://: everything is listed and read by pyarrow.
    ours = build(f"file://{root}", tmp_path / "ours", "pca")
    theirs = Collection.build(root, tmp_path / "local", encoder="pca", dim=3, size=(4, 4))
    assert [item.id for item in ours] == [item.id for item in theirs]
    assert [item.label for item in ours] == [item.label for item in theirs]
    np.testing.assert_allclose(ours.vectors(), theirs.vectors(), atol=1e-5)
    first = next(iter(ours))
    assert first.metadata["url"] == f"file://{root}/{first.id}"
    assert first.path is None
    assert [row[4] for row in held(ours)] == [row[4] for row in held(theirs)]  # hashes, dates
    told = [(one.path.name, one.reason) for one in theirs.skipped]
    assert [(one.path.name, one.reason) for one in ours.skipped] == told
    with pytest.raises(InvalidArgument, match="no folder to follow"):
        ours.update()


def test_a_file_system_that_fsspec_knows(root: Path, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in root.rglob("*.png"):
        memory.pipe(f"/bucket/{path.relative_to(root).as_posix()}", path.read_bytes())
    ours = build("memory://bucket", tmp_path / "ours")
    there = {path.relative_to(root).as_posix() for path in root.rglob("*.png")}
    assert {item.id for item in ours} == there - {"photos/broken.png"}
    assert next(iter(ours)).metadata["url"].startswith("memory://bucket/")


def test_a_busy_store_is_asked_again_and_a_dead_one_ends_the_build(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystems, "WAIT_SECONDS", 0)
    failures = {"left": 3}
    located = filesystems.located

    def busy(place: str, path: str) -> tuple[Any, str]:
        if failures["left"]:
            failures["left"] -= 1
            raise OSError("slow down")
        return located(place, path)

    monkeypatch.setattr(filesystems, "located", busy)
    assert len(build(f"file://{root}", tmp_path / "one")) == IMAGES + 10
    failures["left"] = 10**9
    with pytest.raises(VecsearchError, match="after 4 tries: slow down"):
        build(f"file://{root}", tmp_path / "two")


def test_a_store_that_cannot_even_be_opened_is_asked_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As S3 is asked where a bucket lies; what is done stays."""
    monkeypatch.setattr(filesystems, "WAIT_SECONDS", 0)
    listing = list_images(f"file://{root}")
    from pyarrow import fs

    tries: list[str] = []

    class NoAnswer:
        @staticmethod
        def from_uri(url: str) -> Any:
            tries.append(url)
            raise OSError("When resolving region for bucket 'shop': no answer")

    filesystems.open_place.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(fs, "FileSystem", NoAnswer)
        with pytest.raises(VecsearchError, match=r"after 4 tries: .*resolving region") as caught:
            filesystems.fetch(listing.place, listing.images.paths[0], -1)
        assert not isinstance(caught.value, InvalidArgument)
    assert len(tries) == 4


def test_batches_of_a_network_are_as_large_as_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one in a chain, and though it is not saved with the encoder."""
    chain: Any = SimpleNamespace(made_of=[SimpleNamespace(batch_size=None)])
    monkeypatch.setattr(work, "load_encoder", lambda *_: chain)
    job = Job(tmp_path, "chain", "saved", Metric.EUCLIDEAN, 1, "1.0", "run", batch_size=3)
    assert work.batch_size_of(Worker(job)._encoder) == 3
    assert work.batch_size_of(make_encoder_for("pixels")) is None


class Away(OSError):
    """What a driver raises of its own."""


def test_a_driver_that_finds_no_file_while_its_store_is_away(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsspec takes a store that does not answer for an empty one; files are asked for anyway."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name in ("one", "two", "three", "four"):
        memory.pipe(f"/away/{name}.png", (root / "photos" / "cat" / "alpha.png").read_bytes())
    failures = {"left": 3}
    opened = type(memory).open

    def busy(self: Any, path: str, *args: Any, **options: Any) -> Any:
        if failures["left"]:
            failures["left"] -= 1
            raise Away("503")
        return opened(self, path, *args, **options)

    monkeypatch.setattr(filesystems, "WAIT_SECONDS", 0)
    monkeypatch.setattr(type(memory), "open", busy)
    monkeypatch.setattr(type(memory), "isfile", lambda *_: False)
    assert len(build("memory://away", tmp_path / "one")) == 4
    failures["left"] = 10**9
    with pytest.raises(VecsearchError, match="after 4 tries: 503"):
        build("memory://away", tmp_path / "two")


def test_a_site_that_is_away_is_not_taken_for_one_without_the_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsspec says that a file is not there, whatever went wrong on the web."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/web/one.png", (root / "photos" / "cat" / "alpha.png").read_bytes())
    memory.pipe("/web/two.png", (root / "photos" / "cat" / "alpha.png").read_bytes())
    opened = type(memory).open
    answers: list[int | None] = [None, 503]

    def away(self: Any, path: str, *args: Any, **options: Any) -> Any:
        if path.endswith("two.png") and answers:
            error = OSError("no answer")
            if (status := answers.pop(0)) is not None:
                error.status = status  # type: ignore[attr-defined]
            raise FileNotFoundError(path) from error
        return opened(self, path, *args, **options)

    monkeypatch.setattr(filesystems, "WAIT_SECONDS", 0)
    monkeypatch.setattr(type(memory), "open", away)
    assert len(build("memory://web", tmp_path / "one")) == 2
    answers[:] = [404]
    assert len(build("memory://web", tmp_path / "two")) == 1
    for cause, gone in ((KeyError(), True), (StopIteration(), True), (ConnectionError(), False)):
        try:
            raise FileNotFoundError("x") from cause
        except FileNotFoundError as error:
            assert filesystems._is_gone(error) is gone


def test_keys_to_a_store_are_told_to_nobody() -> None:
    for url, shown in (
        ("s3://KEY:SEC@RET@shop/a.jpg", "s3://shop/a.jpg"),
        ("abfs://container@account.dfs.core.windows.net/x", None),
        ("http://10.0.0.7:9000/a@b.jpg", None),
    ):
        assert filesystems.without_keys(url) == (shown or url)
        assert filesystems.without_keys(f"No {url}: {url}") == f"No {shown or url}: {shown or url}"


def test_a_stream_from_the_web_gives_what_has_just_come() -> None:
    class Dripping:
        left = b"0123456789"

        def read(self, _: int) -> bytes:
            part, self.left = self.left[:3], self.left[3:]
            return part

    assert filesystems._read(Dripping(), 100) == b"0123456789"
    assert filesystems._read(Dripping(), 7) == b"012345678"


@pytest.mark.parametrize("status", [None, 403, 404])
def test_what_is_gone_or_forbidden_is_left_out(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    located = filesystems.located

    def refusing(place: str, path: str) -> tuple[Any, str]:
        if path == "photos/cat/alpha.png":
            error: Exception = OSError("When reading: AWS Error ACCESS_DENIED during HeadObject")
            if status is not None:
                error = Exception("no such thing")
                error.status = status  # type: ignore[attr-defined]
            raise error
        return located(place, path)

    monkeypatch.setattr(filesystems, "located", refusing)
    ours = build(f"file://{root}", tmp_path / "index")
    assert "photos/cat/alpha.png" not in ours
    assert len(ours) == IMAGES + 9


@pytest.mark.parametrize("column", ["path", "id"])
def test_a_list_names_every_image(root: Path, tmp_path: Path, column: str) -> None:
    paths: list[Any] = [str(root / path) for path in sorted(seeds_of(IMAGES // 2))[:2]]
    rows: dict[str, list[Any]] = {"path": paths, "id": [1, 2]}
    rows[column] = [rows[column][0], None]
    pq.write_table(pa.table(rows), tmp_path / "some.parquet")
    with pytest.raises(InvalidArgument, match=f"has no {column} in its row 2"):
        list_images(tmp_path / "some.parquet")


def test_options_of_a_list_are_those_of_its_images(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    table = pa.table({"path": ["a.png?v=1", "s3://shop/b.png"], "id": ["1", "2"]})

    def opened(url: str) -> tuple[Any, str]:
        asked.append(url)
        return pa.fs.LocalFileSystem(), str(root / url.partition("?")[0].rpartition("/")[2])

    monkeypatch.setattr("vecsearch.distributed.listing.open_place", opened)
    monkeypatch.setattr(filesystems, "open_place", opened)
    pq.write_table(table, root / "list.parquet")
    options = "?endpoint_override=http://10.0.0.7:9000"
    found = list_images(f"s3://shop/list.parquet{options}")
    assert found.images.paths == ["s3://shop/a.png?v=1", "s3://shop/b.png"]
    for path in found.images.paths:
        filesystems.located(found.place, path)
    assert asked == [f"s3://shop/list.parquet{options}", *2 * [f"s3://shop/{options}"]]


def test_what_a_list_may_hold(root: Path, tmp_path: Path) -> None:
    """Classes by number, the first of which is 0, dates, and numbers that are none."""
    paths = sorted(seeds_of(IMAGES // 2))[:4]
    rows: dict[str, list[Any]] = {
        "path": [str(root / path) for path in paths],
        "label": [0, 1, 2, None],
        "taken": [datetime(2026, 11, 26, 12), None, None, None],
        "price": [1.5, float("nan"), 3.0, None],
        "cost": [Decimal("2.50"), None, None, None],
    }
    pq.write_table(pa.table(rows), tmp_path / "some.parquet")
    ours = build(tmp_path / "some.parquet", tmp_path / "ours")
    assert [item.label for item in ours] == ["0", "1", "2", None]
    assert [dict(item.metadata) for item in ours] == [
        {"taken": "2026-11-26T12:00:00", "price": 1.5, "cost": 2.5}, {}, {"price": 3.0}, {},
    ]  # fmt: skip
    rows["blob"] = [b"a", b"b", b"c", b"d"]
    pq.write_table(pa.table(rows), tmp_path / "some.parquet")
    with pytest.raises(InvalidArgument, match="The column 'blob' holds bytes"):
        list_images(tmp_path / "some.parquet")


def test_a_list_of_images(root: Path, tmp_path: Path) -> None:
    paths = sorted(seeds_of(IMAGES // 2))[:20]
    table = root / "some.parquet"
    rows: dict[str, list[Any]] = {
        "path": [paths[0], str(root / paths[1]), *paths[2:], "gone.png"],
        "id": [f"picture {at:02}" for at in range(21)],
        "label": ["cat", None, *["dog"] * 19],
        "price": list(range(21)),
    }
    pq.write_table(pa.table(rows), table)
    ours = build(table, tmp_path / "ours")
    assert [item.id for item in ours] == rows["id"][:20]
    assert [item.label for item in ours] == rows["label"][:20]
    assert [item.metadata["price"] for item in ours] == list(range(20))
    assert [item.path for item in ours] == [root / path for path in paths]
    assert [one.reason for one in ours.skipped] == ["cannot be read: No such file or directory"]
    assert ours.query_one(root / paths[3], k=1)[0].item.id == "picture 03"
    with pytest.raises(InvalidArgument, match="brings labels and metadata itself"):
        list_images(table, metadata="prices.csv")
    pq.write_table(pa.table({"path": [paths[0], paths[0]]}), table)
    with pytest.raises(InvalidArgument, match="twice: ids are unique"):
        list_images(table)


def test_an_index_that_is_filled_in_shards(root: Path, tmp_path: Path) -> None:
    ours = build(root, tmp_path / "ours")
    vectors = ours.view.store.vectors()
    engine = Here()
    sharded = ShardedTraining(engine, 5)(vectors, Metric.EUCLIDEAN, "IVF4,Flat")
    assert engine.filled > 2
    queries = np.asarray(ours.vectors()[:10]) + np.float32(0.1)
    alone = Collection.build(root, tmp_path / "local", encoder="pixels", size=(4, 4))
    from vecsearch.index import train_index

    whole = train_index(alone.view.store.vectors(), Metric.EUCLIDEAN, "IVF4,Flat")
    np.testing.assert_array_equal(sharded.candidates(queries, 5), whole.candidates(queries, 5))


def test_what_cannot_be_built(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="trained on one machine"):
        build_by_parts(
            list_images(root), tmp_path / "index", make_encoder_for("siamese"),
            Metric.EUCLIDEAN, {"kind": "exact"}, Here(), False, None,
        )  # fmt: skip
    empty = tmp_path / "empty"
    (empty / "a").mkdir(parents=True)
    with pytest.raises(InvalidArgument, match="There are no images in"):
        build(empty, tmp_path / "index")
    (empty / "a" / "bad.png").write_bytes(b"bad")
    with pytest.raises(InvalidArgument, match="None of the 1 image files"):
        build(empty, tmp_path / "index")
    assert not (tmp_path / "index").exists()
    with pytest.raises(InvalidArgument, match="with the engine 'ray' it can be read"):
        Collection.build("s3://shop/pictures", tmp_path / "index")
    with pytest.raises(InvalidArgument, match="goes with the engine 'ray'"):
        Collection.build(root, tmp_path / "index", ray_address="auto")
    with pytest.raises(InvalidArgument, match="'spark' is not one of local, ray"):
        Collection.build(root, tmp_path / "index", engine="spark")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"no file system that is known|cannot be opened"):
        list_images("nonsense://bucket/folder")


def test_a_machine_that_does_not_see_the_images_says_so(root: Path, tmp_path: Path) -> None:
    class Elsewhere(Here):
        def make(self, job: Job, tasks: Sequence[Task]) -> Iterator[Part]:
            root.rename(tmp_path / "unmounted")
            yield from super().make(job, tasks)

    with pytest.raises(VecsearchError, match="photos: all machines of a build must see"):
        build(root, tmp_path / "index", engine=Elsewhere())


def test_a_machine_that_sees_no_images_to_learn_from_says_so(root: Path, tmp_path: Path) -> None:
    """Were it silent, the encoder would learn without them, and they would be left out for good."""

    class Elsewhere(Here):
        def decode(
            self, tasks: Iterable[Task], preprocess: Preprocess, keep: Path | None
        ) -> Iterator[Batch]:
            for number, batch in enumerate(super().decode(tasks, preprocess, keep)):
                yield batch
                if number == 1:
                    root.rename(tmp_path / "unmounted")

    with pytest.raises(VecsearchError, match="photos: all machines of a build must see"):
        build(root, tmp_path / "index", "pca", engine=Elsewhere())
    (tmp_path / "unmounted").rename(root)
    ours = build(root, tmp_path / "index", "pca")
    check_local(ours, root, tmp_path / "local")


def test_what_could_not_be_read_just_then_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = root / "photos" / "cat" / "alpha.png"

    def stop(*_: object) -> Any:
        away.with_suffix(".away").rename(away)
        raise Killed

    away.rename(away.with_suffix(".away"))
    listed = list_images
    monkeypatch.setattr("vecsearch.distributed.building.ready", lambda *given: stop(ready(*given)))
    listing = listed(root)
    listing.images.paths.append("photos/cat/alpha.png")  # it was there when it was listed
    facts = np.concatenate([listing.facts, [[1, 1]]])
    order = np.argsort(listing.images.paths)
    images = replace(listing.images, paths=sorted(listing.images.paths))
    encoder = make_encoder_for("pca", size=(4, 4), dim=3)
    given = (replace(listing, images=images, facts=facts[order]), tmp_path / "index")
    rest = (Metric.EUCLIDEAN, {"kind": "exact"}, Here(), False, None)
    with pytest.raises(Killed):
        build_by_parts(*given, encoder, *rest)
    monkeypatch.undo()
    build_by_parts(*given, make_encoder_for("pca", size=(4, 4), dim=3), *rest)
    assert "photos/cat/alpha.png" in Collection.open(tmp_path / "index")


def test_a_build_that_was_lost_while_its_index_was_made_makes_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, encoder = tmp_path / "index", make_encoder_for("pca", size=(4, 4), dim=3)
    listing, index = list_images(root), {"kind": "IVF2,Flat"}
    given = (listing, path, encoder, Metric.EUCLIDEAN, index)
    build_by_parts(*given, Here(), False, None)
    again = make_encoder_for("pca", size=(4, 4), dim=3)
    assert len(newest_store(path).manifest.segments) < len(list_images(root).images.paths)
    assert lacks_its_index(path, listing, again, Metric.EUCLIDEAN, index)
    # What differs in anything is another build.
    assert not lacks_its_index(path, listing, again, Metric.COSINE, index)
    assert not lacks_its_index(path, listing, again, Metric.EUCLIDEAN, {"kind": "exact"})
    other = make_encoder_for("pca", size=(4, 4), dim=2)
    assert not lacks_its_index(path, listing, other, Metric.EUCLIDEAN, index)
    assert not lacks_its_index(tmp_path / "none", listing, again, Metric.EUCLIDEAN, index)
    paint(root / "zoo.png", 99)  # which comes last
    assert not lacks_its_index(path, list_images(root), again, Metric.EUCLIDEAN, index)
    (root / "zoo.png").unlink()
    make_index(path)
    assert not lacks_its_index(path, listing, again, Metric.EUCLIDEAN, index)
