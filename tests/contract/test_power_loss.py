"""What a loss of power leaves behind: every file operation is recorded, and the disk replayed."""

import random
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image
from power import Recorder, Step, crashes, recording

from vecsearch import Collection, cluster, keep_clustering, verify
from vecsearch.errors import CollectionNotFound, InvalidArgument
from vecsearch.keeping import keep_calibration

State: TypeAlias = "dict[str, tuple[str | None, bytes]] | None"
"""The label and the vector of each item; None where there is no collection."""
Change: TypeAlias = Callable[[Path], object]


def state(folder: Path) -> State:
    try:
        with Collection.open(folder) as collection:
            items = list(collection)
            vectors = collection.vectors()
            assert len(items) == len(vectors) == len(collection)
            return {
                item.id: (item.label, vector.tobytes())
                for item, vector in zip(items, vectors, strict=True)
            }
    except CollectionNotFound:
        return None


@dataclass(frozen=True)
class History:
    """A collection that was changed again and again.

    Attributes:
        place: Where it lies below the disk.
        changes: What was done to it; each is one commit.
        steps: What the file system went through.
        states: What the collection held before the first change, and after each.
    """

    place: str
    changes: Sequence[Change]
    steps: Sequence[Step]
    states: Sequence[State]


def nothing_ignored(mode: int) -> bool:
    return False


def record(
    root: Path,
    place: str,
    changes: Sequence[Change],
    monkeypatch: pytest.MonkeyPatch,
    ignored: Callable[[int], bool] = nothing_ignored,
) -> History:
    root.mkdir()
    recorder = Recorder(root, ignored)
    states = [state(root / place)]
    for change in changes:
        with recording(recorder, monkeypatch):
            change(root / place)
        recorder.done += 1
        recorder.look(None)
        states.append(state(root / place))
        assert states[-1] != states[-2] or change in UNSEEN
    return History(place, changes, recorder.steps, states)


def compacted(path: Path) -> None:
    Collection.open(path).compact()


def clustered(path: Path) -> None:
    collection = Collection.open(path)
    keep_clustering(collection, "two", cluster(collection, 2))


def calibrated(path: Path) -> None:
    keep_calibration(path, "knn", {"threshold": 1.5}, Collection.open(path).fingerprint)


def indexed(path: Path) -> None:
    Collection.open(path).compact("Flat")


