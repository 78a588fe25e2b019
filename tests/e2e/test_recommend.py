"""recommend, as a user runs it: uploads, and a catalogue of clothes."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import COMMAND, PROJECT
from PIL import Image

from vecsearch import Collection

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shop(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 items of three classes, with sales and prices."""
    folder = tmp_path_factory.mktemp("shop")
    paths = sorted(path.relative_to(small / "train") for path in (small / "train").glob("*/*"))
    with open(folder / "prices.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "sold", "price", "line"])
        rows.writerows(
            [path.as_posix(), at * 7 % 30, 10 * at, at % 4] for at, path in enumerate(paths)
        )
    Collection.build(small / "train", folder / "index", metadata=folder / "prices.csv")
    return folder / "index"


def answer(run: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    return json.loads(run.stdout) if code == 0 else run.stderr


def test_the_answer_is_as_for_a_query(
    vecsearch: Command, shop: Path, small: Path, tmp_path: Path
) -> None:
    upload = next((small / "test" / "bag").iterdir())
    first, second, *_ = (item.id for item in Collection.open(shop))
    found = answer(
        vecsearch(
            "recommend",
            shop,
            "--like",
            upload,
            "--like",
            first,
            "--unlike",
            second,
            "-k",
            3,
            "--sheet",
            tmp_path / "sheet.png",
        )
    )
    assert list(found) == ["query", "hits", "like", "unlike"]
    assert found["query"] == f"{upload}, {first}, not {second}"
    assert (found["like"], found["unlike"]) == ([str(upload), first], [second])
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    assert list(found["hits"][0]) == [
        "rank", "id", "label", "distance", "score", "path", "metadata",
    ]  # fmt: skip
    assert not {first, second} & {hit["id"] for hit in found["hits"]}
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[1] > 3 * 112  # a row for each example


def test_wishes(vecsearch: Command, shop: Path, small: Path) -> None:
    upload = next((small / "test" / "bag").iterdir())

    def found(*options: str | int) -> list[dict[str, Any]]:
        hits: list[dict[str, Any]] = answer(
            vecsearch("recommend", shop, "--like", upload, *options)
        )["hits"]
        return hits

    assert len({hit["metadata"]["line"] for hit in found("--max-per", "line", 1)}) == 4
    each = [hit["label"] for hit in found("--max-per", "label", 1, "-k", 30)]
    assert (each[0], len(each), len(set(each))) == ("bag", 3, 3)
    boosted = [hit["metadata"]["sold"] for hit in found("--boost", "sold:1000", "-k", 30)]
    assert boosted == sorted(boosted, reverse=True)
    assert all(hit["metadata"]["price"] < 50 for hit in found("--where", "price<50"))
    whole = found("-k", 30, "--diversity", "0.5")
    assert found("-k", 10, "--diversity", "0.5", "--offset", 10) == [
        {**hit, "rank": rank} for rank, hit in enumerate(whole[10:20], 1)
    ]
    assert len(found("-k", 30, "--collapse", "1e9")) == 0


def test_uploads_come_by_stdin(vecsearch: Command, shop: Path, small: Path) -> None:
    uploads = sorted((small / "test" / "bag").iterdir())[:2]
    run = vecsearch("recommend", shop, "--like", "-", stdin="\n".join(map(str, uploads)))
    assert answer(run)["like"] == [str(path) for path in uploads]


def test_for_each(vecsearch: Command, shop: Path, tmp_path: Path) -> None:
    told = answer(
        vecsearch("recommend", shop, "--for-each", "-k", 4, "-o", tmp_path / "near.parquet")
    )
    assert list(told) == ["items", "recommendations", "file", "seconds"]
    assert (told["items"], told["recommendations"]) == (30, 120)
    assert (tmp_path / "near.parquet").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Say what is liked"),
        (["--like", "nobody.png"], "neither an item of"),
        (["--for-each"], "--for-each goes into a file"),
        (["--like", "x", "-o", "near.csv"], "--for-each goes into a file"),
        (["--for-each", "-o", "near.csv", "--diversity", "0.3"], "takes no --diversity"),
        (["--for-each", "-o", "near.csv", "--max-per", "label", "2"], "takes no --max-per"),
        (["--for-each", "-o", "near.csv", "--like", "x"], "takes no --like"),
        (["--like", "x", "--boost", "sold"], "is not KEY:WEIGHT"),
        (["--like", "x", "--diversity", "2"], "is not in the range"),
        (["--like", "x", "--sheet", "near.txt"], "must end in .png"),
        (["--like", "-", "--like", "-"], "stdin can be read only once"),
        (["--like", "-", "--unlike", "-"], "stdin can be read only once"),
        (["--like", "x", "--boost", "sold:1", "--boost", "sold:2"], "--boost names sold twice"),
        (
            ["--like", "x", "--max-per", "line", "1", "--max-per", "line", "2"],
            "--max-per names line twice",
        ),
    ],
)
def test_wrong_usage(vecsearch: Command, shop: Path, options: list[str], message: str) -> None:
    assert message in answer(vecsearch("recommend", shop, *options), 2)


def test_an_example_that_is_no_image(vecsearch: Command, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    run = vecsearch("recommend", shop, "--like", tmp_path / "text.png")
    assert "not an image" in answer(run, 1)


@pytest.mark.slow
def test_the_page_on_recommendations(small: Path, shop: Path, tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "recommendations.md").read_text()
    shutil.copytree(small / "train", tmp_path / "shop")
    shutil.copy(shop.parent / "prices.csv", tmp_path)
    shutil.copy(next((small / "test" / "bag").iterdir()), tmp_path / "mine.jpg")
    build = "vecsearch build shop -o indexes/shop --metadata prices.csv -q"
    commands = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    for name in ("bag/17.png", "sneaker/3.png"):
        there = next((tmp_path / "shop" / name).parent.iterdir())
        commands = commands.replace(name, there.relative_to(tmp_path / "shop").as_posix())
    env = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    for line in [build, *commands.splitlines()]:
        run = subprocess.run(
            line, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, (line, run.stderr)
    assert (tmp_path / "similar.parquet").exists()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    run = subprocess.run(
        [sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 10
