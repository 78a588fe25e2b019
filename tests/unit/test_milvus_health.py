"""What is said of a collection on Milvus whose parts do not all answer."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vecsearch import (
    CollectionNotFound,
    DamagedCollection,
    IncompleteAnswer,
    Metric,
    VecsearchError,
)
from vecsearch.distributed.collection import StoredCollection
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.milvus.health import health_of
from vecsearch.distributed.milvus.properties import Properties
from vecsearch.distributed.stores import Profile
from vecsearch.encoders import make_encoder
from vecsearch.images import Preprocess
from vecsearch.store import EncoderEntry, Records

MilvusClient = pytest.importorskip("pymilvus").MilvusClient


class Coordinator:
    """A client of a server whose shards have these leaders, by replica; 0 is none."""

    def __init__(self, leaders: Sequence[Sequence[int]]) -> None:
        self.leaders = leaders
        self.failing = False
        self.properties = Properties(Profile(Metric.EUCLIDEAN, 2), {}, True, "now", "0.1.0")

    def describe_replica(self, name: str) -> list[Any]:
        return [
            SimpleNamespace(
                shards=[
                    SimpleNamespace(channel_name=f"channel-{at}", shard_leader=leader)
                    for at, leader in enumerate(shards)
                ],
                group_nodes=tuple({leader for leader in shards if leader}),
            )
            for shards in self.leaders
        ]

    def has_collection(self, name: str) -> bool:
        return True

    def describe_collection(self, name: str) -> dict[str, Any]:
        return {"properties": self.properties.to_milvus()}

    def get_load_state(self, name: str) -> dict[str, str]:
        return {"state": "Loaded"}

    def query(self, name: str, **options: object) -> list[dict[str, int]]:
        return [{"count(*)": 7}]

    def search(self, name: str, **options: object) -> list[list[Any]]:
        from pymilvus.exceptions import MilvusException

        if self.failing:
            raise MilvusException(message="node offline")
        return [[]]


@pytest.mark.parametrize(
    ("leaders", "faults", "warned"),
    [
        ([[1, 1]], [], True),
        ([[1, 2], [3, 4]], [], False),
        ([[1, 0]], ["shard channel-1 of replica 1 has no leader"], True),
        ([[1], [0]], ["shard channel-0 of replica 2 has no leader",
                      "replica 2 has no query node"], False),
        ([], ["no shard is loaded"], True),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(leaders: list[list[int]], faults: list[str], warned: bool) -> None:
    health = health_of(Coordinator(leaders), "shop", 7, is_file=False)  # type: ignore[arg-type]
    assert list(health.faults) == faults
    assert bool(health.warnings) is warned
    assert (health.items, health.replicas) == (7, len(leaders))


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    found = Coordinator([[1, 2], [3, 4]])
    monkeypatch.setattr("vecsearch.distributed.milvus.connection.connect", lambda _: found)
    return found


def test_a_lost_shard_is_no_answer(coordinator: Coordinator) -> None:
    store = MilvusStore(Address.parse("milvus://host/shop"))
    query = np.zeros((1, 2), np.float32)
    assert store.search(query, 1) == [[]]
    coordinator.leaders = [[1, 0], [3, 4]]
    store._standing._looked = -np.inf  # some seconds later
    with pytest.raises(IncompleteAnswer, match="shard channel-1 of replica 1 has no leader"):
        store.search(query, 1)
    with pytest.raises(IncompleteAnswer, match="does not answer as a whole"):
        StoredCollection(store)
    coordinator.leaders = [[1, 2], [3, 4]]
    assert store.search(query, 1) == [[]]


def test_a_search_that_fails_asks_for_the_shards_at_once(coordinator: Coordinator) -> None:
    store = MilvusStore(Address.parse("milvus://host/shop"))
    query = np.zeros((1, 2), np.float32)
    store.search(query, 1)
    coordinator.failing = True
    with pytest.raises(VecsearchError, match="node offline"):
        store.search(query, 1)
    coordinator.leaders = [[0, 2], [3, 4]]
    with pytest.raises(IncompleteAnswer, match="shard channel-0 of replica 1"):
        store.search(query, 1)


def test_it_is_loaded_as_it_was_pushed_last(coordinator: Coordinator) -> None:
    loaded: list[int] = []
    coordinator.get_load_state = lambda _: {"state": "NotLoad"}  # type: ignore[assignment]
    coordinator.load_collection = (  # type: ignore[attr-defined]
        lambda _, replica_number: loaded.append(replica_number)
    )
    store = MilvusStore(Address.parse("milvus://host/shop"))
    query = np.zeros((1, 2), np.float32)
    store.search(query, 1)
    assert loaded == [1]
    coordinator.properties = Properties(
        Profile(Metric.EUCLIDEAN, 2, replicas=2), {}, True, "later", "0.1.0"
    )
    store._standing.doubt()  # the server let go of it
    with pytest.raises(IncompleteAnswer, match="pushed anew"):
        store.search(query, 1)
    assert loaded == [1]
    store.health()
    assert loaded == [1, 2]


def test_a_refresh_that_fails_takes_nothing_over(coordinator: Coordinator) -> None:
    there = StoredCollection.at("milvus://host/shop")
    kept = there.snapshot()
    query = np.zeros((1, 2), np.float32)
    coordinator.properties = Properties(
        Profile(Metric.EUCLIDEAN, 2, origin="another"), {}, True, "later", "0.1.0"
    )
    coordinator.leaders = [[1, 0], [3, 4]]
    with pytest.raises(IncompleteAnswer, match="does not answer as a whole"):
        there.refresh()
    coordinator.leaders = [[1, 2], [3, 4]]
    for one in (there, kept):
        with pytest.raises(IncompleteAnswer, match="pushed anew"):
            one.query_vectors(query, 1)
        with pytest.raises(IncompleteAnswer, match="pushed anew"):
            one.store.upsert(query, Records(["mine"]))
    there.refresh()
    assert there.query_vectors(query, 1) == [[]]
    with pytest.raises(IncompleteAnswer, match="pushed anew"):
        kept.query_vectors(query, 1)


def test_what_another_has_made_is_not_dropped(coordinator: Coordinator) -> None:
    """Two push to one address at once: that which fails leaves the other's alone."""
    from pymilvus.exceptions import MilvusException

    dropped: list[str] = []
    there = iter([False, True])

    def create(*_: object, **__: object) -> None:
        raise MilvusException(message="it is there")

    coordinator.has_collection = lambda _: next(there)  # type: ignore[method-assign]
    coordinator.create_collection = create  # type: ignore[attr-defined]
    coordinator.create_schema = MilvusClient.create_schema  # type: ignore[attr-defined]
    coordinator.drop_collection = dropped.append  # type: ignore[attr-defined]
    with pytest.raises(VecsearchError, match="it is there"):
        MilvusStore(Address.parse("milvus://host/shop")).create(Profile(Metric.EUCLIDEAN, 2))
    assert dropped == []


