"""``vecsearch plot`` as a user runs it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def index(sample: Path, vecsearch: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the sample, with a price for each image."""
    folder = tmp_path_factory.mktemp("maps")
    lines = ["path,price"]
    for name in ("bag", "sneaker", "trouser"):
        (folder / "images" / name).mkdir(parents=True)
        for number, path in enumerate(sorted((sample / "train" / name).iterdir())[:25]):
            (folder / "images" / name / path.name).write_bytes(path.read_bytes())
            lines.append(f"{name}/{path.name},{number}")
    (folder / "prices.csv").write_text("\n".join(lines))
    run = vecsearch(
        "build", folder / "images", "-o", folder / "clothes", "--dim", 4, "--size", "28x28",
        "--color", "grey", "--metadata", folder / "prices.csv",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder / "clothes"


def told(run: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    return json.loads(run.stdout) if run.stdout else run.stderr


def test_a_picture_and_a_page(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    answer = told(vecsearch("plot", index, "-o", tmp_path / "map.png", "--method", "lda"))
    assert list(answer) == [
        "out", "items", "of", "method", "style", "color_by", "classes", "pictures", "missing",
        "bytes", "explained", "settings",
    ]  # fmt: skip
    assert (answer["items"], answer["of"], answer["classes"], answer["method"]) == (
        75,
        75,
        3,
        "lda",
    )
    assert sum(answer["explained"]) == pytest.approx(1)
    assert answer["bytes"] == (tmp_path / "map.png").stat().st_size
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (1800, 1200)
    answer = told(
        vecsearch(
            "plot", index, "-o", tmp_path / "map.html", "--color-by", "price", "--where",
            "price<20", "--style", "density", "--title", "Prices & more", "--no-centers",
            "--sample", 30,
        )
    )  # fmt: skip
    assert (answer["items"], answer["of"], answer["pictures"]) == (30, 60, 30)
    page = (tmp_path / "map.html").read_text()
    assert "<h1>Prices &amp; more</h1>" in page
    assert '"style":"density","centers":false' in page


def test_every_format(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.html"
    csv = vecsearch("plot", index, "-o", out, "--format", "csv").stdout.splitlines()
    assert csv[0] == "out,items,of,method,style,color_by,classes,pictures,missing,bytes"
    assert csv[1].split(",")[1:4] == ["75", "75", "pca"]
    assert "75" in vecsearch("plot", index, "-o", out, "--format", "table").stdout
    assert told(vecsearch("plot", index, "-o", out, "--format", "json"))["items"] == 75


def test_pictures_that_are_gone(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    bag = sorted((index.parent / "images" / "bag").iterdir())[0]
    content = bag.read_bytes()
    bag.unlink()
    try:
        run = vecsearch("plot", index, "-o", tmp_path / "map.html", "--strict")
    finally:
        bag.write_bytes(content)
    answer = told(run, 3)
    assert (answer["items"], answer["pictures"], answer["missing"]) == (75, 74, 1)
    assert bag.name in run.stderr
    assert "1 pictures could not be read" in run.stderr


def test_a_sample_is_told_of(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    run = vecsearch(
        "plot", index, "-o", tmp_path / "m.png", "--method", "tsne", "--sample", 40, "--seed", 3
    )
    answer = told(run)
    assert (answer["items"], answer["of"], answer["settings"]["seed"]) == (40, 75, 3)
    assert "The map is of 40 of the 75 items" in run.stderr
    # Whoever computes it says nothing of its own.
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "map.gif"], "must end in .png or .html"),
        (["-o", "nowhere/map.png"], "in a folder that exists"),
        (["-o", "map.html", "--thumbnails", "20"], "16, 32, 48"),
        (["-o", "map.html", "--thumbnails", "large"], "is not auto, none or a number"),
        (["-o", "map.png", "--where", "label=bag", "--method", "lda"], "they are all the same"),
        (["-o", "map.png", "--where", "label=hat"], "2 items or more, and there are 0"),
        (["-o", "map.png", "--color-by", "weight"], "There are: label, price"),
        (["-o", "map.png", "--sample", "1"], "1 is not in the range"),
        ([], "Missing option '--out'"),
    ],
)
def test_what_cannot_be_drawn(
    vecsearch: Command, index: Path, options: list[str], message: str
) -> None:
    run = vecsearch("plot", index, *options)
    assert run.returncode == 2
    assert message in run.stderr
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
