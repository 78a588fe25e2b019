"""An index that was filled in shards is the one that is filled at once."""

import faiss
import numpy as np
import pytest

from vecsearch.errors import InvalidArgument
from vecsearch.index import Shards, train_index
from vecsearch.index.approximate import inner_of
from vecsearch.types import Metric, Vectors

# np: without the polysemous training of FAISS, which takes half a minute, as does that of OPQ.
MERGED = ["IVF16,Flat", "IVF16,SQ8", "IVF16,PQ8x4np", "IVF16,RaBitQ", "PCA16,IVF16,Flat"]
MERGED += ["ivf", "sq8", "rabitq"]
WHOLE = ["hnsw", "hnswsq8", "ivfpqfs", "rabitqfs", "SQ8", "PQ8", "IVF16,PQ8,RFlat"]
WHOLE += ["PCA32,IVF16,FlatPanorama8"]


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", MERGED)
def test_shards_find_what_a_single_build_finds(vectors: Vectors, kind: str, metric: Metric) -> None:
    blocks = [vectors[:1000], vectors[1000:1001], vectors[1001:]]
    shards = Shards.train(blocks, metric, kind)
    assert shards is not None
    merged = shards.merge((shards.fill([block]) for block in blocks), blocks)
    whole = train_index(blocks, metric, kind)
    queries = vectors[:50] + np.float32(0.1)
    for settings in merged.ladder(10)[:6]:
        np.testing.assert_array_equal(
            merged.at(settings).candidates(queries, 10), whole.at(settings).candidates(queries, 10)
        )


def test_codes_need_no_tables_beside_them(vectors: Vectors) -> None:
    """Up to 2 GB that no budget counts, made at each reading."""
    shards = Shards.train([vectors], Metric.EUCLIDEAN, "IVF16,PQ8x4np")
    assert shards is not None
    merged = shards.merge([shards.fill([vectors])], [vectors])
    assert inner_of(merged._index).precomputed_table.size() == 0


@pytest.mark.parametrize("kind", WHOLE)
def test_kinds_that_do_not_merge_well_are_not_cut(vectors: Vectors, kind: str) -> None:
    assert Shards.train([vectors], Metric.EUCLIDEAN, kind) is None


def test_shards_that_were_trained_apart_are_refused_before_faiss_sees_them(
    vectors: Vectors,
) -> None:
    first, second = vectors[:1500], vectors[1500:]
    one = Shards.train([first], Metric.EUCLIDEAN, "IVF16,Flat")
    other = Shards.train([second], Metric.EUCLIDEAN, "IVF16,Flat")
    assert one is not None
    assert other is not None
    with pytest.raises(InvalidArgument, match="Shard 1 was trained on its own: its lists have"):
        one.merge([one.fill([first]), other.fill([second])], [first, second])
    # What it would have come to: FAISS itself refuses, in words that few know what to do with.
    indexes = [faiss.index_factory(32, "IVF16,Flat") for _ in range(2)]
    for index, part in zip(indexes, (first, second), strict=True):
        index.train(part)
        index.add(part)
    with pytest.raises(RuntimeError, match="coarse quantizers should be the same"):
        indexes[0].merge_from(indexes[1], 1500)


def test_a_shard_that_is_missing_is_noticed(vectors: Vectors) -> None:
    shards = Shards.train([vectors], Metric.EUCLIDEAN, "IVF16,Flat")
    assert shards is not None
    with pytest.raises(InvalidArgument, match="hold 1000 vectors, and there are 3000"):
        shards.merge([shards.fill([vectors[:1000]])], [vectors])
