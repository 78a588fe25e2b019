"""Collections that earlier versions wrote open as ever and answer the same."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import PHOTOS, PROJECT

from vecsearch import Collection, verify

GOLDEN = PROJECT / "tests" / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if (path / "segments").is_dir())


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make", GOLDEN / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_one_for_every_format() -> None:
    assert VERSIONS == ["v1"]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_answers_as_it_did(version: str) -> None:
    expected = json.loads((GOLDEN / f"{version}.answers.json").read_text())
    found = maker().answers(GOLDEN / version)
    assert verify(GOLDEN / version).damages == []
    for key in ("items", "skipped", "fingerprint", "cheap"):
        assert found[key] == expected[key], key
    np.testing.assert_allclose(found["encoded"], expected["encoded"], atol=1e-4)
    for metric in ("euclidean", "cosine"):
        for ours, theirs in zip(found[metric], expected[metric], strict=True):
            assert [name for name, _ in ours] == [name for name, _ in theirs]
            np.testing.assert_allclose(
                [far for _, far in ours], [far for _, far in theirs], rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize("version", VERSIONS)
def test_it_can_be_changed(version: str, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / version, tmp_path / "index")
    collection = Collection.open(tmp_path / "index")
    before = [item.id for item in collection]
    collection.add([PHOTOS / "stray.png"], replace=True)
    collection.remove(["by hand"])
    collection.compact()
    after = [item.id for item in collection]
    added = str((PHOTOS / "stray.png").resolve())
    assert sorted(after) == sorted({*before, added} - {"by hand"})
    assert verify(tmp_path / "index").damages == []
