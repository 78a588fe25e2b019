"""cluster, and classify --clusters, as a user runs them."""

import csv
import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pyarrow import parquet

from vecsearch import Collection, agreement, silhouette

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shop(small: Path, tmp_path: Path) -> Path:
    """30 product images of three classes."""
    Collection.build(
        small / "train", tmp_path / "index", dim=8, size=(14, 14), color="grey", jobs=1
    )
    return tmp_path / "index"


def lines(run: subprocess.CompletedProcess[str], code: int = 0) -> list[dict[str, Any]]:
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_a_line_an_item(vecsearch: Command, shop: Path) -> None:
    run = vecsearch("cluster", shop, "--k", 3)
    rows = lines(run)
    assert list(rows[0]) == ["id", "cluster", "distance", "label", "medoid"]
    photos = Collection.open(shop)
    assert [row["id"] for row in rows] == [item.id for item in photos]
    assert [row["label"] for row in rows] == photos.labels()
    sizes = Counter(row["cluster"] for row in rows)
    assert [sizes[code] for code in range(3)] == sorted(sizes.values(), reverse=True)
    assert Counter(row["cluster"] for row in rows if row["medoid"]) == {0: 1, 1: 1, 2: 1}
    codes = [row["cluster"] for row in rows]
    found = agreement(codes, photos.labels())
    shown = silhouette(photos.vectors(), codes)
    assert f"silhouette {shown:.4g}, nmi {found['nmi']:.4g}" in run.stderr
    assert f"purity {found['purity']:.4g}" in run.stderr
    assert lines(vecsearch("cluster", shop, "-k", 3)) == rows
    assert json.loads(vecsearch("cluster", shop, "-k", 3, "--format", "json").stdout) == rows
    table = vecsearch("cluster", shop, "-k", 3, "--format", "table").stdout
    assert table.split()[:6] == ["cluster", "size", "share", "medoid", "label", "label_share"]
    first = next(row["id"] for row in rows if row["medoid"] and row["cluster"] == 0)
    assert first in table
    text = vecsearch("cluster", shop, "-k", 3, "--format", "csv").stdout.splitlines()
    assert text[0] == "id,cluster,distance,label,medoid"
    assert len(text) == 31


def test_files_and_a_summary(vecsearch: Command, shop: Path, tmp_path: Path) -> None:
    rows = lines(vecsearch("cluster", shop, "-k", 3))
    for suffix in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"c.{suffix}"
        (told,) = lines(vecsearch("cluster", shop, "-k", 3, "-o", out))
        assert (told["items"], told["clusters"], told["method"]) == (30, 3, "kmeans")
        assert (told["file"], told["saved"], told["metric"]) == (str(out), None, "euclidean")
        assert sum(told["sizes"]) == 30
        assert told["purity"] == pytest.approx(1, abs=0.4)
    assert [json.loads(one) for one in (tmp_path / "c.jsonl").read_text().splitlines()] == rows
    assert parquet.read_table(tmp_path / "c.parquet").to_pylist() == rows
    with open(tmp_path / "c.csv", newline="") as file:
        assert [int(row["cluster"]) for row in csv.DictReader(file)] == [
            row["cluster"] for row in rows
        ]


def test_pictures(vecsearch: Command, shop: Path, tmp_path: Path) -> None:
    sheet, curve, steps = tmp_path / "s.png", tmp_path / "k.png", tmp_path / "steps"
    run = vecsearch(
        "cluster", shop, "--k", "auto", "--k-max", 5, "--curve", curve, "--sheet", sheet, "--trace",
        steps, "-q",
    )  # fmt: skip
    rows = lines(run)
    assert run.stderr == ""
    found = max(row["cluster"] for row in rows) + 1
    assert 2 <= found <= 5
    with Image.open(sheet) as image:
        # A row of 112 pixels, caption and margin for each cluster; 13 pictures across at most.
        assert image.size[1] == found * (112 + 32 + 10) + 24 + 10
        assert len(image.getcolors(1 << 24) or []) > 50
    with Image.open(curve) as image:
        assert image.size[0] > 1000
    assert len(list(steps.glob("step-*.png"))) >= 2


def test_hierarchies(vecsearch: Command, shop: Path) -> None:
    by_count = lines(vecsearch("cluster", shop, "--method", "hierarchical", "--k", 4))
    assert {row["cluster"] for row in by_count} == {0, 1, 2, 3}
    everything = lines(
        vecsearch("cluster", shop, "--method", "hierarchical", "--distance-threshold", 1e6)
    )
    assert {row["cluster"] for row in everything} == {0}
    nothing = lines(
        vecsearch("cluster", shop, "--method", "hierarchical", "--distance-threshold", 0)
    )
    assert [row["cluster"] for row in nothing] == list(range(30))


