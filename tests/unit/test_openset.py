"""How well strangers are told: every figure beside a count in plain Python."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from vecsearch import Classifier, Collection, InvalidArgument, Metric
from vecsearch.classification import Rule
from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.calibration import _limit, _limits, calibrate_vectors
from vecsearch.evaluation.openset import Curve
from vecsearch.evaluation.trial import ask, strangers_left_out

Values = NDArray[np.float64]


@pytest.fixture(params=[0, 1, 2])
def drawn(request: pytest.FixtureRequest) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Distances that overlap and have many ties, and which of the near ones are right."""
    rng = np.random.default_rng(request.param)
    near = rng.integers(0, 30, 60) / 10
    return near, rng.integers(15, 45, 80) / 10, rng.random(60) < 0.9


def test_auroc_is_that_of_scikit_learn(drawn: tuple[Values, Values, NDArray[np.bool_]]) -> None:
    near, far, _ = drawn
    truth = np.repeat([1, 0], [len(near), len(far)])
    expected = roc_auc_score(truth, -np.concatenate([near, far]))
    assert Curve(near, far).auroc() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.1, 0.5, 1.0])
def test_rates_are_those_of_a_count(
    drawn: tuple[Values, Values, NDArray[np.bool_]], rate: float
) -> None:
    near, far, right = drawn
    # The best threshold of all, whichever accepts no more of the far ones.
    limits = [-1.0, *np.unique(np.concatenate([near, far]))]
    best = max(
        sum(1 for one, good in zip(near, right, strict=True) if one <= limit and good)
        for limit in limits
        if sum(1 for one in far if one <= limit) <= rate * len(far)
    )
    assert Curve(near, far, right).missed_at(rate) == pytest.approx(1 - best / len(near))


def test_a_share_that_floats_round_down_is_meant_whole() -> None:
    far = np.arange(1.0, 101)
    assert Curve([29.5, 200.0], far).missed_at(0.29) == 0.5


def test_the_area_under_correct_classification(
    drawn: tuple[Values, Values, NDArray[np.bool_]],
) -> None:
    near, far, right = drawn
    area, before = 0.0, (0.0, 0.0)
    for limit in sorted({*near, *far}):
        correct = sum(1 for one, good in zip(near, right, strict=True) if one <= limit and good)
        false = sum(1 for one in far if one <= limit)
        point = (false / len(far), correct / len(near))
        area += (point[0] - before[0]) * (point[1] + before[1]) / 2
        before = point
    assert Curve(near, far, right).oscr() == pytest.approx(area)


def test_equal_error_rate() -> None:
    # Up to 2.5, one of four near ones is refused and one of four far ones accepted.
    assert Curve([1, 2, 2.2, 9], [2.4, 3, 4, 5]).equal_error_rate() == 0.25
    # Between 1 (½ refused, 0 accepted) and 3 (½ refused, all accepted): half way.
    assert Curve([1, 9], [3]).equal_error_rate() == 0.5
    assert Curve([1, 2], [3, 4]).equal_error_rate() == 0
    assert Curve([3, 4], [1, 2]).equal_error_rate() == 1


def test_weights_count_as_often_as_they_say(
    drawn: tuple[Values, Values, NDArray[np.bool_]],
) -> None:
    near, far, right = drawn
    rng = np.random.default_rng(9)
    often = rng.integers(0, 4, len(near)), rng.integers(0, 4, len(far))
    weighted = Curve(near, far, right)
    weighted.reweighted(*(one.astype(float) for one in often))
    repeated = Curve(
        np.repeat(near, often[0]), np.repeat(far, often[1]), np.repeat(right, often[0])
    )
    for name in ("auroc", "equal_error_rate", "oscr"):
        assert getattr(weighted, name)() == pytest.approx(getattr(repeated, name)(), abs=1e-12)
    for rate in (0.01, 0.1, 0.5):
        assert weighted.missed_at(rate) == pytest.approx(repeated.missed_at(rate), abs=1e-12)


def test_nothing_to_tell_apart() -> None:
    with pytest.raises(InvalidArgument, match="nothing to tell apart"):
        Curve([], [1.0])


@pytest.mark.parametrize("far", [0.05, 0.1, 0.25])
def test_new_strangers_are_accepted_no_more_often_than_announced(far: float) -> None:
    """Exactly: of 20 values in each order, how often the last is below the others' threshold."""
    count = 19
    values = np.arange(1.0, count + 2)
    accepted = [values[last] <= _limit(np.delete(values, last), far) for last in range(count + 1)]
    assert np.mean(accepted) <= far
    assert np.mean(accepted) > far - 1 / (count + 1)