def vectors_of(first: int, count: int, dim: int = 2) -> tuple[np.ndarray, list[str]]:
    """Vectors that tell their number, and their ids."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    return np.stack([numbers] * dim, axis=1) + 1, [f"v{number:.0f}" for number in numbers]


def made(path: Path, count: int = 9) -> None:
    vectors, ids = vectors_of(0, count)
    Collection.from_vectors(vectors, ids, path=path, overwrite=True)


def added(path: Path, first: int, count: int) -> None:
    collection = Collection.open(path)
    collection.add_vectors(*vectors_of(first, count, collection.dim))


def removed(path: Path, *ids: str) -> None:
    Collection.open(path).remove(ids)


# What changes no item.
UNSEEN: tuple[Change, ...] = (compacted, clustered, calibrated, indexed)


def of_vectors() -> list[Change]:
    return [
        made,
        partial(added, first=20, count=4),
        indexed,
        calibrated,
        lambda path: removed(path, "v1"),
        partial(added, first=30, count=2),
        clustered,
        lambda path: removed(path, "v2", "v20", "v30", "v31"),
        compacted,
        lambda path: Collection.open(path).add_vectors([[5, 5]], ["v3"], replace=True),
        partial(made, count=3),
    ]


def of_photos(folder: Path) -> list[Change]:
    """From a build on, whose draft counts too; the second folder is the first one, changed."""
    rng = np.random.default_rng(0)
    for name in "abcdefghijkl":
        path = folder / "before" / name / "photo.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).save(path)
    (folder / "before" / "bad.png").write_text("not an image")
    shutil.copytree(folder / "before", folder / "after")
    shutil.rmtree(folder / "after" / "a")
    (folder / "after" / "b").rename(folder / "after" / "z")
    for name in ("c/photo.png", "c/new.png"):
        Image.new("RGB", (5, 5), "red").save(folder / "after" / name)

    def build(path: Path, encoder: str, dim: int | None) -> None:
        Collection.build(
            folder / "before", path, encoder=encoder, dim=dim, size=(4, 4), jobs=1, overwrite=True
        )

    return [
        partial(build, encoder="pca", dim=2),
        partial(added, first=3, count=5),
        lambda path: Collection.open(path).update(folder / "after", jobs=1),
        lambda path: removed(path, *(f"v{number}" for number in range(3, 8))),
        lambda path: Collection.open(path).update(refit=True, labels="none", jobs=1),
        partial(build, encoder="pixels", dim=None),
        compacted,
    ]


@dataclass
class Figures:
    """What came of the disks that were looked at."""

    disks: int
    bad: list[str]


def look_at_disks(history: History, folder: Path, count: int, go_on: bool) -> Figures:
    """Open the collection on many a disk that a loss of power may leave.

    Args:
        history: What was recorded.
        folder: Where the disks are laid out, one after the other.
        count: How many different ones.
        go_on: Whether to write to each of them as well.
    """
    rng = random.Random(0)
    moments = crashes(history.steps)
    seen: set[str] = set()
    bad = []
    for turn in range(100 * count):
        if len(seen) == count:
            break
        every = turn < len(moments) <= count  # moment has its turn, if there is time
        at = turn if every else rng.randrange(len(moments))
        crash = moments[at]
        files = crash.disk(rng.choice(["lost", "kept", "mixed", "mixed", "mixed"]), rng)
        key = sha256(repr((files, crash.done)).encode()).hexdigest()
        if key in seen:
            continue
        seen.add(key)
        disk = folder / "copy"
        for name, content in {"": None, **files}.items():
            if content is None:
                (disk / name).mkdir()
            else:
                (disk / name).write_bytes(content)
        allowed = history.states[crash.done : crash.done + 2]
        if reason := _wrong(disk / history.place, allowed, history.changes if go_on else ()):
            bad.append(f"after {crash.done} changes, at step {at}: {reason}")
        shutil.rmtree(disk)
    return Figures(len(seen), bad)


def _wrong(path: Path, allowed: Sequence[State], changes: Sequence[Change]) -> str | None:
    """What is wrong with a collection after a loss of power; None if it is one of those allowed."""
    try:
        found = state(path)
        if found not in allowed:
            return f"neither the state before nor the one after, but {found}"
        if found is not None and (damages := verify(path).damages):
            return f"damaged: {damages}"
        if changes and found is None:
            changes[0](path)  # the same command again
            found = allowed[1]
        elif changes and found is not None:
            added(path, first=900, count=1)
            new = vectors_of(900, 1, Collection.open(path).dim)[0]
            found = {**found, "v900": (None, new.tobytes())}
        if changes and (state(path) != found or verify(path).damages):
            return "the next write did not work"
    except Exception as error:
        return repr(error)
    return None


def check_power_loss(count: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All changes of both kinds of collections, each on half of the disks."""
    photos = of_photos(folder / "photos")
    for place, changes in (("index", of_vectors()), ("new/deep/index", photos)):
        root = folder / f"disk-{place[0]}"
        history = record(root, place, changes, monkeypatch)
        figures = look_at_disks(history, folder, count // 2, go_on=True)
        print(
            f"{figures.disks} disks from {len(history.steps)} moments in {len(changes)} changes "
            f"of {place}: {len(figures.bad)} bad"
        )
        assert figures.bad == []
        assert figures.disks == count // 2


def test_power_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_power_loss(150, tmp_path, monkeypatch)


@pytest.mark.slow
def test_power_loss_on_two_thousand_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_power_loss(2000, tmp_path, monkeypatch)


@pytest.mark.parametrize(("what", "ignored"), [("files", stat.S_ISREG), ("folders", stat.S_ISDIR)])
def test_without_fsync_the_same_test_fails(
    what: str, ignored: Callable[[int], bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above would prove nothing."""
    history = record(tmp_path / "disk", "index", of_vectors(), monkeypatch, ignored)
    figures = look_at_disks(history, tmp_path, 100, go_on=False)
    print(f"without fsync of {what}: {len(figures.bad)} of {figures.disks} disks bad")
    assert len(figures.bad) > 20


def test_folders_that_a_failed_try_has_left_are_safe_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It made folders above the collection, and their names must reach the disk all the same."""

    def fails_then_works(path: Path) -> None:
        with pytest.raises(InvalidArgument):
            Collection.from_vectors([[1, 2], [np.nan, 3]], path=path)
        made(path)

    history = record(tmp_path / "disk", "new/deep/index", [fails_then_works], monkeypatch)
    assert look_at_disks(history, tmp_path, 60, go_on=False).bad == []
