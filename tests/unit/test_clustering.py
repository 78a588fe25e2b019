"""K-means, hierarchies, choosing k and quality, beside scikit-learn's and by hand."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    pairwise_distances_argmin,
    silhouette_score,
)

from vecsearch import (
    Collection,
    InvalidArgument,
    Metric,
    agreement,
    assign_clusters,
    choose_k,
    cluster,
    cluster_members,
    cluster_vectors,
    describe_clustering,
    draw_choice,
    forget_clustering,
    keep_clustering,
    silhouette,
    summarize_clusters,
    write_clusters,
)
from vecsearch.clustering import hierarchy, lloyd_steps
from vecsearch.clustering.plots import MOST_POINTS
from vecsearch.index import Step, by_size, distances, nearest_centers, run_kmeans, settle
from vecsearch.types import Vectors


@pytest.fixture(scope="module")
def groups() -> Vectors:
    """900 vectors around six middles that overlap, with a large offset."""
    rng = np.random.default_rng(5)
    middles = rng.normal(size=(6, 8)) * 1.5 + 100
    return (middles[rng.integers(0, 6, 900)] + rng.normal(size=(900, 8))).astype(np.float32)


def compared(vectors: Vectors, centers: Vectors, metric: Metric) -> np.ndarray[Any, Any]:
    """Every distance, by brute force."""
    return distances(vectors[:, None], centers[None], metric)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("k", [1, 2, 6, 40])
def test_every_item_is_with_its_nearest_centre_and_every_centre_a_mean(
    groups: Vectors, metric: Metric, k: int
) -> None:
    found = cluster_vectors(groups, k, metric=metric)
    apart = compared(groups, found.centers, metric)
    np.testing.assert_array_equal(found.codes, apart.argmin(axis=1))
    np.testing.assert_array_equal(found.distances, apart.min(axis=1))
    assert (found.centers.dtype, found.codes.dtype) == (np.float32, np.int64)
    counted = groups.astype(np.float64)
    if metric is Metric.COSINE:
        counted /= np.linalg.norm(counted, axis=1, keepdims=True)
    for code in range(k):
        mean = counted[found.codes == code].mean(axis=0)
        if metric is Metric.COSINE:
            mean /= np.linalg.norm(mean)
        np.testing.assert_allclose(found.centers[code], mean, rtol=1e-7)
        members = np.flatnonzero(found.codes == code)
        assert found.medoids[code] == members[apart[members, code].argmin()]
    assert (np.diff(found.sizes) <= 0).all()
    assert found.sizes.sum() == 900
    whole = counted if metric is Metric.COSINE else groups.astype(np.float64)
    units = found.centers.astype(np.float64)
    if metric is Metric.COSINE:
        units /= np.linalg.norm(units, axis=1, keepdims=True)
    expected = np.square(whole - units[found.codes]).sum()
    assert found.inertia == pytest.approx(expected, rel=1e-9)
    assert found.settings["settled"] is True


@pytest.mark.parametrize("k", [3, 6, 12])
def test_inertia_is_as_small_as_scikit_learns(groups: Vectors, k: int) -> None:
    theirs = KMeans(k, n_init=10, random_state=0).fit(groups.astype(np.float64))
    ours = cluster_vectors(groups, k)
    assert ours.inertia <= 1.01 * theirs.inertia_
    again = pairwise_distances_argmin(groups.astype(np.float64), ours.centers.astype(np.float64))
    np.testing.assert_array_equal(again, ours.codes)


def test_a_large_offset_loses_no_digit() -> None:
    """In single precision |x|² + |c|² − 2 x·c would tell nothing of these apart."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 300)
    vectors = (np.array([0, 2, 4])[codes, None] + 1e6 + rng.integers(0, 2, (300, 2)) / 8).astype(
        np.float32
    )
    found = cluster_vectors(vectors, 3)
    assert agreement(found.codes, [str(code) for code in codes]) == {
        "nmi": pytest.approx(1), "ari": 1.0, "purity": 1.0,
    }  # fmt: skip
    large = cluster_vectors(vectors * np.float32(1e32), 3)
    np.testing.assert_array_equal(large.codes, found.codes)


