"""What are duplicates, in which groups, and which of them is kept."""

import hashlib
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image, ImageFilter
from scipy.ndimage import laplace

from vecsearch import (
    Collection,
    InvalidArgument,
    Metric,
    MissingPackage,
    draw_histogram,
    find_duplicates,
    sharpness,
    suggest_threshold,
)
from vecsearch.duplicates.components import Components, split
from vecsearch.duplicates.threshold import from_distances
from vecsearch_cli.main import vecsearch as command_line
from vecsearch_cli.verb import Failure


def line(*places: float, **more: Any) -> Collection:
    """Items at places on a line, each called by its place."""
    return Collection.from_vectors(
        [[one] for one in places], [f"{one:g}" for one in places], **more
    )


def groups(collection: Collection, *arguments: Any, **options: Any) -> list[list[str]]:
    return [group.ids for group in find_duplicates(collection, *arguments, **options).groups]


@pytest.mark.parametrize(("encoder", "metric"), [("pixels", "euclidean"), ("pca", "cosine")])
@pytest.mark.slow
def test_the_duplicates_of_animals22(
    data: Callable[[str], Path], tmp_path: Path, encoder: str, metric: str
) -> None:
    """58 files are there twice, 2 of them in two classes; 26 more pairs look the same."""
    images = data("animals22") / "images"
    paths = sorted(images.rglob("*.jpg"))
    by_hash = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert sum(count - 1 for count in by_hash.values()) == 58
    animals = Collection.build(images, tmp_path / "animals", encoder=encoder, size=(32, 32))
    exact = find_duplicates(animals, None)
    assert (len(exact.groups), exact.copies, exact.dropped) == (58, 58, 58)
    for group in exact.groups:
        hashes = {hashlib.sha256((images / name).read_bytes()).hexdigest() for name in group.ids}
        assert len(hashes) == 1
        assert (group.exact, group.max_distance) == (True, 0.0)
    assert [group.ids for group in exact.groups if group.contradict] == [
        ["bison/bison_45.jpg", "deer/deer_30.jpg"],
        ["dog/dog_46.jpg", "wolf/wolf_32.jpg"],
    ]
    near = find_duplicates(animals, metric=metric)
    assert near.copies == 58
    # To a perceptual hash, too, nearly all that was found is the same.
    others = [group for group in near.groups if not group.exact]
    hashes_of = {name: dhash(images / name) for group in others for name in group.ids}
    alike = [
        max((hashes_of[one] != hashes_of[two]).sum() for one in group.ids for two in group.ids)
        for group in others
    ]
    assert sum(apart <= 4 for apart in alike) >= 25
    assert sum(apart > 4 for apart in alike) <= 5


def dhash(path: Path) -> Any:
    with Image.open(path) as image:
        small = np.asarray(image.convert("L").resize((9, 8)), int)
    return (small[:, 1:] > small[:, :-1]).ravel()


