"""What doctor says of an installation."""

import re
import tomllib

import pytest
from conftest import PROJECT

import vecsearch
from vecsearch.doctor import clash_of

PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def names(bounds: list[str]) -> set[str]:
    found = {re.split(r"[<>=\[]", bound)[0] for bound in bounds}
    return found - {"vecsearch"}


@pytest.fixture(scope="module")
def told() -> dict[str, object]:
    return vecsearch.diagnose()


def test_it_names_every_package_of_the_core_and_of_every_extra(told: dict[str, object]) -> None:
    packages, extras = told["packages"], told["extras"]
    assert isinstance(packages, dict)
    assert isinstance(extras, dict)
    assert set(packages) == {"vecsearch", *names(PROJECT_TABLE["dependencies"])}
    assert None not in packages.values()
    for extra, bounds in PROJECT_TABLE["optional-dependencies"].items():
        if extra in ("all", "dev", "docs", "release"):
            assert extra not in extras
        else:
            assert set(extras[extra]) == names(bounds)


def test_it_knows_the_processor_and_faiss_agrees_with_numpy(told: dict[str, object]) -> None:
    assert told["cpu"]
    assert told["problems"] == []
    assert any("of faiss-cpu" in one for one in told["openmp"])  # type: ignore[attr-defined]


def test_a_torch_that_is_broken_is_a_problem_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("libcudart.so: cannot open shared object file")

    monkeypatch.setattr("vecsearch.doctor._gpu", broken)
    told = vecsearch.diagnose()
    assert told["gpu"] is None
    assert "cannot be imported: libcudart.so" in str(told["problems"])


@pytest.mark.parametrize(
    ("libraries", "clashes"),
    [
        ([], False),
        (["libgomp", "libgomp", "libgomp"], False),
        (["libomp"], False),
        (["libomp", "libomp"], True),
        (["libgomp", "libomp"], True),
        (["libgomp", "libiomp5"], True),
    ],
)
def test_which_openmp_libraries_clash(libraries: list[str], clashes: bool) -> None:
    said = clash_of([(f"package{row}", one) for row, one in enumerate(libraries)])
    assert bool(said) == clashes
    if clashes:
        assert "libomp of package" in said or "libiomp5 of package" in said
        assert "install torch, FAISS and scikit-learn from one source" in said
