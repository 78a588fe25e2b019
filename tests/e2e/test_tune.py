"""``vecsearch tune``, as its users call it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vecsearch import Collection

Command = Callable[..., subprocess.CompletedProcess[str]]
LOOK: dict[str, Any] = {"encoder": "pca", "dim": 16, "size": (28, 28), "color": "grey"}


@pytest.fixture(scope="module")
def index(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune") / "index"
    Collection.build(sample / "train", folder, **LOOK)
    return folder


def test_tune_and_search(vecsearch: Command, index: Path, sample: Path, tmp_path: Path) -> None:
    picture, query = tmp_path / "tuned.png", next((sample / "test" / "bag").iterdir())
    asked = ("--recall", "0.8", "--latency-ms", "1000", "--kind", "IVF16,Flat", "--plot", picture)
    run = vecsearch("tune", index, *asked)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["chosen"]["interval"][0] >= 0.8
    assert {one["kind"] for one in found["measured"]} <= {"IVF16,Flat", "exact"}
    assert "is now how" in run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert Collection.open(index).info()["index"] == found["chosen"]["kind"]
    run = vecsearch("query", index, query, "--exact", "--recall", "0.9")
    assert run.returncode == 2
    assert "--exact finds all of the nearest" in run.stderr


def test_another_recall(vecsearch: Command, sample: Path, tmp_path: Path) -> None:
    index, query = tmp_path / "index", next((sample / "test" / "bag").iterdir())
    Collection.build(sample / "train", index, index="IVF16,Flat", **LOOK)
    run = vecsearch("query", index, query, "--recall", "0.9")
    assert run.returncode == 0, run.stderr  # it was measured when it was made
    assert len(json.loads(run.stdout)["hits"]) == 10


def test_what_nothing_keeps(vecsearch: Command, index: Path) -> None:
    before = Collection.open(index).info()["generation"]
    run = vecsearch("tune", index, "--latency-ms", "0.000001", "--kind", "IVF16,Flat")
    assert run.returncode == 1
    assert "Nothing that was measured keeps all that was asked for" in run.stderr
    assert f"{index} is as it was" in run.stderr
    assert Collection.open(index).info()["generation"] == before


def test_a_dry_run(vecsearch: Command, index: Path) -> None:
    before = Collection.open(index).info()["generation"]
    run = vecsearch("tune", index, "--dry-run", "--kind", "IVF16,Flat", "--format", "table")
    assert run.returncode == 0, run.stderr
    assert "would be chosen" in run.stderr
    assert Collection.open(index).info()["generation"] == before
    assert max(map(len, run.stdout.splitlines())) <= 80
