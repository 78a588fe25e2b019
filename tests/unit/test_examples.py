"""Every example in a docstring runs, and gives what it says."""

import doctest
import importlib
import pkgutil
from inspect import isfunction
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT

import vecsearch

MODULES = ["vecsearch"] + [
    found.name for found in pkgutil.walk_packages(vecsearch.__path__, "vecsearch.")
]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    module = importlib.import_module(name)
    names = {"np": np, "Path": Path, "tmp": tmp_path}
    failed, _ = doctest.testmod(module, extraglobs=names, optionflags=FLAGS)
    assert failed == 0


def test_all_public_names_resolve() -> None:
    for name in vecsearch.__all__:
        assert getattr(vecsearch, name).__name__ == name
    assert dir(vecsearch) == sorted(vecsearch.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vecsearch.nothing


def test_all_public_functions_and_classes_have_an_explanation() -> None:
    for name in vecsearch.__all__:
        assert len(getattr(vecsearch, name).__doc__ or "") > 20, name


def test_all_public_functions_have_an_example() -> None:
    functions = [name for name in vecsearch.__all__ if isfunction(getattr(vecsearch, name))]
    assert len(functions) > 40
    assert not [name for name in functions if ">>> " not in getattr(vecsearch, name).__doc__]
