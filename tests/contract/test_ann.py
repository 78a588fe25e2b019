"""An approximate index is a cache: without it, or with a damaged one, answers are right."""

import errno
import logging
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import SIZE, paint, painted

from vecsearch import Collection, InvalidArgument, verify
from vecsearch import collection as collection_module
from vecsearch.index import RECALL, apart_from_next, climb, interval, train_index
from vecsearch.index.approximate import ApproximateIndex, inner_of
from vecsearch.store import Store, Writer
from vecsearch.types import Hit, Metric, Vectors

NAMED = ["hnsw", "hnswsq8", "ivf", "sq8", "ivfpq", "ivfpqfs", "rabitq", "rabitqfs"]
FACTORIES = ["IVF64,Flat,RFlat", "Flat", "PCA12,IVF32,Flat", "PCA16,FlatL2Panorama4"]
KINDS = ["auto", *NAMED, *FACTORIES]
# Others of their family are tried at every run.
LATER = ("hnswsq8", "ivfpq", "rabitq", "IVF64,Flat,RFlat", "PCA12,IVF32,Flat")
MARKED = [pytest.param(kind, marks=pytest.mark.slow) if kind in LATER else kind for kind in KINDS]
COSINE = ("auto", "ivf", "sq8", "rabitqfs")
COUNT = 4000


def clouds(count: int = COUNT) -> Vectors:
    """Vectors in forty clouds, as those of images are."""
    rng = np.random.default_rng(0)
    middles = 4 * rng.standard_normal((40, 16))
    return (middles[rng.integers(0, 40, count)] + rng.standard_normal((count, 16))).astype("f4")


def labels_of(vectors: Vectors) -> np.ndarray:
    """Of which half, tenth … of space a vector is: neighbours have the same."""
    return np.searchsorted(np.quantile(clouds()[:, 0], [0.001, 0.01, 0.1, 0.5]), vectors[:, 0])


def ids_of(found: list[list[Hit]]) -> list[list[str]]:
    return [[hit.item.id for hit in hits] for hits in found]


def recall(found: list[list[Hit]], exact: list[list[Hit]]) -> float:
    pairs = zip(ids_of(found), ids_of(exact), strict=True)
    return float(np.mean([len({*ours} & {*theirs}) / len(theirs) for ours, theirs in pairs]))


def cache_of(folder: Path) -> Path:
    entry = Store(folder).manifest.ann
    assert entry is not None
    return folder / entry.file


