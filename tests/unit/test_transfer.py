"""Items and vectors to other programs' files and back: the same numbers, bit for bit."""

import csv
import json
import pickle
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from painting import PIXELS, expected, held, painted
from pyarrow import parquet

from vecsearch import Collection, CollectionExists, InvalidArgument, import_vectors
from vecsearch.types import Vectors

IDS = ["plain", "é ü", 'quo"te,comma', "line\nbreak", "  spaces ", "漢字🙂", "=1+1", "007"]
LABELS = ["x", None, "1", "1.50", "true", "é,\n", " y ", "007"]
MORE: list[dict[str, Any]] = [
    {"n": 1, "f": 0.1, "b": True, "t": "text"},
    {},
    {"list": [1, "é", None], "object": {"a": {"b": 2}}},
    {"t": 'quo"te, line\nbreak'},
    {"n": -(2**60), "b": False},
    {"f": 1e-300},
    {"größe": 3},
    {"n": None},
]
HARD = [
    np.float32(1) / 3, np.finfo(np.float32).max, np.finfo(np.float32).tiny,
    np.finfo(np.float32).smallest_subnormal, -0.0, 0.1, 16_777_217.0, -1e-7,
]  # fmt: skip
VECTORS: Vectors = np.array([np.roll(HARD, row) for row in range(8)], np.float32)


@pytest.fixture
def things(tmp_path: Path) -> Collection:
    """Eight items with names and numbers of all kinds."""
    path = tmp_path / "index"
    return Collection.from_vectors(VECTORS, IDS, LABELS, MORE, path=path)


def same(found: Any, wanted: Any) -> None:
    """Equal bit for bit, so that −0 is not 0."""
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert found.tobytes() == np.ascontiguousarray(wanted, np.float32).tobytes()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def numbers_of(rows: list[dict[str, str]], dim: int) -> Vectors:
    return np.array([[np.float32(row[f"v{at}"]) for at in range(dim)] for row in rows])


def test_csv(things: Collection, tmp_path: Path) -> None:
    things.export(tmp_path / "out" / "things.csv")
    rows = rows_of(tmp_path / "out" / "things.csv")
    assert list(rows[0]) == [
        "id", "path", "label", "b", "f", "größe", "list", "n", "object", "t",
        *(f"v{at}" for at in range(8)),
    ]  # fmt: skip
    assert [row["id"] for row in rows] == IDS
    assert [row["label"] for row in rows] == [label or "" for label in LABELS]
    assert {row["path"] for row in rows} == {""}
    same(numbers_of(rows, 8), VECTORS)
    assert [row["b"] for row in rows] == ["true", "", "", "", "false", "", "", ""]
    assert json.loads(rows[2]["list"]) == [1, "é", None]
    assert json.loads(rows[2]["object"]) == {"a": {"b": 2}}
    assert (rows[0]["f"], rows[4]["n"], rows[6]["größe"]) == ("0.1", str(-(2**60)), "3")
    assert rows[3]["t"] == 'quo"te, line\nbreak'


def test_npz(things: Collection, tmp_path: Path) -> None:
    things.export(tmp_path / "things.npz")
    with np.load(tmp_path / "things.npz", allow_pickle=False) as found:
        assert sorted(found) == ["ids", "labels", "metadata", "paths", "vectors"]
        same(found["vectors"], VECTORS)
        assert found["ids"].tolist() == IDS
        assert found["labels"].tolist() == [label or "" for label in LABELS]
        assert found["paths"].tolist() == [""] * 8
        assert [json.loads(line) for line in found["metadata"].tobytes().splitlines()] == MORE


def test_parquet(things: Collection, tmp_path: Path) -> None:
    things.export(tmp_path / "things.parquet")
    table = parquet.read_table(tmp_path / "things.parquet")
    assert table.column_names == ["id", "path", "label", "metadata", "vector"]
    assert str(table.schema.field("vector").type).startswith("fixed_size_list<")
    assert table["id"].to_pylist() == IDS
    assert table["label"].to_pylist() == LABELS
    assert table["path"].to_pylist() == [None] * 8
    assert [json.loads(text) for text in table["metadata"].to_pylist()] == MORE
    flat = np.concatenate([chunk.flatten().to_numpy() for chunk in table["vector"].chunks])
    same(flat.reshape(-1, 8), VECTORS)