def test_settling_ends_where_plain_steps_end(groups: Vectors) -> None:
    for metric in Metric:
        start = groups[:7]
        *_, last = lloyd_steps(groups, start, metric)
        found = settle(groups, start, metric)
        order = by_size(last.codes, 7)
        np.testing.assert_array_equal(found.centers, last.moved[order])
        assert found.inertia == pytest.approx(last.inertia)
        inertias = [step.inertia for step in lloyd_steps(groups, start, metric)]
        assert all(after < before for before, after in pairwise(inertias))
        # One step fewer than it takes does not settle.
        assert settle(groups, start, metric, steps=2).settled is False


def test_steps_are_those_of_scikit_learn(groups: Vectors) -> None:
    theirs = KMeans(5, init=groups[:5], n_init=1, tol=0, algorithm="lloyd").fit(
        groups.astype(float)
    )
    *_, last = lloyd_steps(groups, groups[:5], Metric.EUCLIDEAN)
    np.testing.assert_array_equal(last.codes, theirs.labels_)
    np.testing.assert_allclose(last.centers, theirs.cluster_centers_, rtol=1e-6)
    assert last.inertia == pytest.approx(theirs.inertia_, rel=1e-9)


def test_equally_near_centres_go_to_the_first() -> None:
    centers = np.array([[0, 0], [2, 0], [0, 0], [2, 0]], np.float32)
    points = np.array([[1, 0], [2, 5], [0, 1], [1, 7]], np.float32)
    codes, apart = nearest_centers(points, centers, Metric.EUCLIDEAN)
    np.testing.assert_array_equal(codes, [0, 1, 0, 0])
    np.testing.assert_array_equal(apart, [1, 5, 1, np.sqrt(50)])
    codes, apart = nearest_centers(points[:1], np.array([[1, 1], [1, -1]]), Metric.COSINE)
    assert (codes[0], apart[0]) == (0, pytest.approx(1 - np.sqrt(0.5)))