def test_clusters_are_kept_and_images_put_into_them(
    vecsearch: Command, shop: Path, small: Path, tmp_path: Path
) -> None:
    rows = lines(vecsearch("cluster", shop, "-k", 3, "--save", "kinds"))
    (facts,) = lines(vecsearch("info", shop))
    assert facts["clusterings"] == ["kinds"]
    assert "kinds" in vecsearch("info", shop, "--format", "table").stdout
    # Every item is where it is among the clusters.
    photos = Collection.open(shop)
    item = photos.get(rows[4]["id"])
    assert item.path is not None
    (told,) = lines(vecsearch("classify", shop, item.path, "--clusters", "kinds"))
    assert list(told) == [
        "query", "label", "confidence", "distance", "method", "neighbours", "cluster", "size",
        "medoid",
    ]  # fmt: skip
    assert (told["cluster"], told["method"]) == (rows[4]["cluster"], "clusters")
    assert told["distance"] == pytest.approx(rows[4]["distance"], abs=1e-5)
    members = [row for row in rows if row["cluster"] == told["cluster"]]
    ((label, count),) = Counter(row["label"] for row in members).most_common(1)
    assert (told["label"], told["confidence"]) == (label, count / len(members))
    assert told["size"] == len(members)
    assert told["medoid"] == next(row["id"] for row in members if row["medoid"])
    folder = lines(vecsearch("classify", shop, small / "test", "--clusters", "kinds"))
    assert len(folder) == 15
    table = vecsearch("classify", shop, item.path, "--clusters", "kinds", "--format", "csv").stdout
    assert table.splitlines()[0] == "query,cluster,distance,label,confidence,medoid"
    # Items that come later are put to the nearest centre on request.
    photos.add([small / "test" / "bag"], label="later", jobs=1)
    later = lines(vecsearch("cluster", shop, "--apply", "kinds", "--save", "more"))
    assert len(later) == 35
    assert {row["id"]: row["cluster"] for row in rows}.items() <= {
        row["id"]: row["cluster"] for row in later
    }.items()
    by_query = {row["query"]: row["cluster"] for row in folder}
    for row in later:
        if row["label"] == "later":
            assert row["cluster"] == by_query[row["id"]]
    (gone,) = lines(vecsearch("cluster", shop, "--forget", "kinds"))
    assert gone == {"forgotten": "kinds"}
    run = vecsearch("classify", shop, item.path, "--clusters", "kinds")
    assert lines(run, 2) == []
    assert "no clustering 'kinds'. There are: 'more'." in run.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--k", "31"], "k is 31, but there are only 30 items"),
        (["--k", "0"], "1 or more, not 0"),
        (["--k", "many"], "'many' is not a number of clusters, or auto"),
        (["--k", "3", "--distance-threshold", "2"], "distance threshold is for hierarchical"),
        (["--method", "hierarchical", "--k", "3", "--distance-threshold", "2"], "not both"),
        (["--method", "hierarchical", "--linkage", "ward", "--metric", "cosine"], "Ward's"),
        (["--method", "hierarchical", "--k", "auto"], "auto finds a k for kmeans"),
        (["--method", "hierarchical", "--restarts", "2"], "restarts is for kmeans"),
        (["--method", "hierarchical", "--curve", "k.png"], "--curve is of --method kmeans"),
        (["--method", "spectral"], "'spectral' is not one of"),
        (["--k-max", "5"], "--k-max is for --k auto and --curve"),
        (["--apply", "x", "--k", "3"], "does not go with --apply"),
        (["--forget", "x", "--save", "y"], "--save does not go with --forget"),
        (["--forget", "x"], "There are: none"),
        (["--save", ""], "1 to 100 printable characters"),
        (["-o", "clusters.txt"], "ends in none of .csv, .jsonl, .parquet"),
        (["--sheet", "clusters.txt"], "it must end in .png"),
    ],
)
def test_mistakes(vecsearch: Command, shop: Path, arguments: list[str], said: str) -> None:
    run = vecsearch("cluster", shop, *arguments)
    assert lines(run, 2) == []
    assert said in run.stderr
    (facts,) = lines(vecsearch("info", shop))
    assert (facts["generation"], facts["clusterings"]) == (1, [])


@pytest.mark.parametrize(
    "option",
    [
        ["--method", "knn"], ["-k", "3"], ["--weights", "uniform"], ["--centroids", "2"],
        ["--center", "mean"], ["--reject", "none"], ["--metric", "cosine"], ["--exact"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_does_not_go_with_clusters_is_refused(
    vecsearch: Command, shop: Path, small: Path, option: list[str]
) -> None:
    run = vecsearch("classify", shop, small / "test", "--clusters", "x", *option)
    assert lines(run, 2) == []
    assert f"{option[0]} does not go with --clusters" in run.stderr


def test_vectors_have_no_pictures(vecsearch: Command, tmp_path: Path) -> None:
    Collection.from_vectors([[0, 1], [1, 0], [5, 5]], path=tmp_path / "index")
    run = vecsearch("cluster", tmp_path / "index", "-k", 2, "--sheet", tmp_path / "s.png")
    assert lines(run, 2) == []
    assert "There are no images in" in run.stderr
    rows = lines(vecsearch("cluster", tmp_path / "index", "-k", 2))
    assert [row["label"] for row in rows] == [None] * 3
