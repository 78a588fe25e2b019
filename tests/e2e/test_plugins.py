"""Packages of others that bring encoders: installed by pip, found, used, and harmless if broken."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT

Command = Callable[..., subprocess.CompletedProcess[str]]
PLUGINS = PROJECT / "tests" / "plugins"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with both packages beside what is installed here."""
    root = tmp_path_factory.mktemp("plugins")
    for name in ("mean_colour", "broken"):
        source = root / "source" / name  # building leaves files there
        shutil.copytree(PLUGINS / name, source)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        pip += ["--no-build-isolation", "--target", str(root / name), str(source)]
        subprocess.run(pip, check=True)
    paths = [str(root / "mean_colour"), str(root / "broken"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def test_it_is_found_used_and_keeps_the_promises(
    vecsearch: Command, installed: dict[str, str], small: Path, tmp_path: Path
) -> None:
    lines = map(json.loads, vecsearch("encoders", env=installed).stdout.splitlines())
    found = {line["name"]: line for line in lines}
    assert found["mean-colour"]["package"] == "mean-colour"
    assert found["mean-colour"]["takes"] == "grid, size, fit, color"
    index = tmp_path / "index"
    built = vecsearch(
        "build", small / "train", "-o", index, "--encoder", "mean-colour", env=installed
    )
    assert json.loads(built.stdout)["dim"] == 48
    upload = next((small / "test" / "trouser").iterdir())
    hits = json.loads(vecsearch("query", index, upload, "-k", 3, env=installed).stdout)["hits"]
    assert {hit["label"] for hit in hits} == {"trouser"}
    without = vecsearch("query", index, upload)
    assert without.returncode == 2
    assert "No encoder is called 'mean-colour'" in without.stderr
    chained = vecsearch(
        "compare", small / "train", "--encoders", "mean-colour;chain:mean-colour+lda", env=installed
    )
    assert [json.loads(line)["encoder"] for line in chained.stdout.splitlines()[::2]] == [
        "mean-colour",
        "chain:mean-colour+lda",
    ]
    kit = "from vecsearch import make_encoder; from vecsearch.testing import check_encoder; "
    for call in ("make_encoder('mean-colour')", "make_encoder('mean-colour', grid=2)"):
        code = f"{kit}check_encoder(lambda: {call})"
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **installed}, check=True)


def test_a_broken_one_is_told_and_harmless(
    vecsearch: Command, installed: dict[str, str], small: Path, tmp_path: Path
) -> None:
    told = "'broken' of broken-encoder cannot be imported: RuntimeError('the weights are not where"
    run = vecsearch("doctor", env=installed)
    assert told in run.stdout
    assert json.loads(run.stdout)["encoders"]["pca"] == "ok"
    asked = vecsearch(
        "build", small / "train", "-o", tmp_path / "index", "--encoder", "broken", env=installed
    )
    assert asked.returncode == 1
    assert told in asked.stderr
    assert "Traceback" not in asked.stderr
    assert not (tmp_path / "index").exists()
    fine = vecsearch("build", small / "train", "-o", tmp_path / "index", env=installed)
    assert fine.returncode == 0


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("class Wrong: pass", "is a class that calls itself None"),
        ("def Wrong(): pass", "is no class"),
        ("class Wrong:\n name = 'wrong'\n requires = ('torch',)", "must be pairs of a module"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit(3)"),
    ],
)
@pytest.mark.slow
def test_one_that_is_no_encoder_is_told_too(
    vecsearch: Command, tmp_path: Path, code: str, told: str
) -> None:
    (tmp_path / "wrong.py").write_text(code)
    info = tmp_path / "wrong-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[vecsearch.encoders]\nwrong = wrong:Wrong\n")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    for verb in ("encoders", "doctor"):
        run = vecsearch(verb, env={"PYTHONPATH": paths})
        assert run.returncode in (0, 1)
        assert told in run.stdout
        assert "mistake in vecsearch" not in run.stderr


def test_the_page_shows_the_package_that_is_tested() -> None:
    page = (PROJECT / "docs" / "how-to" / "write-an-encoder.md").read_text()
    code, kit = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (declared,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert code == (PLUGINS / "mean_colour" / "mean_colour.py").read_text()
    assert declared == (PLUGINS / "mean_colour" / "pyproject.toml").read_text()
    assert "check_encoder" in kit
