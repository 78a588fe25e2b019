"""What every kind of index owes: true distances, equal to brute force and to published answers."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest

from vecsearch.errors import InvalidArgument
from vecsearch.index import (
    ExactIndex,
    check_vectors,
    distances,
    faiss_facts,
    normalized,
    rankings,
    scores,
    selftest,
)
from vecsearch.index.batches import MANY, SETTINGS, by_products
from vecsearch.types import Metric, Rows, Vectors


def brute(query: Vectors, gallery: Vectors, metric: Metric) -> np.ndarray:
    """Distances to all of the gallery, written out in double precision."""
    query, gallery = query.astype(float), gallery.astype(float)
    if metric is Metric.EUCLIDEAN:
        return np.array([np.sqrt(((query - other) ** 2).sum()) for other in gallery])
    lengths = np.sqrt((gallery**2).sum(axis=1)) * np.sqrt((query**2).sum())
    return 1 - gallery @ query / lengths


@pytest.fixture(scope="module")
def clouds() -> tuple[Vectors, Vectors]:
    rng = np.random.default_rng(0)
    # Far from the origin, where float32 distances by |a|² + |b|² − 2ab have few digits left.
    gallery = (rng.normal(size=(500, 24)) + 20).astype(np.float32)
    return gallery, (rng.normal(size=(40, 24)) + 20).astype(np.float32)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("cuts", [[], [1, 2, 300], [499]])
@pytest.mark.parametrize("k", [1, 10, 500, 9999])
def test_equal_to_brute_force(
    clouds: tuple[Vectors, Vectors], metric: Metric, cuts: list[int], k: int
) -> None:
    gallery, queries = clouds
    index = ExactIndex(np.split(gallery, cuts), metric)
    assert len(index) == 500
    found, rows = index.search(queries, k)
    assert found.shape == rows.shape == (40, min(k, 500))
    for query, near, order in zip(queries, found, rows, strict=True):
        expected = brute(query, gallery, metric)
        np.testing.assert_allclose(near, np.sort(expected)[:k], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(near, expected[order], rtol=1e-12, atol=1e-12)
        assert len(set(order)) == len(order)


@pytest.mark.parametrize("metric", list(Metric))
def test_alone_as_in_a_batch(clouds: tuple[Vectors, Vectors], metric: Metric) -> None:
    index = ExactIndex([clouds[0]], metric)
    together = index.search(clouds[1], 7)
    for row, query in enumerate(clouds[1]):
        alone = index.search(query[None], 7)
        np.testing.assert_array_equal(alone[0][0], together[0][row])
        np.testing.assert_array_equal(alone[1][0], together[1][row])


@pytest.mark.parametrize("metric", list(Metric))
def test_each_is_nearest_to_itself(clouds: tuple[Vectors, Vectors], metric: Metric) -> None:
    found, rows = ExactIndex([clouds[0]], metric).search(clouds[0], 1)
    np.testing.assert_array_equal(rows[:, 0], np.arange(500))
    assert found.max() < 1e-15


@pytest.mark.parametrize("metric", list(Metric))
def test_only_among_some(clouds: tuple[Vectors, Vectors], metric: Metric) -> None:
    gallery, queries = clouds
    some = np.arange(3, 500, 31)
    index = ExactIndex(np.split(gallery, [100, 101, 350]), metric)
    allowed = np.isin(np.arange(500), some)
    found, rows = index.search(queries, 20, allowed)
    assert rows.shape == (40, len(some))
    assert all(set(order) == set(some) for order in rows)
    for query, near in zip(queries, found, strict=True):
        np.testing.assert_allclose(near, np.sort(brute(query, gallery[some], metric)), atol=1e-12)
    assert index.search(queries, 3, np.zeros(500, np.bool_))[1].shape == (40, 0)


def offset_cloud(count: int, dim: int = 64) -> Vectors:
    """Vectors that differ by little and lie far away, where float32 products tell nothing."""
    rng = np.random.default_rng(1)
    return (1000 + rng.normal(size=(count, dim))).astype(np.float32)


@pytest.mark.parametrize(
    ("count", "asked"),
    [(20_000, 1), (20_000, 30), (2_500, 2_500)],  # each another way through FAISS
)
def test_exact_where_float32_is_not(count: int, asked: int) -> None:
    gallery = offset_cloud(count)
    index = ExactIndex(np.split(gallery, [count // 3]), Metric.EUCLIDEAN)
    found, rows = index.search(gallery[:asked], 10)
    for query in range(0, asked, max(1, asked // 7)):
        expected = brute(gallery[query], gallery, Metric.EUCLIDEAN)
        np.testing.assert_array_equal(rows[query], np.argsort(expected, kind="stable")[:10])
        np.testing.assert_allclose(found[query], np.sort(expected)[:10], rtol=1e-12)


def test_numbers_whose_squares_float32_cannot_hold() -> None:
    gallery = np.array([[1e20, 0], [2e20, 0], [5e20, 0], [9e20, 0]], np.float32)
    found, rows = ExactIndex([gallery], Metric.EUCLIDEAN).search(gallery[:1], 3)
    np.testing.assert_array_equal(rows, [[0, 1, 2]])
    np.testing.assert_allclose(found, [[0, 1e20, 4e20]], rtol=1e-6)


def test_numbers_whose_squares_float32_can_hardly_hold() -> None:
    gallery = np.linspace(2.994e-22, 2.985e-22, 100).astype(np.float32)[:, None]
    found, rows = ExactIndex([gallery], Metric.EUCLIDEAN).search(np.zeros((1, 1)), 1)
    assert (rows[0, 0], found[0, 0]) == (99, pytest.approx(float(gallery[99, 0])))


def test_of_few_that_may_be_found_nothing_else_is_copied() -> None:
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((400, 8), np.float32) for _ in range(2)]
    index = ExactIndex(blocks, Metric.COSINE)
    allowed = np.zeros(800, np.bool_)
    allowed[[450, 500, 777]] = True
    query = rng.standard_normal((1, 8), np.float32)
    rows = index.search(query, 2, allowed)[1][0]
    apart = brute(query[0], np.concatenate(blocks), Metric.COSINE)
    assert rows.tolist() == sorted([450, 500, 777], key=lambda row: apart[row])[:2]
    assert index._copies == {}
    allowed[400:] = True
    assert index.search(query, 2, allowed)[1].min() >= 400
    assert list(index._copies) == [1]


def test_many_exact_copies() -> None:
    rng = np.random.default_rng(0)
    gallery = np.repeat(rng.normal(size=(40, 8)).astype(np.float32), 50, axis=0)
    for metric in Metric:
        _, rows = ExactIndex([gallery[:777], gallery[777:]], metric).search(gallery[::50], 10)
        np.testing.assert_array_equal(rows, np.arange(0, 2000, 50)[:, None] + np.arange(10))


def test_rankings_of_two_distant_clusters() -> None:
    rng = np.random.default_rng(0)
    near = rng.normal(size=(200, 8)) * 0.01
    gallery = np.concatenate([near, near + np.eye(8)[0] * 1e4]).astype(np.float32)
    for query, order in enumerate(ranked(gallery, gallery, Metric.EUCLIDEAN)):
        apart = brute(gallery[query], gallery, Metric.EUCLIDEAN)
        np.testing.assert_allclose(apart[order], np.sort(apart), atol=1e-6)  # 0.01 is near here


@pytest.mark.parametrize("metric", list(Metric))
def test_rankings_in_parts(
    clouds: tuple[Vectors, Vectors], metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ranked(clouds[1], clouds[0], metric)
    monkeypatch.setattr("vecsearch.index.ranking.PART_BYTES", 8 * 24 * 70)
    np.testing.assert_array_equal(ranked(clouds[1], clouds[0], metric), whole)


def test_of_equals_the_earlier_row_comes_first() -> None:
    gallery = np.ones((50, 3), np.float32)
    found, rows = ExactIndex([gallery[:20], gallery[20:]], Metric.EUCLIDEAN).search(gallery[:2], 50)
    np.testing.assert_array_equal(rows, [range(50)] * 2)
    assert found.max() == 0


def test_nearest_of_some_candidates() -> None:
    vectors = np.eye(3, dtype=np.float32)
    index = ExactIndex([vectors[:2], vectors[2:]], Metric.EUCLIDEAN)
    found, rows = index.nearest_of(vectors[:1], np.array([[2, -1, 0, -1]]), 3)
    assert rows.tolist() == [[0, 2, -1]]
    assert found.tolist() == [[0, 2**0.5, np.inf]]


@pytest.mark.parametrize("cuts", [[], [130], [1, 40, 41, 299]])
@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("work", [1 << 16, 64 << 20])
def test_nearest_of_many_candidates(
    work: int, metric: Metric, offset: int, cuts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many that single precision sorts most of them out, which at an offset can tell little."""
    monkeypatch.setattr("vecsearch.index.refine.WORK_BYTES", work)
    rng = np.random.default_rng(2)
    vectors = (offset + rng.normal(size=(300, 256))).astype(np.float32)
    candidates = np.array([rng.permutation(300)[:120] for _ in range(12)])
    candidates[:, 5] = -1
    index = ExactIndex(np.split(vectors, cuts), metric)
    found, rows = index.nearest_of(vectors[:12], candidates, 10)
    for one in range(12):
        among = np.sort(candidates[one][candidates[one] >= 0])
        apart = distances(vectors[one], vectors[among], metric)
        order = np.argsort(apart, kind="stable")[:10]
        np.testing.assert_array_equal(rows[one], among[order])
        np.testing.assert_array_equal(found[one], apart[order])
        alone = index.nearest_of(vectors[one][None], candidates[one][None], 10)
        np.testing.assert_array_equal(alone[0][0], found[one])
        np.testing.assert_array_equal(alone[1][0], rows[one])


