"""What an interrupted build or update owes: it goes on, and no file is decoded twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import PIXELS, expected, held, paint, painted, seeds_of, state, touch, watch

from vecsearch import Collection, CollectionNotFound, InvalidArgument, verify
from vecsearch.store import draft

SEEDS = seeds_of(10)
ORDER = sorted(SEEDS)
BATCH = 8  # this many files are decoded at a time where there are few
PCA: dict[str, Any] = {"encoder": "pca", "dim": 3, "size": (4, 4), "jobs": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return painted(tmp_path / "photos", SEEDS)


def interrupted(root: Path, index: Path, batches: int, **options: Any) -> None:
    """A build that is interrupted once some batches were decoded."""
    with pytest.MonkeyPatch.context() as patch:
        decoded = watch(patch, stop_after=batches)
        with pytest.raises(KeyboardInterrupt):
            Collection.build(root, index, **options)
    assert len(decoded) <= batches * BATCH
    with pytest.raises(CollectionNotFound, match="run the same command again, and it goes on"):
        Collection.open(index)


@pytest.mark.parametrize("options", [PIXELS, PCA], ids=["pixels", "pca"])
def test_no_file_is_decoded_twice(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    whole = Collection.build(root, tmp_path / "whole", **options)
    interrupted(root, tmp_path / "index", 1, **options)
    interrupted(root, tmp_path / "index", 1, **options)
    decoded = watch(monkeypatch)
    resumed = Collection.build(root, tmp_path / "index", **options)
    assert decoded == ORDER[2 * BATCH :]
    assert [item.id for item in resumed] == [item.id for item in whole] == ORDER
    np.testing.assert_array_equal(resumed.vectors(), whole.vectors())
    assert resumed.encoder.fingerprint == whole.encoder.fingerprint
    assert not (tmp_path / "index" / "draft").exists()
    assert verify(tmp_path / "index").damages == []


def break_it(path: Path) -> None:
    path.write_bytes(b"bad")
    touch(path)


# What happens to the folder between the two runs, sixteen files of which were decoded; how many of
# those need not be again; and what the folder holds then.
BETWEEN: dict[str, tuple[Callable[[Path], object], int, dict[str, int | None]]]
BETWEEN = {
    "changed": (lambda root: paint(root / ORDER[9], 90), BATCH, {ORDER[9]: 90}),
    "changed first": (lambda root: paint(root / ORDER[0], 90), 0, {ORDER[0]: 90}),
    "changed, not yet decoded": (
        lambda root: paint(root / ORDER[18], 90), 2 * BATCH, {ORDER[18]: 90},
    ),
    "deleted": (lambda root: (root / ORDER[9]).unlink(), BATCH, {ORDER[9]: None}),
    "deleted, not yet decoded": (
        lambda root: (root / ORDER[18]).unlink(), 2 * BATCH, {ORDER[18]: None},
    ),
    "renamed": (
        lambda root: (root / ORDER[9]).rename(root / "z.png"), BATCH, {ORDER[9]: None, "z.png": 9},
    ),
    "broken": (lambda root: break_it(root / ORDER[9]), BATCH, {ORDER[9]: None}),
    "new, before all others": (lambda root: paint(root / "0.png", 90), 2 * BATCH, {"0.png": 90}),
}  # fmt: skip


@pytest.mark.parametrize("what", BETWEEN)
@pytest.mark.parametrize("encoder", ["pixels", "pca"])
def test_a_folder_that_changes_in_between(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, encoder: str
) -> None:
    options = PIXELS if encoder == "pixels" else PCA
    act, kept, contents = BETWEEN[what]
    interrupted(root, tmp_path / "index", 2, **options)
    act(root)
    decoded = watch(monkeypatch)
    resumed = Collection.build(root, tmp_path / "index", **options)
    seeds = {path: seed for path, seed in {**SEEDS, **contents}.items() if seed is not None}
    unreadable = {ORDER[9]} if what == "broken" else set()
    assert sorted(decoded) == sorted({*seeds, *unreadable} - set(ORDER[:kept]))
    assert {one.path for one in resumed.skipped} == {root / path for path in unreadable}
    if encoder == "pixels":
        assert held(resumed) == expected(seeds)
    else:
        found, fresh = held(resumed), held(Collection.build(root, tmp_path / "fresh", **options))
        assert found.keys() == fresh.keys() == seeds.keys()
        for name, (label, _, row) in found.items():
            assert (label, fresh[name][0]) == (name[0] if "/" in name else None,) * 2
            # A file that is new comes last, and the last digits of an axis depend on the order.
            np.testing.assert_allclose(row, fresh[name][2], atol=1e-3)


def test_a_broken_file_that_is_mended_in_between(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(root / ORDER[9])
    interrupted(root, tmp_path / "index", 2, **PIXELS)
    paint(root / ORDER[9], 90)
    decoded = watch(monkeypatch)
    resumed = Collection.build(root, tmp_path / "index", **PIXELS)
    assert decoded == ORDER[BATCH:]
    assert resumed.skipped == []
    assert held(resumed) == expected({**SEEDS, ORDER[9]: 90})


@pytest.mark.parametrize(
    ("begun", "other"),
    [
        (PIXELS, {"size": (5, 4)}),
        (PIXELS, {"color": "rgb"}),
        (PIXELS, {"fit": "pad"}),
        (PIXELS, {"metric": "cosine"}),
        (PIXELS, PCA),
        (PCA, {"seed": 1}),
        (PCA, {"dim": 2}),
    ],
)
def test_other_settings_start_anew(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begun: dict[str, Any],
    other: dict[str, Any],
) -> None:
    interrupted(root, tmp_path / "index", 2, **begun)
    options = {**begun, **other}
    decoded = watch(monkeypatch)
    anew = Collection.build(root, tmp_path / "index", **options)
    assert decoded == ORDER
    whole = Collection.build(root, tmp_path / "whole", **options)
    np.testing.assert_array_equal(anew.vectors(), whole.vectors())


def test_other_labels_need_no_decoding(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(root, tmp_path / "index", 2, **PIXELS)
    decoded = watch(monkeypatch)
    resumed = Collection.build(root, tmp_path / "index", labels="none", **PIXELS)
    assert decoded == ORDER[2 * BATCH :]
    assert {item.label for item in resumed} == {None}


def test_a_draft_that_a_loss_of_power_has_torn(root: Path, tmp_path: Path) -> None:
    """Cut anywhere, or with a bit of it wrong: what is left of it is right, or not used."""
    rng = np.random.default_rng(0)
    for turn in range(24):
        index = tmp_path / str(turn)
        interrupted(root, index, 2, **PIXELS)
        path = index / "draft" / ("journal", "payload", "key")[turn % 3]
        data = bytearray(path.read_bytes())
        at = int(rng.integers(len(data)))
        if turn % 2:
            data[at] ^= 1 << int(rng.integers(8))
        else:
            del data[at:]
        path.write_bytes(data)
        resumed = Collection.build(root, index, **PIXELS)
        assert held(resumed) == expected(SEEDS)
        assert [item.id for item in resumed] == ORDER


def test_a_block_is_kept_that_was_just_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, index = draft._write, tmp_path / "index"

    def written_then_interrupted(descriptor: int, data: memoryview) -> None:
        write(descriptor, data)
        if b'"files"' in bytes(data):  # the journal, and not the payload
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draft, "_write", written_then_interrupted)
        with pytest.raises(KeyboardInterrupt):
            Collection.build(root, index, **PIXELS)
    with pytest.raises(CollectionNotFound, match="run the same command again, and it goes on"):
        Collection.open(index)
    decoded = watch(monkeypatch)
    assert held(Collection.build(root, index, **PIXELS)) == expected(SEEDS)
    assert decoded == ORDER[BATCH:]


def test_a_mistake_leaves_no_draft(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="PCA finds at most"):
        Collection.build(root, tmp_path / "index", encoder="pca", dim=99, size=(4, 4), jobs=1)
    assert not (tmp_path / "index").exists()


def grown(root: Path) -> dict[str, int]:
    """Twenty more files, so that an update takes a few batches too; and one that is gone."""
    more = {f"c/{number:02}.png": 100 + number for number in range(20)}
    painted(root, {**more, ORDER[0]: 99})
    (root / ORDER[1]).unlink()
    (root / ORDER[2]).rename(root / "z.png")
    gone = ORDER[1:3]
    seeds = {path: seed for path, seed in SEEDS.items() if path not in gone}
    return {**seeds, **more, ORDER[0]: 99, "z.png": SEEDS[ORDER[2]]}


def test_an_interrupted_update_goes_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    seeds = grown(root)
    before = state(tmp_path / "index")
    with pytest.MonkeyPatch.context() as patch:
        first = watch(patch, stop_after=1)
        with pytest.raises(KeyboardInterrupt):
            photos.update(jobs=1)
    after = state(tmp_path / "index")
    assert {name: data for name, data in after.items() if not name.startswith("draft")} == before
    assert held(Collection.open(tmp_path / "index")) == expected(SEEDS)
    paint(root / "c/19.png", 200)
    second = watch(monkeypatch)
    changes = photos.update(jobs=1)
    assert [*first, *second] == [ORDER[0], *(f"c/{number:02}.png" for number in range(20))]
    assert (len(first), changes.changed, changes.renamed) == (
        BATCH, [ORDER[0]], [(ORDER[2], "z.png")],
    )  # fmt: skip
    assert (changes.removed, len(changes.added)) == ([ORDER[1]], 20)
    assert held(photos) == expected({**seeds, "c/19.png": 200})
    assert not (tmp_path / "index" / "draft").exists()


def test_an_update_that_fails_while_it_commits(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: what was encoded by then is not lost."""
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    seeds = grown(root)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vecsearch.store.writer.put_if_absent", full)
        with pytest.raises(OSError, match="No space left"):
            photos.update(jobs=1)
    assert held(Collection.open(tmp_path / "index")) == expected(SEEDS)
    photos.remove([ORDER[5]])  # to make room: no reason to forget it either
    decoded = watch(monkeypatch)
    photos.update(jobs=1)
    assert decoded == [ORDER[5]]
    assert held(photos) == expected(seeds)
    assert verify(tmp_path / "index").damages == []


