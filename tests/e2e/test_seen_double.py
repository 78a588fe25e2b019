"""duplicates, as a user runs it."""

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import COMMAND, PROJECT
from PIL import Image

from vecsearch import Collection

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def photos(small: Path, tmp_path: Path) -> Path:
    """Thirty pictures, two copies, one of them under another label, and one twice as large."""
    folder = tmp_path / "photos"
    shutil.copytree(small / "train", folder)
    first, second, third = sorted((folder / "bag").iterdir())[:3]
    shutil.copy2(first, folder / "bag" / "zz.png")
    shutil.copy2(second, folder / "trouser" / "zz.png")
    with Image.open(third) as image:
        image.resize((56, 56)).save(folder / "bag" / "large.png")
    return folder


@pytest.fixture
def index(photos: Path, tmp_path: Path) -> Path:
    place = tmp_path / "index"
    Collection.build(photos, place, encoder="pixels", size=(28, 28), color="grey")
    return place


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_the_contract(index: Path, photos: Path, vecsearch: Command) -> None:
    run = vecsearch("duplicates", index)
    assert run.returncode == 0, run.stderr
    found = [json.loads(text) for text in run.stdout.splitlines()]
    bags = [f"bag/{path.name}" for path in sorted((photos / "bag").iterdir())]
    assert [list(one)[:3] for one in found] == [["group", "ids", "max_distance"]] * 3
    assert [(one["group"], one["ids"]) for one in found] == [
        (0, [bags[0], "bag/zz.png"]),
        (1, [bags[1], "trouser/zz.png"]),
        (2, [bags[2], "bag/large.png"]),
    ]
    assert [one["max_distance"] for one in found[:2]] == [0.0, 0.0]
    assert 0 < found[2]["max_distance"] < found[2]["threshold"]
    assert [one["exact"] for one in found] == [True, True, False]
    assert [one["contradict"] for one in found] == [False, True, False]
    assert found[2]["keep"] == "bag/large.png"
    notes = run.stderr.splitlines()
    limit = found[0]["threshold"]
    assert notes[0] == (
        f"Threshold {limit:g} (euclidean), suggested by the distances of 31 items from their 5th "
        "nearest; --threshold sets another."
    )
    assert notes[1].startswith("3 groups: 3 of 33 items could go, 2 of them")
    assert notes[2].startswith("Of 1 groups the labels contradict")
    again = vecsearch("duplicates", index, "--threshold", f"{limit:g}", "--quiet")
    assert (again.stdout, again.stderr) == (run.stdout, "")
    none = vecsearch("duplicates", index, "--threshold", "none")
    assert [json.loads(text)["ids"] for text in none.stdout.splitlines()] == [
        one["ids"] for one in found[:2]
    ]
    assert none.stderr.splitlines()[0] == "Compared by the bytes of files alone."


def test_other_formats(index: Path, photos: Path, vecsearch: Command, tmp_path: Path) -> None:
    run = vecsearch("duplicates", index, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(run.stdout)))
    assert list(rows[0]) == [
        "group", "keep", "id", "label", "distance", "width", "height", "bytes", "path",
    ]  # fmt: skip
    assert [row["group"] for row in rows] == ["0", "0", "1", "1", "2", "2"]
    assert sorted(row["keep"] for row in rows) == ["drop"] * 3 + ["keep"] * 3
    large = next(row for row in rows if row["id"] == "bag/large.png")
    assert (large["keep"], large["width"], large["label"]) == ("keep", "56", "bag")
    assert int(large["bytes"]) == (photos / "bag" / "large.png").stat().st_size
    table = vecsearch("duplicates", index, "--format", "table").stdout
    assert table.split()[:7] == ["group", "keep", "id", "label", "distance", "size", "bytes"]
    assert "56 × 56" in table
    document = json.loads(vecsearch("duplicates", index, "--format", "json").stdout)
    assert [one["group"] for one in document] == [0, 1, 2]
    alone = tmp_path / "alone"
    Collection.from_vectors([[1, 2], [3, 4]], path=alone)
    for form, expected in (("jsonl", ""), ("json", "[]\n"), ("table", "(nothing)\n")):
        assert vecsearch("duplicates", alone, "--format", form).stdout == expected
    header = vecsearch("duplicates", alone, "--format", "csv").stdout
    assert header == "group,keep,id,label,distance,width,height,bytes,path\n"