def test_published_neighbours_of_sift(data: Callable[[str], Path]) -> None:
    folder = data("truth_ann_ngt_sift5k")
    gallery = np.loadtxt(folder / "sift-dataset-5k.tsv")[:, :128].astype(np.float32)
    queries = np.loadtxt(folder / "sift-query-3.tsv")[:, :128].astype(np.float32)
    text = (folder / "expected_from_NGT_README.txt").read_text()
    lines = re.findall(r"^\s*(\d+)\s+(\d+)\s+([\d.]+)$", text, re.MULTILINE)
    ids = np.array([int(line[1]) - 1 for line in lines]).reshape(3, 20)
    published = np.array([float(line[2]) for line in lines]).reshape(3, 20)
    found, rows = ExactIndex([gallery], Metric.EUCLIDEAN).search(queries, 20)
    np.testing.assert_array_equal(rows, ids)
    np.testing.assert_allclose(found, published, atol=0.0006)


def ranked(queries: Vectors, gallery: Vectors, metric: Metric) -> Rows:
    return np.concatenate([rows for _, rows in rankings(queries, gallery, metric)])


@pytest.mark.parametrize("metric", list(Metric))
def test_rankings_are_those_of_brute_force(
    clouds: tuple[Vectors, Vectors], metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, queries = clouds
    monkeypatch.setattr("vecsearch.index.ranking.BLOCK_BYTES", 8 * 500 * 7)
    blocks = [block for block, _ in rankings(queries, gallery, metric)]
    assert blocks == [slice(start, min(start + 7, 40)) for start in range(0, 40, 7)]
    for query, order in zip(queries, ranked(queries, gallery, metric), strict=True):
        expected = brute(query, gallery, metric)
        assert sorted(order) == list(range(500))
        np.testing.assert_allclose(expected[order], np.sort(expected), atol=2e-6)


def test_rankings_put_the_earlier_of_equals_first() -> None:
    gallery = np.repeat(np.array([[3.0, 0], [1, 0], [2, 0]], np.float32), 4, axis=0)
    rows = ranked(np.array([[0, 0.1]], np.float32), gallery, Metric.EUCLIDEAN)
    np.testing.assert_array_equal(rows, [[4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3]])


def test_rankings_of_equals_are_not_by_rounding() -> None:
    gallery = np.array([[1, 1], [3, 3], [7, 7], [0.1, 0.1], [5, 4]], np.float32)
    (_, order), *_ = rankings(gallery[1:2], gallery, Metric.COSINE)
    np.testing.assert_array_equal(order, [[0, 1, 2, 3, 4]])
    rng = np.random.default_rng(0)
    copies = np.repeat(rng.normal(size=(7, 97)).astype(np.float32), 37, axis=0)
    for metric in Metric:
        for block, order in rankings(copies, copies, metric):
            own = np.arange(len(copies))[block, None] // 37 * 37
            np.testing.assert_array_equal(order[:, :37], own + np.arange(37))


def test_rankings_tell_squares_apart_whose_roots_are_one_in_single_precision() -> None:
    gallery = np.array([[4000, 1, 1], [4000, 1, 0]], np.float32)
    far, near = np.sqrt(np.square(gallery.astype(float)).sum(axis=1)).astype(np.float32)
    assert near == far
    (_, order), *_ = rankings(np.zeros((1, 3), np.float32), gallery, Metric.EUCLIDEAN)
    np.testing.assert_array_equal(order, [[1, 0]])


@pytest.mark.parametrize("unit", [9e20, 9e-24])
def test_rankings_of_the_very_far_and_the_very_near(unit: float) -> None:
    gallery = np.array([[3 * unit], [unit], [2 * unit]], np.float32)
    (_, order), *_ = rankings(np.zeros((1, 1), np.float32), gallery, Metric.EUCLIDEAN)
    np.testing.assert_array_equal(order, [[1, 2, 0]])


def test_distances_by_hand() -> None:
    three_four = np.array([[3.0, 4.0]])
    assert distances(three_four, np.array([[0.0, 0.0]]), Metric.EUCLIDEAN) == [5.0]
    assert distances(three_four, np.array([[4.0, -3.0]]), Metric.COSINE) == [1.0]
    assert distances(three_four, -three_four, Metric.COSINE) == [2.0]
    assert distances(three_four, 7 * three_four, Metric.COSINE) == [0.0]
    assert distances(three_four, np.array([[0.0, 0.0]]), Metric.COSINE) == [1.0]


def test_scores_by_hand() -> None:
    apart = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(scores(apart, Metric.EUCLIDEAN), [1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(scores(apart, Metric.COSINE), [1, 0.5, 0])


def test_normalized_keeps_zero() -> None:
    unit = normalized(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0]], atol=1e-7)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([1.0, 2.0], r"array of shape \(n, dim\), not \(2,\): put a single one into a list"),
        ([[1.0, 2.0]], "have 2 dims, not 3"),
        (np.empty((2, 0)), "have 0 dims, not 3"),
        ([[1.0, 2.0, 3.0], [1.0, 2.0]], "not all of one length"),
        ([[1.0, 2.0, float("nan")]], "Vector 5 holds NaN, infinity"),
        ([[1.0, 2.0, 1e39]], "Vector 5 holds NaN, infinity or more than float32"),
        ([["a", "b", "c"]], "real numbers, not <U1"),
        ([[1j, 2, 3]], "real numbers, not complex128"),
        ([[0.0, 0.0, 0.0]], "Vector 5 is zero: cosine cannot compare"),
    ],
)
def test_vectors_that_are_none(vectors: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        check_vectors(vectors, 3, Metric.COSINE, first=5)  # type: ignore[arg-type]


def test_vectors_become_float32_in_rows() -> None:
    made = check_vectors(np.arange(6, dtype=np.int8).reshape(3, 2).T, 3)
    assert made.dtype == np.float32
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made, [[0, 2, 4], [1, 3, 5]])


