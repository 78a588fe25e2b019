"""What update owes: each kind of change is told from the others, and costs only what it must."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import (
    PIXELS,
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
from PIL import Image

from vecsearch import Collection, InvalidArgument, verify

SEEDS = seeds_of(6)
KINDS = ("added", "changed", "renamed", "relabelled", "removed")


@pytest.fixture
def photos(tmp_path: Path) -> Collection:
    """Twelve images of two classes."""
    return Collection.build(painted(tmp_path / "photos", SEEDS), tmp_path / "index", **PIXELS)


def root_of(collection: Collection) -> Path:
    assert collection.root is not None
    return collection.root


def told(changes: Any) -> dict[str, list[Any]]:
    """What was told of changes, without kinds that there were none of."""
    return {kind: list(value) for kind in KINDS if (value := getattr(changes, kind))}


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)
    touch(target)


def move(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    source.rename(target)


def swap(one: Path, other: Path) -> None:
    one.rename(one.with_name("between"))
    other.rename(one)
    one.with_name("between").rename(other)


def break_it(path: Path) -> None:
    path.write_bytes(b"bad")
    touch(path)


# What is done to the folder; what must be told; what is decoded; and what the folder holds then,
# None for what it does not hold any more.
CASES: dict[str, tuple[Callable[[Path], None], dict[str, Any], list[str], dict[str, int | None]]]
CASES = {
    "nothing": (lambda _: None, {}, [], {}),
    "new": (
        lambda root: paint(root / "c/new.png", 90),
        {"added": ["c/new.png"]}, ["c/new.png"], {"c/new.png": 90},
    ),
    "changed": (
        lambda root: paint(root / "a/1.png", 91),
        {"changed": ["a/1.png"]}, ["a/1.png"], {"a/1.png": 91},
    ),
    "touched": (lambda root: touch(root / "a/1.png"), {}, [], {}),
    "renamed": (
        lambda root: move(root / "a/1.png", root / "a/z.png"),
        {"renamed": [("a/1.png", "a/z.png")]}, [], {"a/1.png": None, "a/z.png": 1},
    ),
    "renamed and touched": (
        lambda root: (move(root / "a/1.png", root / "a/z.png"), touch(root / "a/z.png"))[0],
        {"renamed": [("a/1.png", "a/z.png")]}, [], {"a/1.png": None, "a/z.png": 1},
    ),
    "moved to another class": (
        lambda root: move(root / "a/1.png", root / "b/z.png"),
        {"renamed": [("a/1.png", "b/z.png")]}, [], {"a/1.png": None, "b/z.png": 1},
    ),
    "moved out of all classes": (
        lambda root: move(root / "a/1.png", root / "z.png"),
        {"renamed": [("a/1.png", "z.png")]}, [], {"a/1.png": None, "z.png": 1},
    ),
    "copied, and the first deleted": (
        lambda root: (copy(root / "a/1.png", root / "c/1.png"), (root / "a/1.png").unlink())[0],
        {"renamed": [("a/1.png", "c/1.png")]}, [], {"a/1.png": None, "c/1.png": 1},
    ),
    "copied twice, and the first deleted": (
        lambda root: (
            copy(root / "a/1.png", root / "c/1.png"),
            copy(root / "a/1.png", root / "c/2.png"),
            (root / "a/1.png").unlink(),
        )[0],
        {"added": ["c/2.png"], "renamed": [("a/1.png", "c/1.png")]},
        ["c/2.png"],
        {"a/1.png": None, "c/1.png": 1, "c/2.png": 1},
    ),
    "copied": (
        lambda root: copy(root / "a/1.png", root / "c/1.png"),
        {"added": ["c/1.png"]}, ["c/1.png"], {"c/1.png": 1},
    ),
    "deleted": (
        lambda root: (root / "a/1.png").unlink(), {"removed": ["a/1.png"]}, [], {"a/1.png": None},
    ),
    "a class deleted": (
        lambda root: shutil.rmtree(root / "a"),
        {"removed": [f"a/{number}.png" for number in range(6)]}, [],
        {f"a/{number}.png": None for number in range(6)},
    ),
    "swapped": (
        lambda root: swap(root / "a/1.png", root / "b/2.png"),
        {"changed": ["a/1.png", "b/2.png"]}, ["a/1.png", "b/2.png"],
        {"a/1.png": 8, "b/2.png": 1},
    ),
    "renamed over another": (
        lambda root: (root / "a/1.png").rename(root / "b/2.png") and None,
        {"changed": ["b/2.png"], "removed": ["a/1.png"]}, ["b/2.png"],
        {"a/1.png": None, "b/2.png": 1},
    ),
    "all together": (
        lambda root: (
            paint(root / "c/new.png", 90), paint(root / "a/0.png", 91), touch(root / "a/1.png"),
            move(root / "a/2.png", root / "c/2.png"), (root / "a/3.png").unlink(),
            swap(root / "a/4.png", root / "b/4.png"),
        )[0],
        {
            "added": ["c/new.png"], "changed": ["a/0.png", "a/4.png", "b/4.png"],
            "renamed": [("a/2.png", "c/2.png")], "removed": ["a/3.png"],
        },
        ["a/0.png", "a/4.png", "b/4.png", "c/new.png"],
        {
            "c/new.png": 90, "a/0.png": 91, "a/2.png": None, "c/2.png": 2, "a/3.png": None,
            "a/4.png": 10, "b/4.png": 4,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_change(
    photos: Collection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    act, wanted, to_decode, contents = CASES[name]
    act(root_of(photos))
    decoded = watch(monkeypatch)
    before = state(photos.path)
    dry = photos.update(dry_run=True)
    assert state(photos.path) == before
    assert decoded == []
    changes = photos.update(jobs=1)
    assert told(changes) == told(dry) == wanted
    assert changes == dry
    assert decoded == to_decode
    seeds = {path: seed for path, seed in {**SEEDS, **contents}.items() if seed is not None}
    assert changes.indexed == len(photos) == len(seeds)
    assert held(photos) == held(Collection.open(photos.path)) == expected(seeds)
    assert verify(photos.path).damages == []
    if name == "nothing":
        assert state(photos.path) == before
    after = state(photos.path)
    assert told(photos.update()) == {}
    assert state(photos.path) == after
    assert decoded == to_decode


def test_a_renamed_file_keeps_its_vector_bit_for_bit(tmp_path: Path) -> None:
    """Even one that encoding anew would give only up to rounding, or not at all."""
    root = painted(tmp_path / "photos", SEEDS)
    photos = Collection.build(root, tmp_path / "index", dim=3, size=(4, 4), jobs=1)
    fingerprint, before = photos.encoder.fingerprint, photos.vectors().copy()
    ids = [item.id for item in photos]
    move(root / "a/1.png", root / "c/1.png")
    paint(root / "c/new.png", 90)
    photos.update(jobs=1)
    after = photos.vectors([name.replace("a/1.png", "c/1.png") for name in ids])
    np.testing.assert_array_equal(after, before)
    assert photos.encoder.fingerprint == fingerprint
    assert Collection.open(tmp_path / "index").encoder.fingerprint == fingerprint
    new = photos.encode([root / "c/new.png"])
    np.testing.assert_array_equal(photos.vectors(["c/new.png"]), new)


def test_a_file_that_breaks_and_is_mended(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = root_of(photos)
    decoded = watch(monkeypatch)
    break_it(root / "a/1.png")
    dry = photos.update(dry_run=True)
    assert told(dry) == {"changed": ["a/1.png"]}  # it is not known yet that it cannot be read
    changes = photos.update(jobs=1)
    assert told(changes) == {"removed": ["a/1.png"]}
    assert [(one.path, one.reason[:12]) for one in changes.skipped] == [
        (root / "a/1.png", "not an image")
    ]
    assert [one.path for one in photos.skipped] == [root / "a/1.png"]
    assert held(photos) == expected({path: SEEDS[path] for path in SEEDS if path != "a/1.png"})
    assert decoded == ["a/1.png"]
    again = photos.update(jobs=1)
    assert told(again) == {}
    assert [one.path for one in photos.skipped] == [root / "a/1.png"]
    assert list(again.skipped) == list(changes.skipped)
    assert decoded == ["a/1.png"]  # not tried again
    assert list(photos.update(refit=True, jobs=1).skipped) == list(changes.skipped)
    decoded.clear()
    paint(root / "a/1.png", 1)
    assert told(photos.update(jobs=1)) == {"added": ["a/1.png"]}
    assert decoded == ["a/1.png"]
    assert photos.skipped == []
    assert held(photos) == expected(SEEDS)


def test_what_a_build_skipped_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken files, and under cosine black ones; each as long as it is as it was."""
    root = painted(tmp_path / "photos", SEEDS)
    break_it(root / "a/bad.png")
    Image.new("L", (4, 4), 0).save(root / "a/black.png")
    photos = Collection.build(root, tmp_path / "index", metric="cosine", **PIXELS)
    names = ["a/bad.png", "a/black.png"]
    assert [one.path for one in photos.skipped] == [root / name for name in names]
    decoded = watch(monkeypatch)
    before = state(photos.path)
    changes = photos.update(jobs=1)
    assert [one.path for one in changes.skipped] == [root / name for name in names]
    assert decoded == []
    assert state(photos.path) == before
    move(root / "a/bad.png", root / "a/worse.png")
    touch(root / "a/black.png")
    photos.update(jobs=1)
    assert decoded == ["a/black.png", "a/worse.png"]
    assert [one.path.name for one in photos.skipped] == ["black.png", "worse.png"]


