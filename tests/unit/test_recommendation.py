"""Recommendations, beside the formulas worked out in plain Python."""

import csv
import math
import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS
from PIL import Image

from vecsearch import Collection, InvalidArgument, recommend, recommend_for_each
from vecsearch.recommendation import strategies
from vecsearch.recommendation.choosing import scaled
from vecsearch.recommendation.examples import ItemId
from vecsearch.types import Hit, Metric, Vectors

METRICS = list(Metric)


@pytest.fixture
def shop() -> Collection:
    """300 items of 6 kinds around middles of their own; some are there twice."""
    rng = np.random.default_rng(5)
    kinds = rng.integers(0, 6, 300)
    vectors = (rng.normal(size=(6, 5))[kinds] * 2 + rng.normal(size=(300, 5))).astype(np.float32)
    vectors[250:260] = vectors[:10]
    days = [date(2026, 1, 1) + timedelta(int(day)) for day in rng.integers(0, 300, 300)]
    metadata: list[dict[str, Any]] = [
        {"line": f"line {number % 17}", "sold": int(number * 7 % 101), "since": str(day)}
        for number, day in enumerate(days)
    ]
    del metadata[3]["sold"]
    return Collection.from_vectors(
        vectors, [f"item {at}" for at in range(300)], [f"kind {kind}" for kind in kinds], metadata
    )


def ids(hits: list[Hit]) -> list[str]:
    return [hit.item.id for hit in hits]


def apart(one: Any, other: Any, metric: Metric) -> float:
    if metric is Metric.EUCLIDEAN:
        return math.dist(map(float, one), map(float, other))
    product = sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    return 1 - product / (math.hypot(*map(float, one)) * math.hypot(*map(float, other)))


def score(distance: float, metric: Metric) -> float:
    return 1 / (1 + distance) if metric is Metric.EUCLIDEAN else 1 - distance / 2


def unit(vector: Any, metric: Metric) -> Any:
    return vector / np.linalg.norm(vector) if metric is Metric.COSINE else vector


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("unliked", [[], ["item 4", "item 50"]])
def test_the_mean_is_that_of_the_formula(
    shop: Collection, metric: Metric, unliked: list[str]
) -> None:
    liked = ["item 1", "item 2", "item 3"]
    vectors = {item.id: vector for item, vector in zip(shop, shop.vectors(), strict=True)}
    double = {name: unit(vector.astype(float), metric) for name, vector in vectors.items()}
    query = sum(double[name] for name in liked) / 3
    if unliked:
        query = 2 * query - sum(double[name] for name in unliked) / 2
    others = [name for name in vectors if name not in [*liked, *unliked]]
    expected = sorted(others, key=lambda name: apart(query, vectors[name], metric))[:20]
    hits = recommend(shop, liked, unliked, 20, metric=metric)
    assert ids(hits) == expected
    far = [apart(query, vectors[name], metric) for name in expected]
    np.testing.assert_allclose([hit.distance for hit in hits], far, atol=1e-6)
    np.testing.assert_allclose([hit.score for hit in hits], [score(d, metric) for d in far], 1e-6)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("strategy", ["best", "sum"])
@pytest.mark.parametrize("unliked", [[], ["item 4", "item 50"]])
def test_best_and_sum_are_those_of_the_formula(
    shop: Collection, metric: Metric, strategy: Any, unliked: list[str]
) -> None:
    liked = ["item 1", "item 2", "item 3"]
    vectors = {item.id: vector for item, vector in zip(shop, shop.vectors(), strict=True)}
    given = {}
    for name, vector in vectors.items():
        near = [score(apart(vectors[one], vector, metric), metric) for one in liked]
        far = [score(apart(vectors[one], vector, metric), metric) for one in unliked]
        if strategy == "sum":
            given[name] = sum(near) - sum(far)
        else:
            best, worst = max(near), max([0.0, *far])
            given[name] = best if best > worst else -(worst**2)
    others = [name for name in vectors if name not in [*liked, *unliked]]
    expected = sorted(others, key=lambda name: -round(given[name], 12))
    hits = recommend(shop, liked, unliked, 300, strategy=strategy, metric=metric)
    assert ids(hits) == expected
    np.testing.assert_allclose([hit.score for hit in hits], [given[name] for name in expected])
    nearest = [
        min(apart(vectors[one], vectors[name], metric) for one in liked) for name in expected
    ]
    np.testing.assert_allclose([hit.distance for hit in hits], nearest, atol=1e-12)