def test_too_few_strangers_accept_nobody() -> None:
    assert _limit(np.arange(1.0, 9), 0.1) == -1
    assert _limit(np.zeros(50), 0.1) == -1


def labelled(vectors: Values, labels: list[str], prefix: str) -> Labelled:
    names = [f"{prefix}{row}" for row in range(len(labels))]
    return Labelled(np.asarray(vectors, np.float32), names, labels)


@pytest.mark.parametrize("method", ["knn", "centroid"])
@pytest.mark.parametrize("metric", list(Metric))
def test_a_trial_is_that_of_plain_python(method: str, metric: Metric) -> None:
    rng = np.random.default_rng(5)
    people = {name: rng.normal(size=3) * 2 for name in "abcdefgh"}

    def some(names: str, each: int, prefix: str) -> Labelled:
        labels = [name for name in names for _ in range(each)]
        vectors = np.array([people[name] + rng.normal(size=3) * 0.7 for name in labels])
        return labelled(vectors, labels, prefix)

    gallery, queries = some("abcd", 4, "g"), some("abefgh", 5, "q")
    rule = Rule(method, k=3)  # type: ignore[arg-type]
    trial = ask(gallery, queries, rule, metric)
    apart = brute(queries, gallery, metric)
    classes = {
        name: [row for row, one in enumerate(gallery.labels) if one == name] for name in "abcd"
    }
    if method == "knn":
        by_class = {name: apart[:, rows].min(axis=1) for name, rows in classes.items()}
    else:
        vectors = gallery.vectors.astype(float)
        if metric is Metric.COSINE:
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        means = np.array([vectors[rows].mean(axis=0) for rows in classes.values()])
        whole = brute(queries, labelled(means, list("abcd"), "m"), metric)
        by_class = dict(zip("abcd", whole.T, strict=True))
    known, strange, genuine, impostor = [], [], [], []
    for row, label in enumerate(queries.labels):
        if method == "knn":
            order = sorted(range(len(gallery.ids)), key=lambda one: apart[row, one])[:3]
            votes = [str(gallery.labels[one]) for one in order]
            chosen = max(
                dict.fromkeys(votes),
                key=lambda name: (
                    votes.count(name),
                    -sum(apart[row, one] for one in order if gallery.labels[one] == name),
                ),
            )
        else:
            chosen = min("abcd", key=lambda name: by_class[name][row])
        answer = (by_class[chosen][row], chosen, chosen == label)
        (known if str(label) in "abcd" else strange).append(answer)
        for name in "abcd":
            (genuine if name == label else impostor).append(by_class[name][row])
    for found, expected in ((trial.known, known), (trial.strangers, strange)):
        np.testing.assert_allclose(
            found.distances, [one[0] for one in expected], rtol=1e-4, atol=1e-6
        )
        assert [trial.names[code] for code in found.taken_for] == [one[1] for one in expected]
        assert found.right.tolist() == [one[2] for one in expected]
    np.testing.assert_allclose(trial.genuine.distances, genuine, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(trial.impostor.distances, impostor, rtol=1e-4, atol=1e-6)
    # Four strangers' labels are too few to be drawn as wholes, and so are two known ones'.
    assert len(np.unique(trial.strangers.groups)) == 20
    assert len({*trial.known.groups.tolist(), *trial.strangers.groups.tolist()}) == 30


def brute(queries: Labelled, gallery: Labelled, metric: Metric) -> Values:
    found = np.empty((len(queries.ids), len(gallery.ids)))
    for row, other in itertools.product(range(len(queries.ids)), range(len(gallery.ids))):
        one, two = queries.vectors[row].astype(float), gallery.vectors[other].astype(float)
        if metric is Metric.EUCLIDEAN:
            found[row, other] = np.linalg.norm(one - two)
        else:
            found[row, other] = 1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    return found


def test_who_is_in_the_gallery_is_asked_about_the_others() -> None:
    vectors = np.array([[0], [1], [10], [12], [30]], float)
    gallery = labelled(vectors, ["a", "a", "b", "b", "c"], "g")
    trial = ask(gallery, gallery, Rule("knn", k=1), Metric.EUCLIDEAN)
    np.testing.assert_allclose(trial.known.distances, [1, 1, 2, 2])  # c has no other
    assert trial.known.right.all()
    assert len(trial.strangers.distances) == 0
    left = strangers_left_out(gallery, Rule("knn", k=1), Metric.EUCLIDEAN, np.random.default_rng(0))
    found = sorted(zip(left.distances.round(6).tolist(), left.taken_for.tolist(), strict=True))
    # 0 and 1 to 10; 10 and 12 to 1; 30 to 12.
    assert found == [(9, 0), (9, 1), (10, 1), (11, 0), (18, 1)]


def test_classes_that_strangers_were_taken_for_have_their_own_thresholds() -> None:
    rng = np.random.default_rng(0)
    gallery = labelled(np.array([[0.0, 0], [100, 0]]), ["tight", "wide"], "g")
    around = np.concatenate([rng.uniform(1, 2, 30), rng.uniform(20, 40, 30)])
    strangers = np.column_stack([np.where(np.arange(60) < 30, 0, 100), around])
    queries = labelled(
        np.concatenate([strangers, [[0.1, 0], [99, 0]]]), ["x"] * 60 + ["tight", "wide"], "q"
    )
    found = calibrate_vectors(gallery, queries, far=0.1, rule=Rule("knn", k=1))
    limits = found.rejection
    nearest = np.sort(around[:30])[2], np.sort(around[30:])[2], np.sort(around)[5]
    assert limits.per_class["tight"] == pytest.approx(nearest[0], rel=1e-5)
    assert limits.per_class["wide"] == pytest.approx(nearest[1], rel=1e-5)
    assert limits.threshold == pytest.approx(nearest[2], rel=1e-5)
    assert (limits.known, limits.strangers, limits.groups) == (2, 60, 60)
    assert limits.accepts(["tight", "wide", "wide"], np.array([5.0, 5.0, 90.0])).tolist() == [
        False,
        True,
        False,
    ]
    assert found.figures["far"].value == pytest.approx(4 / 60)
    assert (found.figures["frr"].value, found.figures["dir"].value) == (0, 1)
    for figure in found.figures.values():
        assert 0 <= figure.low <= figure.value <= figure.high <= 1


@pytest.mark.parametrize(
    ("labels", "asked", "far", "message"),
    [
        (["a", "b"], ["a", "z"], 0.1, "1 strangers cannot tell"),
        (["a", "b"], ["z", "z"], 0.5, "nobody can be recognised"),
        (["a", "a"], ["a", "a"], 0.5, "only class is 'a'"),
        (["a", "b"], ["a", "b"], 1.5, "between 0 and 1"),
        ([None, None], ["a", "b"], 0.5, "Nothing in the gallery has a label"),
    ],
)
def test_what_cannot_be_calibrated(
    labels: list[str], asked: list[str], far: float, message: str
) -> None:
    vectors = np.array([[0.0, 1], [3, 4]])
    with pytest.raises(InvalidArgument, match=message):
        calibrate_vectors(labelled(vectors, labels, "g"), labelled(vectors, asked, "q"), far=far)


def test_a_class_with_one_item_is_neither_known_nor_a_stranger() -> None:
    rng = np.random.default_rng(0)
    labels = [name for name in "abcdef" for _ in range(3)] + ["alone"]
    gallery = labelled(rng.normal(size=(19, 3)), labels, "g")
    others = [f"stranger {row % 6}" for row in range(120)]
    strangers = labelled(rng.normal(size=(120, 3)), others, "s")
    both = Labelled(
        np.concatenate([gallery.vectors, strangers.vectors]),
        [*gallery.ids, *strangers.ids],
        [*gallery.labels, *strangers.labels],
    )
    found = calibrate_vectors(gallery, both, far=0.05, rule=Rule("knn", k=1))
    assert (found.rejection.known, found.rejection.strangers) == (18, 120)


def test_strangers_count_once_where_some_classes_have_thresholds_of_their_own() -> None:
    """Two classes draw most strangers, a hundred the others: no more come in than were allowed."""
    rng = np.random.default_rng(1)
    places = np.concatenate([[[0.0, 0], [50, 0]], np.stack([np.arange(100), [900.0] * 100], 1) * 9])
    gallery = labelled(places, [f"c{row:03}" for row in range(102)], "g")

    def drawn(count: int) -> Values:
        rich, poor = rng.integers(0, 2, count), rng.integers(2, 102, count)
        taken = np.where(rng.random(count) < 0.9, rich, poor)
        far = np.where(taken < 2, rng.uniform(5, 10, count), rng.uniform(0, 4, count))
        angle = rng.uniform(0, 2 * np.pi, count)
        return places[taken] + far[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)

    shares = []
    for _ in range(10):
        names = [f"s{row}" for row in range(2000)]
        asked = [labelled(drawn(2000), names, "q") for _ in range(2)]
        trials = [ask(gallery, one, Rule("knn", k=1), Metric.EUCLIDEAN).strangers for one in asked]
        limits = _limits(trials[0], 102, 0.02)
        shares.append((trials[1].distances <= limits[trials[1].taken_for]).mean())
    assert np.mean(shares) == pytest.approx(0.02, abs=0.004)


def test_all_brought_strangers_count_however_many_known_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vecsearch.evaluation.calibration.MOST_QUERIES", 150)
    rng = np.random.default_rng(0)
    gallery = labelled(rng.normal(size=(40, 2)), ["a", "b"] * 20, "g")
    queries = labelled(rng.normal(size=(2120, 2)), ["a", "b"] * 1000 + ["x"] * 120, "q")
    found = calibrate_vectors(gallery, queries, far=0.01)
    assert (found.rejection.known, found.rejection.strangers) == (150, 120)


def test_every_right_comparison_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.evaluation.trial.MOST_COMPARISONS", 500)
    rng = np.random.default_rng(0)
    whole = labelled(rng.normal(size=(200, 2)), [str(row // 2) for row in range(200)], "g")
    trial = ask(whole, whole, Rule("knn", k=1), Metric.EUCLIDEAN)
    assert len(trial.genuine.distances) == 200
    assert 300 < len(trial.impostor.distances) < 700


def test_ties_are_settled_as_in_a_search() -> None:
    vectors = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    gallery = labelled(vectors, ["b", "a", "a", "c"], "g")
    query = labelled(np.zeros((1, 2)), ["a"], "q")
    books = Collection.from_vectors(vectors, labels=["b", "a", "a", "c"])
    for k in (1, 2, 3):
        trial = ask(gallery, query, Rule("knn", k=k), Metric.EUCLIDEAN)
        told = Classifier(books, k=k).classify_vectors([[0.0, 0]])[0].nearest
        assert trial.names[trial.known.taken_for[0]] == told


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("k", [1, 5])
def test_the_same_picture_is_as_far_as_classify_says(metric: Metric, k: int) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.random((60, 500)) + 7
    gallery = labelled(vectors, list("abcdef") * 10, "g")
    queries = labelled(np.concatenate([vectors[:40], rng.random((40, 500)) + 7]), ["x"] * 80, "q")
    trial = ask(gallery, queries, Rule("knn", k=k), metric)
    people = Collection.from_vectors(gallery.vectors, labels=gallery.labels, metric=metric)
    told = Classifier(people, k=k).classify_vectors(queries.vectors)
    assert trial.strangers.distances.tolist() == [one.distance for one in told]
    assert [trial.names[code] for code in trial.strangers.taken_for] == [
        one.nearest for one in told
    ]
    if k == 1:
        assert not trial.strangers.distances[:40].any()


def test_where_strangers_are_known_ones_nobody_is_accepted() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.random((40, 500)) + 7
    gallery = labelled(vectors, ["a", "b"] * 20, "g")
    strangers = np.concatenate([vectors[:20], vectors[1:40:2] + 1])
    both = labelled(np.concatenate([strangers, vectors[:2]]), ["x"] * 40 + ["a", "b"], "q")
    whole = calibrate_vectors(gallery, both.part(range(10, 42)), far=0.06, rule=Rule("knn", k=1))
    assert (whole.rejection.threshold, whole.rejection.per_class) == (-1, {})
    one = calibrate_vectors(
        gallery, both.part([*range(0, 20, 2), *range(20, 42)]), far=0.2, rule=Rule("knn", k=1)
    )
    assert (one.rejection.threshold, list(one.rejection.per_class)) == (-1, ["b"])
    assert one.rejection.per_class["b"] > 0


def test_few_classes_announce_little() -> None:
    rng = np.random.default_rng(0)
    labels = ["a"] * 100 + ["b"] * 100
    gallery = labelled(rng.normal(size=(200, 4)), labels, "g")
    found = calibrate_vectors(gallery, gallery, far=0.05)
    assert found.left_out
    assert found.rejection.groups == 2
    assert found.rejection.interval[1] > 0.6


def test_an_item_cannot_be_taken_out_of_several_centroids() -> None:
    rng = np.random.default_rng(0)
    gallery = labelled(rng.normal(size=(60, 4)), list("abc") * 20, "g")
    for rule in (Rule("centroid", centroids=3), Rule("centroid", center="medoid")):
        with pytest.raises(InvalidArgument, match="bring queries of known classes"):
            calibrate_vectors(gallery, gallery, far=0.1, rule=rule)
    for k in (0, 2.5, True):
        with pytest.raises(InvalidArgument, match="k is a whole number, 1 or more"):
            Rule("knn", k=k)  # type: ignore[arg-type]