@pytest.fixture(scope="module", params=MARKED)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ann") / "index"
    metric = "cosine" if request.param in COSINE else "euclidean"
    labels = [str(label) for label in labels_of(clouds())]
    more = [{"n": row} for row in range(COUNT)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vecsearch.index.kinds.EXACT_COUNT", 100)
        patch.setattr("vecsearch.index.kinds.EXACT_NUMBERS", 100)
        Collection.from_vectors(
            clouds(), labels=labels, metadata=more, path=folder, metric=metric, index=request.param
        )
    return folder


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so few vectors count as many, for which an index is worth it."""
    monkeypatch.setattr("vecsearch.index.kinds.EXACT_COUNT", 100)
    monkeypatch.setattr("vecsearch.index.kinds.EXACT_NUMBERS", 100)
    monkeypatch.setattr("vecsearch.index.partial.EXACT_NUMBERS", 100)


QUERIES = clouds(60) + 0.1


def test_it_finds_most_and_measures_rightly(made: Path) -> None:
    collection = Collection.open(made)
    found = collection.query_vectors(QUERIES, 10)
    exact = collection.query_vectors(QUERIES, 10, exact=True)
    assert recall(found, exact) > 0.85
    far = {(q, hit.item.id): hit.distance for q, hits in enumerate(exact) for hit in hits}
    for q, hits in enumerate(found):
        assert len({hit.item.id for hit in hits}) == 10
        assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
        for hit in hits:
            if (q, hit.item.id) in far:
                assert hit.distance == pytest.approx(far[q, hit.item.id], abs=1e-12)


@pytest.mark.parametrize("least", [0, 1, 2, 3])
def test_filters_keep_the_recall(made: Path, least: int) -> None:
    """By labels, which lie where queries are or far from them, and at random."""
    collection = Collection.open(made)
    plain = recall(
        collection.query_vectors(QUERIES, 10), collection.query_vectors(QUERIES, 10, exact=True)
    )
    vectors = clouds()
    every = [2, 10, 100, 1000][least]
    by_label = "label in " + ",".join(str(one) for one in range(4 - least))
    at_random = "n in " + ",".join(str(row) for row in range(0, COUNT, every))
    known = {
        by_label: labels_of(vectors) < 4 - least,
        at_random: np.arange(COUNT) % every == 0,
    }
    for where, holds in known.items():
        rows = np.flatnonzero(holds)
        found = collection.query_vectors(QUERIES, 10, where=where)
        hits = []
        for query, mine in zip(QUERIES, found, strict=True):
            if collection.metric is Metric.COSINE:
                cosines = vectors[rows] @ query / np.linalg.norm(vectors[rows], axis=1)
                order = np.argsort(-cosines)
            else:
                order = np.argsort(np.linalg.norm(vectors[rows].astype(float) - query, axis=1))
            nearest = {str(row) for row in rows[order[:10]]}
            assert len(mine) == len(nearest)
            hits.append(len(nearest & {hit.item.id for hit in mine}) / len(nearest))
        assert np.mean(hits) >= plain - 0.01


def test_auto_comes_and_goes_with_the_count(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vecsearch.index.kinds.EXACT_COUNT", 2000)
        own = Collection.from_vectors(clouds(1500), path=tmp_path / "index")
        assert (own.info()["index"], own.info()["index_now"]) == ("auto", "exact")
        own.add_vectors(clouds(2500), [f"new {row}" for row in range(2500)])
        assert own.info()["index_now"] == "IVF102,SQ8"
        queries = clouds(300) + 0.1
        exact = own.query_vectors(queries, 10, exact=True)
        assert recall(own.query_vectors(queries, 10), exact) >= 0.98
        own.remove([f"new {row}" for row in range(2200)])
        assert (own.info()["index"], own.info()["index_now"]) == ("auto", "exact")
        assert Store(own.path).manifest.ann is None


def test_auto_that_finds_too_little_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.ann.RECALL", 1.1)
    own = Collection.from_vectors(clouds(), path=tmp_path / "index")
    assert own.info()["index_now"] == "exact"
    generation = own.info()["generation"]
    own.compact()  # so few more will not find enough either, and nothing is tried again
    assert Store(own.path).manifest.ann is None
    assert int(str(own.info()["generation"])) <= int(str(generation)) + 1


def test_without_its_file_search_is_exact(
    made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(made, folder)
    before = Collection.open(folder)
    approximate = recall(
        before.query_vectors(QUERIES, 10), before.query_vectors(QUERIES, 10, exact=True)
    )
    exact = ids_of(before.query_vectors(QUERIES, 10, exact=True))
    cache_of(folder).unlink()
    collection = Collection.open(folder)
    with caplog.at_level(logging.WARNING, "vecsearch"):
        assert ids_of(collection.query_vectors(QUERIES, 10)) == exact
    assert "is missing" in caplog.text
    assert "Every item is compared instead" in caplog.text
    assert verify(folder).damages == []
    collection.compact()  # makes it again
    caplog.clear()
    again = collection.query_vectors(QUERIES, 10)
    assert caplog.text == ""
    assert recall(again, collection.query_vectors(QUERIES, 10, exact=True)) >= approximate - 0.01


def test_a_damaged_file_is_never_parsed(
    made: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(made, folder)
    exact = ids_of(Collection.open(folder).query_vectors(QUERIES, 10, exact=True))
    path = cache_of(folder)
    whole = path.read_bytes()
    rng = random.Random(0)
    monkeypatch.setattr(ApproximateIndex, "read", lambda *_: pytest.fail("it was parsed"))
    for turn in range(12):
        data = bytearray(whole)
        if turn % 3 == 0:
            del data[rng.randrange(len(data)) :]
        else:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "vecsearch"):
            assert ids_of(Collection.open(folder).query_vectors(QUERIES, 10)) == exact
        assert path.name in caplog.text
        assert [one.file for one in verify(folder).damages] == [f"ann/{path.name}"]


def test_changes_are_seen_at_once(made: Path, tmp_path: Path) -> None:
    """What the index does not cover yet is searched exactly, and what is removed never found."""
    folder = tmp_path / "index"
    shutil.copytree(made, folder)
    collection = Collection.open(folder)
    cache = cache_of(folder)
    nearest = {hits[0].item.id for hits in collection.query_vectors(QUERIES, 1, exact=True)}
    collection.remove(sorted(nearest))
    collection.add_vectors(QUERIES, [f"new {row}" for row in range(len(QUERIES))])
    found = collection.query_vectors(QUERIES, 5)
    assert [hits[0].item.id for hits in found] == [f"new {row}" for row in range(len(QUERIES))]
    assert not nearest & {hit.item.id for hits in found for hit in hits}
    assert cache_of(folder) == cache  # so few changes are not worth a new one
    exact = collection.query_vectors(QUERIES, 5, exact=True)
    # Of codes of four bits, 32 times k are few where k is 5.
    least = 0.8 if collection.info()["index"] == "ivfpqfs" else 0.85
    assert recall(found, exact) > least
    distances, positions = collection.nearest(QUERIES, 5)
    ids = [item.id for item in collection]
    assert [[ids[one] for one in row] for row in positions] == ids_of(found)
    assert distances.tolist() == [[hit.distance for hit in hits] for hits in found]
    collection.compact()
    assert cache_of(folder) != cache
    assert recall(collection.query_vectors(QUERIES, 5), exact) > least


def test_many_new_items_bring_a_new_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.ann.FEW", 100)
    collection = Collection.from_vectors(clouds(), path=tmp_path / "index", index="ivf")
    cache = cache_of(tmp_path / "index")
    collection.add_vectors(clouds(300), [f"a{row}" for row in range(300)])
    assert cache_of(tmp_path / "index") == cache
    collection.add_vectors(clouds(300), [f"b{row}" for row in range(300)])
    assert cache_of(tmp_path / "index") != cache


def test_more_than_panorama_gives_at_once() -> None:
    vectors = np.random.default_rng(0).standard_normal((1500, 32), np.float32)
    collection = Collection.from_vectors(vectors, index="PCA16,FlatL2Panorama4")
    found = collection.query_vectors(vectors[:3], 1200)
    assert ids_of(found) == ids_of(collection.query_vectors(vectors[:3], 1200, exact=True))


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_few_that_are_gone_may_be_all_that_is_near(kind: str) -> None:
    """A cloud that is a two-hundredth of all items, asked for the others."""
    rng = np.random.default_rng(0)
    labels = np.arange(12_000) % 200
    vectors = 4 * rng.standard_normal((200, 16))[labels] + rng.standard_normal((12_000, 16))
    collection = Collection.from_vectors(vectors, labels=[str(one) for one in labels], index=kind)
    queries = vectors[labels == 7][:30]
    found = collection.query_vectors(queries, 10, where="label!=7")
    exact = collection.query_vectors(queries, 10, where="label!=7", exact=True)
    assert ids_of(found) == ids_of(exact)


@pytest.mark.parametrize("kind", ["ivf", "PCA16,FlatL2Panorama4"])
def test_what_is_beside_an_index_hides_no_lack(tmp_path: Path, kind: str) -> None:
    """Far items, added since, in the place of near ones that the index did not come to."""
    collection = Collection.from_vectors(clouds(), path=tmp_path / "index", index=kind)
    collection.add_vectors(clouds(3000) + 1000, [f"far {row}" for row in range(3000)])
    assert len(Store(tmp_path / "index")) == 7000
    found = collection.query_vectors(QUERIES[:3], 2000)
    assert ids_of(found) == ids_of(collection.query_vectors(QUERIES[:3], 2000, exact=True))


def test_one_item_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to measure an index by."""
    assert len(Collection.from_vectors([[1.0, 2.0]], index="hnsw")) == 1
    assert not caplog.records


def test_an_index_that_knows_less_than_half_is_made_again(tmp_path: Path) -> None:
    collection = Collection.from_vectors(clouds(), path=tmp_path / "index", index="ivf")
    cache = cache_of(tmp_path / "index")
    collection.remove([str(row) for row in range(1700)])  # so many that the rest is written anew
    assert cache_of(tmp_path / "index") != cache
    found = collection.query_vectors(QUERIES, 5)
    assert recall(found, collection.query_vectors(QUERIES, 5, exact=True)) > 0.85


@pytest.mark.parametrize("what", ["build", "add", "compact"])
def test_an_interrupted_index_leaves_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "index"
    if what != "build":
        collection = Collection.from_vectors(clouds(), path=folder, index="ivf")
    monkeypatch.setattr("vecsearch.ann.FEW", 10)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="makes the index"):
        patch.setattr("vecsearch.ann.reindex", interrupted)
        if what == "build":
            Collection.from_vectors(clouds(), path=folder, index="ivf")
        elif what == "add":
            collection.add_vectors(clouds(900), [f"a{row}" for row in range(900)])
        else:
            collection.compact()
    again = Collection.open(folder)
    assert len(again) == COUNT + 900 * (what == "add")
    again.compact()
    assert len(again.query_vectors(QUERIES, 5)) == len(QUERIES)
    assert Store(folder).manifest.ann is not None