def test_blocks_change_nothing(groups: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cluster_vectors(groups, 6)
    monkeypatch.setattr("vecsearch.index.lloyd.BLOCK_ITEMS", 13)
    parts = cluster_vectors(groups, 6)
    np.testing.assert_array_equal(parts.codes, whole.codes)
    np.testing.assert_allclose(parts.centers, whole.centers, rtol=1e-6)


def test_what_is_too_large_for_scikit_learn_makes_exact_steps(
    groups: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cluster_vectors(groups, 6)
    monkeypatch.setattr("vecsearch.index.kmeans.WHOLE_BYTES", 0)
    found = cluster_vectors(groups, 6)
    np.testing.assert_array_equal(found.codes, whole.codes)


def test_a_sample_leads_where_everything_does(
    groups: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cluster_vectors(groups, 6)
    monkeypatch.setattr("vecsearch.index.kmeans.SAMPLE", 200)
    monkeypatch.setattr("vecsearch.index.kmeans.PER_CENTER", 10)
    assert cluster_vectors(groups, 6).inertia <= 1.01 * whole.inertia


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", list(Metric))
def test_as_many_clusters_as_there_are_different_vectors(metric: Metric) -> None:
    different = np.array([[1, 0], [0, 2], [3, 3], [-1, 0], [5, -4]], np.float32)
    vectors = different[np.arange(60) % 5]
    found = cluster_vectors(vectors, 5, metric=metric)
    assert found.sizes.tolist() == [12] * 5
    assert found.inertia == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(found.codes[:5], range(5))
    np.testing.assert_array_equal(found.medoids, range(5))
    with pytest.raises(InvalidArgument, match="only 5 different vectors among the 60: ask for 5"):
        cluster_vectors(vectors, 6, metric=metric)


def test_a_sample_of_equals_is_not_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.index.kmeans.SAMPLE", 50)
    monkeypatch.setattr("vecsearch.index.kmeans.PER_CENTER", 1)
    vectors = np.zeros((2000, 2), np.float32)
    vectors[:9] = np.arange(18).reshape(9, 2) + 1
    found = cluster_vectors(vectors, 10, restarts=2)
    assert found.sizes.tolist() == [1991] + [1] * 9
    assert found.inertia == pytest.approx(0, abs=1e-20)


def test_opposite_vectors_have_a_centre_under_cosine() -> None:
    found = cluster_vectors([[2, 0], [-1, 0]], 1, metric="cosine")
    np.testing.assert_array_equal(found.centers, [[1, 0]])
    assert (found.distances.tolist(), found.inertia) == ([0, 2], 4)


@pytest.mark.slow
def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np, hashlib; from vecsearch import cluster_vectors\n"
        "rng = np.random.default_rng(2)\n"
        "vectors = rng.normal(size=(5000, 16)).astype(np.float32)\n"
        "for metric in ('euclidean', 'cosine'):\n"
        "    found = cluster_vectors(vectors, 9, metric=metric, restarts=2)\n"
        "    print(hashlib.sha256(found.codes.tobytes() + found.centers.tobytes()).hexdigest())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in ("1", "2")
    }
    assert len(said) == 1


def test_the_same_seed_gives_the_same_and_another_another(groups: Vectors) -> None:
    ours = [run_kmeans(groups, 30, Metric.EUCLIDEAN, restarts=1, seed=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(ours[0].codes, ours[1].codes)
    assert (ours[0].codes != ours[2].codes).any()


@pytest.mark.parametrize("linkage", ["average", "complete", "single", "ward"])
@pytest.mark.parametrize("metric", list(Metric))
def test_hierarchies_are_those_of_scikit_learn(
    groups: Vectors, linkage: Any, metric: Metric
) -> None:
    if linkage == "ward" and metric is Metric.COSINE:
        with pytest.raises(InvalidArgument, match="Ward's linkage is of Euclidean"):
            cluster_vectors(groups, 4, method="hierarchical", linkage=linkage, metric=metric)
        return
    some = groups[:150].astype(np.float64)
    by_count = AgglomerativeClustering(7, metric=metric.value, linkage=linkage).fit_predict(some)
    ours = cluster_vectors(groups[:150], 7, method="hierarchical", linkage=linkage, metric=metric)
    assert adjusted_rand_score(by_count, ours.codes) == 1
    assert (ours.k, ours.iterations, ours.settings["linkage"]) == (7, None, linkage)
    limit = float(np.median(compared(groups[:150], groups[:150], metric)))
    by_distance = AgglomerativeClustering(
        None, metric=metric.value, linkage=linkage, distance_threshold=limit
    ).fit_predict(some)
    ours = cluster_vectors(
        groups[:150],
        method="hierarchical",
        linkage=linkage,
        metric=metric,
        distance_threshold=limit,
    )
    assert adjusted_rand_score(by_distance, ours.codes) == 1
    assert ours.k == by_distance.max() + 1
    assert (np.diff(ours.sizes) <= 0).all()
    np.testing.assert_array_equal(
        ours.distances, compared(groups[:150], ours.centers, metric)[np.arange(150), ours.codes]
    )


def test_what_does_not_fit_is_merged_by_centres(
    groups: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hierarchy, "MOST_ITEMS", 800)
    monkeypatch.setattr(hierarchy, "CENTERS", 60)
    with caplog.at_level("INFO", "vecsearch"):
        found = cluster_vectors(groups, 4, method="hierarchical", linkage="ward")
    assert "900 items are too many" in caplog.text
    assert (found.k, found.settings["through"]) == (4, 60)
    middle = run_kmeans(groups, 60, Metric.EUCLIDEAN, restarts=1, steps=hierarchy.STEPS)
    merged = AgglomerativeClustering(4).fit_predict(middle.centers.astype(np.float64))
    assert adjusted_rand_score(merged[middle.codes], found.codes) == 1
    with pytest.raises(InvalidArgument, match="60 centres are merged"):
        cluster_vectors(groups, 61, method="hierarchical")


def test_many_equal_items_are_merged_by_as_many_centres_as_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hierarchy, "MOST_ITEMS", 50)
    monkeypatch.setattr(hierarchy, "CENTERS", 20)
    vectors = np.array([[0, 0], [0, 1], [9, 9]], np.float32)[np.arange(90) % 3]
    found = cluster_vectors(vectors, 2, method="hierarchical")
    assert (found.sizes.tolist(), found.settings["through"]) == ([60, 30], 3)
    with pytest.raises(InvalidArgument, match="only 3 different vectors among the 90"):
        cluster_vectors(vectors, 4, method="hierarchical")


def test_one_item() -> None:
    for options in ({"k": 1}, {"k": 1, "method": "hierarchical"}):
        found = cluster_vectors([[3, 4]], **options)  # type: ignore[arg-type]
        assert (found.codes.tolist(), found.inertia, found.medoids.tolist()) == ([0], 0, [0])
    with pytest.raises(InvalidArgument, match="k is 10 unless you say another, but there is only"):
        cluster_vectors([[3, 4]])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 4}, "k is 4, but there are only 3 items"),
        ({"k": 0}, "1 or more, not 0"),
        ({"k": 2.5}, "whole number"),
        ({"k": True}, "whole number"),
        ({"k": "all"}, "or auto, not 'all'"),
        ({"method": "dbscan"}, "'dbscan' is no method of clustering: kmeans or hierarchical"),
        ({"k": 2, "distance_threshold": 1}, "distance threshold is for hierarchical"),
        ({"k": 2, "linkage": "ward"}, "linkage is for hierarchical"),
        ({"k": 2, "distance_threshold": 1, "method": "hierarchical"}, "not both"),
        ({"distance_threshold": -1, "method": "hierarchical"}, "0 or more, not -1"),
        ({"distance_threshold": float("nan"), "method": "hierarchical"}, "0 or more, not nan"),
        ({"k": 2, "linkage": "centroid", "method": "hierarchical"}, "No linkage is called"),
        ({"k": "auto", "method": "hierarchical"}, "auto finds a k for kmeans"),
        ({"k": 2, "restarts": 3, "method": "hierarchical"}, "restarts is for kmeans"),
        ({"k": 2, "restarts": 0}, "1 or more, not 0"),
        ({"k": 2, "metric": "cosine"}, "Vector 0 is zero"),
        ({"k": 2, "metric": "manhattan"}, "No metric is called"),
        ({"k": "auto", "k_max": 1}, "2 or more, not 1"),
        ({"k": 2, "ids": ["a"]}, "3 vectors, and 1 ids"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], said: str) -> None:
    vectors = [[0.0, 0], [0, 1], [5, 5]]
    with pytest.raises(InvalidArgument, match=said):
        cluster_vectors(vectors, **options)


