"""What tune chooses keeps what was asked for, and the settings that it measured are kept."""

import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vecsearch import Collection, DamagedCollection, InvalidArgument, Measured, draw_tuning, tune
from vecsearch.ann import reindex, settings_for
from vecsearch.index import (
    ExactIndex,
    Finding,
    PartialIndex,
    SearchSettings,
    fits,
    kinds_to_try,
    made_bytes,
    train_index,
)
from vecsearch.store import Store, Writer
from vecsearch.tuning.measuring import Bench, pareto
from vecsearch.tuning.task import AGAIN
from vecsearch.types import Metric, Vectors

KINDS = ["IVF32,Flat", "IVF32,PQ8x4fs", "HNSW16,Flat", "PCA8,IVF16,Flat", "Flat"]


def clouds(count: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    middles = 2 * np.random.default_rng(0).standard_normal((40, 16))
    return (middles[rng.integers(0, 40, count)] + rng.standard_normal((count, 16))).astype("f4")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuning") / "index"
    Collection.from_vectors(clouds(5000), path=folder)
    return folder


@pytest.fixture
def own(plain: Path, tmp_path: Path) -> Collection:
    shutil.copytree(plain, tmp_path / "index")
    return Collection.open(tmp_path / "index")


@pytest.fixture(autouse=True)
def work_for_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time a search by what it does, so that no test hangs on the load of a machine."""

    def work(_: Bench, index: ExactIndex | PartialIndex) -> float:
        if isinstance(index, ExactIndex):
            return 1000.0
        settings = index._approximate.settings
        return settings.nprobe + settings.ef_search + settings.k_factor

    monkeypatch.setattr(Bench, "_timed", work)


def ids(collection: Collection, queries: Vectors, **how: Any) -> list[list[str]]:
    return [[hit.item.id for hit in hits] for hits in collection.query_vectors(queries, 10, **how)]


def recall(found: list[list[str]], exact: list[list[str]]) -> float:
    return float(np.mean([len({*a} & {*b}) / 10 for a, b in zip(found, exact, strict=True)]))


def test_what_is_chosen_finds_enough(own: Collection) -> None:
    found = tune(own, recall=0.9, kinds=KINDS)
    assert found.chosen is not None
    assert found.chosen.interval[0] >= 0.9
    enough = [one for one in found.measured if one.interval[0] >= 0.9]
    assert found.chosen.milliseconds == min(one.milliseconds for one in enough)
    assert found.queries == 500
    others = clouds(1000, seed=1)
    exact = ids(own, others, exact=True)
    got = recall(ids(own, others), exact)
    assert got >= 0.88  # as of 500 others, with some room
    assert recall(ids(Collection.open(own.path), others), exact) == got


def test_each_recall_is_brute_force_s(plain: Path) -> None:
    """Recall by hand: the same queries, the same index, compared with all distances."""
    vectors = clouds(5000)
    rows = np.sort(np.random.default_rng(0).choice(5000, 500, replace=False))
    rest = np.delete(vectors, rows, axis=0)
    found = tune(Collection.open(plain), kinds=["IVF32,Flat"], keep=False)
    index = Collection.from_vectors(rest, index="IVF32,Flat")
    apart = np.linalg.norm(vectors[rows][:, None].astype(float) - rest[None], axis=2)
    nearest = [[str(row) for row in order[:10]] for order in np.argsort(apart, axis=1)]
    (approximate,) = [index.view.index(index.metric, exact=False)]
    assert isinstance(approximate, PartialIndex)
    measured = [one for one in found.measured if one.settings is not None]
    assert len(measured) >= 3
    for one in measured:
        assert one.settings is not None
        got = approximate.at(one.settings).search(vectors[rows], 10)[1]
        mine = recall([[str(row) for row in line] for line in got], nearest)
        assert one.recall == pytest.approx(mine, abs=1e-9)
        assert one.interval[0] <= one.recall <= one.interval[1]


@pytest.mark.parametrize(
    ("kind", "each"),
    [
        *[
            (kind, True)
            for kind in ("IVF32,Flat", "IVF32,SQ8", "IVF32,RaBitQ", "HNSW16,SQ8", "SQ8")
        ],
        ("IVF32,PQ8,RFlat", True),  # which measures the more anew itself the more it is asked for
        # Fast scan breaks ties as it comes, by how many it is asked for: means differ little.
        *[(kind, False) for kind in ("IVF32,PQ8x4fs", "IVF32,RaBitQfs")],
    ],
)
def test_one_search_tells_of_many_settings(kind: str, each: bool) -> None:
    """The shares that are told of settings are those of a search with them."""
    vectors, queries = clouds(4000), clouds(200, seed=1)
    exact = ExactIndex([vectors], Metric.EUCLIDEAN)
    nearest = exact.search(queries, 10)[1]
    made = train_index([vectors], Metric.EUCLIDEAN, kind)
    index = PartialIndex(exact, made, np.arange(4000), Metric.EUCLIDEAN)
    finding = Finding(made, queries, nearest, None)
    for settings in finding.ladder:
        found = index.at(settings).search(queries, 10)[1]
        shares = [len({*a} & {*b}) / 10 for a, b in zip(found, nearest, strict=True)]
        if each:
            assert finding.shares(settings) == pytest.approx(shares, abs=1e-9)
        assert finding.shares(settings).mean() == pytest.approx(np.mean(shares), abs=0.005)


def test_what_is_not_found_does_not_count_where_all_might_be_candidates() -> None:
    vectors, queries, k = clouds(300), clouds(40, seed=1), 60
    nearest = ExactIndex([vectors], Metric.EUCLIDEAN).search(queries, k)[1]
    made = train_index([vectors], Metric.EUCLIDEAN, "PCA4,IVF16,Flat", None)
    finding = Finding(made, queries, nearest, None)
    seen = 0
    for settings in finding.ladder:
        found = made.at(settings).candidates(queries, k)
        shares = [
            1.0 if (mine >= 0).sum() < k else np.isin(wanted, mine).mean()
            for mine, wanted in zip(found, nearest, strict=True)
        ]
        np.testing.assert_allclose(finding.shares(settings), shares)
        seen += settings.candidates(k) > len(vectors) and min(shares) < 1
    assert seen > 3


@pytest.mark.parametrize("count", [12, 500, 979, 4096])
def test_the_last_settings_look_into_all_lists(count: int) -> None:
    vectors = clouds(4200)
    made = train_index([vectors], Metric.EUCLIDEAN, f"IVF{count},SQ8")
    assert made.ladder(10)[-1].nprobe == count


def curve(*trials: tuple[float, int, float], tuned: bool) -> Any:
    """A store whose index was measured so: recall, efSearch, k_factor."""
    told = [{"low": low, "nprobe": 1, "ef_search": ef, "k_factor": k} for low, ef, k in trials]
    index = {"curve": told, "tuned": tuned}
    return SimpleNamespace(manifest=SimpleNamespace(index=index), folder="here")


def test_a_recall_takes_the_quickest_settings_that_reach_it() -> None:
    trials = (0.90, 14, 1.0), (0.96, 20, 2.0), (0.951, 28, 1.0), (0.98, 28, 2.0), (0.99, 40, 2.0)
    assert settings_for(curve(*trials, tuned=True), 0.95) == SearchSettings(1, 20, 2.0)
    # The vectors that a graph holds are found more easily than others: it is walked farther.
    assert settings_for(curve(*trials, tuned=False), 0.95) == SearchSettings(1, 28, 2.0)
    assert settings_for(curve(*trials, tuned=False), 0.99) == SearchSettings(1, 40, 2.0)


def test_another_recall_takes_other_settings(own: Collection) -> None:
    tune(own, recall=0.9, kinds=["IVF32,Flat"])
    others = clouds(1000, seed=1)
    exact = ids(own, others, exact=True)
    got = [recall(ids(own, others, recall=wanted), exact) for wanted in (0.5, 0.9, 0.99, 1)]
    assert got == sorted(got)
    assert got[0] < got[2] < 1
    assert got[3] == 1
    for wanted, one in zip((0.5, 0.9, 0.99), got, strict=False):
        assert one >= wanted - 0.02
    with pytest.raises(InvalidArgument, match="Recall is a share above 0"):
        own.query_vectors(others[:1], recall=1.5)
    for step in range(100):  # of which not all are kept
        assert own.nearest(others[:1], recall=0.5 + step / 1000)[1].shape == (1, 10)


def test_without_tuning_some_recalls_are_known(own: Collection) -> None:
    """Those that were measured on the way to what any index has to find."""
    queries = clouds(300, seed=1)
    # Exact search, which finds them all.
    assert ids(own, queries, recall=0.999) == ids(own, queries)
    other = Collection.from_vectors(clouds(5000), index="ivf")
    exact = ids(other, queries, exact=True)
    assert recall(ids(other, queries), exact) >= 0.98
    assert 0.5 <= recall(ids(other, queries, recall=0.5), exact) < 0.98
    with pytest.raises(InvalidArgument, match="surely finds"):
        other.query_vectors(queries, recall=0.99999)


def test_more_than_was_measured_is_refused(own: Collection) -> None:
    tune(own, recall=0.3, kinds=["IVF32,PQ2x4fs"])
    kept: Any = Store(own.path).manifest.index["curve"]
    assert kept[-1]["low"] < 1
    with pytest.raises(InvalidArgument, match=r"surely finds 0\.\d+ of the nearest, not 0.9999"):
        own.query_vectors(clouds(1), recall=0.9999)


def test_limits_are_kept(own: Collection) -> None:
    found = tune(own, recall=0.9, memory_mb=0.2, kinds=KINDS)
    assert found.chosen is not None
    assert found.chosen.kind == "IVF32,PQ8x4fs"
    assert found.chosen.megabytes <= 0.2
    before = Store(own.path).manifest.generation
    assert tune(own, recall=0.9, latency_ms=1.5, kinds=["IVF32,Flat"]).chosen is None
    assert Store(own.path).manifest.generation == before


def test_exact_may_be_chosen(own: Collection) -> None:
    tune(own, recall=0.5, kinds=["IVF32,Flat"])
    found = tune(own, recall=1, kinds=["IVF32,PQ2x4fs"])
    assert found.chosen is not None
    assert found.chosen.kind == "exact"
    assert own.info()["index"] == "exact"
    queries = clouds(50, seed=1)
    assert ids(own, queries) == ids(own, queries, exact=True)


def test_what_was_tuned_may_be_auto_again(own: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(own, recall=0.9, kinds=["IVF32,Flat"])
    own.compact()
    assert own.info()["index"] == "IVF32,Flat"
    own.compact(index="auto")
    assert (own.info()["index"], own.info()["index_now"]) == ("auto", "exact")
    own.compact(index="hnsw")
    assert own.info()["index_now"] == "HNSW32,Flat"
    with pytest.raises(InvalidArgument, match="No kind of index"):
        own.compact(index="nonsense")
    with pytest.raises(InvalidArgument, match="FAISS cannot make"):
        own.compact(index="IVF100000,Flat")
    assert own.info()["index_now"] == "HNSW32,Flat"


def test_a_trial_leaves_all_as_it_was(own: Collection) -> None:
    before = {path: path.read_bytes() for path in own.path.rglob("*") if path.is_file()}
    tune(own, kinds=["IVF32,Flat"], keep=False)
    assert {path: path.read_bytes() for path in own.path.rglob("*") if path.is_file()} == before


def test_the_same_seed_measures_the_same_recalls(own: Collection) -> None:
    def recalls(seed: int) -> dict[tuple[str, SearchSettings | None], float]:
        found = tune(own, kinds=["IVF32,Flat"], seed=seed, keep=False)
        return {(one.kind, one.settings): one.recall for one in found.measured}

    one, other = recalls(3), recalls(3)
    both = one.keys() & other.keys()
    assert len(both) >= 3
    assert {key: one[key] for key in both} == {key: other[key] for key in both}


def test_later_items_keep_the_settings(own: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(own, recall=0.9, kinds=["IVF32,Flat"])
    before, made = Store(own.path).manifest.index, Store(own.path).manifest.ann
    monkeypatch.setattr("vecsearch.ann.FEW", 100)
    own.add_vectors(clouds(900, seed=2), [f"new {row}" for row in range(900)])
    assert Store(own.path).manifest.index == before
    assert Store(own.path).manifest.ann != made
    assert "new 7" in ids(own, clouds(900, seed=2)[7:8])[0]


def test_exact_alone(own: Collection) -> None:
    found = tune(own, kinds=["exact"], keep=False)
    assert found.chosen is not None
    assert {one.kind for one in found.measured} == {found.chosen.kind} == {"exact"}


def test_of_a_large_collection_a_sample_comes_first(
    own: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.tuning.task.SAMPLED", 2000)
    told: list[str] = []
    found = tune(
        own, recall=0.9, kinds=KINDS, progress=lambda task, *_: told.append(task), keep=False
    )
    assert list(dict.fromkeys(told)) == ["trying kinds on a sample", "measuring kinds"]
    assert 2 <= len({one.kind for one in found.measured}) <= 5


def test_a_limit_of_memory_is_not_that_of_a_sample(
    own: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are as many centres for a few items as for all of them."""
    kinds = [f"IVF{lists},SQ8" for lists in (240, 244, 248, 252, 256)]
    size = max(made_bytes(kind, len(own), own.dim) for kind in kinds) / 1e6
    monkeypatch.setattr("vecsearch.tuning.task.SAMPLED", 500)
    found = tune(own, recall=0.5, memory_mb=1.1 * size, kinds=kinds, keep=False)
    assert found.chosen is not None
    assert found.chosen.kind in kinds
    assert found.chosen.megabytes < 1.1 * size < own.vectors().nbytes / 1e6


@pytest.mark.parametrize(("count", "dim"), [(90, 1280), (120, 256), (200, 512)])
def test_every_kind_that_is_tried_can_be_made(count: int, dim: int) -> None:
    """Of fewer items than dims, whose PCA has as many axes as there are items."""
    vectors = np.random.default_rng(0).standard_normal((count, dim), np.float32)
    for kind in kinds_to_try(count, dim):
        assert len(train_index([vectors], Metric.EUCLIDEAN, kind)) == count


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"recall": 0}, "Recall is a share"),
        ({"recall": 1.1}, "Recall is a share"),
        ({"kinds": ["nonsense"]}, "No kind of index is called 'nonsense'"),
        ({"kinds": ["IVF100000,Flat"]}, "FAISS cannot make the index"),
        ({"kinds": ["auto"]}, "auto chooses a kind"),
        ({"k": 0}, "k is how many to find"),
        ({"latency_ms": 0}, "latency_ms is above 0"),
        ({"memory_mb": -1}, "memory_mb is above 0"),
        ({"seed": -1}, "The seed is a whole number"),
    ],
)
def test_what_makes_no_sense(own: Collection, how: dict[str, Any], message: str) -> None:
    before = Store(own.path).manifest.generation
    with pytest.raises(InvalidArgument, match=message):
        tune(own, **how)
    assert Store(own.path).manifest.generation == before