@pytest.mark.parametrize("metric", list(Metric))
def test_groups_are_the_components_that_brute_force_finds(metric: Metric, tmp_path: Path) -> None:
    """In several segments, with dead items among them, and some out of the question."""
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(240, 4)).astype(np.float32)
    vectors[50:60] = vectors[:10]
    kinds = ["a", "b", "c"] * 80
    ids = [f"{row:03}" for row in range(240)]
    items = Collection.from_vectors(vectors[:100], ids[:100], kinds[:100], path=tmp_path / "one")
    items.add_vectors(vectors[100:240], ids[100:], kinds[100:])
    gone = ids[5:120:9]
    items.remove(gone)
    limit = 0.4 if metric is Metric.EUCLIDEAN else 0.02
    there = [row for row in range(240) if ids[row] not in gone and kinds[row] != "c"]
    double = vectors.astype(np.float64)

    def apart(one: int, two: int) -> float:
        if metric is Metric.EUCLIDEAN:
            return float(np.linalg.norm(double[one] - double[two]))
        lengths = np.linalg.norm(double[one]) * np.linalg.norm(double[two])
        return float(1 - double[one] @ double[two] / lengths)

    group_of = {row: {row} for row in there}
    for one in there:
        for two in there:
            if one < two and apart(one, two) <= limit and group_of[one] is not group_of[two]:
                group_of[one] |= group_of[two]
                for row in group_of[two]:
                    group_of[row] = group_of[one]
    expected = {tuple(sorted(rows)) for rows in group_of.values() if len(rows) > 1}
    assert len(expected) > 10
    found = find_duplicates(items, limit, metric=metric, where="label!=c", max_spread=9.0)
    assert found.items == len(there)
    assert {tuple(int(name) for name in group.ids) for group in found.groups} == expected
    for group in found.groups:
        rows = [int(name) for name in group.ids]
        farthest = max(apart(one, two) for one in rows for two in rows)
        assert group.max_distance == pytest.approx(farthest, abs=1e-12)
        kept = int(group.keep)
        for member in group.members:
            assert member.distance == pytest.approx(apart(kept, int(member.id)), abs=1e-12)


def test_groups_stand_in_order() -> None:
    items = line(50, 50.1, 1, 1.1, 1.2, 70, 70.1, 9)
    found = find_duplicates(items, 0.15)
    assert [group.ids for group in found.groups] == [
        ["1", "1.1", "1.2"],
        ["50", "50.1"],
        ["70", "70.1"],
    ]
    assert [group.keep for group in found.groups] == ["1", "50", "70"]
    assert [round(group.max_distance, 5) for group in found.groups] == [0.2, 0.1, 0.1]
    assert (found.threshold, found.max_spread, found.suggestion) == (0.15, 0.3, None)


def test_chains_are_cut() -> None:
    # Links of 1, 1.1 and 1.2 in turn: a chain 5.4 long, whose ends have nothing in common.
    chain = line(0, 1, 2.1, 3.3, 4.3, 5.4)
    assert groups(chain, 1.25, max_spread=5.41) == [["0", "1", "2.1", "3.3", "4.3", "5.4"]]
    # Complete linkage joins 0–1 and 3.3–4.3; then 2.1 to 0–1 (2.1), 5.4 to 3.3–4.3 (2.1).
    assert groups(chain, 1.25) == [["0", "1", "2.1"], ["3.3", "4.3", "5.4"]]
    assert groups(chain, 1.25, max_spread=2.0) == [["0", "1"], ["3.3", "4.3"]]
    assert groups(chain, 1.25, max_spread=1.25) == [["0", "1"], ["3.3", "4.3"]]


def test_what_no_longer_hangs_together_is_no_group() -> None:
    # Complete linkage cuts the middle of the star away from two of its rays, which are far apart.
    star = np.array([[0, 0], [1, 0], [-0.5, 0.87], [0, 0.02]], np.float32)
    parts = split(star, Metric.EUCLIDEAN, 1.01, 1.02)
    assert [rows.tolist() for rows in parts] == [[0, 1, 3]]
    far = np.array([[0.0], [1], [2], [3]], np.float32)
    # Within 2.5, complete linkage keeps 0–1 and 2–3.
    assert [rows.tolist() for rows in split(far, Metric.EUCLIDEAN, 1, 2.5)] == [[0, 1], [2, 3]]


def test_components_by_parts_are_those_of_all_edges() -> None:
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 300, (200, 2))
    whole, parts = Components(300), Components(300)
    whole.join(*edges.T)
    for some in np.array_split(edges, 40):
        parts.join(*some.T)
    assert [rows.tolist() for rows in whole.sets()] == [rows.tolist() for rows in parts.sets()]
    assert not parts.join(edges[:, 1], edges[:, 0])
    np.testing.assert_array_equal(whole.first(), parts.first())


