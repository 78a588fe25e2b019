"""The installed command on collections that change: what it prints, says, and exits with."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import expected, held, paint, painted, state, vector

from vecsearch import Collection

Command = Callable[..., subprocess.CompletedProcess[str]]
SEEDS = {"a/1.png": 1, "a/2.png": 2, "b/1.png": 3, "b/2.png": 4}
KEYS = [
    "indexed", "added", "changed", "renamed", "relabelled", "removed", "skipped", "dim", "metric",
    "encoder", "seconds",
]  # fmt: skip


def answer(run: subprocess.CompletedProcess[str], **counts: Any) -> dict[str, Any]:
    """What was printed, with its keys in order, and with these values; all other counts are 0."""
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)
    assert list(told) == KEYS
    zeros = dict.fromkeys(KEYS[1:7], 0)
    usual = {"dim": 16, "metric": "euclidean", "encoder": "pixels"}
    assert 0 <= told["seconds"] < 60
    assert told == {**zeros, **usual, "seconds": told["seconds"], **counts}
    return told


def failed(run: subprocess.CompletedProcess[str], code: int) -> str:
    assert (run.returncode, run.stdout) == (code, ""), run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith(("Error: ", "Usage: "))
    return run.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return painted(tmp_path / "photos", SEEDS)


@pytest.fixture
def index(root: Path, tmp_path: Path) -> Path:
    Collection.build(root, tmp_path / "index", encoder="pixels", size=(4, 4), color="grey", jobs=1)
    return tmp_path / "index"


def test_update(vecsearch: Command, root: Path, index: Path) -> None:
    answer(vecsearch("update", index), indexed=4)
    paint(root / "c/new.png", 5)
    paint(root / "a/1.png", 6)
    (root / "a/2.png").rename(root / "b/z.png")
    (root / "b/1.png").unlink()
    (root / "b/bad.png").write_bytes(b"bad")
    before = state(index)
    dry = vecsearch("update", index, "--dry-run")
    # Whether a new file can be read is known only once it was.
    answer(dry, indexed=5, added=2, changed=1, renamed=1, removed=1)
    lines = dry.stderr.splitlines()
    assert lines[0] == "Nothing was changed; this would be done:"
    assert sorted(lines[1:]) == [
        "  * a/1.png", "  + b/bad.png", "  + c/new.png", "  - b/1.png", "  a/2.png → b/z.png",
    ]  # fmt: skip
    assert state(index) == before
    run = vecsearch("update", index)
    answer(run, indexed=4, added=1, changed=1, renamed=1, removed=1, skipped=1)
    assert f"Skipped 1:\n  {root / 'b/bad.png'}: not an image" in run.stderr
    assert "  a/2.png → b/z.png\n" in run.stderr
    now = {"a/1.png": 6, "b/z.png": 2, "b/2.png": 4, "c/new.png": 5}
    assert held(Collection.open(index)) == expected(now)
    strict = vecsearch("update", index, "--strict")
    assert strict.returncode == 3
    assert json.loads(strict.stdout)["skipped"] == 1
    assert strict.stderr.endswith("Error: 1 files were skipped.\n")
    quiet = vecsearch("update", index, "--quiet")
    answer(quiet, indexed=4, skipped=1)
    assert quiet.stderr == ""
    table = vecsearch("update", index, "--format", "table")
    assert all(key in table.stdout for key in ("indexed", "skipped", "pixels"))


def test_update_of_another_place_with_other_labels_and_anew(
    vecsearch: Command, root: Path, index: Path, tmp_path: Path
) -> None:
    root.rename(tmp_path / "moved")
    assert "Cannot read the folder" in failed(vecsearch("update", index), 2)
    answer(vecsearch("update", index, tmp_path / "moved"), indexed=4)
    (tmp_path / "labels.csv").write_text("path,label\na/1.png,x\na/2.png,a\n")
    run = vecsearch("update", index, "--labels", tmp_path / "labels.csv")
    answer(run, indexed=4, relabelled=3)
    assert sorted(run.stderr.splitlines()) == ["  # a/1.png", "  # b/1.png", "  # b/2.png"]
    (tmp_path / "more.csv").write_text("path,n\na/1.png,1\n")
    answer(vecsearch("update", index, "--metadata", tmp_path / "more.csv"), indexed=4, relabelled=1)
    answer(vecsearch("update", index, "--refit"), indexed=4, changed=4)
    item = Collection.open(index).get("a/1.png")
    assert (item.label, item.metadata) == ("x", {"n": 1})
    said = failed(vecsearch("update", index, "--refit", "--dry-run"), 2)
    assert "there is nothing to try out" in said
    shutil.rmtree(tmp_path / "moved")
    (tmp_path / "moved").mkdir()
    assert "There are no images in" in failed(vecsearch("update", index), 2)
    assert len(Collection.open(index)) == 4
    assert "There is no collection at" in failed(vecsearch("update", tmp_path / "nowhere"), 1)


def test_add(vecsearch: Command, root: Path, index: Path, tmp_path: Path) -> None:
    outside = painted(tmp_path / "outside", {"x/1.png": 10, "x/2.png": 11, "3.png": 12})
    paint(root / "c/1.png", 13)
    run = vecsearch("add", index, root / "c", outside / "3.png")
    answer(run, indexed=6, added=2)
    assert run.stderr.splitlines() == ["  + c/1.png", f"  + {outside / '3.png'}"]
    options = ["--label", "dress", "-m", "price=30", "--meta", "code=007", "-m", "text=a=b"]
    listed = f"{outside / 'x/1.png'}\r\n\n{outside / 'x/2.png'}\n"
    answer(vecsearch("add", index, "-", *options, stdin=listed), indexed=8, added=2)
    found = held(Collection.open(index))
    more = {"price": 30, "code": "007", "text": "a=b"}
    assert found["c/1.png"] == ("c", {}, vector(13).tolist())
    for number, seed in ((1, 10), (2, 11)):
        name = (outside / f"x/{number}.png").as_posix()
        assert found[name] == ("dress", more, vector(seed).tolist())
    before = state(index)
    said = failed(vecsearch("add", index, root / "c/1.png"), 2)
    assert "'c/1.png' is in the collection already" in said
    said = failed(vecsearch("add", index, root / "c/1.png", outside / "nowhere.png"), 2)
    assert f"There is no file '{outside / 'nowhere.png'}'. Nothing was added" in said
    twice = vecsearch("add", index, root / "c/1.png", "-m", "a=1", "-m", "a=2")
    assert "--meta names a twice" in failed(twice, 2)
    assert "is not KEY=VALUE" in failed(vecsearch("add", index, root / "c/1.png", "-m", "x"), 2)
    assert "Missing argument 'PATH...'" in failed(vecsearch("add", index), 2)
    assert state(index) == before
    paint(root / "c/1.png", 14)
    (outside / "bad.png").write_bytes(b"bad")
    run = vecsearch("add", index, root / "c/1.png", outside / "bad.png", "--replace")
    answer(run, indexed=8, changed=1, skipped=1)
    assert "bad.png: not an image" in run.stderr
    assert held(Collection.open(index))["c/1.png"][2] == vector(14).tolist()
    answer(vecsearch("update", index), indexed=8)


def test_remove(vecsearch: Command, index: Path) -> None:
    before = state(index)
    said = failed(vecsearch("remove", index, "a/1.png", "nobody", "no one"), 2)
    assert "There is no item 'nobody', 'no one' in" in said
    assert said.endswith("Nothing was removed.\n")
    assert state(index) == before
    run = vecsearch("remove", index, "-", "a/1.png", stdin="b/1.png\na/1.png\n")
    answer(run, indexed=2, removed=2)
    assert run.stderr.splitlines() == ["  - b/1.png", "  - a/1.png"]
    assert held(Collection.open(index)) == expected({"a/2.png": 2, "b/2.png": 4})
    answer(vecsearch("remove", index, "-", stdin=""), indexed=2)
    answer(vecsearch("update", index), indexed=4, added=2)
    answer(vecsearch("remove", index, *SEEDS), indexed=0, removed=4)
    assert json.loads(vecsearch("info", index).stdout)["items"] == 0


def test_names_that_are_no_text(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    """Bytes that no encoding has, as a file system allows them and a shell passes them on."""
    said = failed(vecsearch("remove", index, "a/\udcff.png"), 2)
    assert "There is no item" in said
    strange = tmp_path / "\udcff.png"
    paint(tmp_path / "fine.png", 9)
    shutil.copyfile(tmp_path / "fine.png", strange)
    assert "UTF-8" in failed(vecsearch("add", index, strange), 2)
    assert "a/\udcff.png" not in Collection.open(index)


def test_compact(vecsearch: Command, tmp_path: Path) -> None:
    things = Collection.from_vectors(np.eye(50), path=tmp_path / "index")
    things.remove(["3", "4"])
    things.add_vectors(np.ones((1, 50)), ["new"])
    run = vecsearch("compact", tmp_path / "index")
    assert run.returncode == 0
    told = json.loads(run.stdout)
    assert list(told) == [
        "indexed", "segments_before", "segments", "dead_before", "dead", "seconds",
    ]  # fmt: skip
    assert {**told, "seconds": 0} == {
        "indexed": 49, "segments_before": 2, "segments": 1, "dead_before": 2, "dead": 0,
        "seconds": 0,
    }  # fmt: skip
    again = json.loads(vecsearch("compact", tmp_path / "index").stdout)
    assert (again["segments_before"], again["segments"], again["dead"]) == (1, 1, 0)
    assert "There is no collection" in failed(vecsearch("compact", tmp_path / "nowhere"), 1)


def test_repair(vecsearch: Command, index: Path) -> None:
    run = vecsearch("repair", index)
    assert json.loads(run.stdout) == {"items": 4, "encoded": 0, "lost": 0, "notes": []}
    assert (run.returncode, run.stderr) == (0, "Nothing was damaged.\n")
    (vectors,) = (path for path in index.glob("segments/*.npy") if "offsets" not in path.name)
    vectors.write_bytes(vectors.read_bytes()[:-4] + b"oops")
    assert vecsearch("verify", index).returncode == 1
    run = vecsearch("repair", index)
    told = json.loads(run.stdout)
    assert list(told) == ["items", "encoded", "lost", "notes"]
    assert (told["items"], told["encoded"], told["lost"]) == (4, 4, 0)
    assert len(told["notes"]) == 1
    assert f"{vectors.name} is damaged" in run.stderr
    assert vecsearch("verify", index).returncode == 0
    assert held(Collection.open(index)) == expected(SEEDS)
    (index / "manifest-000001.json").unlink()
    (index / "manifest-000002.json").write_text("{}")
    assert "There is no other manifest" in failed(vecsearch("repair", index), 1)


def test_export_and_import(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    for suffix in ("csv", "npz", "parquet"):
        out = tmp_path / f"photos.{suffix}"
        run = vecsearch("export", index, "-o", out)
        assert (run.returncode, run.stderr) == (0, "")
        told = json.loads(run.stdout)
        assert list(told) == ["items", "dim", "file"]
        assert told == {"items": 4, "dim": 16, "file": str(out)}
        assert out.stat().st_size > 100
    said = failed(vecsearch("export", index, "-o", tmp_path / "photos.txt"), 2)
    assert "photos.txt ends in none of .csv, .npz, .parquet" in said
    with np.load(tmp_path / "photos.npz") as found:
        np.save(tmp_path / "v.npy", found["vectors"])
    place = tmp_path / "imported"
    run = vecsearch("import", tmp_path / "v.npy", "-o", place, "--items", tmp_path / "photos.csv")
    answer(run, indexed=4, added=4, encoder=None)
    assert held(Collection.open(place)) == expected(SEEDS)
    again = ["import", tmp_path / "v.npy", "-o", place]
    assert "ask to overwrite it (--overwrite)" in failed(vecsearch(*again), 1)
    said = failed(vecsearch(*again, "--append"), 2)
    assert "need ids: name their items" in said
    said = failed(vecsearch(*again, "--append", "--metric", "cosine"), 2)
    assert "--append takes none of --overwrite, --metric" in said
    (tmp_path / "items.jsonl").write_text(
        "".join(json.dumps({"id": f"new {n}", "n": n}) + "\n" for n in range(4))
    )
    run = vecsearch(*again, "--append", "--items", tmp_path / "items.jsonl")
    answer(run, indexed=8, added=4, encoder=None)
    run = vecsearch(*again, "--append", "--items", tmp_path / "items.jsonl")
    assert "'new 0', 'new 1', 'new 2', 'new 3' are in the collection already" in failed(run, 2)
    run = vecsearch(*again, "--overwrite", "--metric", "cosine")
    answer(run, indexed=4, added=4, encoder=None, metric="cosine")
    (tmp_path / "v.npy").write_bytes(b"x")
    assert "is no .npy file of numbers" in failed(vecsearch(*again, "--overwrite"), 2)
    assert len(Collection.open(place)) == 4