def exported(collection: Collection, path: Path, dim: int) -> tuple[list[str], Vectors]:
    """The ids and vectors in an export."""
    collection.export(path)
    if path.suffix.lower() == ".csv":
        rows = rows_of(path)
        return [row["id"] for row in rows], numbers_of(rows, dim)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as found:
            return found["ids"].tolist(), found["vectors"]
    table = parquet.read_table(path)
    return table["id"].to_pylist(), np.array(table["vector"].to_pylist(), np.float32)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet", ".CSV"])
def test_many_segments_and_dead_rows(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that end with a segment, within one, and where the last rows of one are dead."""
    monkeypatch.setattr("vecsearch.store.gathering.SEGMENT_ITEMS", 40)
    monkeypatch.setattr("vecsearch.transfer.BLOCK_ITEMS", 10)
    vectors = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    monkeypatch.setattr("vecsearch.own_vectors.BLOCK_BYTES", 40 * 12)
    things = Collection.from_vectors(vectors, path=tmp_path / "index")
    gone = [0, 3, 38, 39, 40, 79, 99]
    things.remove([str(row) for row in gone])
    assert (things.info()["segments"], things.info()["dead"]) == (3, 7)
    kept = np.setdiff1d(np.arange(100), gone)
    ids, found = exported(things, tmp_path / f"things{suffix}", 3)
    assert ids == [str(row) for row in kept]
    same(found.astype(np.float32), vectors[kept])


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_nothing_left_and_images(tmp_path: Path, suffix: str) -> None:
    things = Collection.from_vectors([[1, 2]], path=tmp_path / "index")
    things.remove(["0"])
    ids, found = exported(things, tmp_path / f"none{suffix}", 2)
    assert (ids, len(found)) == ([], 0)
    seeds = {"a/1.png": 1, "b/é.png": 2}
    photos = Collection.build(painted(tmp_path / "photos", seeds), tmp_path / "photo", **PIXELS)
    ids, found = exported(photos, tmp_path / f"photos{suffix}", 16)
    assert ids == list(seeds)
    assert found.tolist() == [row for _, _, row in expected(seeds).values()]


def test_what_stood_there_stays_if_an_export_fails(things: Collection, tmp_path: Path) -> None:
    for suffix in ("csv", "npz", "parquet"):
        path = tmp_path / f"things.{suffix}"
        path.write_text("precious")
        (file,) = (tmp_path / "index" / "segments").glob("*.jsonl")
        data = file.read_bytes()
        file.write_bytes(data[:-2] + b"x\n")
        with pytest.raises(Exception, match="is damaged"):
            Collection.open(tmp_path / "index").export(path)
        assert path.read_text() == "precious"
        file.write_bytes(data)
        things.export(path)
        assert path.read_bytes() != b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "index", "things.csv", "things.npz", "things.parquet",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["things", "things.txt", "things.npy", "things.csv.gz", ".csv"])
def test_other_endings_are_refused(things: Collection, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"ends in none of \.csv, \.npz, \.parquet"):
        things.export(tmp_path / name)
    assert not (tmp_path / name).exists()


def imported(tmp_path: Path, array: Any, items: Path | None = None, **options: Any) -> Collection:
    np.save(tmp_path / "v.npy", array, allow_pickle=True)
    return import_vectors(tmp_path / "v.npy", tmp_path / "in", items=items, **options)[0]


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8", "<f2", "|i1", ">i4", "<u8", "|b1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_kind(tmp_path: Path, kind: str, order: Any) -> None:
    array = np.array([[1, 0, 3], [0, 5, 100]]).astype(kind, order=order)
    found = imported(tmp_path, array)
    same(found.vectors(), array.astype(np.float32))
    assert [item.id for item in found] == ["0", "1"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1, {"a": 1}]], object), r"is no \.npy file of numbers"),
        (np.array([["a", "b"]]), "Vectors are real numbers, not <U1"),
        (np.array([[1j]]), "Vectors are real numbers, not complex128"),
        (np.array([[1]], "M8[D]"), "Vectors are real numbers, not datetime64"),
        (np.ones(3), r"an array of shape \(n, dim\), not \(3,\)"),
        (np.ones((2, 2, 2)), r"an array of shape \(n, dim\), not \(2, 2, 2\)"),
        (np.ones((2, 0)), "have 0 dims, not 1 or more"),
        (np.ones((0, 2)), "needs at least one vector"),
        (np.float64(3), "needs at least one vector"),
        (np.array([[1, np.nan]]), "Vector 0 holds NaN"),
        (np.array([[1], [1e39]]), "Vector 1 holds NaN, infinity or more than float32"),
        (np.zeros(2, [("x", "f4")]), "Vectors are real numbers"),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, array: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        imported(tmp_path, array)
    assert not (tmp_path / "in").exists()


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("pwned"),)


@pytest.mark.parametrize("kind", ["pickle", "empty", "text", "cut", "npz", "object", "header"])
def test_files_that_are_none(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "v.npy"
    np.save(path, np.ones((9, 9)))
    if kind == "npz":
        np.savez(path.with_suffix(".npz"), vectors=np.ones((2, 2)))
        path.with_suffix(".npz").rename(path)
    elif kind == "object":
        np.save(path, np.array([[Evil()]], object), allow_pickle=True)
    else:
        data = path.read_bytes()
        path.write_bytes(
            {
                "pickle": pickle.dumps(Evil()), "empty": b"", "text": b"1,2\n3,4\n",
                "cut": data[:-9], "header": data.replace(b"(9, 9)", b"(9,-9)"),
            }[kind]
        )  # fmt: skip
    with pytest.raises(InvalidArgument, match=r"v\.npy is no \.npy file of numbers"):
        import_vectors(path, tmp_path / "in")
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "in").exists()
    with pytest.raises(InvalidArgument, match=r"nowhere\.npy is no \.npy file"):
        import_vectors("nowhere.npy", tmp_path / "in")


def test_there_and_back(things: Collection, tmp_path: Path) -> None:
    """An export is itself a list of items for the vectors in the same order."""
    things.export(tmp_path / "things.csv")
    found = imported(tmp_path, things.vectors(), tmp_path / "things.csv")
    assert [item.id for item in found] == IDS
    assert [item.label for item in found] == LABELS
    same(found.vectors(), VECTORS)
    lines = [{"id": item.id, "label": item.label, **item.metadata} for item in things]
    (tmp_path / "things.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = imported(tmp_path, things.vectors(), tmp_path / "things.jsonl", overwrite=True)
    assert held(found) == held(things)


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_an_export_is_a_collection_again(things: Collection, tmp_path: Path, ending: str) -> None:
    things.export(tmp_path / f"things.{ending}")
    found, changes = import_vectors(tmp_path / f"things.{ending}", tmp_path / "in", metric="cosine")
    assert found.metric == "cosine"
    assert changes.added == IDS
    assert held(found) == held(things)
    same(found.vectors(), VECTORS)
    found.remove(IDS[1:])
    things.remove(IDS[:1])
    things.export(tmp_path / f"others.{ending}")
    import_vectors(tmp_path / f"others.{ending}", tmp_path / "in", append=True)
    assert held(Collection.open(tmp_path / "in")).keys() == set(IDS)


def test_a_table_is_a_collection_again(tmp_path: Path) -> None:
    """Of metadata in a table the types are guessed, as of any other."""
    more: list[dict[str, Any]] = [{"price": 3, "v0": 9}, {"price": 4, "name": "two, or so"}]
    things = Collection.from_vectors(VECTORS[:2], IDS[:2], ["1.50", None], more)
    things.export(tmp_path / "things.csv")
    found, _ = import_vectors(tmp_path / "things.csv", tmp_path / "in")
    assert held(found) == held(things)
    same(found.vectors(), VECTORS[:2])


def test_files_of_other_programs(tmp_path: Path) -> None:
    numbers = pa.array([[1, 2], [3, 4.5]], pa.list_(pa.float64()))
    columns = {
        "path": ["a.jpg", "b.jpg"], "label": [b"cat", None], "vector": numbers,
        "year": [1938, None], "day": [date(1938, 8, 1), None], "price": [float("nan"), 3.5],
    }  # fmt: skip
    parquet.write_table(pa.table(columns), tmp_path / "v.parquet", row_group_size=1)
    found, _ = import_vectors(tmp_path / "v.parquet", tmp_path / "parquet")
    assert held(found) == {
        "a.jpg": ("cat", {"year": 1938, "day": "1938-08-01"}, [1, 2]),
        "b.jpg": (None, {"price": 3.5}, [3, 4.5]),
    }
    two = {"vectors": [[1, 2], [3, 4]], "ids": [7, 8]}
    np.savez_compressed(tmp_path / "v.npz", **two, labels=[0, 1])
    found, _ = import_vectors(tmp_path / "v.npz", tmp_path / "npz")
    assert held(found) == {"7": ("0", {}, [1, 2]), "8": ("1", {}, [3, 4])}


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_an_export_that_is_damaged(things: Collection, tmp_path: Path, ending: str) -> None:
    """Whichever byte is another, and wherever it is cut: a sentence, or the items are others."""
    path, damaged = tmp_path / f"things.{ending}", tmp_path / f"damaged.{ending}"
    things.export(path)
    data = path.read_bytes()
    refused = 0
    for at in range(0, len(data), 7):
        for content in (data[:at], data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]):
            damaged.write_bytes(content)
            try:
                import_vectors(damaged, tmp_path / "in", overwrite=True)
            except InvalidArgument:
                refused += 1
    assert refused > len(data) // 7


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.npz", {"vectors": [[1]]}, r"v\.npz cannot be imported: .*ids"),
        ("v.npz", {"vectors": [[1], [2]], "ids": ["a"]}, "There are 2 vectors, but 1 ids"),
        ("v.npz", {"vectors": [[1]], "ids": [""]}, "Ids are strings that are not empty, not ''"),
        ("v.npz", {"vectors": [[1]], "ids": "a"}, "its ids are no list"),
        ("v.npz", {"vectors": [[1]], "ids": ["a"], "metadata": np.uint8([51, 10])}, "Metadata is"),
        ("v.npz", {"vectors": [[1]], "ids": ["a"], "labels": ["x", "y"]}, "cannot be imported"),
        ("v.npz", {"vectors": np.array([Evil()]), "ids": ["a"]}, "cannot be imported: "),
        ("v.npz", b"no archive", "cannot be imported: it is no archive"),
        ("v.npz", b"", "cannot be imported: it is no archive"),
        ("v.parquet", {"vector": [[1.0]]}, "row 1: it has no id"),
        (
            "v.parquet",
            {"id": ["a"], "numbers": [[1.0]]},
            r"v\.parquet cannot be imported: .*vector",
        ),
        ("v.parquet", {"id": ["a"], "vector": [1.0]}, "cannot be imported"),
        ("v.parquet", {"id": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]}, "not all of one length"),
        ("v.parquet", {"id": ["a", "b"], "vector": [[1.0], None]}, "not all of one length"),
        ("v.parquet", {"id": ["a"], "vector": [[None]]}, "Vectors are real numbers, not object"),
        ("v.parquet", {"id": ["a"], "vector": [[1.0]], "metadata": ["[3]"]}, "no JSON object"),
        (
            "v.parquet",
            {"id": ["a"], "vector": [[1.0]], "metadata": ["{"]},
            "row 1: its metadata is",
        ),
        ("v.parquet", {"id": ["a"], "vector": [[1.0]], "x": [timedelta(1)]}, "'x' holds timedelta"),
        ("v.parquet", {"id": [b"\xff"], "vector": [[1.0]]}, "has a id that is no text"),
        ("v.parquet", b"PAR1 and no more", "cannot be imported"),
        ("v.csv", b"id,v0\na,\n", "ends in no columns v0"),
        ("v.csv", b"id,v0,v1\na,,1\n", "ends in no columns v0"),
        ("v.csv", b"id,v0,v1\na,1,1\nb,,2\n", "line 3: not all of v1 is a number"),
        ("v.csv", b"id,v0,v1\na,1,\nb,1,2\n", "line 3: not all of v0 is a number"),
        ("v.csv", b"id,v0\na,1" + 400 * b"0" + b"\n", "cannot be imported: "),
        ("v.csv", b"id,v0\na,x\n", "cannot be imported: could not convert string to float: 'x'"),
        ("v.csv", b"id,price\na,3\n", "it may be the items: --items"),
        ("v.csv", b"v0\n1\n", "needs the column path or id"),
    ],
)
def test_exports_that_are_none(tmp_path: Path, name: str, content: Any, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif name.endswith("npz"):
        np.savez(path, **content)
    else:
        parquet.write_table(pa.table(content), path)
    with pytest.raises(InvalidArgument, match=message):
        import_vectors(path, tmp_path / "in")
    assert not (tmp_path / "in").exists()
    with pytest.raises(InvalidArgument, match="says itself what its items are"):
        import_vectors(path, tmp_path / "in", items=tmp_path / "items.csv")
    with pytest.raises(InvalidArgument, match=r"cannot be imported|nowhere"):
        import_vectors(path.with_stem("nowhere"), tmp_path / "in")


@pytest.mark.parametrize(
    "labels",
    [["1.50", "2"], ["1e5", "1"], ["true", "False"], ["007", "8"], ["1", "2"], ["+1", "0"]],
)
def test_labels_are_text(tmp_path: Path, labels: list[str]) -> None:
    """A class called 2 is not called 2.0 after an export and an import."""
    things = Collection.from_vectors([[1, 2], [3, 4]], ["1", "2"], labels, path=tmp_path / "index")
    things.export(tmp_path / "things.csv")
    found = imported(tmp_path, things.vectors(), tmp_path / "things.csv")
    assert [(item.id, item.label) for item in found] == list(zip("12", labels, strict=True))


def test_metadata_that_is_called_as_a_column_is(tmp_path: Path) -> None:
    """It must not take the place of the id, nor pass for a vector."""
    more = [{"id": "other", "path": "p", "label": "l", "v0": 9, "v": 1}]
    things = Collection.from_vectors([[1, 2]], ["mine"], ["x"], more, path=tmp_path / "index")
    things.export(tmp_path / "things.csv")
    with (tmp_path / "things.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert len(header) == len(set(header))
    (row,) = rows_of(tmp_path / "things.csv")
    assert (row["id"], row["label"], row["v0"], row["v1"]) == ("mine", "x", "1", "2")


def test_appending(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("id,label,n\na,x,1\nb,,2\n")
    imported(tmp_path, [[1, 2], [3, 4]], items)
    items.write_text("path,n\nc,3\n")
    np.save(tmp_path / "v.npy", [[5, 6]])
    found, changes = import_vectors(tmp_path / "v.npy", tmp_path / "in", items=items, append=True)
    assert (changes.indexed, changes.added) == (3, ["c"])
    assert held(found) == {
        "a": ("x", {"n": 1}, [1, 2]), "b": (None, {"n": 2}, [3, 4]), "c": (None, {"n": 3}, [5, 6]),
    }  # fmt: skip
    before = held(found)
    for own in ({"metric": "cosine"}, {"index": "hnsw"}, {"memory_budget": 9}, {"overwrite": True}):
        with pytest.raises(InvalidArgument, match=f"append goes without {min(own)}"):
            import_vectors(tmp_path / "v.npy", tmp_path / "in", items=items, append=True, **own)
    for array, text, message in (
        ([[5, 6]], "id\nc\n", "'c' is in the collection already"),
        ([[5, 6]], "id\nd\ne\n", "There are 1 vectors, but 2 ids"),
        ([[5, 6, 7]], "id\nd\n", "have 3 dims, not 2"),
        ([[5, 6], [7, 8]], "id\nd\nd\n", "The id 'd' is given twice"),
        ([[5, 6]], "name\nd\n", "needs the column path or id"),
        ([[5, 6]], "id,n\n,3\n", "line 2: it has no id"),
        ([[5, 6]], None, "need ids: name their items"),
    ):
        np.save(tmp_path / "v.npy", array)
        if text is not None:
            items.write_text(text)
        given = items if text is not None else None
        with pytest.raises(InvalidArgument, match=message):
            import_vectors(tmp_path / "v.npy", tmp_path / "in", items=given, append=True)
        assert held(Collection.open(tmp_path / "in")) == before
    with pytest.raises(CollectionExists):
        import_vectors(tmp_path / "v.npy", tmp_path / "in")
