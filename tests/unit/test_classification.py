"""Votes, centroids and tables, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from vecsearch import Centroids, Metric, knn_vote
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
    ours = knn_vote(codes[rows], found)
    theirs = KNeighborsClassifier(7).fit(gallery, codes)
    votes = np.sort(theirs.predict_proba(queries), axis=1)
    decided = votes[:, -1] > votes[:, -2] + 1e-9  # scikit-learn settles ties by class number
    assert decided.sum() > 150
    np.testing.assert_array_equal(ours[decided], theirs.predict(queries)[decided])


def test_ties_go_to_the_nearer_class_not_the_first() -> None:
    codes = np.array([[4, 2, 2, 4], [1, 0, 2, 3], [7, 8, 8, 7]])
    apart = np.array([[1.0, 2.0, 3.0, 9.0], [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 2.0, 3.0]])
    np.testing.assert_array_equal(knn_vote(codes, apart), [2, 1, 7])


def test_nobody_has_no_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.array([[-1, -1, 3], [-1, 2, 2]])
    monkeypatch.setattr("vecsearch.classify.BLOCK_BYTES", 1)  # one query at a time
    np.testing.assert_array_equal(knn_vote(codes, np.ones((2, 3))), [3, 2])


def test_centroids_are_those_of_scikit_learn(
    groups: tuple[Vectors, Rows, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, codes, queries = groups
    theirs = NearestCentroid().fit(gallery, codes).predict(queries)
    for size in (64 << 20, 8 * 8 * 11):  # in one block and in many
        monkeypatch.setattr("vecsearch.classify.BLOCK_BYTES", size)
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
