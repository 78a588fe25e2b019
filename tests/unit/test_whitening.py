"""What a head is multiplied by in the end, and which images tell it."""

import numpy as np
import pytest

from vecsearch.training.split import some_of_each

torch = pytest.importorskip("torch")

from vecsearch.training.whitening import SHRINKAGE, whitening  # noqa: E402


def test_within_a_class_all_directions_are_alike() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6)) * [5, 3, 2, 1, 0.5, 0.1]
    codes = np.repeat(np.arange(4), [400, 300, 200, 100])
    vectors = rng.normal(size=(4, 6))[codes] * 100 + rng.normal(size=(1000, 6)) @ mixing
    matrix = whitening(vectors.astype(np.float32), codes)
    assert matrix is not None
    # Pair by pair: the covariance of a class is that of differences of two, halved.
    covariance = np.zeros((6, 6))
    for code in range(4):
        own = vectors[codes == code]
        apart = (own[:, None] - own[None]).reshape(-1, 6)
        covariance += apart.T @ apart / 2 / len(own)
    covariance /= 1000 - 4
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    mean = np.trace(covariance) / 6
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * mean * np.eye(6)
    np.testing.assert_allclose(matrix @ shrunk @ matrix, mean * np.eye(6), rtol=0, atol=0.01 * mean)


@pytest.mark.parametrize(
    "vectors",
    [np.eye(8, 8), np.tile(np.arange(8.0), (900, 1))],
    ids=["too few", "all the same"],
)
def test_what_tells_nothing_changes_nothing(vectors: np.ndarray) -> None:  # type: ignore[type-arg]
    assert whitening(vectors.astype(np.float32), np.zeros(len(vectors), np.int64)) is None


def test_of_each_class_as_many() -> None:
    codes = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 600))
    rows = np.arange(1, 6000)
    some = some_of_each(codes, rows, 500, 0)
    assert np.bincount(codes[some]).tolist() == [50] * 10
    assert (np.diff(some) > 0).all()
    assert some[0] > 0
    np.testing.assert_array_equal(some, some_of_each(codes, rows, 500, 0))


def test_of_very_many_classes_some() -> None:
    codes = np.repeat(np.arange(3000), 3)
    some = some_of_each(codes, np.arange(9000), 600, 0)
    counts = np.bincount(codes[some], minlength=3000)
    assert sorted(np.unique(counts)) == [0, 3]
    assert counts.sum() == 600


def test_of_few_images_all() -> None:
    codes = np.array([0, 0, 1, 1, 1, 2])
    np.testing.assert_array_equal(some_of_each(codes, np.arange(6), 100, 0), np.arange(6))