def test_the_highest_silhouette_says_how_many(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    middles = np.array([[0, 0], [12, 0], [0, 12], [12, 12]])
    vectors = (middles[np.arange(200) % 4] + rng.normal(size=(200, 2))).astype(np.float32)
    choice = choose_k(vectors, k_max=7)
    assert (choice.best, list(choice.ks), choice.items) == (4, [2, 3, 4, 5, 6, 7], 200)
    for at, k in enumerate(choice.ks):
        codes = run_kmeans(vectors, k, Metric.EUCLIDEAN, restarts=5).codes
        assert choice.silhouettes[at] == pytest.approx(
            silhouette_score(vectors.astype(float), codes), abs=1e-12
        )
    assert all(a > b for a, b in pairwise(choice.inertias))
    found = cluster_vectors(vectors, "auto", k_max=7)
    assert found.sizes.tolist() == [50] * 4
    assert choice.inertias[2] == pytest.approx(found.inertia / 200)
    draw_choice(choice, tmp_path / "k.png", 3)
    with Image.open(tmp_path / "k.png") as image:
        assert image.size == (1100, 440)
    # No more than there are different items, and no choice of two.
    few = choose_k([[0], [0], [5], [9], [9]])
    assert list(few.ks) == [2, 3]
    with pytest.raises(InvalidArgument, match="Of 2 items"):
        choose_k([[0], [1]])
    with pytest.raises(InvalidArgument, match="only 1 different"):
        choose_k([[1], [1], [1]])


@pytest.mark.parametrize("metric", list(Metric))
def test_a_silhouette_is_that_of_scikit_learn(groups: Vectors, metric: Metric) -> None:
    codes = cluster_vectors(groups, 5, metric=metric).codes
    whole = silhouette_score(groups.astype(float), codes, metric=metric.value)
    assert silhouette(groups, codes, metric) == pytest.approx(whole, abs=1e-12)
    part = silhouette(groups, codes, metric, most=300)
    assert part is not None
    assert part != whole
    assert part == pytest.approx(whole, abs=0.05)
    assert silhouette(groups, np.zeros(900, int), metric) is None
    assert silhouette(groups[:3], [0, 1, 2], metric) is None


def test_agreement_is_that_of_scikit_learn_and_purity_that_of_the_book() -> None:
    # Manning, Raghavan and Schütze, figure 16.4: (5 + 4 + 3) / 17.
    codes = [0] * 6 + [1] * 6 + [2] * 5
    labels = [*"xxxxxo", *"xoooov", *"xxvvv"]
    found = agreement(codes, list(labels))
    assert found["purity"] == pytest.approx(12 / 17)
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(labels, codes))
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels, codes))
    # Rounded as the book has it, whose NMI divides by the mean of the entropies too.
    assert found["nmi"] == pytest.approx(0.36, abs=0.01)
    with_others = agreement([*codes, 7, 0], [*labels, None, None])
    assert with_others == found
    with pytest.raises(InvalidArgument, match="No item has a label"):
        agreement([0, 1], [None, None])
    with pytest.raises(InvalidArgument, match="2 items in clusters, and 1 labels"):
        agreement([0, 1], ["a"])


