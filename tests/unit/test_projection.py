"""Two dimensions by four methods, beside scikit-learn's, and what is drawn of them."""

import importlib.util
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors

from vecsearch import (
    Collection,
    InvalidArgument,
    MissingPackage,
    cluster,
    draw_map,
    keep_clustering,
    plot,
    project,
    project_vectors,
)
from vecsearch.projection.cloud import Cloud, stratified
from vecsearch.projection.colouring import Classes
from vecsearch.projection.linear import lda_plane, pca_plane
from vecsearch.projection.neighbourly import nearest
from vecsearch.types import Vectors

# numba translates UMAP into machine code first, which takes longer than all else here.
WITH_UMAP = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="needs vecsearch[maps]"),
]
NEIGHBOURLY = ["tsne", pytest.param("umap", marks=WITH_UMAP)]


@pytest.fixture(scope="module")
def groups() -> tuple[Vectors, list[str]]:
    """Four groups in six dims, 200 vectors, far from the origin."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 4, 200)
    spread = np.array([3, 2, 1, 1, 0.5, 0.5])
    vectors = rng.normal(size=(4, 6))[codes] * 4 + rng.normal(size=(200, 6)) * spread + 50
    return vectors.astype(np.float32), [f"class {code}" for code in codes]


def same_up_to_signs(ours: Any, theirs: Any, tolerance: float) -> None:
    signs = np.where((ours * theirs).sum(axis=0) < 0, -1.0, 1.0)
    np.testing.assert_allclose(ours, theirs * signs, atol=tolerance)


def test_pca_is_that_of_scikit_learn(
    groups: tuple[Vectors, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, _ = groups
    theirs = PCA(2, svd_solver="full").fit(vectors.astype(np.float64))
    for size in (64 << 20, 6 * 4 * 7):  # in one block and in many
        monkeypatch.setattr("vecsearch.projection.cloud.BLOCK_BYTES", size)
        found = project_vectors(vectors)
        same_up_to_signs(found.points, theirs.transform(vectors), 1e-3)
        assert found.explained == pytest.approx(theirs.explained_variance_ratio_, rel=1e-4)
    assert found.points.dtype == np.float32
    # An axis points to where its largest number is positive, whatever the order of the vectors.
    again = project_vectors(vectors[::-1]).points[::-1]
    np.testing.assert_allclose(again, found.points, atol=1e-3)


def test_lda_is_that_of_scikit_learn(groups: tuple[Vectors, list[str]]) -> None:
    vectors, labels = groups
    theirs = LinearDiscriminantAnalysis(n_components=2).fit(vectors.astype(np.float64), labels)
    found = project_vectors(vectors, labels, method="lda")
    same_up_to_signs(found.points, theirs.transform(vectors), 1e-3)
    assert found.explained == pytest.approx(theirs.explained_variance_ratio_, rel=1e-3)
    some: list[str | None] = [None, *labels[1:]]
    alone = LinearDiscriminantAnalysis(n_components=2).fit(vectors[1:], labels[1:])
    shown = project_vectors(vectors, some, method="lda")  # what has no label is shown all the same
    same_up_to_signs(shown.points, alone.transform(vectors), 2e-2)


def test_two_classes_differ_along_one_axis(groups: tuple[Vectors, list[str]]) -> None:
    vectors, labels = groups
    two = [str(label in ("class 0", "class 1")) for label in labels]
    found = project_vectors(vectors, two, method="lda")
    theirs = LinearDiscriminantAnalysis().fit(vectors.astype(np.float64), two)
    same_up_to_signs(found.points[:, :1], theirs.transform(vectors), 1e-3)
    unit = theirs.scalings_ / np.linalg.norm(theirs.scalings_)
    centred = vectors - vectors.mean(axis=0)
    rest = PCA(1).fit_transform(centred - centred @ unit @ unit.T)
    within = np.column_stack([rest, theirs.transform(vectors)])
    for name in set(two):
        rows = np.array(two) == name
        within[rows] -= within[rows].mean(axis=0)
    scatter = np.square(within).sum(axis=0)
    rest /= np.sqrt(scatter[0] / scatter[1])
    same_up_to_signs(found.points[:, 1:] - found.points[:, 1:].mean(), rest, 1e-2)
    assert found.explained == (pytest.approx(1), 0)


def test_axes_are_found_by_a_sample_where_vectors_are_many(
    groups: tuple[Vectors, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, labels = groups
    monkeypatch.setattr("vecsearch.projection.linear.FIT_BYTES", 4 * 6 * 50)
    codes = Classes.of(list(labels)).codes
    for plane in (pca_plane(Cloud.of(vectors)), lda_plane(Cloud.of(vectors), codes)):
        assert plane.fitted_on == 50
        assert plane.points.shape == (200, 2)


@pytest.mark.parametrize(
    ("vectors", "dims", "classes"), [(12, 50, 3), (40, 300, 4), (200, 1280, 10), (1000, 784, 5)]
)
def test_labels_that_mean_nothing_are_not_torn_apart(vectors: int, dims: int, classes: int) -> None:
    """Where LDA could put each class on one point, PCA comes first."""
    noise = np.random.default_rng(0).normal(size=(vectors, dims)).astype(np.float32)
    codes = np.arange(vectors) % classes
    plane = lda_plane(Cloud.of(noise), codes)
    means = np.stack([plane.points[codes == one].mean(axis=0) for one in range(classes)])
    within = np.square(plane.points - means[codes]).mean(axis=0)
    np.testing.assert_allclose(within, within[0], rtol=1e-2)
    assert (vectors - classes) / vectors - 0.01 < within[0] < 1.01  # as scikit-learn counts
    assert np.ptp(means, axis=0).max() < 4  # standard deviations within the classes


def test_cosine_looks_at_directions(groups: tuple[Vectors, list[str]]) -> None:
    vectors = groups[0] - 50
    lengths = np.random.default_rng(1).uniform(0.1, 100, (200, 1)).astype(np.float32)
    one = project_vectors(vectors, metric="cosine").points
    np.testing.assert_allclose(
        project_vectors(vectors * lengths, metric="cosine").points, one, atol=1e-5
    )
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(project_vectors(unit).points, one, atol=1e-5)


def kept(vectors: Vectors, points: Any, k: int = 10) -> float:
    """What share of the k nearest neighbours are so in two dimensions too."""
    pairs = []
    for given in (vectors, points):
        found = NearestNeighbors(n_neighbors=k + 1).fit(given).kneighbors(return_distance=False)
        pairs.append({(row, one) for row, ones in enumerate(found) for one in ones})
    return len(pairs[0] & pairs[1]) / len(pairs[0])


@pytest.mark.parametrize("method", NEIGHBOURLY)
@pytest.mark.filterwarnings("ignore")  # numba's and umap's own
def test_neighbours_stay_together(groups: tuple[Vectors, list[str]], method: Any) -> None:
    vectors, labels = groups
    found = project_vectors(vectors, labels, method=method, neighbours=10, seed=3)
    again = project_vectors(vectors, labels, method=method, neighbours=10, seed=3)
    np.testing.assert_array_equal(found.points, again.points)
    other = project_vectors(vectors, labels, method=method, neighbours=10, seed=4)
    assert (found.points != other.points).any()
    assert kept(vectors, found.points) > kept(vectors, project_vectors(vectors).points)
    random = np.random.default_rng(0).normal(size=(200, 2))
    assert kept(vectors, found.points) > 0.4 > 5 * kept(vectors, random) / 2
    assert found.settings["neighbours"] == 10
    assert found.explained is None
    same = project_vectors(np.ones((8, 3)), method=method)  # which nothing tells apart
    assert np.isfinite(same.points).all()


def test_without_opentsne_scikit_learn_does_it(
    groups: tuple[Vectors, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "vecsearch.projection.neighbourly.importlib.util.find_spec",
        lambda name: None if name in ("openTSNE", "umap") else find(name),
    )
    vectors, labels = groups
    found = project_vectors(vectors[:80], labels[:80], method="tsne", neighbours=10)
    assert str(found.settings["software"]).startswith("scikit-learn ")
    assert kept(vectors[:80], found.points) > 0.4
    with pytest.raises(MissingPackage, match=r"pip install 'vecsearch\[maps\]'"):
        project_vectors(vectors, method="umap")


def test_nearest_others_are_exact() -> None:
    vectors = np.random.default_rng(2).normal(size=(60, 5)).astype(np.float32)
    vectors[10:14] = vectors[9]  # twins
    rows, apart = nearest(vectors, 3)
    theirs = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(theirs, np.inf)
    np.testing.assert_allclose(apart, np.sort(theirs, axis=1)[:, :3], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(theirs, rows, axis=1), apart, atol=1e-5)


@pytest.mark.parametrize("count", [3, 10, 37, 100])
def test_samples_keep_shares(count: int) -> None:
    codes = np.repeat([0, 1, 2, -1], [60, 30, 2, 8])
    chosen = stratified(codes, count, seed=1)
    assert len(chosen) == len(set(chosen.tolist())) == count
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, stratified(codes, count, seed=1))
    sizes = {code: int((codes[chosen] == code).sum()) for code in (0, 1, 2, -1)}
    # By hand: one of each where there is room, the rest by largest remainder.
    assert sizes == {
        3: {0: 2, 1: 1, 2: 0, -1: 0}, 10: {0: 5, 1: 3, 2: 1, -1: 1},
        37: {0: 21, 1: 11, 2: 1, -1: 4}, 100: {0: 60, 1: 30, 2: 2, -1: 8},
    }[count]  # fmt: skip


def test_a_sample_is_told_of(
    groups: tuple[Vectors, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    vectors, labels = groups
    with caplog.at_level(logging.INFO, "vecsearch"):
        found = project_vectors(vectors, labels, sample=50)
    assert (len(found), found.total) == (50, 200)
    assert "50 of the 200 items" in caplog.text
    rows = [int(name) for name in found.ids]
    assert [labels[row] for row in rows] == list(found.labels)


def test_a_collection_with_metadata(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(12, 4)).astype(np.float32)
    metadata = [{"price": row / 2, "brand": "AB"[row % 2]} for row in range(11)] + [{}]
    goods = Collection.from_vectors(
        vectors, [f"item {row}" for row in range(12)], ["x", "y", None] * 4, metadata,
        path=tmp_path / "goods",
    )  # fmt: skip
    by_price = project(goods, color_by="price")
    assert by_price.numbers is not None
    np.testing.assert_array_equal(by_price.numbers, [*(np.arange(11) / 2), np.nan])
    assert by_price.classes.names == ["x", "y"]
    by_brand = project(goods, color_by="brand", where="price<4")
    assert by_brand.ids == [f"item {row}" for row in range(8)]
    assert by_brand.values == list("ABABABAB")
    assert by_brand.classes.names == ["A", "B"]
    goods.remove(["item 3"])
    assert project(goods).ids == [f"item {row}" for row in range(12) if row != 3]
    expected = PCA(2).fit_transform(np.delete(vectors, 3, axis=0))
    same_up_to_signs(project(goods).points, expected, 1e-4)
    for style in ("scatter", "density", "hexbin"):
        draw_map(project(goods, color_by="price"), tmp_path / f"{style}.png", style)
        assert (tmp_path / f"{style}.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InvalidArgument, match="There are: brand, label, price"):
        project(goods, color_by="weight")


def test_numbers_in_names_are_in_their_order() -> None:
    found = Classes.of(["10", "9", "a2", "a10", None, True, ["x", "y"]])
    assert found.names == ["9", "10", "a2", "a10", "true", "x, y"]
    np.testing.assert_array_equal(found.codes, [1, 0, 2, 3, -1, 4, 5])


def test_centres_are_means() -> None:
    points = np.array([[0, 0], [2, 4], [9, 9], [5, 5]], float)
    found = Classes(["a", "b"], np.array([0, 0, 1, -1])).centres(points)
    np.testing.assert_array_equal(found, [[1, 2], [9, 9]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "isomap"}, "is no method: pca, lda, tsne, umap"),
        ({"sample": 1}, "not of a sample of 1"),
        ({"neighbours": 1}, "2 neighbours or more"),
        ({"method": "lda"}, "no item has one: use --method pca"),
        ({"method": "lda", "labels": ["a"] * 3}, "they are all the same"),
        ({"method": "lda", "labels": list("abc")}, "one each"),
        ({"method": "tsne"}, "4 items or more, and there are 3"),
        ({"labels": ["a"]}, "3 vectors, 1 labels"),
        ({"metric": "manhattan"}, "No metric"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        project_vectors([[0.0, 1], [0, 2], [3, 4]], **options)


def test_a_sample_is_enough_for_a_map() -> None:
    with pytest.raises(InvalidArgument, match="needs 4 items or more, and there are 3"):
        project_vectors(np.eye(8), method="tsne", sample=3)


def test_lda_of_what_lies_on_a_line_has_one_axis() -> None:
    for vectors in (
        [[0], [1], [5], [6]],
        [[0.1, 0.3, 0.7], [0.2, 0.6, 1.4], [1, 3, 7], [1.1, 3.3, 7.7]],
        [[0, 0], [1, 10], [2, 20], [10, 100], [11, 110], [12, 120]],
    ):
        half = len(vectors) // 2
        points = project_vectors(vectors, ["a"] * half + ["b"] * half, method="lda").points
        assert np.ptp(points[:, 0]) > 1
        assert np.ptp(points[:, 1]) == pytest.approx(0, abs=1e-3)


def test_lda_of_classes_that_do_not_scatter() -> None:
    with pytest.raises(InvalidArgument, match="are all the same: draw them with --method pca"):
        project_vectors([[0.0, 1]] * 3 + [[2.0, 3]] * 3, list("aaabbb"), method="lda")
    with pytest.raises(InvalidArgument, match="the means of all of them are the same"):
        project_vectors([[0.0, 0], [2, 1], [1, 3]] * 2, list("aaabbb"), method="lda")


def test_few_and_flat_vectors() -> None:
    assert project_vectors([[1.0], [2], [4]]).points[:, 1].tolist() == [0, 0, 0]
    assert project_vectors([[1.0, 1], [1, 1]]).points.tolist() == [[0, 0], [0, 0]]
    assert project_vectors([[1.0, 1], [1, 1]]).explained == (0, 0)
    with pytest.raises(InvalidArgument, match="2 items or more, and there are 1"):
        project_vectors([[1.0, 1]])


def test_nothing_is_computed_for_a_map_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Collection.from_vectors([[0.0, 1], [0, 2]], path=tmp_path / "books")

    def computed(*_: Any, **__: Any) -> None:
        pytest.fail("it was")

    monkeypatch.setattr("vecsearch.projection.plotting.project", computed)
    (tmp_path / "folder.png").mkdir()
    for name in ("map.gif", "map", "nowhere/map.png", "folder.png"):
        with pytest.raises(InvalidArgument, match=r"must end in \.png or \.html, in a folder"):
            plot(books, tmp_path / name)
    with pytest.raises(InvalidArgument, match="is no style"):
        plot(books, tmp_path / "map.png", style="pie")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="16, 32, 48"):
        plot(books, tmp_path / "map.html", thumbnails=20)


@pytest.mark.slow
def test_a_picture_of_a_hundred_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 150, 3000)
    middles = rng.normal(size=(150, 4)) * 5
    labels: list[str | None] = [f"_$class {code}$ " * 3 for code in codes]
    labels[0] = None
    found = project_vectors(middles[codes] + rng.normal(size=(3000, 4)), labels)
    draw_map(found, tmp_path / "map.png", title="$x_")
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (1800, 1200)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    # Points of many classes are there, in their own colours.
    assert len(np.unique(pixels, axis=0)) > 1000


def test_photos_are_drawn(tmp_path: Path) -> None:
    photos = Collection.build(PHOTOS, tmp_path / "index", size=(8, 8), dim=3)
    drawn = plot(photos, tmp_path / "map.png", "lda", centers=False)
    assert drawn.bytes == drawn.out.stat().st_size > 10_000
    assert drawn.projection.largest == 48


def test_a_map_may_show_the_clusters_that_are_kept(tmp_path: Path) -> None:
    vectors = np.array([[0, 0], [0, 1], [9, 9], [9, 8], [9, 7], [0.5, 0]], np.float32)
    few = Collection.from_vectors(vectors[:5], path=tmp_path / "few")
    keep_clustering(few, "two", cluster(few, 2))
    few.add_vectors(vectors[5:], ["late"])
    shown = project(few, color_by="cluster:two")
    kinds = ["cluster 1", "cluster 1", "cluster 0", "cluster 0", "cluster 0", None]
    assert list(shown.values) == kinds
    assert shown.numbers is None
    with pytest.raises(InvalidArgument, match="three"):
        project(few, color_by="cluster:three")
