"""What tests share: the data they read, the sample images, and the command."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from forks import SECONDS, Forks

PROJECT = Path(__file__).parents[1]
PHOTOS = PROJECT / "tests" / "data" / "photos"
COMMAND = Path(sys.executable).with_name("vecsearch")


def lacking(what: str) -> NoReturn:
    """Skip a test for what this machine has not; CI has everything, and fails.

    Raises:
        pytest.skip.Exception: Or that of ``pytest.fail``.
    """
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """A folder of the reference data; the test is skipped where there is none."""
    root = PROJECT / os.environ.get("VECSEARCH_DATA", "../shared/data")

    def find(name: str) -> Path:
        if not (root / name).is_dir():
            lacking(f"needs the reference data {name}; VECSEARCH_DATA is {root}")
        return (root / name).resolve()

    return find


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's Fashion-MNIST images: train/CLASS/*.png, 200 a class, and test, 100 a class."""
    folder = tmp_path_factory.mktemp("sample")
    with zipfile.ZipFile(PROJECT / "vecsearch" / "demo" / "fashion-mnist-sample.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def small(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten train and five test images of three of the classes."""
    folder = tmp_path_factory.mktemp("small")
    for split, count in (("train", 10), ("test", 5)):
        for name in ("bag", "sneaker", "trouser"):
            (folder / split / name).mkdir(parents=True)
            for path in sorted((sample / split / name).iterdir())[:count]:
                (folder / split / name / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def vecsearch() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The installed command, run as a user runs it, in a pipe."""
    forks = Forks()

    def run(
        *arguments: str | Path,
        stdin: str = "",
        env: dict[str, str] | None = None,
        cwd: Path = PROJECT,
    ) -> subprocess.CompletedProcess[str]:
        command, environment = [str(COMMAND), *map(str, arguments)], {**os.environ, **(env or {})}
        if not any(name.startswith("PYTHON") for name in env or ()):
            return forks.run(command, stdin, cwd, environment)
        return subprocess.run(  # one that shall import something else
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=cwd,
            env=environment,
        )

    yield run
    forks.close()


def imported(*command: str) -> set[str]:
    """The top-level packages that a command imports."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True
    )
    names = [line.rsplit("|", 1)[1].strip() for line in run.stderr.splitlines() if "|" in line]
    assert len(names) > 20
    return {name.split(".")[0] for name in names}