def test_without_anything_liked_the_farthest_come_first(shop: Collection) -> None:
    far = recommend(shop, unlike=["item 1"], k=299, strategy="sum")
    near = recommend(shop, ["item 1"], k=299)
    assert [hit.distance for hit in far] == sorted((hit.distance for hit in near), reverse=True)


def marginal(
    shop: Collection, liked: str, diversity: float, count: int, metric: Metric
) -> list[str]:
    """Maximal marginal relevance, one comparison at a time."""
    vectors = {item.id: vector for item, vector in zip(shop, shop.vectors(), strict=True)}
    query = vectors.pop(liked)
    names = list(vectors)
    given = [score(apart(query, vectors[name], metric), metric) for name in names]
    relevance = dict(zip(names, scaled(np.array(given)).tolist(), strict=True))
    reach = max(apart(vectors[a], vectors[b], metric) for a in names for b in names)
    chosen: list[str] = []
    while len(chosen) < count:
        worth = {
            name: (1 - diversity) * relevance[name]
            - diversity
            * max(
                [0.0, *(1 - apart(vectors[name], vectors[one], metric) / reach for one in chosen)]
            )
            for name in names
            if name not in chosen
        }
        chosen.append(max(worth, key=lambda name: round(worth[name], 9)))
    return chosen


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("diversity", [0.3, 0.9])
def test_diversity_is_maximal_marginal_relevance(metric: Metric, diversity: float) -> None:
    rng = np.random.default_rng(2)
    few = Collection.from_vectors(rng.normal(size=(60, 3)), [f"{at}" for at in range(60)])
    expected = marginal(few, "0", diversity, 12, metric)
    assert ids(recommend(few, ["0"], k=12, diversity=diversity, metric=metric)) == expected
    assert expected != marginal(few, "0", 0.0, 12, metric)


def test_diversity_reaches_past_the_first_k(shop: Collection) -> None:
    plain, varied = recommend(shop, ["item 1"]), recommend(shop, ["item 1"], diversity=0.8)
    assert not set(ids(varied)) <= set(ids(plain))
    kinds = [len({hit.item.label for hit in hits}) for hits in (plain, varied)]
    assert kinds[0] < kinds[1]


def test_no_more_than_so_many_of_a_kind(shop: Collection) -> None:
    limits = {"label": 2, "line": 1}
    hits = recommend(shop, ["item 1"], k=300, max_per=limits)
    seen: list[Hit] = []
    expected = []
    for hit in recommend(shop, ["item 1"], k=300):
        same = sum(one.item.label == hit.item.label for one in seen)
        line = sum(one.item.metadata["line"] == hit.item.metadata["line"] for one in seen)
        if same < 2 and line < 1:
            seen.append(hit)
            expected.append(hit.item.id)
    assert ids(hits) == expected
    assert len(expected) == 12  # two of each of the six kinds


def test_what_lacks_the_key_is_not_limited() -> None:
    three = Collection.from_vectors(
        [[0], [1], [2], [3]], metadata=[{}, {"line": "a"}, {"line": "a"}, {}]
    )
    assert ids(recommend(three, [[0.0]], max_per={"line": 1})) == ["0", "1", "3"]


def test_near_duplicates_come_once(shop: Collection) -> None:
    # items 250 to 259 are items 0 to 9 again
    plain = ids(recommend(shop, ["item 1"], k=299))
    assert plain[0] == "item 251"
    once = ids(recommend(shop, ["item 1"], k=299, collapse=0.0))
    assert once == [name for name in plain if name not in [f"item {at}" for at in range(250, 260)]]
    far = recommend(shop, ["item 1"], k=299, collapse=1.5)
    vectors = shop.vectors(["item 1", *ids(far)])
    between = [apart(a, b, Metric.EUCLIDEAN) for at, a in enumerate(vectors) for b in vectors[:at]]
    assert min(between) > 1.5
    assert 5 < len(far) < 200