@pytest.fixture
def books() -> Collection:
    """Five books by crime and love, one of them without a label."""
    return Collection.from_vectors(
        [[5, 1], [4, 2], [1, 5], [0, 4], [5, 0]],
        ids=["Moonstone", "Gaudy Night", "Emma", "Persuasion", "Hollow Man"],
        labels=["crime", None, "love", "love", "crime"],
    )


def test_clusters_are_kept_and_read_again(books: Collection) -> None:
    found = cluster(books, 2)
    keep_clustering(books, "two", found)
    keep_clustering(books, "tiefe Töne", cluster(books, 1, metric="cosine"))
    assert sorted(books.clusterings) == ["tiefe Töne", "two"]
    assert books.info()["clusterings"] == ["tiefe Töne", "two"]
    kept = Collection.open(books.path).clusterings["two"]
    assert kept.settings == {
        "k": 2, "restarts": 10, "settled": True, "seed": 0, "fingerprint": None,
    }  # fmt: skip
    for name in ("codes", "distances", "centers", "medoids"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(found, name))
        assert getattr(kept, name).dtype == getattr(found, name).dtype
    for name in ("ids", "inertia", "method", "metric", "iterations", "settings"):
        assert getattr(kept, name) == getattr(found, name), name
    keep_clustering(books, "two", cluster(books, 3))
    assert books.clustering("two").k == 3
    forget_clustering(books, "two")
    assert list(books.clusterings) == ["tiefe Töne"]
    with pytest.raises(InvalidArgument, match=r"no clustering 'two'\. There are: 'tiefe Töne'"):
        books.clustering("two")
    with pytest.raises(InvalidArgument, match="no clustering 'two'"):
        forget_clustering(books, "two")


