"""Votes, centroids and tables, beside scikit-learn's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.utils.estimator_checks import check_estimator

from vecsearch import (
    CentroidClassifier,
    Centroids,
    Classifier,
    Collection,
    InvalidArgument,
    KNNClassifier,
    Metric,
    knn_vote,
)
from vecsearch.evaluation.tables import classification
from vecsearch.index import ExactIndex
from vecsearch.types import Rows, Vectors


@pytest.fixture(scope="module")
def groups() -> tuple[Vectors, Rows, Vectors]:
    """Five overlapping classes, 600 and 200 vectors."""
    rng = np.random.default_rng(3)
    middles = rng.normal(size=(5, 8)) * 1.2
    codes = rng.integers(0, 5, 800)
    vectors = (middles[codes] + rng.normal(size=(800, 8))).astype(np.float32)
    return vectors[:600], codes[:600], vectors[600:]


def test_votes_are_those_of_scikit_learn(groups: tuple[Vectors, Rows, Vectors]) -> None:
    gallery, codes, queries = groups
    found, rows = ExactIndex([gallery], Metric.EUCLIDEAN).search(queries, 7)
    ours, share = knn_vote(codes[rows], found)
    theirs = KNeighborsClassifier(7).fit(gallery, codes)
    votes = np.sort(theirs.predict_proba(queries), axis=1)
    decided = votes[:, -1] > votes[:, -2] + 1e-9  # scikit-learn settles ties by class number
    assert decided.sum() > 150
    np.testing.assert_array_equal(ours[decided], theirs.predict(queries)[decided])
    np.testing.assert_allclose(share, votes[:, -1])


def test_ties_go_to_the_nearer_class_not_the_first() -> None:
    codes = np.array([[4, 2, 2, 4], [1, 0, 2, 3], [7, 8, 8, 7]])
    apart = np.array([[1.0, 2.0, 3.0, 9.0], [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 2.0, 3.0]])
    np.testing.assert_array_equal(knn_vote(codes, apart)[0], [2, 1, 7])


def test_nobody_has_no_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.array([[-1, -1, 3], [-1, 2, 2]])
    monkeypatch.setattr("vecsearch.classification.votes.BLOCK_BYTES", 1)  # one query at a time
    np.testing.assert_array_equal(knn_vote(codes, np.ones((2, 3)))[0], [3, 2])


def test_centroids_are_those_of_scikit_learn(
    groups: tuple[Vectors, Rows, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, codes, queries = groups
    theirs = NearestCentroid().fit(gallery, codes).predict(queries)
    for size in (64 << 20, 8 * 8 * 11):  # in one block and in many
        monkeypatch.setattr("vecsearch.classification.centroids.BLOCK_BYTES", size)
        ours = Centroids(gallery, codes, 5, Metric.EUCLIDEAN).nearest(queries)
        np.testing.assert_array_equal(ours, theirs)


def test_cosine_centroids_count_directions() -> None:
    vectors = np.array([[100, 0], [0, 1], [-1, 0.1]], np.float32)
    centroids = Centroids(vectors, np.array([0, 0, 1]), 2, Metric.COSINE)
    # The mean direction of class 0 is 45°: 100 times the length counts no more than once.
    query = np.array([[-0.45, 1]], np.float32)  # 114°, nearer to 45° than to 174°? 69° against 60°
    np.testing.assert_array_equal(centroids.nearest(query), [1])
    np.testing.assert_array_equal(centroids.nearest(np.array([[-0.3, 1]], np.float32)), [0])


@pytest.mark.parametrize("metric", list(Metric))
def test_leave_one_out_takes_each_out_of_its_own_centroid(
    groups: tuple[Vectors, Rows, Vectors], metric: Metric
) -> None:
    gallery, codes = groups[0][:60], groups[1][:60]
    ours = Centroids(gallery, codes, 6, metric).nearest(gallery, codes)
    for row in range(60):
        others = np.arange(60) != row
        alone = Centroids(gallery[others], codes[others], 6, metric)
        assert ours[row] == alone.nearest(gallery[row : row + 1])[0]


def test_no_class_is_left() -> None:
    centroids = Centroids(np.ones((1, 2), np.float32), np.array([0]), 1, Metric.EUCLIDEAN)
    found = centroids.nearest(np.ones((2, 2), np.float32), np.array([0, -1]))
    np.testing.assert_array_equal(found, [-1, 0])


def test_tables_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    names = np.array(["ant", "bee", "cow", "dog", "never said", "never true"])
    true = names[rng.integers(0, 5, 300)]
    predicted = np.where(rng.random(300) < 0.6, true, names[rng.choice([0, 1, 2, 3, 5], 300)])
    predicted[predicted == "never said"] = "ant"
    ours = classification(list(true), list(predicted))
    theirs = classification_report(true, predicted, output_dict=True, zero_division=0)
    assert ours.labels == sorted(names)
    np.testing.assert_array_equal(ours.confusion, confusion_matrix(true, predicted))
    assert ours.accuracy == pytest.approx(theirs["accuracy"], abs=1e-12)
    for name, ours_of, theirs_of in (
        ("macro", ours, theirs["macro avg"]),
        *((name, ours.per_class[name], theirs[name]) for name in names),
    ):
        prefix = "macro_" if name == "macro" else ""
        for figure in ("precision", "recall", "f1"):
            key = "f1-score" if figure == "f1" else figure
            found = getattr(ours_of, prefix + figure)
            assert found == pytest.approx(theirs_of[key], abs=1e-12), (name, figure)
    for name in names:
        row = ours.per_class[name]
        assert row.support == theirs[name]["support"] == (true == name).sum()
        assert row.tp == ((true == name) & (predicted == name)).sum()
        assert row.fp == ((true != name) & (predicted == name)).sum()
        assert row.fn == ((true == name) & (predicted != name)).sum()
        assert row.tn == ((true != name) & (predicted != name)).sum()


def test_many_classes_have_no_matrix() -> None:
    names = [f"class {row:05}" for row in range(30_000)]
    said = names.copy()
    said[7], said[8], said[9] = names[1], names[1], names[2]
    found = classification([*names, names[7]], [*said, names[1]])
    assert found.confusion is None
    assert found.mistakes == [
        (names[7], names[1], 2), (names[8], names[1], 1), (names[9], names[2], 1),
    ]  # fmt: skip
    assert found.per_class[names[1]].fp == 3
    assert (found.per_class[names[7]].fn, found.per_class[names[7]].support) == (2, 2)
    assert found.accuracy == pytest.approx(29_997 / 30_001)


def test_weighted_votes_are_those_of_scikit_learn(groups: tuple[Vectors, Rows, Vectors]) -> None:
    gallery, codes, queries = groups
    queries = np.concatenate([queries, gallery[:20]])  # of which some are at 0 from a neighbour
    found, rows = ExactIndex([gallery], Metric.EUCLIDEAN).search(queries, 7)
    theirs = KNeighborsClassifier(7, weights="distance").fit(gallery, codes)
    ours, share = knn_vote(codes[rows], found, "distance")
    np.testing.assert_array_equal(ours, theirs.predict(queries))
    np.testing.assert_allclose(share, theirs.predict_proba(queries).max(axis=1), rtol=1e-5)


def test_weights_of_tiny_distances_are_finite() -> None:
    apart = np.array([[5e-324, 1e-320, 1.0], [0.0, 0.0, 1e-300]])
    chosen, share = knn_vote(np.array([[0, 1, 1], [0, 1, 1]]), apart, "distance")
    np.testing.assert_array_equal(chosen, [0, 0])
    np.testing.assert_allclose(share, [1 / (1 + 5e-324 / 1e-320), 0.5], rtol=1e-3)


@pytest.mark.parametrize("metric", list(Metric))
def test_a_medoid_has_the_least_sum_of_squares(
    groups: tuple[Vectors, Rows, Vectors], metric: Metric
) -> None:
    gallery, codes, _ = groups
    found = Centroids(gallery, codes, 5, metric, center="medoid").points
    for code in range(5):
        members = gallery[codes == code].astype(np.float64)
        if metric is Metric.COSINE:
            members = members / np.linalg.norm(members, axis=1, keepdims=True)
        sums = [np.square(members - one).sum() for one in members]
        chosen = gallery[codes == code][int(np.argmin(sums))]
        np.testing.assert_array_equal(found[code].astype(np.float32), chosen)


def test_several_centroids_are_the_means_of_clusters() -> None:
    clusters = np.array([[0, 0], [10, 0], [0, 10], [50, 50]], np.float32)
    vectors = np.concatenate([clusters + 0.1, clusters - 0.1])
    codes = np.array([0, 0, 0, 1] * 2)
    found = Centroids(vectors, codes, 2, Metric.EUCLIDEAN, each=3)
    order = np.lexsort(found.points.T[::-1])
    np.testing.assert_allclose(
        found.points[order], [[0, 0], [0, 10], [10, 0], [49.9, 49.9], [50.1, 50.1]], atol=1e-6
    )
    np.testing.assert_array_equal(found.owners[order], [0, 0, 0, 1, 1])
    np.testing.assert_allclose(
        found.distances(np.array([[10, 2], [0, 9]], np.float32))[:, 0], [2, 1], atol=1e-6
    )
    with pytest.raises(InvalidArgument, match="single mean"):
        found.nearest(vectors, codes)


def test_memberships_are_those_of_fuzzy_c_means() -> None:
    vectors = np.array([[0, 0], [3, 0], [0, 4]], np.float32)
    centroids = Centroids(vectors, np.arange(3), 3, Metric.EUCLIDEAN)
    apart = centroids.distances(np.array([[1, 0], [0, 0]], np.float32))
    squares = [1, 4, 17]
    expected = [1 / sum(one / other for other in squares) for one in squares]
    np.testing.assert_allclose(centroids.memberships(apart), [expected, [1, 0, 0]])


@pytest.mark.parametrize(
    "model",
    [
        KNNClassifier(),
        KNNClassifier(3, weights="distance"),
        CentroidClassifier(),
        CentroidClassifier(2),
        CentroidClassifier(center="medoid"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")  # of checks that cannot be done, and of arrays made badly
def test_classifiers_are_estimators_of_scikit_learn(model: Any) -> None:
    results = check_estimator(model, on_fail=None, on_skip=None)
    assert len(results) > 40
    assert [one["check_name"] for one in results if one["status"] == "failed"] == []


def test_neighbours_are_those_of_scikit_learn(groups: tuple[Vectors, Rows, Vectors]) -> None:
    gallery, codes, queries = groups
    ours = KNNClassifier(4).fit(gallery, codes)
    theirs = KNeighborsClassifier(4).fit(gallery.astype(float), codes)
    for asked in (queries, None):
        found = ours.kneighbors(asked), theirs.kneighbors(asked)
        np.testing.assert_array_equal(found[0][1], found[1][1])
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6)
    np.testing.assert_array_equal(
        ours.kneighbors(queries, 2, return_distance=False), found_rows(theirs, queries)
    )


def found_rows(theirs: KNeighborsClassifier, queries: Vectors) -> Rows:
    rows: Rows = theirs.kneighbors(queries, 2, return_distance=False)
    return rows


def test_a_vector_that_has_equals_is_no_neighbour_of_itself() -> None:
    model = KNNClassifier(2).fit(np.zeros((4, 2)), [0, 1, 2, 3])
    np.testing.assert_array_equal(model.kneighbors()[1], [[1, 2], [0, 2], [0, 1], [0, 1]])


def test_a_collection_is_fitted_to_as_it_is(tmp_path: Path) -> None:
    vectors = [[0.0, 1], [0, 2], [5, 0], [7, 0], [9, 9]]
    books = Collection.from_vectors(vectors, labels=["a", "a", "b", "b", None], metric="cosine")
    model = KNNClassifier(1).fit(books)
    assert (model.metric_, list(model.classes_)) == (Metric.COSINE, ["a", "b"])
    np.testing.assert_array_equal(model.predict([[0, 9], [3, 1]]), ["a", "b"])
    np.testing.assert_array_equal(model.predict(books)[:4], ["a", "a", "b", "b"])
    far = CentroidClassifier(metric="euclidean", reject=2.0).fit(books)
    np.testing.assert_array_equal(far.predict([[0, 2], [6, 1], [6, 3]]), ["a", "b", None])
    np.testing.assert_allclose(far.distances([[6, 3]]), [3])
    with pytest.raises(InvalidArgument, match="labels of its own"):
        model.fit(books, ["a"] * 5)
    with pytest.raises(InvalidArgument, match="has a label"):
        model.fit(Collection.from_vectors(vectors))


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_where_no_label_is_left_nobody_can_vote(weights: Any) -> None:
    books = Collection.from_vectors([[0.0, 1], [0, 2], [5, 0]], labels=["a", "b", None])
    classifier = Classifier(books, k=1, weights=weights)
    books.remove(["0", "1"])
    with pytest.raises(InvalidArgument, match=r"No item of .* has a label"):
        classifier.classify_vectors([[0.0, 1]])


def test_vectors_of_another_encoder_are_refused(tmp_path: Path) -> None:
    made = [
        Collection.build(PHOTOS, tmp_path / name, encoder=name, size=(8, 8))
        for name in ("pixels", "pca")
    ]
    model = KNNClassifier(1).fit(made[0])
    own = [
        (found, label)
        for found, label in zip(model.predict(made[0]), made[0].labels(), strict=True)
        if label
    ]
    assert len(own) > 5
    assert all(found == label for found, label in own)
    with pytest.raises(InvalidArgument, match="another encoder"):
        model.predict(made[1])


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")  # corners are always black
def test_real_images_are_told_as_scikit_learn_tells_them(sample: Path, tmp_path: Path) -> None:
    """1,000 product images by 2,000; benchmarks/agreement.py does it with all 70,000."""
    gallery, queries = (
        Collection.build(
            sample / part, tmp_path / part, encoder="pixels", size=(28, 28), color="grey"
        )
        for part in ("train", "test")
    )
    known, asked = gallery.vectors(), queries.vectors()
    labels = np.array(gallery.labels())
    for weights in ("uniform", "distance"):
        theirs = KNeighborsClassifier(5, weights=weights).fit(known.astype(float), labels)
        votes = np.sort(theirs.predict_proba(asked.astype(float)), axis=1)
        decided = votes[:, -1] - votes[:, -2] > 1e-9
        ours = KNNClassifier(5, weights=weights).fit(gallery).predict(queries)
        np.testing.assert_array_equal(ours[decided], theirs.predict(asked.astype(float))[decided])
        assert decided.mean() > (0.9 if weights == "uniform" else 0.999)
    central = NearestCentroid().fit(known.astype(float), labels).predict(asked.astype(float))
    np.testing.assert_array_equal(CentroidClassifier().fit(gallery).predict(queries), central)


def test_many_neighbours_vote_as_few_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(-1, 6, (50, 40))
    apart = np.sort(rng.integers(0, 9, (50, 40)) / 4, axis=1)
    for weights in ("uniform", "distance"):
        few = knn_vote(codes, apart, weights)
        monkeypatch.setattr("vecsearch.classification.votes.MANY", 1)
        many = knn_vote(codes, apart, weights)
        monkeypatch.undo()
        np.testing.assert_array_equal(few[0], many[0])
        np.testing.assert_allclose(few[1], many[1])


def test_metrics_by_name(groups: tuple[Vectors, Rows, Vectors]) -> None:
    vectors, codes, queries = groups
    for metric in Metric:
        named = Centroids(vectors, codes, int(codes.max()) + 1, metric.value)
        whole = Centroids(vectors, codes, int(codes.max()) + 1, metric)
        np.testing.assert_array_equal(named.distances(queries), whole.distances(queries))


def test_what_is_called_by_no_known_name() -> None:
    books = Collection.from_vectors(np.eye(3), labels=list("aab"))
    with pytest.raises(InvalidArgument, match="'inverse'"):
        knn_vote(np.array([[0]]), np.array([[1.0]]), "inverse")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="No center is called 'middle': mean, medoid"):
        Classifier(books, center="middle")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="No center is called 'middle'"):
        Centroids(np.eye(2), np.arange(2), 2, "cosine", center="middle")  # type: ignore[arg-type]