def test_boosts_move_what_sells_up() -> None:
    four = Collection.from_vectors(
        [[0.0], [1.0], [2.0], [3.0], [9.0]],
        metadata=[{}, {"sold": 1}, {"sold": 50}, {"sold": 4}, {}],
    )
    # relevance of items 1 to 4 by their scores 1/2, 1/3, 1/4, 1/10, scaled to 1 … 0; places of
    # their sales 0, 1, 1/2 and, without any, 1/2
    relevance = {"1": 1.0, "2": (1 / 3 - 0.1) / 0.4, "3": (0.25 - 0.1) / 0.4, "4": 0.0}
    places = {"1": 0.0, "2": 1.0, "3": 0.5, "4": 0.5}
    for weight in (0.3, 0.5, 2.0, -1.0):
        worth = {name: relevance[name] + weight * (places[name] - 0.5) for name in relevance}
        expected = sorted(worth, key=lambda name: -worth[name])
        assert ids(recommend(four, ["0"], boost={"sold": weight})) == expected


def test_freshness_goes_by_dates(shop: Collection) -> None:
    hits = recommend(shop, ["item 1"], k=299, boost={"since": 1000})
    dates = [hit.item.metadata["since"] for hit in hits]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"diversity": 0.4},
        {"max_per": {"line": 3}},
        {"collapse": 0.5, "boost": {"sold": 0.5}},
        {"strategy": "best", "diversity": 0.2},
        {"strategy": "sum", "where": "sold>20"},
    ],
)
def test_pages_are_parts_of_one_list(
    shop: Collection, wishes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strategies, "POOL", 40)  # so that a page needs more than one pool
    whole = recommend(shop, ["item 1"], ["item 7"], 90, **wishes)
    pages = [
        hit
        for offset in range(0, 90, 15)
        for hit in recommend(shop, ["item 1"], ["item 7"], 15, offset=offset, **wishes)
    ]
    assert pages == whole
    assert len({hit.item.id for hit in whole}) == len(whole) > 40
    assert not {"item 1", "item 7"} & set(ids(whole))


def test_an_approximate_index_gives_stable_pages(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 8))
    many = Collection.from_vectors(vectors, path=tmp_path / "many", index="hnsw")
    whole = ids(recommend(many, ["5"], k=1200))
    assert [
        *ids(recommend(many, ["5"], k=700)),
        *ids(recommend(many, ["5"], k=500, offset=700)),
    ] == (whole)
    exact = ids(recommend(many, ["5"], k=100, exact=True))
    assert len(set(exact) & set(whole[:100])) > 90