def test_what_cannot_be_kept_changes_nothing(books: Collection) -> None:
    found = cluster(books, 2)
    for name in ("", "x" * 101, "a\nb"):
        with pytest.raises(InvalidArgument, match="1 to 100 printable characters"):
            keep_clustering(books, name, found)
    with pytest.raises(InvalidArgument, match=r"3 dims, those of .* have 2"):
        keep_clustering(books, "x", cluster_vectors(np.eye(3), 2))
    other = cluster_vectors([[1, 2], [3, 4]], 2)
    object.__setattr__(other, "settings", {"fingerprint": "0" * 64})
    with pytest.raises(InvalidArgument, match="of another encoder"):
        keep_clustering(books, "x", other)
    object.__setattr__(other, "settings", {"a": object()})
    with pytest.raises(InvalidArgument, match="cannot be written"):
        keep_clustering(books, "x", other)
    object.__setattr__(other, "settings", {})
    object.__setattr__(other, "codes", np.array([0, 5]))
    with pytest.raises(InvalidArgument, match="do not fit each other"):
        keep_clustering(books, "x", other)
    assert Collection.open(books.path).info()["generation"] == 1


def test_later_items_are_assigned(books: Collection) -> None:
    keep_clustering(books, "two", cluster(books, 2))
    books.add_vectors([[0, 9], [9, 9]], ["Late", "Between"], ["love", None])
    books.remove(["Moonstone", "Gaudy Night", "Hollow Man"])
    found = assign_clusters(books, "two")
    kept = books.clustering("two")
    assert kept.ids[0] == "Moonstone"
    assert dict(zip(found.ids, found.codes.tolist(), strict=True)) == {
        "Emma": 1, "Persuasion": 1, "Late": 1, "Between": 0,
    }  # fmt: skip
    np.testing.assert_array_equal(found.centers, kept.centers)
    assert [found.ids[row] for row in found.medoids] == ["Between", "Emma"]
    books.remove(["Between"])
    found = assign_clusters(books, "two")
    assert (found.sizes.tolist(), found.medoids[0]) == ([0, 3], -1)
    keep_clustering(books, "left", found)
    assert books.clustering("left").sizes.tolist() == [0, 3]
    empty = summarize_clusters(books, found)[0]
    assert (empty.size, empty.medoid, empty.label, empty.label_share) == (0, "", None, 0)
    # Of a clustering, those that are gone count as items, and have no label any more.
    first, second = summarize_clusters(books, kept)
    assert (first.size, first.share, first.label, first.medoid) == (3, 0.6, None, "Moonstone")
    assert (second.label, second.label_share) == ("love", 1)
    with pytest.raises(InvalidArgument, match="most is 0 or more, not -1"):
        cluster_members(books, kept, -1)
    names = [[hit.item.id for hit in hits] for hits in cluster_members(books, kept)]
    assert names == [[], ["Emma", "Persuasion"]]
    facts = describe_clustering(books, kept)
    assert (facts["items"], facts["sizes"], facts["purity"]) == (5, [3, 2], 1.0)


def test_another_encoder_leaves_clusters_behind(small: Path, tmp_path: Path) -> None:
    photos = Collection.build(small / "train", tmp_path / "index", size=(8, 8), dim=4, jobs=1)
    found = cluster(photos, 3)
    keep_clustering(photos, "three", found)
    photos.compact()
    photos.update(jobs=1)
    assert list(photos.clusterings) == ["three"]
    (next((small / "train" / "bag").iterdir())).touch()
    Collection.build(small / "test", tmp_path / "other", size=(8, 8), dim=4, jobs=1)
    photos.update(refit=True, jobs=1)
    assert photos.clusterings == {}
    assert list(tmp_path.glob("index/clustering-*")) != []  # of the last three generations
    if photos.fingerprint != found.settings["fingerprint"]:
        with pytest.raises(InvalidArgument, match="another encoder"):
            keep_clustering(photos, "three", found)