def test_a_condition_is_exact_whatever_the_index(tmp_path: Path) -> None:
    vectors = clouds()
    collection = Collection.from_vectors(
        vectors,
        metadata=[{"n": row} for row in range(COUNT)],
        path=tmp_path / "index",
        index="hnsw",
    )
    (hits,) = collection.query_vectors([[100.0] * 16], 3, where="n in 17,1000,3999")
    far = np.linalg.norm(vectors[[17, 1000, 3999]].astype(float) - 100, axis=1)
    assert [hit.distance for hit in hits] == pytest.approx(sorted(far), abs=1e-9)
    assert {hit.item.id for hit in hits} == {"17", "1000", "3999"}


def test_another_metric_is_exact(tmp_path: Path) -> None:
    collection = Collection.from_vectors(clouds(), path=tmp_path / "index", index="ivf")
    plain = Collection.from_vectors(clouds())
    assert ids_of(collection.query_vectors(QUERIES, 7, metric="cosine")) == ids_of(
        plain.query_vectors(QUERIES, 7, metric="cosine")
    )


@pytest.mark.parametrize("kind", ["IVF1000000,Flat", "PQ7", "LSH"])
def test_what_faiss_cannot_make(tmp_path: Path, kind: str) -> None:
    message = f"FAISS cannot make the index '{kind}' of 50 .* is there, and compares every item"
    with pytest.raises(InvalidArgument, match=message):
        Collection.from_vectors(clouds(50), path=tmp_path / "index", index=kind)
    assert verify(tmp_path / "index").damages == []  # the vectors are there, searched exactly
    assert len(Collection.open(tmp_path / "index").query_vectors(QUERIES, 3)) == 60


