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
from vecsearch.store.manifest import FORMAT

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
    assert sorted(maker().RECIPES) == VERSIONS
    formats = {
        json.loads(path.read_text())["manifest"]["format"] for path in GOLDEN.glob("*/manifest-*")
    }
    assert formats == {*range(1, FORMAT + 1)}


@pytest.mark.parametrize("version", VERSIONS)
def test_it_answers_as_it_did(version: str) -> None:
    expected = json.loads((GOLDEN / f"{version}.answers.json").read_text())
    found = maker().answers(GOLDEN / version)
    assert verify(GOLDEN / version).damages == []
    assert found.keys() == expected.keys()
    for key in ("items", "skipped", "fingerprint", "cheap", "clusterings", "classified"):
        assert found.get(key) == expected.get(key), key
    if "encoded" in expected:
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
    if collection.encoder_name:
        collection.add([PHOTOS / "stray.png"], replace=True)
        added = str((PHOTOS / "stray.png").resolve())
    else:
        collection.add_vectors([[1, 2, 3]], ["added"])
        added = "added"
    collection.remove([before[0]])
    collection.compact()
    after = [item.id for item in collection]
    assert sorted(after) == sorted({*before, added} - {before[0]})
    assert verify(tmp_path / "index").damages == []