def test_a_dry_run_is_the_default(index: Path, photos: Path, vecsearch: Command) -> None:
    before = names(photos)
    for extra in ((), ("--yes",), ("--dry-run",)):
        run = vecsearch("duplicates", index, "--apply", "delete", *extra)
        assert run.returncode == 0, run.stderr
        assert "3 files (0.0 MB) would be deleted, 0 left as they are." in run.stderr
        assert "Nothing was changed: --no-dry-run does it." in run.stderr
        applied = [json.loads(text)["applied"] for text in run.stdout.splitlines()]
        assert [one["done"] for part in applied for one in part] == ["would be deleted"] * 3
    assert names(photos) == before
    assert len(Collection.open(index)) == 33


def test_nobody_can_be_asked(index: Path, photos: Path, vecsearch: Command) -> None:
    before = names(photos)
    run = vecsearch("duplicates", index, "--apply", "delete", "--no-dry-run", stdin="y\n")
    assert (run.returncode, run.stdout) == (2, "")
    assert "--yes" in run.stderr
    assert names(photos) == before


def test_a_folder_may_be_at_home(
    index: Path, photos: Path, vecsearch: Command, tmp_path: Path
) -> None:
    run = vecsearch(
        "duplicates", index, "-t", "none", "--apply", "move:~/double", "--no-dry-run", "--yes",
        env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert names(tmp_path / "double") == {"bag/zz.png", "trouser/zz.png"}


def test_moved_without_asking(
    index: Path, photos: Path, vecsearch: Command, tmp_path: Path
) -> None:
    before = names(photos)
    out = tmp_path / "out"
    (out / "trouser").mkdir(parents=True)
    (out / "trouser" / "zz.png").write_bytes(b"mine")
    call = ("duplicates", index, "--apply", f"move:{out}", "--no-dry-run", "--yes", "--strict")
    run = vecsearch(*call, "--format", "csv")
    assert run.returncode == 3, run.stderr
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(run.stdout))}
    assert rows["bag/zz.png"]["done"] == "moved"
    assert rows["bag/zz.png"]["target"] == str(out / "bag" / "zz.png")
    assert rows["trouser/zz.png"]["done"] == "left"
    assert "is there already" in rows["trouser/zz.png"]["reason"]
    assert rows["bag/large.png"]["done"] == ""
    assert "2 files (0.0 MB) were moved, 1 left as they are." in run.stderr
    assert "2 items were removed from the collection." in run.stderr
    assert names(photos) | names(out) == before
    assert len(names(photos)) == len(before) - 2
    assert len(Collection.open(index)) == 31
    assert vecsearch("verify", index).returncode == 0