@pytest.mark.parametrize("what", ["gone", "empty", "a file", "nothing but text"])
def test_a_folder_without_images_loses_nothing(photos: Collection, what: str) -> None:
    root = root_of(photos)
    shutil.rmtree(root)
    if what == "a file":
        root.write_text("x")
    elif what != "gone":
        root.mkdir()
    if what == "nothing but text":
        (root / "notes.txt").write_text("x")
    before = state(photos.path)
    for options in ({}, {"dry_run": True}, {"refit": True}):
        said = "Cannot read the folder" if what in ("gone", "a file") else "There are no images"
        with pytest.raises(InvalidArgument, match=said):
            photos.update(jobs=1, **options)
    assert state(photos.path) == before
    assert held(photos) == expected(SEEDS)


@pytest.mark.parametrize("call", ["scandir", "stat"])
def test_a_folder_that_cannot_be_read_keeps_its_items(
    photos: Collection, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Refused by the system, as permissions do and as a network drive does that has gone."""
    root = root_of(photos)
    paint(root / "a/new.png", 90)
    real = getattr(os, call)
    closed, refused = root / "b", []

    def refuse(path: Any, *arguments: Any, **options: Any) -> Any:
        place = None if isinstance(path, int) else Path(os.fspath(path))
        if place is not None and closed in (place if call == "scandir" else place.parent,):
            refused.append(place)
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        changes = photos.update(jobs=1)
    assert refused
    assert told(changes) == {"added": ["a/new.png"]}
    assert held(photos) == expected({**SEEDS, "a/new.png": 90})
    if call == "scandir":  # the folder is one thing that is left out, not six
        (skipped,) = photos.skipped
        assert (skipped.path, skipped.reason) == (
            closed, "folder cannot be opened: Permission denied",
        )  # fmt: skip
    assert told(photos.update()) == {}
    assert photos.skipped == []


def test_fitting_anew_without_a_folder_that_cannot_be_read_is_refused(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its images cannot be encoded anew; they have not gone, either."""
    closed, real = root_of(photos) / "b", os.scandir

    def refuse(path: Any) -> Any:
        if not isinstance(path, int) and Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        with pytest.raises(InvalidArgument, match="cannot be opened"):
            photos.update(refit=True, jobs=1)
    assert held(Collection.open(photos.path)) == expected(SEEDS)


def test_a_folder_that_has_moved(photos: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    root = root_of(photos)
    target = root.with_name("pictures")
    root.rename(target)
    decoded = watch(monkeypatch)
    assert told(photos.update(target, jobs=1)) == {}
    assert photos.root == target
    assert {item.path for item in photos} == {target / path for path in SEEDS}
    shutil.copytree(target, root, copy_function=shutil.copyfile)  # all dates are new
    assert told(photos.update(root, jobs=1)) == {}
    assert decoded == []
    assert photos.root == root
    paint(root / "c/new.png", 90)
    assert told(photos.update(jobs=1)) == {"added": ["c/new.png"]}
    assert held(photos) == expected({**SEEDS, "c/new.png": 90})
    np.testing.assert_array_equal(photos.encode([pixels(90)]), [vector(90)])