def test_too_many_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.duplicates.components.MOST_TOGETHER", 6)
    seven = line(*range(7), 50, 51)
    with pytest.raises(InvalidArgument, match="7 or more different items hang together") as error:
        find_duplicates(seven, 1)
    assert "threshold 1," in str(error.value)
    assert "Give a lower one" in str(error.value)
    # Copies of one are not different: of them there may be any number.
    assert len(groups(Collection.from_vectors(np.ones((40, 2))), 1)[0]) == 40


def test_equal_vectors_are_found_at_any_threshold() -> None:
    items = Collection.from_vectors([[0.0, 1], [5, 5], [-0.0, 1], [5, 5], [1, 0]])
    assert groups(items, 0) == [["0", "2"], ["1", "3"]]
    assert groups(items, "auto") == [["0", "2"], ["1", "3"]]
    assert groups(items, None) == []  # they have no files
    assert find_duplicates(items).threshold == 0
    assert groups(Collection.from_vectors(np.ones((30, 3)))) == [[f"{n}" for n in range(30)]]


def test_what_has_no_direction_is_near_nothing() -> None:
    items = Collection.from_vectors([[0.0, 0], [0, 0], [1, 1], [2, 2], [0, 3]])
    assert groups(items, 0.5, metric="cosine") == [["2", "3", "4"]]
    assert groups(items, 0.1, metric="cosine") == [["2", "3"]]
    assert groups(items, 1.0, metric="euclidean") == [["0", "1"]]


