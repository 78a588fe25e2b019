"""The real command on a Ray of this machine: two workers, and the answer of a local build."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS, PROJECT

from vecsearch import Collection, verify

SHARDED = """
import sys
from vecsearch import Collection
from vecsearch.distributed import indexing
from vecsearch.distributed.on_ray import RayEngine
indexing.SHARD_NUMBERS = 4000
fill = RayEngine.fill
def told(self, shards, groups):
    print("shards:", len(groups))
    return fill(self, shards, groups)
RayEngine.fill = told
Collection.build(sys.argv[1], sys.argv[2], dim=8, size=(16, 16), index="ivf", engine="ray", jobs=2)
"""
OPTIONS: dict[str, Any] = {"encoder": "pca", "dim": 8, "size": (16, 16), "metric": "cosine"}


@pytest.mark.slow
def test_a_build_on_ray_equals_a_local_one(
    small: Path, tmp_path: Path, vecsearch: Callable[..., CompletedProcess[str]]
) -> None:
    pytest.importorskip("ray")
    shutil.copytree(small / "train", tmp_path / "photos")
    shutil.copytree(PHOTOS, tmp_path / "photos", dirs_exist_ok=True)
    (tmp_path / "photos" / "bag" / "broken.png").write_bytes(b"no image at all")
    home = tmp_path / "home"
    home.mkdir()
    # Workers import what the command imports, wherever it lies.
    environment = {"HOME": str(home), "PYTHONPATH": os.environ.get("PYTHONPATH", str(PROJECT))}
    built = vecsearch(
        "build", tmp_path / "photos", "-o", tmp_path / "index", "--encoder", "pca", "--dim", "8",
        "--size", "16x16", "--metric", "cosine", "--engine", "ray", "--jobs", "2", "--strict",
        env=environment,
    )  # fmt: skip
    assert built.returncode == 3, built.stderr  # one was skipped
    assert "core_worker" not in built.stderr
    assert "bag/broken.png" in built.stderr
    assert list(home.iterdir()) == []  # no token, no statistics

    theirs = Collection.build(tmp_path / "photos", tmp_path / "local", **OPTIONS)
    ours = Collection.open(tmp_path / "index")
    assert list(ours) == list(theirs)
    assert len(ours) == 40
    files = [[record.file for record in one.view.store.records()] for one in (ours, theirs)]
    assert files[0] == files[1]
    np.testing.assert_allclose(ours.vectors(), theirs.vectors(), atol=1e-5)
    assert ours.skipped == theirs.skipped
    assert verify(tmp_path / "index").damages == []
    counts = ours.update().counts()
    assert (counts.pop("indexed"), counts.pop("skipped"), sum(counts.values())) == (40, 1, 0)


@pytest.mark.slow
def test_an_index_whose_shards_ray_fills_is_that_of_a_local_build(
    sample: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    built = subprocess.run(
        [sys.executable, "-c", SHARDED, sample / "train", tmp_path / "index"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert int(built.stdout.split("shards:")[1]) > 2
    assert "could not" not in built.stderr
    theirs = Collection.build(
        sample / "train", tmp_path / "local", dim=8, size=(16, 16), index="ivf"
    )
    ours = Collection.open(tmp_path / "index")
    assert ours.info()["index_now"] == theirs.info()["index_now"]
    queries = theirs.vectors()[::7] + np.float32(0.01)
    found, expected = (one.query_vectors(queries, 10) for one in (ours, theirs))
    assert [[hit.item.id for hit in one] for one in found] == [
        [hit.item.id for hit in one] for one in expected
    ]


def test_an_address_where_no_ray_is(
    tmp_path: Path, vecsearch: Callable[..., CompletedProcess[str]]
) -> None:
    pytest.importorskip("ray")
    build = ("build", PHOTOS, "-o", tmp_path / "index", "--ray-address", "auto")
    wrong = vecsearch(*build)
    assert wrong.returncode == 2
    assert "--ray-address does not go with --engine local" in wrong.stderr
    lost = vecsearch(*build, "--engine", "ray", env={"RAY_ADDRESS": "no address at all"})
    assert lost.returncode == 1, lost.stderr
    assert "There is no Ray at 'auto'" in lost.stderr
    assert not (tmp_path / "index").exists()