def test_few_items_need_no_tuning() -> None:
    with pytest.raises(InvalidArgument, match="has 99 items"):
        tune(Collection.from_vectors(clouds(99)))


def test_images_to_ask_with(
    small: Path, sample: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = Collection.build(sample / "train", tmp_path / "index", encoder="pixels", size=(7, 7))
    shutil.copytree(small / "test", tmp_path / "asked")
    (tmp_path / "asked" / "broken.png").write_bytes(b"no picture")
    with caplog.at_level(logging.INFO, "vecsearch"):
        found = tune(own, recall=0.5, queries=tmp_path / "asked", kinds=["IVF16,Flat"], keep=False)
    assert found.queries == 15
    (told,) = (one for one in caplog.messages if one.startswith("Skipped "))
    assert "broken.png: " in told
    assert found.chosen is not None
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgument, match=r"no image in .* that could be asked with"):
        tune(own, queries=tmp_path / "empty")


def test_another_encoder_forgets_what_was_measured(sample: Path, tmp_path: Path) -> None:
    own = Collection.build(sample / "train", tmp_path / "index", dim=8, size=(8, 8), color="grey")
    tune(own, recall=0.5, kinds=["IVF16,Flat"])
    assert "curve" in Store(own.path).manifest.index
    own.update(refit=True)
    index = Store(own.path).manifest.index
    assert index["kind"] == "IVF16,Flat"
    assert "tuned" not in index  # it was made again, and measured as one is that nobody tuned