def test_what_faiss_cannot_read_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="No kind of index is called 'nonsense'"):
        Collection.from_vectors(clouds(50), path=tmp_path / "index", index="nonsense")
    assert not (tmp_path / "index").exists()


def test_a_disk_that_is_full_is_said_so() -> None:
    index = train_index([clouds(500)], Metric.EUCLIDEAN, "ivf")
    room = [1000]

    def full(part: bytes) -> None:
        room[0] -= len(part)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        index.write(full)
    parts: list[bytes] = []
    index.write(parts.append)
    assert sum(map(len, parts)) == index.nbytes > 500 * 16 * 4


def test_none_asked_for_and_none_asked(made: Path) -> None:
    collection = Collection.open(made)
    for k in (0, -1):
        with pytest.raises(InvalidArgument, match="k is how many to find"):
            collection.query_vectors(QUERIES, k)
    assert collection.query_vectors(np.empty((0, 16), np.float32), 3) == []


def test_a_pca_keeps_the_order_of_cosines() -> None:
    """It moves the origin, which changes inner products and with them the order."""
    vectors = clouds() + 8
    index = train_index([vectors], Metric.COSINE, "PCA15,Flat")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(vectors[:60] / lengths[:60]) @ (vectors / lengths).T, axis=1)[:, :10]
    found = index.candidates(vectors[:60], 20)
    shares = [len({*ours} & {*theirs}) / 10 for ours, theirs in zip(found, nearest, strict=True)]
    assert np.mean(shares) > 0.95