def test_search_refuses_what_makes_no_sense(clouds: tuple[Vectors, Vectors]) -> None:
    index = ExactIndex([clouds[0]], Metric.COSINE)
    with pytest.raises(InvalidArgument, match="1 or more, not 0"):
        index.search(clouds[1], 0)
    with pytest.raises(InvalidArgument, match="23 dims, not 24"):
        index.search(clouds[1][:, 1:], 3)
    with pytest.raises(InvalidArgument, match="is zero"):
        index.search(np.zeros((1, 24), np.float32), 3)


def test_faiss_works_here() -> None:
    outcome = selftest()
    assert outcome["ok"] is True
    assert str(faiss_facts()["version"]) >= "1.15"


@pytest.mark.parametrize("metric", Metric)
def test_a_distance_does_not_hang_on_the_number_of_threads(metric: Metric) -> None:
    """BLAS adds up so many dims in several threads, if it is let, and rounds otherwise then."""
    from threadpoolctl import threadpool_limits

    vectors = np.random.default_rng(0).random((200, 12_288))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(distances(vectors[:1], vectors, metric))
    np.testing.assert_array_equal(*found)


def test_faiss_is_left_as_it_was() -> None:
    def seen() -> list[int]:
        return [getattr(faiss.cvar, name) for name in SETTINGS]

    before = seen()
    with by_products(MANY - 1):
        assert seen() == before
    with by_products(MANY):
        assert seen() == list(SETTINGS.values())
        with ThreadPoolExecutor() as threads, by_products(1000):
            assert threads.submit(seen).result() == list(SETTINGS.values())
        assert seen() == list(SETTINGS.values())
    assert seen() == before
    with pytest.raises(ZeroDivisionError), by_products(MANY):
        _ = 1 / 0
    assert seen() == before