def asked(index: Path, answer: str) -> tuple[int, str, list[str]]:
    """What the command does and says at a terminal where somebody answers."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    run = subprocess.run(
        [COMMAND, "duplicates", index, "--apply", "delete", "--no-dry-run", "-t", "none"],
        stdin=theirs, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=60,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    return run.returncode, run.stderr, run.stdout.splitlines()


def test_somebody_is_asked(index: Path, photos: Path) -> None:
    before = names(photos)
    code, said, groups = asked(index, "n")
    assert (code, len(groups)) == (1, 2)  # they are told also to whoever does nothing
    assert "2 files (0.0 MB) would be deleted" in said
    assert "Go on? [y/N]" in said
    assert said.count(", for ") == 2  # which they are, for whoever shall say yes
    assert "Nothing was changed." in said
    assert "--no-dry-run does it" not in said
    assert names(photos) == before
    code, said, _ = asked(index, "y")
    assert code == 0, said
    assert "2 files (0.0 MB) were deleted" in said
    assert len(names(photos)) == len(before) - 2


def test_pictures_of_groups(index: Path, vecsearch: Command, tmp_path: Path) -> None:
    sheets, histogram = tmp_path / "deep" / "sheets", tmp_path / "distances.png"
    run = vecsearch("duplicates", index, "--sheets", sheets, "--histogram", histogram)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in sheets.iterdir()) == [
        "group-0000.png", "group-0001.png", "group-0002.png",
    ]  # fmt: skip
    with Image.open(sheets / "group-0000.png") as image:
        # A tile for the kept one, framed blue, and one for the other, framed green.
        colours = {pixel for _, pixel in image.getcolors(1 << 16) or []}
        assert {(31, 95, 191), (26, 127, 75)} <= colours
        assert (184, 64, 47) not in colours
    with Image.open(sheets / "group-0001.png") as image:  # of another label: red
        assert (184, 64, 47) in {pixel for _, pixel in image.getcolors(1 << 16) or []}
    assert histogram.exists()
    run = vecsearch("duplicates", index, "-t", "none", "--sheets", sheets)
    assert "1 sheets of an earlier run too, group-0002.png first" in run.stderr
    run = vecsearch("duplicates", index, "--sheets", histogram)
    assert (run.returncode, run.stdout) == (2, "")
    assert "is a file, not a folder" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-t", "near"), "not auto, none or a distance"),
        (("-t", "-1"), "0 or more, not -1"),
        (("-t", "nan"), "0 or more, not nan"),
        (("--apply", "burn"), "not move:DIR, delete or hardlink"),
        (("--apply", "move:"), "not move:DIR, delete or hardlink"),
        (("--apply", "move:photos.csv/.."), None),
        (("--yes",), "go with --apply"),
        (("--no-dry-run",), "go with --apply"),
        (("--histogram", "distances.pdf"), "must end in"),
    ],
)
def test_what_makes_no_sense(
    index: Path, vecsearch: Command, arguments: tuple[str, ...], message: str | None
) -> None:
    run = vecsearch("duplicates", index, *arguments)
    if message is not None:
        assert (run.returncode, run.stdout) == (2, "")
        assert message in run.stderr
    else:
        assert run.returncode == 0
        assert "would be moved" in run.stderr


def test_no_picture_is_drawn_over(index: Path, photos: Path, vecsearch: Command) -> None:
    pictures = sorted(photos.rglob("*.png"))
    before = [path.read_bytes() for path in pictures]
    item = pictures[0]
    for words in (
        ("query", index, "--sheet", *pictures[:3]),  # as a shell has it of --sheet *.png
        ("recommend", index, "--like", pictures[1], "--sheet", item),
        ("cluster", index, "--k", "2", "--sheet", item),
        ("plot", index, "-o", item),
        ("duplicates", index, "--histogram", item),
        ("tune", index, "--plot", item, "--dry-run"),
    ):
        run = vecsearch(*words)
        assert run.returncode == 2, run.stderr
        assert f"{item}: it is a picture of {index}" in run.stderr
    other = photos.parent / "asked.png"
    other.write_bytes(before[0])
    run = vecsearch("query", index, other, "--sheet", other)
    assert (run.returncode, "that is asked with" in run.stderr) == (2, True)
    for verb, option in (("duplicates", "--sheets"), ("cluster", "--trace")):
        run = vecsearch(verb, index, option, photos / "drawn")
        assert run.returncode == 2
        assert "the next update would take the pictures in" in run.stderr
    assert [path.read_bytes() for path in pictures] == before
    assert other.read_bytes() == before[0]


def test_what_cannot_be_drawn_is_told_before_a_file_is_gone(
    small: Path, vecsearch: Command, tmp_path: Path
) -> None:
    folder, index = tmp_path / "few", tmp_path / "index"
    shutil.copytree(small / "train" / "bag", folder, ignore=lambda _, names: sorted(names)[3:])
    shutil.copy2(sorted(folder.iterdir())[0], folder / "zz.png")
    Collection.build(folder, index, encoder="pixels", size=(28, 28), color="grey")
    run = vecsearch(
        "duplicates", index, "--threshold", "none", "--apply", "delete", "--no-dry-run", "--yes",
        "--histogram", tmp_path / "far.png",
    )  # fmt: skip
    assert run.returncode == 2
    assert "There is no histogram of 3 different items" in run.stderr
    assert len(list(folder.iterdir())) == 4


def test_vectors_of_ones_own(vecsearch: Command, tmp_path: Path) -> None:
    Collection.from_vectors([[1, 1], [1, 1], [5, 5]], ["a", "b", "c"], path=tmp_path / "books")
    run = vecsearch("duplicates", tmp_path / "books", "-t", "0.5")
    (found,) = [json.loads(text) for text in run.stdout.splitlines()]
    assert (found["ids"], found["keep"], found["exact"]) == (["a", "b"], "a", False)
    run = vecsearch("duplicates", tmp_path / "books", "-t", "0.5", "--apply", "delete")
    assert (run.returncode, run.stdout) == (2, "")
    assert "have no files" in run.stderr


@pytest.mark.slow
def test_the_page_on_duplicates(photos: Path) -> None:
    page = (PROJECT / "docs" / "duplicates.md").read_text()
    commands = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).splitlines()
    assert len(commands) == 8
    shape = {"encoder": "pixels", "size": (28, 28), "color": "grey"}
    Collection.build(photos, photos.parent / "indexes" / "photos", **shape)
    env = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    for line in commands:
        run = subprocess.run(
            line, shell=True, cwd=photos.parent, env=env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert run.returncode == 0, (line, run.stderr)
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    run = subprocess.run(
        [COMMAND.with_name("python"), "-c", snippet],
        cwd=photos.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
