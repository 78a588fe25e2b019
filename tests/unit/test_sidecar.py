"""Tables beside the images: how cells are read, and what is refused with the number of its line."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painting import PIXELS, painted, touch

from vecsearch import Collection, InvalidArgument
from vecsearch.images.sidecar import read_labels, read_metadata, typed
from vecsearch.types import JSON

SEEDS = {"a/1.png": 1, "a/2.png": 2, "b/1.png": 3, "b/é ü.png": 4}


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2", "-3", "+4", "0"], [1, 2, -3, 4, 0]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1e5", "1"], [100_000.0, 1.0]),
        ([".5", "5.", "-0.5", "1E-2"], [0.5, 5.0, -0.5, 0.01]),
        (["007", "8"], ["007", "8"]),
        (["0.5", "00.5"], ["0.5", "00.5"]),
        (["1", "two"], ["1", "two"]),
        (["true", "False", "TRUE"], [True, False, True]),
        (["true", "1"], ["true", "1"]),
        (["yes", "no"], ["yes", "no"]),
        (["", "", ""], [None, None, None]),
        (["", "3", " "], [None, 3, None]),
        (["", "x"], [None, "x"]),
        ([" 3 ", "4"], [3, 4]),
        ([" x ", "4"], [" x ", "4"]),
        (["1,5", "2"], ["1,5", "2"]),
        (["1_000"], ["1_000"]),
        (["nan", "1"], ["nan", "1"]),
        (["inf"], ["inf"]),
        (["0x10"], ["0x10"]),
        (["١٢"], ["١٢"]),
        (["2026-02-03"], ["2026-02-03"]),
        (["12345678901234567890123"], [12345678901234567890123]),
        ([], []),
    ],
)
def test_columns_are_typed(cells: list[str], values: list[JSON]) -> None:
    found = typed(cells)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


@pytest.mark.parametrize("cell", ["1e999", "9" * 5000])
def test_numbers_that_nothing_can_hold(cell: str, tmp_path: Path) -> None:
    """A float of JSON has no infinity, and Python reads no whole number of 5,000 digits."""
    table = tmp_path / "more.csv"
    table.write_text(f"path,n\na/1.png,{cell}\n")
    try:
        (values,) = read_metadata(table).values.values()
    except InvalidArgument as error:
        assert "line 2" in str(error)
    else:
        assert values == {"n": cell}


def read(tmp_path: Path, name: str, content: str | bytes) -> dict[str, dict[str, JSON]]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {name: dict(more) for name, more in read_metadata(path).values.items()}


@pytest.mark.parametrize(
    ("name", "content", "values"),
    [
        ("t.csv", "path,n\na.png,1\n", {"a.png": {"n": 1}}),
        ("t.csv", "id,n\na.png,1\n", {"a.png": {"n": 1}}),
        ("t.csv", "n,path\r\n1,./x//a.png\r\n", {"x/a.png": {"n": 1}}),
        ("t.csv", b"\xef\xbb\xbfpath,n\na.png,1\n", {"a.png": {"n": 1}}),
        ("t.csv", "path,id,n\na.png,7,1\n,b.png,2\n", {"a.png": {"n": 1}, "b.png": {"n": 2}}),
        ("t.csv", "path,label,n\na.png,x,1\n", {"a.png": {"n": 1}}),
        ("t.csv", "path,n,m\na.png,,x\nb.png,2,\n", {"a.png": {"m": "x"}, "b.png": {"n": 2}}),
        ("t.csv", "path,n\na.png\n", {"a.png": {}}),
        ("t.csv", 'path,n\n"a,b.png","x\ny"\n', {"a,b.png": {"n": "x\ny"}}),
        ("t.csv", "path,code\na.png,007\nb.png,8\n",
         {"a.png": {"code": "007"}, "b.png": {"code": "8"}}),
        ("t.csv", "path,n\n001.png,1\n2,2\n", {"001.png": {"n": 1}, "2": {"n": 2}}),
        ("t.csv", "path,größe\né.png,ß\n", {"é.png": {"größe": "ß"}}),
        ("t.csv", "path\na.png\n", {"a.png": {}}),
        ("t.csv", "path,n\n", {}),
        ("t.jsonl", '{"path": "a.png", "n": 1, "t": ["x"], "b": true, "z": null}\n',
         {"a.png": {"n": 1, "t": ["x"], "b": True, "z": None}}),
        ("t.ndjson", b'\xef\xbb\xbf{"path": "a.png"}\n\n  \n{"id": "b.png", "n": "1"}',
         {"a.png": {}, "b.png": {"n": "1"}}),
        ("T.JSONL", '{"path": "a.png", "n": {"x": [1, {"y": 2.5}]}}\r\n',
         {"a.png": {"n": {"x": [1, {"y": 2.5}]}}}),
        ("t.jsonl", '{"id": 5, "label": "x", "n": 1}\n', {"5": {"n": 1}}),
    ],
)  # fmt: skip
def test_tables_that_can_be_read(
    tmp_path: Path, name: str, content: str | bytes, values: dict[str, dict[str, JSON]]
) -> None:
    assert read(tmp_path, name, content) == values


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "needs the column path or id.*its first line has: nothing"),
        ("t.csv", "file,n\na.png,1\n", "needs the column path or id.*has: file, n"),
        ("t.csv", "path;n\na.png;1\n", "needs the column path or id"),
        ("t.csv", "path,n\na.png,1\na.png,2\n", r"t\.csv, line 3: a\.png is there twice"),
        ("t.csv", "path,n\na.png,1\n./a.png,2\n", r"line 3: a\.png is there twice"),
        ("t.csv", "path,n\na.png,1,2\n", "line 2: it has more cells than the first line"),
        ("t.csv", "path,n\n,1\n", "line 2: it names no image"),
        ("t.csv", 'path,n\n"a.png,1\n', "is not a CSV file in UTF-8"),
        ("t.csv", b"path,n\n\xff.png,1\n", "is not a CSV file in UTF-8"),
        ("t.csv", "path,n\na.png,1\n".encode("utf-16"), "is not a CSV file in UTF-8"),
        ("t.jsonl", '{"path": "a.png"}\n{"path": \n', "line 2: it is not JSON"),
        ("t.jsonl", '{"path": "a.png"}\n["b.png"]\n', "line 2: it is not an object"),
        ("t.jsonl", '{"path": "a.png", "n": NaN}\n', "line 1: it is not JSON: NaN is no number"),
        ("t.jsonl", '{"path": "a.png", "n": -Infinity}\n', "line 1: it is not JSON: -Infinity"),
        ("t.jsonl", '{"path": "a.png"}\n\n{"path": "a.png"}\n', r"line 3: a\.png is there twice"),
        ("t.jsonl", '{"n": 1}\n', "line 1: it names no image in path or id"),
        ("t.jsonl", '{"path": null}\n', "line 1: it names no image"),
        ("t.jsonl", '{"path": ["a.png"]}\n', "line 1: it names no image"),
        ("t.jsonl", '{"path": true}\n', "line 1: it names no image"),
        ("t.jsonl", b'{"path": "\xff.png"}\n', "line 1: it is not JSON"),
        ("t.jsonl", "[" * 100_000, "line 1: it is not JSON"),
        ("t.json", '[{"path": "a.png"}]', "line 1: it is not an object"),
    ],
)
def test_tables_that_cannot(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read(tmp_path, name, content)


def test_tables_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path / "nowhere.jsonl", tmp_path):
        with pytest.raises(InvalidArgument, match=r"JSON lines; .* cannot be read"):
            read_metadata(path)
    with pytest.raises(InvalidArgument, match="Labels are 'folder', 'none' or a CSV file"):
        read_labels(tmp_path / "nowhere.csv")


def test_labels(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("label,path,n\n 007 ,a.png,1\n,b.png,2\nx y,./c.png,3\n 007,a.png,4\n")
    assert read_labels(table).values == {"a.png": "007", "c.png": "x y"}
    table.write_text(f"path,label,notes\na,x,{'n' * 200_000}\n")
    assert read_labels(table).values == {"a": "x"}
    table.write_text("path,label,price\na,x,3\n,,\n")
    assert read_labels(table).values == {"a": "x"}
    assert read_metadata(table).values == {"a": {"price": 3}}
    for content, message in (
        ("path\na\n", "needs the columns path and label, with commas between; .* has: path"),
        ("path,label\na,x\na,y\n", "line 3: a is both 'x' and 'y'"),
        ("path,label\na,x,z\n", "line 2: it has more cells"),
        ("path,label\na,\nb, \n", "has no label: the column label is empty"),
        ("path,label\na,x\n,y\n", "line 3: it names no image in path"),
    ):
        table.write_text(content)
        with pytest.raises(InvalidArgument, match=message):
            read_labels(table)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return painted(tmp_path / "photos", SEEDS)


def test_joined_to_a_collection(root: Path, tmp_path: Path) -> None:
    table = root / "more.csv"  # it may lie among the images
    table.write_text(
        "path,price,code,new,who\na/1.png,3,007,true,\nb/é ü.png,2.5,8,,Zoë\nz.png,1,1,,x\n"
    )
    photos = Collection.build(root, tmp_path / "index", metadata=table, **PIXELS)
    assert {item.id: dict(item.metadata) for item in photos} == {
        "a/1.png": {"price": 3.0, "code": "007", "new": True},
        "a/2.png": {},
        "b/1.png": {},
        "b/é ü.png": {"price": 2.5, "code": "8", "who": "Zoë"},
    }
    (skipped,) = photos.skipped
    assert skipped.path == table
    assert skipped.reason == "1 of its paths are no images here, as 'z.png'"

    def found(*where: str) -> list[str]:
        (hits,) = photos.query([root / "a/1.png"], where=where)
        return sorted(hit.item.id for hit in hits)

    assert found("price>=2.5") == ["a/1.png", "b/é ü.png"]
    assert found("code=007") == ["a/1.png"]
    assert found("who exists", "label=b") == ["b/é ü.png"]
    assert found("new!=true") == []


def test_a_bad_table_builds_nothing(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.jsonl"
    for text, message in (
        ('{"path": "a/1.png"}\n{"path": "a/1.png"}\n', "line 2: a/1.png is there twice"),
        ('{"path": "z.png"}\n', "No path in .* is an image below"),
        ("", "speaks of no image: there is no row in it"),
    ):
        table.write_text(text)
        with pytest.raises(InvalidArgument, match=message):
            Collection.build(root, tmp_path / "index", metadata=table, **PIXELS)
        assert not (tmp_path / "index").exists()


def test_by_the_command(
    vecsearch: Callable[..., subprocess.CompletedProcess[str]], root: Path, tmp_path: Path
) -> None:
    table, index = tmp_path / "more.jsonl", tmp_path / "index"
    lines: list[dict[str, Any]] = [
        {"path": "a/1.png", "price": 30, "tags": ["new", "red"]},
        {"path": "b/1.png", "price": 50, "sold": False},
    ]
    table.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    build = ["build", root, "-o", index, "--encoder", "pixels", "--size", "4x4", "--color", "grey"]
    assert vecsearch(*build, "--metadata", table).returncode == 0

    def found(*where: str) -> list[tuple[str, dict[str, Any]]]:
        options = [word for condition in where for word in ("--where", condition)]
        run = vecsearch("query", index, root / "a/1.png", *options)
        assert run.returncode == 0, run.stderr
        return [(hit["id"], hit["metadata"]) for hit in json.loads(run.stdout)["hits"]]

    one, other = ("a/1.png", {"price": 30, "tags": ["new", "red"]}), (
        "b/1.png", {"price": 50, "sold": False},
    )  # fmt: skip
    assert found("price exists") == [one, other]
    assert found("price<50") == [one]
    assert found("tags in blue, red") == [one]
    assert found("sold=false", "label=b") == [other]
    run = vecsearch("query", index, root / "a/1.png", "--where", "prize=3")
    assert (run.returncode, run.stdout) == (2, "")
    assert "No item has 'prize'. Did you mean 'price'? There are: id, label, " in run.stderr
    lines[0]["price"] = 60
    table.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    touch(table)
    told = json.loads(vecsearch("update", index).stdout)
    assert (told["relabelled"], told["changed"]) == (1, 0)
    assert [name for name, _ in found("price>=60")] == ["a/1.png"]
    table.write_text('{"path": 3.5}\n')
    run = vecsearch("update", index)
    assert (run.returncode, run.stdout) == (2, "")
    assert "more.jsonl, line 1: it names no image in path or id" in run.stderr
