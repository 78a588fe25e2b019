"""Every command and snippet of the README runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import COMMAND, PROJECT

README = (PROJECT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


@pytest.fixture(scope="module")
def place(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README speaks of: photos, more photos, a new one."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(small / "train", folder / "photos")
    shutil.copytree(small / "test", folder / "more")
    shutil.copy(next((small / "test" / "bag").iterdir()), folder / "new.jpg")
    return folder


def test_commands(place: Path) -> None:
    ours = [line for line in COMMANDS if line.startswith("vecsearch")]
    assert [line.split("#")[0].strip() for line in COMMANDS if line not in ours] == [
        "make demo",
        "make test",
    ]
    assert len(ours) == 5
    env = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    for line in ours:
        if line.startswith("vecsearch serve"):
            serve_briefly(line, place, env)
            continue
        run = subprocess.run(
            line, shell=True, cwd=place, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
    assert (place / "nearest.png").exists()


def serve_briefly(line: str, place: Path, env: dict[str, str]) -> None:
    """A server runs until it is told to stop: once it listens, here."""
    command = [str(COMMAND), *line.split()[1:]]
    env = {**env, "VECSEARCH_SERVE_PORT": "0"}
    with subprocess.Popen(command, cwd=place, env=env, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        told = run.stderr.readline()
        run.terminate()
        assert "Listening on http://127.0.0.1:" in told


def test_snippets(place: Path) -> None:
    told = []
    for snippet in SNIPPETS:
        run = subprocess.run(
            [sys.executable, "-c", snippet], cwd=place, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        told.append(run.stdout.splitlines())
    first, second = told
    assert len(first) == 6
    assert first[0].split()[1] == "bag"
    assert 0.5 < float(first[5]) <= 1
    assert second == ["['The Moonstone', 'Gaudy Night']", "['Rebecca']"]


def run_page(place: Path, name: str, before: str = "", **env: str) -> tuple[list[str], str]:
    """Run all commands of a page of the docs, and its Python; returns the lines, and its output."""
    page = (PROJECT / "docs" / name).read_text()
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    lines = [before] if before else []
    lines += "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).splitlines()
    for line in lines:
        if line.startswith("pip install"):
            continue
        run = subprocess.run(
            line,
            shell=True,
            cwd=place,
            env={**os.environ, "PATH": path, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, (line, run.stderr)
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    # Training takes as long as here it may.
    quick = snippet.replace('preset="fast"', "epochs=2, width=4")
    run = subprocess.run(
        [sys.executable, "-c", quick], cwd=place, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return lines, run.stdout


@pytest.mark.slow
def test_the_page_on_training(place: Path) -> None:
    quick = {"VECSEARCH_TRAIN_EPOCHS": "2", "VECSEARCH_TRAIN_WIDTH": "4"}
    lines, said = run_page(place, "training.md", **quick)
    assert lines[0] == "pip install 'vecsearch[torch,plot]'"
    assert (place / "models" / "photos").is_dir()
    assert 0 <= float(said) <= 1


@pytest.mark.slow
def test_the_page_on_approximate_search(place: Path, sample: Path) -> None:
    shutil.copy(place / "new.jpg", place / "dress.jpg")
    np.save(place / "vectors.npy", np.random.default_rng(0).standard_normal((600, 8), np.float32))
    build = f"vecsearch build {sample / 'train'} -o indexes/photos --overwrite -q"
    lines, said = run_page(place, "tuning.md", build)
    assert len(lines) == 6
    assert said.startswith("Measured(kind=")
    assert (place / "tuned.png").exists()


@pytest.mark.slow
def test_the_page_on_classification(place: Path, sample: Path) -> None:
    names = {"bag": "anna", "sneaker": "ben", "trouser": "dora", "coat": "emil"}
    for name, friend in names.items():
        (place / "friends" / friend).mkdir(parents=True)
        for path in sorted((sample / "train" / name).iterdir())[:30]:
            shutil.copy(path, place / "friends" / friend)
    (place / "carla").mkdir()
    for path in sorted((sample / "train" / "dress").iterdir())[:5]:
        shutil.copy(path, (place / "carla" / path.name).with_suffix(".jpg"))
    shutil.copy(place / "new.jpg", place / "door.jpg")
    (place / "new").mkdir()
    shutil.copy(place / "new.jpg", place / "new" / "one.jpg")
    build = "vecsearch build photos -o indexes/clothes -q"
    lines, said = run_page(place, "classification.md", build)
    assert len(lines) == 8
    assert len(said.splitlines()) == 3


@pytest.mark.slow
def test_the_page_on_maps(place: Path) -> None:
    build = "vecsearch build photos -o indexes/photos --overwrite -q"
    lines, said = run_page(place, "maps.md", build)
    assert len(lines) == 4
    assert said.startswith("(30, 2) (")


@pytest.mark.slow
def test_the_page_on_clusters(place: Path) -> None:
    build = "vecsearch build photos -o indexes/photos --overwrite -q"
    lines, said = run_page(place, "clusters.md", build)
    assert len(lines) == 10
    for name in ("clusters.png", "k.png", "steps/step-000.png"):
        assert (place / name).exists()
    assert len(said.splitlines()) == 4


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    ours = [link for link in links if not link.startswith("http")]
    assert len(ours) >= 8
    for link in ours:
        assert (PROJECT / link).exists(), link
