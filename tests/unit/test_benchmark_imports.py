"""Benchmarks take hours, so that no test runs them; what they import is there all the same."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_benchmark_takes_from_vecsearch_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vecsearch"):
            module = importlib.import_module(str(node.module))
            for name in node.names:
                own = f"{node.module}.{name.name}"
                assert hasattr(module, name.name) or importlib.util.find_spec(own), own
