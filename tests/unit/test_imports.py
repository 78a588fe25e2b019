"""Nothing heavy at import, and nothing that a query does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COMMAND, PHOTOS, imported

from vecsearch import Collection

HEAVY = {"torch", "faiss", "sklearn", "scipy", "matplotlib", "onnxruntime", "loky", "rich"}


@pytest.mark.parametrize("command", [("-c", "import vecsearch"), (str(COMMAND), "--help")])
def test_nothing_heavy_at_import(command: tuple[str, ...]) -> None:
    assert not imported(*command) & (HEAVY | {"numpy", "PIL"})


def test_a_query_imports_only_what_it_needs(tmp_path: Path) -> None:
    Collection.build(PHOTOS, tmp_path / "index", size=(8, 8), dim=3)
    names = imported(str(COMMAND), "query", str(tmp_path / "index"), str(PHOTOS / "stray.png"))
    assert {"numpy", "faiss", "PIL", "safetensors"} <= names
    assert not names & (HEAVY - {"faiss"})


def test_a_script_needs_no_main_guard(tmp_path: Path, small: Path) -> None:
    """Worker processes must not run the caller's script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, json, vecsearch, vecsearch.images.reading as reading\n"
        "reading.FEW_FILES = 0\n"
        "photos = vecsearch.Collection.build(sys.argv[1], sys.argv[2], size=(4, 4), jobs=2)\n"
        "print(json.dumps([item.id for item in photos]))\n"
    )
    run = subprocess.run(
        [sys.executable, str(script), str(small / "train"), str(tmp_path / "index")],
        capture_output=True,
        text=True,
        check=True,
    )
    ids = json.loads(run.stdout)
    assert len(ids) == 30
    assert ids == sorted(ids)
