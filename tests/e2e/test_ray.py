"""The real command on a Ray of this machine: two workers, and the answer of a local build."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS, PROJECT

from vecsearch import Collection, verify

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