@pytest.mark.parametrize("metric", Metric)
def test_codes_need_no_tables_beside_them(tmp_path: Path, metric: Metric) -> None:
    """FAISS makes up to 2 GB of them, which no budget counts, after training and at an opening."""
    index = train_index([clouds()], metric, "IVF16,PQ4")
    with open(tmp_path / "index", "wb") as file:
        index.write(file.write)
    for one in (index, ApproximateIndex.read(tmp_path / "index", metric)):
        assert inner_of(one._index).precomputed_table.size() == 0
        assert len(one.candidates(clouds(5), 10)[0]) == 10


def test_another_encoder_leaves_the_index_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its vectors may be of another length, and none of them is a row any more."""
    seeds = {f"{'abc'[seed % 3]}/{seed}.png": seed for seed in range(27)}
    root = painted(tmp_path / "photos", seeds)
    how: Any = {"encoder": "lda", "size": SIZE, "color": "grey", "index": "IVF1,Flat", "jobs": 1}
    photos = Collection.build(root, tmp_path / "index", **how)
    assert (photos.dim, photos.info()["index_now"]) == (2, "IVF1,Flat")
    for number in range(9):
        paint(root / f"d/{number}.png", 100 + number)
    made = []
    monkeypatch.setattr(collection_module, "keep_indexed", lambda *given, **_: made.append(given))
    photos.update(refit=True)
    assert made
    for other in (photos, Collection.open(photos.path)):  # before it is made again
        assert other.dim == 3
        assert [hits[0].item.id for hits in other.query_vectors(other.vectors(), 1)] == [
            item.id for item in other
        ]
    monkeypatch.undo()
    photos.compact()
    assert photos.info()["index_now"] == "IVF1,Flat"
    assert verify(photos.path).damages == []


def test_an_index_of_other_vectors_is_not_searched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    there = Collection.from_vectors(vectors, path=tmp_path / "index", index="IVF1,Flat")
    index = train_index([vectors[:, :3].copy()], Metric.EUCLIDEAN, "IVF1,Flat")
    with Writer(there.path, amend=True) as writer:
        entries = writer.base.manifest.segments
        writer.set_ann(index.write, [(one.vectors, one.count) for one in entries])
        writer.commit(index=writer.base.manifest.index, compaction="none")
    with caplog.at_level(logging.WARNING):
        hits = Collection.open(there.path).query_vectors(vectors[:1], 3)[0]
    assert hits[0].item.id == "0"
    assert "holds other vectors than it should" in caplog.text


def test_equals_are_no_misses() -> None:
    """Of more than k that are equally far, any k are the nearest."""
    apart = np.tile([[0.0, 1, 2], [0, 1, 1], [0, 0, 1], [1, 1, 1]], (25, 1))
    assert apart_from_next(apart, 2).tolist() == [True, False, True, False] * 25
    assert apart_from_next(apart, 3).all()
    assert apart_from_next(apart[:40], 2).all()  # or too few would be left
    rng = np.random.default_rng(0)
    blank = np.ones((800, 8), np.float32)
    vectors = np.concatenate([blank, rng.normal(size=(3200, 8)).astype(np.float32)])
    rng.shuffle(vectors)
    index = train_index([vectors], Metric.EUCLIDEAN, "IVF16,Flat")
    assert climb([vectors], index, Metric.EUCLIDEAN)[-1].low >= RECALL


def test_a_recall_without_a_flaw_is_not_certain() -> None:
    """Ten of ten are 95 % sure of 69 of 100 only, each of the others without one of its k."""
    low, high = interval(np.ones(10), k=10)
    assert (low, high) == (pytest.approx(1 - 0.1 * (1 - 0.025**0.1)), 1.0)
    assert interval(np.ones(1), k=1)[0] == pytest.approx(0.025)
    flawless = interval(np.ones(300), k=10)[0]
    assert flawless == pytest.approx(0.99878, abs=1e-5)
    flawed = np.ones(300)
    flawed[7] = 0.9
    assert interval(flawed, k=10)[0] <= flawless
    few = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    index = train_index([few], Metric.EUCLIDEAN, "IVF1,Flat")
    assert [one.low for one in climb([few], index, Metric.EUCLIDEAN)] == [1.0]