def test_an_approximate_index_goes_on_past_what_is_near(tmp_path: Path) -> None:
    """60,000 vectors, the thousand nearest of which have one label: no item comes twice."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40_000, 32)).astype(np.float32)
    vectors[:2000] *= 0.1
    labels = ["near"] * 2000 + [f"{number % 7}" for number in range(38_000)]
    many = Collection.from_vectors(
        vectors, labels=labels, path=tmp_path / "many", index="IVF64,Flat"
    )
    found = ids(recommend(many, ["5"], k=1200, offset=300))
    assert len(set(found)) == 1200
    assert set(found) == set(ids(recommend(many, ["5"], k=1200, offset=300, exact=True)))
    few = recommend(many, ["5"], k=12, max_per={"label": 4})
    assert [hit.item.label for hit in few].count("near") == 4
    assert len(set(ids(few))) == 12


def test_examples_are_items_files_pictures_and_vectors(tmp_path: Path) -> None:
    photos = Collection.build(PHOTOS, tmp_path / "photos", encoder="pixels", size=(16, 16))
    name = "cat/alpha.png"
    own = ids(recommend(photos, [name], k=50))
    assert len(own) == len(photos) - 1
    assert ids(recommend(photos, [PHOTOS / name], k=50)) == own  # the file of an item is the item
    with Image.open(PHOTOS / name) as picture:
        picture.load()
    vector = photos.vectors([name])[0]
    np.save(tmp_path / "vectors.npy", vector[None])
    np.save(tmp_path / "vector.npy", vector)
    files = [str(tmp_path / "vectors.npy"), tmp_path / "vector.npy"]
    for given in (picture, vector, vector.tolist(), *files):
        hits = recommend(photos, [given], k=50)
        assert hits[0].item.id == name
        assert hits[0].distance == pytest.approx(0, abs=1e-3)
    (tmp_path / "copy.png").write_bytes((PHOTOS / name).read_bytes())
    assert ids(recommend(photos, [tmp_path / "copy.png"], k=50))[0] == name
    assert ids(recommend(photos, [tmp_path / "copy.png"], k=50, collapse=1e-3)) == own


def test_an_item_is_known_by_any_way_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PHOTOS, tmp_path / "photos")
    photos = Collection.build(tmp_path / "photos", tmp_path / "index", encoder="pixels")
    (tmp_path / "way").symlink_to(tmp_path / "photos", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    own = ids(recommend(photos, ["cat/alpha.png"], k=50))
    for way in ("way/cat/alpha.png", "photos/dog/../cat/alpha.png", tmp_path / "way/cat/alpha.png"):
        assert ids(recommend(photos, [way], k=50)) == own


@pytest.mark.parametrize("strategy", ["mean", "best", "sum"])
def test_what_has_no_direction_is_no_example_under_cosine(tmp_path: Path, strategy: Any) -> None:
    shutil.copytree(PHOTOS, tmp_path / "photos")
    Image.new("RGB", (40, 40)).save(tmp_path / "photos/black.png")
    photos = Collection.build(tmp_path / "photos", tmp_path / "index", encoder="pixels")
    Image.new("RGB", (50, 50)).save(tmp_path / "dark.png")
    np.save(tmp_path / "zero.npy", np.zeros((2, photos.dim)))
    for given in ("black.png", str(tmp_path / "dark.png"), str(tmp_path / "zero.npy")):
        message = f"The example {re.escape(repr(given))} has a zero vector"
        for like, unlike in ([given], ()), (["cat/alpha.png"], [given]):
            with pytest.raises(InvalidArgument, match=message):
                recommend(photos, like, unlike, strategy=strategy, metric="cosine")
        assert recommend(photos, [given], k=1, strategy=strategy)
    with pytest.raises(InvalidArgument, match="Example 2 has a zero vector"):
        recommend(photos, ["cat/alpha.png", np.zeros(photos.dim)], metric="cosine")


@pytest.mark.parametrize("strategy", ["mean", "best", "sum"])
def test_an_empty_collection_has_nothing_to_recommend(strategy: Any) -> None:
    empty = Collection.from_vectors([[1, 2]], ["gone"])
    empty.remove(["gone"])
    empty.compact()
    assert recommend(empty, [[1.0, 2.0]], strategy=strategy) == []


def test_numbers_that_no_double_holds_are_no_boost() -> None:
    two = Collection.from_vectors([[1], [2]], metadata=[{"sold": 10**400}, {"sold": 1}])
    with pytest.raises(InvalidArgument, match="only numbers up to 1e308"):
        recommend(two, ["0"], boost={"sold": 1})
    with pytest.raises(InvalidArgument, match="finite number"):
        recommend(two, ["0"], boost={"sold": 10**400})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Say what is liked"),
        ({"unlike": ["item 1"]}, "the mean needs an example"),
        ({"like": "item 1"}, "Examples come as a list"),
        ({"like": ["item 1"], "unlike": ["item 1"]}, "'item 1' is both liked and not"),
        ({"like": ["nobody"]}, "'nobody' is neither an item of .* nor a file"),
        ({"like": [[1.0, 2.0]]}, "2 dims, not 5"),
        ({"like": [[math.nan] * 5]}, "NaN"),
        ({"like": ["item 1"], "k": 0}, "k is 1 or more"),
        ({"like": ["item 1"], "k": 1.5}, "whole number"),
        ({"like": ["item 1"], "offset": -1}, "offset 0 or more"),
        ({"like": ["item 1"], "diversity": 1.5}, "from 0 to 1"),
        ({"like": ["item 1"], "diversity": math.nan}, "from 0 to 1"),
        ({"like": ["item 1"], "collapse": -1.0}, "below a distance"),
        ({"like": ["item 1"], "max_per": {"label": 0}}, "1 or more, not 0"),
        ({"like": ["item 1"], "max_per": {"colour": 1}}, "No item has 'colour'"),
        ({"like": ["item 1"], "boost": {"colour": 1}}, "No item has 'colour'"),
        ({"like": ["item 1"], "boost": {"line": 1}}, "line is 'line 0' of an item"),
        ({"like": ["item 1"], "boost": {"sold": math.inf}}, "finite number"),
        ({"like": ["item 1"], "boost": {"sold": "much"}}, "is a number, not 'much'"),
        ({"like": ["item 1"], "strategy": "worst"}, "no strategy: mean, best, sum"),
        ({"like": ["item 1"], "where": "size=3"}, "No item has 'size'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shop: Collection, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        recommend(shop, **options)


def test_examples_that_cancel_each_other_have_no_mean() -> None:
    two = Collection.from_vectors([[1, 0], [0, 1], [1, 1]], metric="cosine")
    with pytest.raises(InvalidArgument, match="cancel each other"):
        recommend(two, [[1.0, 0.0], [-1.0, 0.0]])
    assert recommend(two, [[1.0, 0.0], [-1.0, 0.0]], strategy="best", k=1)[0].item.id == "0"


# For every item of a catalogue


def table(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


def expected_rows(shop: Collection, k: int, metric: Metric) -> list[tuple[str, int, str, float]]:
    rows: list[tuple[str, int, str, float]] = []
    for name in [item.id for item in shop]:
        hits = recommend(shop, [name], k=k, metric=metric)
        rows += [(name, rank, hit.item.id, hit.distance) for rank, hit in enumerate(hits, 1)]
    return rows


@pytest.mark.parametrize("metric", METRICS)
def test_each_item_gets_those_nearest_to_it(
    shop: Collection, tmp_path: Path, metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.recommendation.each.BLOCK_ITEMS", 64)
    written = recommend_for_each(shop, tmp_path / "near.csv", 4, metric=metric)
    header, *rows = table(tmp_path / "near.csv")
    assert header == ["id", "rank", "recommended", "distance", "score"]
    expected = expected_rows(shop, 4, metric)
    assert [(row[0], int(row[1]), row[2]) for row in rows] == [row[:3] for row in expected]
    far = [float(row[3]) for row in rows]
    np.testing.assert_allclose(far, [row[3] for row in expected], atol=1e-6)
    np.testing.assert_allclose([float(row[4]) for row in rows], [score(d, metric) for d in far])
    assert (written.items, written.recommendations, written.resumed) == (300, 1200, 0)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "near.csv"]


def test_parquet_holds_the_same(shop: Collection, tmp_path: Path) -> None:
    from pyarrow import parquet

    for ending in ("csv", "parquet"):
        recommend_for_each(shop, tmp_path / f"near.{ending}", 3)
    read = parquet.read_table(tmp_path / "near.parquet").to_pydict()
    header, *rows = table(tmp_path / "near.csv")
    assert list(read) == header
    assert [[str(value) for value in row] for row in zip(*read.values(), strict=True)] == rows


class Stopped(Exception):
    pass


def stopping(after: int) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, total: int) -> None:
        assert (what, total) == ("recommending", 300)
        if done >= after:
            raise Stopped

    return progress


def test_an_interrupted_run_goes_on(
    shop: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.recommendation.each.BLOCK_ITEMS", 64)
    recommend_for_each(shop, tmp_path / "whole.csv", 4)
    out = tmp_path / "near.csv"
    with pytest.raises(Stopped):
        recommend_for_each(shop, out, 4, progress=stopping(128))
    assert not out.exists()
    assert recommend_for_each(shop, out, 4).resumed == 128
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    # other work is not mixed with what was done
    with pytest.raises(Stopped):
        recommend_for_each(shop, out, 4, progress=stopping(128))
    assert recommend_for_each(shop, out, 5).resumed == 0
    with pytest.raises(Stopped):
        recommend_for_each(shop, out, 4, progress=stopping(128))
    shop.remove(["item 299"])
    assert recommend_for_each(shop, out, 4).resumed == 0
    assert not any("item 299" in row for row in table(out))


def test_fewer_than_asked_for_are_all_there_are(tmp_path: Path) -> None:
    three = Collection.from_vectors(
        np.array([[0.0], [1.0], [3.0]]), ["a", "b", "c"], ["x", "y", "y"]
    )
    recommend_for_each(three, tmp_path / "all.csv", 10)
    assert [row[:3] for row in table(tmp_path / "all.csv")[1:]] == [
        ["a", "1", "b"],
        ["a", "2", "c"],
        ["b", "1", "a"],
        ["b", "2", "c"],
        ["c", "1", "b"],
        ["c", "2", "a"],
    ]
    recommend_for_each(three, tmp_path / "y.csv", 10, where="label=y")
    assert [row[:3] for row in table(tmp_path / "y.csv")[1:]] == [
        ["a", "1", "b"],
        ["a", "2", "c"],
        ["b", "1", "c"],
        ["c", "1", "b"],
    ]


def test_a_folder_of_someone_elses_is_left_alone(shop: Collection, tmp_path: Path) -> None:
    (tmp_path / "near.csv.parts").mkdir()
    (tmp_path / "near.csv.parts" / "mine").write_text("mine")
    with pytest.raises(InvalidArgument, match="is in the way"):
        recommend_for_each(shop, tmp_path / "near.csv")
    assert (tmp_path / "near.csv.parts" / "mine").read_text() == "mine"
    (tmp_path / "near.csv.parts" / "key.json").write_text("mine")
    with pytest.raises(InvalidArgument, match="is in the way"):
        recommend_for_each(shop, tmp_path / "near.csv")
    with pytest.raises(InvalidArgument, match=r"ends in none of \.csv, \.parquet"):
        recommend_for_each(shop, tmp_path / "near.txt")
    with pytest.raises(InvalidArgument, match="1 or more, not 0"):
        recommend_for_each(shop, tmp_path / "near.parquet", 0)


@pytest.mark.parametrize(
    "names", [(), ("000000000000.npy", ".key.json.123.tmp", ".000000004096.npy.7.tmp")]
)
def test_a_folder_that_was_only_begun_is_taken_over(
    shop: Collection, tmp_path: Path, names: tuple[str, ...]
) -> None:
    recommend_for_each(shop, tmp_path / "whole.csv", 1)
    parts = tmp_path / "near.csv.parts"
    parts.mkdir()
    for name in names:
        (parts / name).write_bytes(b"half")
    assert recommend_for_each(shop, tmp_path / "near.csv", 1).resumed == 0
    assert (tmp_path / "near.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not parts.exists()


def test_the_key_is_the_last_that_is_cleared_away(
    shop: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.recommendation.each.BLOCK_ITEMS", 64)
    removed: list[str] = []
    unlink = Path.unlink

    def noted(path: Path, missing_ok: bool = False) -> None:
        if not path.name.startswith("."):
            removed.append(path.name)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", noted)
    recommend_for_each(shop, tmp_path / "near.csv", 1)
    assert (len(removed), removed[-1]) == (6, "key.json")


def test_a_zero_vector_is_refused_by_its_name_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.recommendation.each.BLOCK_ITEMS", 2)
    shop = Collection.from_vectors([[1], [2], [3], [4]], list("abcd"))
    shop.add_vectors([[5], [0], [0]], list("efg"))
    shop.remove(["f"])
    with pytest.raises(InvalidArgument, match="The vector of 'g' is zero"):
        recommend_for_each(shop, tmp_path / "near.csv", metric="cosine")
    assert not list(tmp_path.iterdir())
    shop.remove(["g"])
    assert recommend_for_each(shop, tmp_path / "near.csv", metric="cosine").items == 5


def test_a_vector_may_be_an_array_of_any_kind(shop: Collection) -> None:
    vector: Vectors = shop.vectors(["item 1"])[0]
    assert ids(recommend(shop, [vector.astype(np.float64)])) == ids(recommend(shop, [vector]))
    assert ids(recommend(shop, np.stack([vector])))[0] == "item 1"


def test_an_id_is_never_a_file(tmp_path: Path) -> None:
    """As a server asks, to which others send ids."""
    photos = Collection.build(PHOTOS, tmp_path / "photos", encoder="pixels", size=(4, 4))
    name = next(iter(photos)).id
    assert recommend(photos, [ItemId(name)], k=2) == recommend(photos, [name], k=2)
    for file in (PHOTOS / name, Path(__file__)):
        with pytest.raises(InvalidArgument, match="There is no item"):
            recommend(photos, [ItemId(file)])
