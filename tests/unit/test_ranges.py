"""Range search, beside brute force in double precision."""

import numpy as np
import pytest

from vecsearch import InvalidArgument, Metric
from vecsearch.index import ExactIndex, nearest_others
from vecsearch.types import Vectors


def brute(vectors: Vectors, metric: Metric) -> np.ndarray:
    """All distances among some vectors, pair by pair; 1 − cos of a zero vector is 1."""
    found = np.empty((len(vectors), len(vectors)))
    double = vectors.astype(np.float64)
    for row, one in enumerate(double):
        if metric is Metric.EUCLIDEAN:
            found[row] = np.sqrt(((double - one) ** 2).sum(axis=1))
        else:
            lengths = np.sqrt((double**2).sum(axis=1) * (one**2).sum())
            with np.errstate(invalid="ignore"):
                cosines = np.where(lengths > 0, (double * one).sum(axis=1) / lengths, 0)
            found[row] = np.clip(1 - cosines, 0, 2)
    return found


CLOUDS = {
    "plain": lambda rng: rng.normal(size=(130, 12)),
    "far from the origin": lambda rng: 1000 + rng.normal(size=(130, 12)),
    "on a lattice": lambda rng: rng.integers(0, 3, size=(130, 5)) + 1,
    "tiny": lambda rng: 1e-20 * rng.normal(size=(120, 6)),
    "huge": lambda rng: 1e19 * rng.normal(size=(120, 4)),
}


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("small", [False, True])
def test_pairs_are_those_of_brute_force(
    name: str, metric: Metric, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:  # many pieces, at whose borders nothing may be lost or told twice
        monkeypatch.setattr("vecsearch.index.exact.QUERIES", 7)
        monkeypatch.setattr("vecsearch.index.ranges.ROWS", 11)
    rng = np.random.default_rng(0)
    vectors = CLOUDS[name](rng).astype(np.float32)
    expected = brute(vectors, metric)
    index = ExactIndex(np.split(vectors, [1, 2, 80]), metric)
    upper = np.triu(np.ones_like(expected, bool), 1)
    # Just beyond distances that occur; on a lattice, where they are exact, just at them.
    beyond = 1 + 1e-9 * (name != "on a lattice" or metric is Metric.COSINE)
    for distance in (0.0, np.quantile(expected, 0.02), expected[3, 7], expected[0, 40]):
        threshold = distance * beyond
        for allowed in (None, rng.random(len(vectors)) < 0.6, np.zeros(len(vectors), bool)):
            there = np.ones(len(vectors), bool) if allowed is None else allowed
            parts = [one for _, one in index.pairs_within(float(threshold), allowed)]
            found = [
                (left, right, apart)
                for part in parts
                for left, right, apart in zip(part.left, part.right, part.distances, strict=True)
            ]
            wanted = upper & (expected <= threshold) & there & there[:, None]
            assert sorted((left, right) for left, right, _ in found) == [
                (left, right) for left, right in np.argwhere(wanted).tolist()
            ]
            for left, right, apart in found:
                assert apart == pytest.approx(expected[left, right], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("metric", list(Metric))
def test_what_lies_within_a_distance_of_queries(metric: Metric) -> None:
    rng = np.random.default_rng(1)
    both = rng.normal(size=(700, 8)).astype(np.float32)
    gallery, queries = both[:100], both[100:]  # more queries than go at a time
    expected = brute(both, metric)[100:, :100]
    index = ExactIndex([gallery[:30], gallery[30:]], metric)
    radius = float(np.quantile(expected, 0.1))
    found = [
        pair
        for part in index.within(queries, radius)
        for pair in zip(part.left.tolist(), part.right.tolist(), strict=True)
    ]
    assert sorted(found) == [tuple(pair) for pair in np.argwhere(expected <= radius).tolist()]


def test_done_rows_are_told() -> None:
    index = ExactIndex([np.zeros((1200, 2), np.float32)], Metric.EUCLIDEAN)
    assert sorted({done for done, _ in index.pairs_within(0.0)}) == [512, 1024, 1200]
    assert sum(len(part.left) for _, part in index.pairs_within(0.0)) == 1200 * 1199 // 2


@pytest.mark.parametrize("radius", [-1, float("nan"), float("inf"), "2", True, None])
def test_what_is_no_distance(radius: object) -> None:
    index = ExactIndex([np.eye(2, dtype=np.float32)], Metric.EUCLIDEAN)
    with pytest.raises(InvalidArgument, match="0 or more"):
        index.within(np.eye(2, dtype=np.float32), radius)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="0 or more"):
        next(index.pairs_within(radius))  # type: ignore[arg-type]


def test_nearest_others_leave_each_out_of_its_own_answer() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(50, 3)).astype(np.float32)
    vectors[20:35] = vectors[20]  # of so many equals, the own row is not among the first
    allowed = rng.random(50) < 0.9
    allowed[20:35] = True
    index = ExactIndex([vectors], Metric.EUCLIDEAN)
    asked = np.flatnonzero(allowed)
    apart, rows = nearest_others(index, lambda part: vectors[asked[part]], asked, 6, allowed)
    expected = brute(vectors, Metric.EUCLIDEAN)
    for row, near, found in zip(asked, apart, rows, strict=True):
        others = allowed & (np.arange(50) != row)
        np.testing.assert_allclose(near, np.sort(expected[row][others])[:6], atol=1e-12)
        assert row not in found
    few = nearest_others(index, lambda part: vectors[:1][part], np.array([0]), 5, np.arange(50) < 1)
    assert few[0].shape == (1, 0)