def test_a_collection_that_was_released_is_loaded_again(coordinator: Coordinator) -> None:
    from pymilvus.exceptions import MilvusException

    store = MilvusStore(Address.parse("milvus://host/shop"))
    store.health()
    query = coordinator.query

    def released(*_: object, **__: object) -> list[dict[str, int]]:
        raise MilvusException(message="collection not loaded")

    loaded: list[int] = []
    coordinator.get_load_state = lambda _: {"state": "NotLoad"}  # type: ignore[assignment]
    coordinator.load_collection = (  # type: ignore[attr-defined]
        lambda _, replica_number: loaded.append(replica_number)
    )
    coordinator.query = released  # type: ignore[method-assign]
    with pytest.raises(VecsearchError, match="not loaded"):
        store.health()
    coordinator.query = query  # type: ignore[method-assign]
    assert store.health().items == 7
    assert loaded == [1]


def test_an_encoder_of_another_push_is_fetched_anew(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a look has failed between the two pushes."""
    fetched: list[object] = []
    monkeypatch.setattr(
        "vecsearch.distributed.milvus.store.get_files",
        lambda _client, _name, files, _folder: fetched.append(files),
    )
    entry = EncoderEntry("pca", {}, "f", {}, "")

    def pushed(files: dict[str, tuple[str, int]]) -> None:
        profile = Profile(Metric.EUCLIDEAN, 2, encoder=entry)
        coordinator.properties = Properties(profile, files, True, "now", "0.1.0")

    pushed({"settings.json": ("a", 1)})
    store = MilvusStore(Address.parse("milvus://host/shop"))
    first = store.encoder_folder()
    assert store.encoder_folder() == first
    with monkeypatch.context() as patch, pytest.raises(CollectionNotFound):
        patch.setattr(coordinator, "has_collection", lambda _: False)
        store.health()
    pushed({"settings.json": ("b", 1)})
    store.health()
    assert store.encoder_folder() != first
    assert fetched == [{"settings.json": ("a", 1)}, {"settings.json": ("b", 1)}]


def test_a_wrong_encoder_is_refused_each_time(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EncoderEntry("pixels", {}, "of another", {}, "")
    coordinator.properties = Properties(
        Profile(Metric.EUCLIDEAN, 2, encoder=entry), {}, True, "now", "0.1.0"
    )

    def get(_client: object, _name: str, _files: object, folder: Path) -> None:
        make_encoder("pixels", preprocess=Preprocess((1, 2), color="grey")).save(folder)

    monkeypatch.setattr("vecsearch.distributed.milvus.store.get_files", get)
    there = StoredCollection.at("milvus://host/shop")
    for _ in range(2):
        with pytest.raises(DamagedCollection, match="another encoder 'pixels'"):
            _ = there.encoder


def test_fewer_than_two_replicas_are_warned_of(
    coordinator: Coordinator, caplog: pytest.LogCaptureFixture
) -> None:
    StoredCollection.at("milvus://host/shop")
    assert not caplog.records
    coordinator.leaders = [[1, 2]]
    StoredCollection.at("milvus://host/shop")
    assert "one replica" in caplog.text


def test_what_was_not_pushed_to_its_end_cannot_be_opened(coordinator: Coordinator) -> None:
    coordinator.properties = Properties(
        Profile(Metric.EUCLIDEAN, 2), {}, whole=False, created="now", software="0.1.0"
    )
    with pytest.raises(IncompleteAnswer, match="push it again, and it goes on"):
        StoredCollection.at("milvus://host/shop")


def test_a_collection_of_someone_else_is_refused(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "describe_collection", lambda _: {"properties": {}})
    with pytest.raises(VecsearchError, match="none that vecsearch made"):
        StoredCollection.at("milvus://host/shop")
