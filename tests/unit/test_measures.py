"""Measures equal those that others publish."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vecsearch.evaluation import measures

OURS = {
    "map": measures.average_precision,
    "Rprec": measures.r_precision,
    "recip_rank": lambda relevance, _: measures.reciprocal_rank(relevance),
    **{
        f"P_{k}": lambda relevance, _, k=k: measures.precision_at(relevance, k)
        for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)
    },
    **{
        f"recall_{k}": lambda relevance, total, k=k: measures.recall_at(relevance, total, k)
        for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)
    },
    **{
        f"ndcg_cut_{k}": lambda relevance, total, k=k: measures.ndcg_at(relevance, total, k)
        for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)
    },
    **{f"success_{k}": lambda relevance, _, k=k: measures.hit_at(relevance, k) for k in (1, 5, 10)},
}

Run = tuple[list[str], np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def trec(data: Callable[[str], Path]) -> tuple[Path, Run]:
    """trec_eval's own test run: topics, relevance by rank (topics × 500), relevant in all."""
    folder = data("truth_trec_eval")
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.test").read_text().splitlines():
        topic, _, document, grade = line.split()
        if int(grade) > 0:
            relevant.setdefault(topic, set()).add(document)
    retrieved: dict[str, list[tuple[float, str]]] = {}
    for line in (folder / "results.test").read_text().splitlines():
        topic, _, document, _, score, _ = line.split()
        # trec_eval keeps scores as float32; by score, ties by document, both descending.
        retrieved.setdefault(topic, []).append((float(np.float32(score)), document))
    topics = sorted(retrieved)
    rows = [
        [document in relevant[topic] for _, document in sorted(retrieved[topic], reverse=True)]
        for topic in topics
    ]
    return folder, (topics, np.array(rows), np.array([len(relevant[topic]) for topic in topics]))


def published(path: Path) -> dict[tuple[str, str], float]:
    lines = [line.split() for line in path.read_text().splitlines()]
    return {(name, topic): float(value) for name, topic, value in lines if name in OURS}


def test_all_of_trec_evals_figures_that_we_share(trec: tuple[Path, Run]) -> None:
    folder, (topics, relevance, total) = trec
    assert relevance.shape == (3, 500)
    assert total.sum() == 561
    by_topic, means = published(folder / "out.test.aq"), published(folder / "out.test.a")
    assert len(means) == len(OURS) == 33
    for name, measure in OURS.items():
        values = measure(relevance, total)
        for topic, value in zip(topics, values, strict=True):
            assert value == pytest.approx(by_topic[name, topic], abs=5.1e-5), (name, topic)
        assert values.mean() == pytest.approx(means[name, "all"], abs=5.1e-5), name


def test_equal_to_trec_eval_to_six_places(trec: tuple[Path, Run]) -> None:
    """The published figures have four places; the program itself, called here, has all."""
    import pytrec_eval

    _, (topics, relevance, total) = trec
    judged, run = {}, {}
    for topic, row, count in zip(topics, relevance, total, strict=True):
        names = [f"d{rank:04d}" for rank in range(len(row))]
        judged[topic] = {name: int(hit) for name, hit in zip(names, row, strict=True)}
        judged[topic] |= {f"missed{number}": 1 for number in range(count - row.sum())}
        run[topic] = {name: float(-rank) for rank, name in enumerate(names)}
    families = {name.rsplit("_", 1)[0] if name[-1].isdigit() else name for name in OURS}
    theirs = pytrec_eval.RelevanceEvaluator(judged, families).evaluate(run)
    compared = 0
    for name, measure in OURS.items():
        for topic, value in zip(topics, measure(relevance, total), strict=True):
            assert value == pytest.approx(theirs[topic][name], abs=1e-6), (name, topic)
            compared += 1
    assert compared == 99


@pytest.fixture(scope="module")
def examples(data: Callable[[str], Path]) -> Path:
    return data("truth_metrics")


@pytest.mark.parametrize("case", ["separate_gallery", "same_set_drop_first_column"])
def test_worked_examples_of_pytorch_metric_learning(examples: Path, case: str) -> None:
    truth = json.loads((examples / "pytorch_metric_learning.json").read_text())
    labels = np.array(truth["query_labels"])
    neighbours = np.array(truth["knn_labels"])
    total = np.array([truth["n_relevant_per_label"][str(label)] for label in labels])
    if case == "same_set_drop_first_column":
        neighbours, total = neighbours[:, 1:], total - 1
    relevance = neighbours == labels[:, None]
    expected = truth[case]
    precision = measures.precision_at(relevance, 1).mean()
    assert precision == pytest.approx(expected["precision_at_1"], abs=1e-6)
    found = measures.r_precision(relevance, total)
    np.testing.assert_allclose(found, expected["r_precision"], atol=1e-6)
    found = measures.map_at_r(relevance, total)
    np.testing.assert_allclose(found, expected["map_at_r"], atol=1e-6)
    if "mean_average_precision_of_retrieved" in expected:
        found = measures.average_precision(relevance, relevance.sum(axis=1))
        np.testing.assert_allclose(
            found, expected["mean_average_precision_of_retrieved"], atol=1e-6
        )


def test_worked_examples_of_imagededup(examples: Path) -> None:
    truth = json.loads((examples / "imagededup.json").read_text())["average_precision"]
    for case in truth:
        relevance = np.array([[one in case["relevant"] for one in case["retrieved"]]])
        found = measures.average_precision(relevance, np.array([len(case["relevant"])]))
        assert found[0] == pytest.approx(case["ap"], abs=1e-6)


def test_nothing_relevant_is_zero() -> None:
    relevance = np.zeros((2, 5), bool)
    for measure in OURS.values():
        np.testing.assert_array_equal(measure(relevance, np.zeros(2, int)), [0, 0])
    np.testing.assert_array_equal(measures.map_at_r(relevance, np.zeros(2, int)), [0, 0])


def test_less_retrieved_than_asked_for() -> None:
    relevance = np.array([[True, False]])
    assert measures.precision_at(relevance, 10) == [0.1]
    assert measures.ndcg_at(relevance, np.array([1]), 10) == [1.0]
    assert measures.map_at_r(relevance, np.array([4])) == [0.25]
    assert measures.reciprocal_rank(np.zeros((1, 0), bool)) == [0.0]