def test_rows_for_other_programs(
    books: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    found = cluster(books, 2)
    labels = books.labels()
    monkeypatch.setattr("vecsearch.clustering.table.BLOCK_ITEMS", 2)
    for suffix in ("csv", "jsonl", "parquet"):
        write_clusters(found, labels, tmp_path / f"c.{suffix}")
    rows = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert list(rows[0]) == ["id", "cluster", "distance", "label", "medoid"]
    assert parquet.read_table(tmp_path / "c.parquet").to_pylist() == rows
    assert [row["cluster"] for row in rows] == [0, 0, 1, 1, 0]
    assert [row["id"] for row in rows if row["medoid"]] == ["Moonstone", "Emma"]
    lines = (tmp_path / "c.csv").read_text().splitlines()
    assert lines[0] == "id,cluster,distance,label,medoid"
    assert lines[2].startswith("Gaudy Night,0,")
    with pytest.raises(InvalidArgument, match=r"ends in none of .csv, .jsonl, .parquet"):
        write_clusters(found, labels, tmp_path / "c.xlsx")


@pytest.mark.parametrize("dim", [1, 2, 8])
@pytest.mark.slow
def test_steps_are_drawn(groups: Vectors, tmp_path: Path, dim: int) -> None:
    vectors = np.ascontiguousarray(groups[:, :dim])
    found = cluster_vectors(vectors, 3, trace=tmp_path / "steps")
    pictures = sorted((tmp_path / "steps").iterdir())
    assert [one.name for one in pictures] == [f"step-{at:03d}.png" for at in range(len(pictures))]
    assert len(pictures) > 2
    contents = {one.read_bytes() for one in pictures}
    assert len(contents) == len(pictures)
    np.testing.assert_array_equal(
        found.codes, compared(vectors, found.centers, Metric.EUCLIDEAN).argmin(axis=1)
    )
    with pytest.raises(InvalidArgument, match="steps of another run"):
        cluster_vectors(vectors, 3, trace=tmp_path / "steps")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match="is a file"):
        cluster_vectors(vectors, 3, trace=tmp_path / "file")
    assert len(vectors) < MOST_POINTS


def test_clusters_are_the_same_with_and_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.index.kmeans.SAMPLE", 50)
    monkeypatch.setattr("vecsearch.index.kmeans.PER_CENTER", 2)
    vectors = np.random.default_rng(1).normal(size=(400, 2)).astype(np.float32)
    steps: list[Step] = []
    monkeypatch.setattr("vecsearch.clustering.task.Trace.draw", lambda _, step: steps.append(step))
    plain = cluster_vectors(vectors, 9)
    traced = cluster_vectors(vectors, 9, trace=tmp_path / "steps")
    assert traced.codes.tolist() == plain.codes.tolist()
    assert traced.centers.tolist() == plain.centers.tolist()
    assert (traced.inertia, traced.iterations) == (plain.inertia, plain.iterations)
    for center in steps[0].centers:  # a seed is one of the vectors
        assert np.abs(vectors - center).max(axis=1).min() < 1e-6
    assert np.array_equal(steps[-1].moved, steps[-1].centers)


def test_real_images_fall_into_their_kinds(sample: Path, tmp_path: Path) -> None:
    """2,000 product images: as good as scikit-learn's clusters, by labels and by inertia."""
    photos = Collection.build(
        sample / "train", tmp_path / "index", dim=32, size=(28, 28), color="grey"
    )
    found = cluster(photos, 10)
    vectors = photos.vectors().astype(np.float64)
    theirs = KMeans(10, n_init=10, random_state=0).fit(vectors)
    assert found.inertia <= 1.01 * theirs.inertia_
    labels = photos.labels()
    ours = agreement(found.codes, labels)
    assert ours["nmi"] == pytest.approx(normalized_mutual_info_score(labels, found.codes))
    assert ours["ari"] == pytest.approx(adjusted_rand_score(labels, found.codes))
    assert ours["nmi"] > 0.45