BROKEN = [
    {"chosen": 7},
    {"chosen": {"nprobe": -1, "ef_search": 1, "k_factor": 1}},
    {"chosen": {"nprobe": 1, "ef_search": 1, "k_factor": 1e9}},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_settings_that_are_none(
    own: Collection, caplog: pytest.LogCaptureFixture, broken: dict[str, Any]
) -> None:
    """Such as a manifest may hold that someone else has made: search does without."""
    tune(own, recall=0.9, kinds=["IVF32,Flat"])
    queries = clouds(20, seed=1)
    exact = ids(own, queries, exact=True)
    _rewrite(own.path, broken)
    with caplog.at_level(logging.WARNING, "vecsearch"):
        assert ids(Collection.open(own.path), queries) == exact
    assert "Every item is compared instead" in caplog.text


@pytest.mark.parametrize("curve", [7, [7], [{"low": 1}], [{"low": "x", "nprobe": 1}]])
def test_a_curve_that_is_none(own: Collection, curve: Any) -> None:
    tune(own, recall=0.9, kinds=["IVF32,Flat"])
    _rewrite(own.path, {"curve": curve})
    with pytest.raises(DamagedCollection, match="the curve of its index"):
        Collection.open(own.path).query_vectors(clouds(1), recall=0.5)


def test_settings_of_equal_recall(own: Collection) -> None:
    """Lower ends of intervals are often the same to the last digit."""
    tune(own, recall=0.9, kinds=["IVF32,Flat"])
    how = [{"nprobe": nprobe, "ef_search": 1, "k_factor": 1.0} for nprobe in (2, 32)]
    _rewrite(own.path, {"curve": [{"recall": 0.9, "low": 0.9, **one} for one in how]})
    queries = clouds(50, seed=1)
    few = ids(Collection.open(own.path), queries, recall=0.9)
    assert recall(few, ids(own, queries, exact=True)) < 1  # the quicker one, with two lists


def _rewrite(folder: Path, index: dict[str, Any]) -> None:
    with Writer(folder, amend=True) as writer:
        known = dict(writer.base.manifest.index)
        ann = writer.base.manifest.ann
        assert ann is not None
        writer._ann = ann
        writer.commit(index={**known, **index}, compaction="none")


def test_pareto_by_hand() -> None:
    def one(kind: str, recall: float, ms: float, mb: float) -> Measured:
        return Measured(kind, None, recall, (recall, recall), ms, mb, 0.0)

    good = [one("a", 0.8, 1, 1), one("b", 0.9, 2, 1), one("c", 1, 9, 1), one("d", 0.8, 2, 0.5)]
    beaten = [one("e", 0.8, 2, 1), one("f", 0.7, 1, 1), one("g", 0.9, 2, 2)]
    assert {each.kind for each in pareto([*beaten, *good])} == {"a", "b", "c", "d"}
    assert pareto([good[0], good[0]]) == [good[0], good[0]]  # equals do not beat each other


def test_a_picture(plain: Path, tmp_path: Path) -> None:
    found = tune(Collection.open(plain), kinds=["IVF32,Flat", "HNSW16,Flat"], keep=False)
    draw_tuning(found, tmp_path / "tuned.png")
    assert (tmp_path / "tuned.png").read_bytes().startswith(b"\x89PNG")


def test_the_best_are_timed_in_turn(own: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that slows down meanwhile, the kind that was measured first has no advantage."""
    kinds = ["IVF32,Flat", "IVF64,Flat"]
    speed = {"IVF32,Flat": 2.0, "IVF64,Flat": 1.0}
    calls: list[str] = []

    def timed(bench: Bench, index: ExactIndex | PartialIndex) -> float:
        if isinstance(index, ExactIndex):
            return 1000.0
        kind = f"IVF{index._approximate._index.nlist},Flat"
        calls.append(kind)
        slowed = 1.0 if kind == kinds[0] and len(bench._made) == 1 else 3.0
        return slowed * speed[kind] * (1 + index._approximate.settings.nprobe / 1000)

    monkeypatch.setattr(Bench, "_timed", timed)
    found = tune(own, recall=0.5, kinds=kinds, keep=False)
    assert found.chosen is not None
    assert found.chosen.kind == "IVF64,Flat"
    turn = calls[-2 * AGAIN :]
    assert calls[-4 * AGAIN :] == turn * 2
    assert [turn.count(kind) for kind in kinds] == [AGAIN, AGAIN]


def test_exact_search_is_timed_with_the_best_of_them(
    own: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was slow at first makes no exact search slow."""
    exact = iter([4.0])

    def timed(_: Bench, index: ExactIndex | PartialIndex) -> float:
        if isinstance(index, ExactIndex):
            return next(exact, 1.0)
        return 2.0 + index._approximate.settings.nprobe / 1000

    monkeypatch.setattr(Bench, "_timed", timed)
    found = tune(own, recall=0.5, kinds=["IVF32,Flat"], keep=False)
    assert found.chosen is not None
    assert (found.chosen.kind, found.chosen.milliseconds) == ("exact", 1.0)


def test_a_limit_of_memory_holds_for_all_items(own: Collection) -> None:
    """A tenth of them is asked with, and is no part of what is measured."""
    (one,) = {
        one.megabytes
        for one in tune(own, recall=0.5, kinds=["IVF32,Flat"], keep=False).measured
        if one.kind != "exact"
    }
    for memory_mb, kind in ((1.05 * one, "exact"), (1.2 * one, "IVF32,Flat")):
        found = tune(own, recall=0.5, memory_mb=memory_mb, kinds=["IVF32,Flat"], keep=False)
        assert found.chosen is not None
        assert found.chosen.kind == kind


def test_what_is_too_large_takes_no_place_among_the_best(own: Collection) -> None:
    """The smallest kind is the slowest to reach the recall, and the only one that may be chosen."""
    large = [f"IVF{lists},Flat" for lists in (16, 24, 32, 48, 64)]
    found = tune(own, recall=0.9, memory_mb=0.2, kinds=["IVF32,PQ8x4fs", *large], keep=False)
    assert found.chosen is not None
    assert found.chosen.kind == "IVF32,PQ8x4fs"


def test_the_luckiest_settings_are_timed_again(
    own: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that seemed quick for a moment are not taken for it."""
    lucky: list[int] = []

    def timed(_: Bench, index: ExactIndex | PartialIndex) -> float:
        if isinstance(index, ExactIndex):
            return 1000.0
        lists = index._approximate.settings.nprobe
        if lists == 3 and not lucky:
            lucky.append(lists)
            return 0.1
        return float(lists)

    monkeypatch.setattr(Bench, "_timed", timed)
    found = tune(own, recall=0.5, kinds=["IVF32,Flat"], keep=False)
    assert lucky
    assert found.chosen is not None
    assert found.chosen.settings is not None
    assert found.chosen.settings.nprobe < 3


def test_farther_searches_in_vain_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of codes too coarse to find all, more lists find no more: not all of them are searched."""
    vectors = clouds(5000)
    bench = Bench(vectors, clouds(300, seed=1), Metric.EUCLIDEAN, 10, 0)
    searched: list[float] = []
    search = Finding._search

    def noted(finding: Finding, way: tuple[float, ...]) -> Any:
        searched.append(way[0])
        return search(finding, way)

    monkeypatch.setattr(Finding, "_search", noted)
    found = [*bench.measure("IVF128,PQ2x4fs", 1000.0)]
    assert max(searched) < 128
    # Nor is anything lost by it.
    index = train_index([vectors], Metric.EUCLIDEAN, "IVF128,PQ2x4fs")
    nearest = ExactIndex([vectors], Metric.EUCLIDEAN).search(clouds(300, seed=1), 10)[1]
    whole = Finding(index, clouds(300, seed=1), nearest, None)
    most = max(float(whole.shares(one).mean()) for one in whole.ladder)
    assert max(one.recall for one in found) >= most - 0.001


def test_what_measures_anew_itself_is_tried_to_its_end() -> None:
    """The first of its settings differ in that alone, and find the same."""
    bench = Bench(clouds(5000), clouds(300, seed=1), Metric.EUCLIDEAN, 10, 0)
    found = [*bench.measure("IVF128,SQ8,RFlat", 1000.0)]
    assert max(one.recall for one in found) > 0.99


BUDGET = 108_000_000


def test_a_memory_budget_holds_for_what_is_tried(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)
    there = Collection.from_vectors(vectors, path=tmp_path / "index", index="exact")
    with Writer(there.path, amend=True) as writer:  # less than anybody can ask for, as it is small
        writer.commit(index={"kind": "exact", "memory_budget": BUDGET}, compaction="none")
    there.refresh()
    with pytest.raises(InvalidArgument, match="more than the memory budget of 108 MB"):
        tune(there, kinds=["HNSW32,Flat"])
    found = tune(there, recall=0.5, keep=False)
    tried = {one.kind for one in found.measured} - {"exact"}
    assert tried
    assert all(fits(kind, 3000, 64, BUDGET) for kind in tried)


def test_what_was_measured_on_other_vectors_is_not_kept(sample: Path, tmp_path: Path) -> None:
    how: Any = {"size": (28, 28), "color": "grey", "jobs": 1}
    there = Collection.build(sample / "train", tmp_path / "index", dim=8, **how)
    before = there.info()["generation"]
    with pytest.raises(InvalidArgument, match="by another encoder, while its index was measured"):
        reindex(there.path, "HNSW16,Flat", facts={"tuned": True}, measured_by="another")
    there.refresh()
    assert there.info()["generation"] == before