def test_nothing_is_left_to_compare() -> None:
    items = line(1, 2)
    items.remove(["1", "2"])
    assert find_duplicates(items).groups == []
    assert find_duplicates(items, None).groups == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": -1}, "0 or more, not -1"),
        ({"threshold": float("nan")}, "0 or more, not nan"),
        ({"threshold": float("inf")}, "0 or more, not inf"),
        ({"threshold": "near"}, "auto or none, not 'near'"),
        ({"threshold": True}, "0 or more, not True"),
        ({"threshold": 1, "max_spread": 0.5}, "it is that much or more"),
        ({"threshold": None, "max_spread": 0.5}, "leave out max_spread"),
        ({"threshold": 1, "max_spread": -2}, "0 or more, not -2"),
        ({"keep": "best"}, "largest, sharpest, oldest"),
        ({"metric": "manhattan"}, "No metric is called"),
        ({"where": "colour=red"}, "No item has 'colour'"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        find_duplicates(line(1, 2, 3), **options)


def test_the_formula_of_the_threshold() -> None:
    # Q1 = 10 and Q3 = 40 of these: the fence is 10 · (1/4)³ = 0.15625, half of the least 2.5.
    values = [5, 10, 10, 20, 40, 40, 80]
    logs = np.log(values)
    low, high = np.percentile(logs, [25, 75])
    assert (round(float(np.exp(low)), 9), round(float(np.exp(high)), 9)) == (10, 40)
    assert from_distances(values, Metric.EUCLIDEAN) == 0.156
    # Where all are about as far, half of the first percentile: of these, 10 + 0.01 · 4 · 0.5.
    assert from_distances([10, 10.5, 11, 11.5, 12], Metric.EUCLIDEAN) == 5.01
    # Those that are far below the fence have ten copies; they change no more than the quartiles.
    assert from_distances([0.1, 0, *[10] * 300], Metric.EUCLIDEAN) == 5
    # 1 − cos is half of the square of the chord: with half the chord, a quarter of it.
    assert from_distances([0.5] * 9, Metric.COSINE) == 0.125
    assert from_distances([0, 0], Metric.EUCLIDEAN) == 0


def test_the_neighbour_that_is_something_else() -> None:
    # A regular polygon of 120: all have their 10th nearest 5 steps away.
    angles = np.arange(120) * 2 * np.pi / 120
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = suggest_threshold(Collection.from_vectors(ring))
    tenth = 2 * np.sin(5 * np.pi / 120)  # the chord over five steps
    np.testing.assert_allclose(found.unrelated, tenth, rtol=1e-5)
    np.testing.assert_allclose(found.nearest, 2 * np.sin(np.pi / 120), rtol=1e-5)
    assert (found.neighbour, found.items, found.ordinal) == (10, 120, "10th")
    assert found.threshold == 0.130  # half of 0.26105
    # Each of them ten times over is no other ring.
    many = suggest_threshold(Collection.from_vectors(np.repeat(ring, 10, axis=0)))
    assert (many.items, many.threshold) == (120, found.threshold)
    # Of 99, the 9th; of 5, the 2nd; of 4, nothing is told.
    counts = (99, 16, 5)
    few = [suggest_threshold(Collection.from_vectors(ring[:count])) for count in counts]
    assert [one.neighbour for one in few] == [9, 4, 2]
    assert [one.ordinal for one in few[1:]] == ["4th", "2nd"]
    np.testing.assert_allclose(few[2].unrelated[2], few[2].nearest[2], rtol=1e-5)
    small = suggest_threshold(Collection.from_vectors(ring[:4]))
    assert (small.threshold, len(small.nearest)) == (0, 0)


def test_a_sample_says_about_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    cloud = Collection.from_vectors(rng.normal(size=(1200, 8)))
    whole = suggest_threshold(cloud)
    monkeypatch.setattr("vecsearch.duplicates.threshold.SAMPLE", 400)
    one, again, other = (suggest_threshold(cloud, seed=seed) for seed in (1, 1, 2))
    assert len(one.nearest) == 400
    assert one.threshold == again.threshold
    np.testing.assert_array_equal(one.nearest, again.nearest)
    assert not np.array_equal(one.nearest, other.nearest)
    assert one.threshold == pytest.approx(whole.threshold, rel=0.15)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_where_there_are_no_duplicates_few_are_suggested(
    sample: Path, tmp_path: Path, metric: str
) -> None:
    """Product shots that are all alike: 2,000 of them, and ten."""
    train = sample / "train"
    shape: Any = {"size": (28, 28), "color": "grey", "dim": 32, "metric": metric}
    clothes = Collection.build(train, tmp_path / "clothes", **shape)
    assert find_duplicates(clothes).dropped <= 10
    ten = tmp_path / "ten"
    ten.mkdir()
    for path in sorted((train / "bag").iterdir())[:10]:
        shutil.copy(path, ten)
    few = Collection.build(ten, tmp_path / "few", encoder="pixels", metric=metric)
    assert groups(few) == []
    with Image.open(next(ten.iterdir())) as image:
        image.point(lambda value: value // 2 * 2).save(ten / "zz.png")
    few.update()
    assert [ids[-1] for ids in groups(few)] == ["zz.png"]


def test_the_histogram_is_drawn(tmp_path: Path) -> None:
    found = suggest_threshold(line(*range(40)))
    draw_histogram(found, tmp_path / "one.png")
    draw_histogram(found, tmp_path / "two.png", 3.0)
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert one.size == two.size == (990, 495)
        assert one.tobytes() != two.tobytes()
    for few in (line(1, 2, 3), Collection.from_vectors(np.ones((9, 2)))):
        with pytest.raises(InvalidArgument, match="no histogram of"):
            draw_histogram(suggest_threshold(few), tmp_path / "three.png")


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackage, match=r"pip install 'vecsearch\[plot\]'"):
        draw_histogram(suggest_threshold(line(*range(40))), tmp_path / "one.png")


@pytest.mark.parametrize(
    "verb",
    [
        "cluster INDEX --curve", "duplicates INDEX --histogram", "calibrate INDEX --roc",
        "tune INDEX --plot",
    ],
)  # fmt: skip
def test_without_matplotlib_nothing_is_begun(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    golden = str(PROJECT / "tests/golden/v1")
    words = [golden if word == "INDEX" else word for word in verb.split()]
    with pytest.raises(Failure, match=r"pip install 'vecsearch\[plot\]'"):
        command_line.main([*words, str(tmp_path / "one.png")], prog_name="vecsearch")


@pytest.fixture
def shots(data: Callable[[str], Path], tmp_path: Path) -> Path:
    """One photo as it was, smaller, blurred, of worse quality, and twice the same."""
    with Image.open(data("animals22") / "images" / "lion" / "lion_11.jpg") as opened:
        image = opened.convert("RGB").resize((400, 300))
    folder = tmp_path / "shots"
    folder.mkdir()
    image.resize((200, 150)).resize((200, 150)).save(folder / "a-small.png")
    image.filter(ImageFilter.GaussianBlur(4)).save(folder / "b-blurred.png")
    image.save(folder / "c-whole.png")
    shutil.copy(folder / "c-whole.png", folder / "d-again.png")
    for age, name in enumerate(["d-again", "b-blurred", "a-small", "c-whole"]):
        os.utime(folder / f"{name}.png", (1e9 + age, 1e9 + age))
    return folder


def kept(collection: Collection, **options: Any) -> str:
    (group,) = find_duplicates(collection, 40.0, **options).groups
    return Path(group.keep).stem


def test_which_one_is_kept(shots: Path, tmp_path: Path) -> None:
    photos = Collection.build(shots, tmp_path / "index", encoder="pixels")
    # Blurring leaves as many pixels in fewer bytes; of two of the same bytes, the older.
    assert kept(photos) == "d-again"
    assert kept(photos, keep="sharpest") == "d-again"
    assert kept(photos, keep="oldest") == "d-again"
    os.utime(shots / "d-again.png", (2e9, 2e9))
    assert kept(photos) == "c-whole"
    assert kept(photos, keep="sharpest") == "c-whole"
    assert kept(photos, keep="oldest") == "b-blurred"
    # Whoever is gone is not kept, nor is what has become something else.
    (shots / "c-whole.png").unlink()
    shutil.copy(shots / "a-small.png", shots / "d-again.png")
    assert kept(photos) == "b-blurred"
    assert kept(photos, keep="sharpest") == "a-small"
    (group,) = find_duplicates(photos, 40.0).groups
    states = {Path(one.id).stem: one.state for one in group.members}
    assert states == {
        "a-small": "intact", "b-blurred": "intact", "c-whole": "gone", "d-again": "changed",
    }  # fmt: skip
    sides = {Path(one.id).stem: (one.width, one.height) for one in group.members}
    assert (sides["a-small"], sides["b-blurred"], sides["d-again"]) == (
        (200, 150), (400, 300), (200, 150),
    )  # fmt: skip


def test_a_link_is_kept_only_for_want_of_a_file(shots: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    shutil.copy(shots / "c-whole.png", elsewhere)
    for name in ("a-small", "c-whole"):
        (shots / f"{name}.png").unlink()
    (shots / "a-link.png").symlink_to(elsewhere)
    photos = Collection.build(shots, tmp_path / "index", encoder="pixels")
    assert kept(photos) == "d-again"
    (shots / "d-again.png").unlink()
    (shots / "b-blurred.png").unlink()
    assert kept(photos) == "a-link"


def test_sharpness_is_the_variance_of_the_laplacian(shots: Path) -> None:
    with Image.open(shots / "c-whole.png") as image:
        grey = np.asarray(image.convert("L").resize((512, 512), Image.Resampling.LANCZOS), float)
    expected = laplace(grey)[1:-1, 1:-1].var()
    assert sharpness(shots / "c-whole.png") == pytest.approx(expected, rel=1e-12)
    blurred, small = (sharpness(shots / f"{name}.png") for name in ("b-blurred", "a-small"))
    assert blurred < small < expected
    checks = np.indices((512, 512)).sum(axis=0).astype(np.uint8) % 2 * 2
    assert sharpness(checks) == 64  # ±8 everywhere


def test_a_threshold_whose_square_is_no_float() -> None:
    books = Collection.from_vectors([[1, 2], [3, 4]])
    assert [one.ids for one in find_duplicates(books, 1e300).groups] == [["0", "1"]]