def test_another_write_in_between(root: Path, tmp_path: Path) -> None:
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    seeds = grown(root)
    with pytest.MonkeyPatch.context() as patch:
        first = watch(patch, stop_after=1)
        with pytest.raises(KeyboardInterrupt):
            photos.update(jobs=1)
    photos.remove([ORDER[0], ORDER[5]])
    assert len(photos) == 18
    with pytest.MonkeyPatch.context() as patch:
        second = watch(patch)
        changes = photos.update(jobs=1)
    assert first
    assert not set(first) & set(second)
    assert {ORDER[0], ORDER[5]} <= set(changes.added)
    assert held(photos) == expected(seeds)


def test_what_was_committed_leaves_no_draft(root: Path, tmp_path: Path) -> None:
    """Also where the process ended between the two: the next write deletes it, whatever it is."""
    photos = Collection.build(root, tmp_path / "index", **PIXELS)
    seeds = grown(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vecsearch.store.writer.collect_garbage", lambda *_, **__: None)
        photos.update(jobs=1)
    assert (tmp_path / "index" / "draft").exists()
    assert held(photos) == expected(seeds)
    photos.remove([ORDER[5]])
    assert not (tmp_path / "index" / "draft").exists()
    (tmp_path / "index" / "draft").mkdir()
    (tmp_path / "index" / "draft" / "payload").touch()  # as if it had ended while it deleted
    photos.remove([ORDER[6]])
    assert not (tmp_path / "index" / "draft").exists()


def test_an_interrupted_refit_changes_nothing_and_goes_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = Collection.build(root, tmp_path / "index", **PCA)
    before = held(photos)
    seeds = grown(root)
    with pytest.MonkeyPatch.context() as patch:
        first = watch(patch, stop_after=2)
        with pytest.raises(KeyboardInterrupt):
            photos.update(refit=True, jobs=1)
    assert held(Collection.open(tmp_path / "index")) == before
    second = watch(monkeypatch)
    photos.update(refit=True, jobs=1)
    assert [*first, *second] == sorted(seeds)
    fresh = Collection.build(root, tmp_path / "fresh", **PCA)
    assert photos.encoder.fingerprint == fresh.encoder.fingerprint
    assert held(photos) == held(fresh)
