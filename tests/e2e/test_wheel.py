"""The wheel alone, in an empty environment, does the main job; and it is no burden."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import PROJECT

pytestmark = pytest.mark.slow
MOST_MEGABYTES = 400


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheel and sdist, built from a copy of what git knows, so that no litter gets into them."""
    root = tmp_path_factory.mktemp("dist")
    source = root / "source"
    source.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True
    ).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((PROJECT / name).read_bytes())
    for kind in ("wheel", "sdist"):
        script = f"from setuptools import build_meta as b; b.build_{kind}({str(root)!r})"
        subprocess.run([sys.executable, "-c", script], cwd=source, capture_output=True, check=True)
    (wheel,), (sdist,) = root.glob("*.whl"), root.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def test_what_is_in_them(packages: dict[str, Path]) -> None:
    with zipfile.ZipFile(packages["wheel"]) as wheel:
        names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vecsearch", "vecsearch_cli"}
    for name in ("vecsearch/py.typed", "vecsearch/demo/fashion-mnist-sample.zip"):
        assert name in names
    ours = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "vecsearch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= set(names)
    with tarfile.open(packages["sdist"]) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"README.md", "LICENSE", "pyproject.toml", "vecsearch/py.typed"} <= inside


def test_the_wheel_alone(packages: dict[str, Path], tmp_path: Path) -> None:
    place = tmp_path / "empty"
    # Another pip installs into it, so that what is measured is vecsearch and what it needs.
    venv.create(place)
    python = place / "bin" / "python"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    constraints = PROJECT / "constraints.txt"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "-q", "-c", constraints, packages["wheel"])
    vecsearch = place / "bin" / "vecsearch"
    assert len(run(vecsearch, "demo", "-q").splitlines()) == 6
    assert (tmp_path / "indexes" / "demo-nearest.png").exists()
    (site,) = place.glob("lib/python*/site-packages")
    megabytes = int(run("du", "-sm", site).split()[0])
    print(f"\n{megabytes} MB in site-packages, with compiled Python")
    assert not (site / "torch").exists()
    assert megabytes <= MOST_MEGABYTES
