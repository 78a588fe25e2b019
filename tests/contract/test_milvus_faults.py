"""A Milvus server that is killed: nothing that it acknowledged is lost."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from milvus_server import MilvusServer

from vecsearch import Metric, VecsearchError
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.stores import Profile
from vecsearch.store import Records

pytest.importorskip("pymilvus")
pytestmark = pytest.mark.slow

DIM, BLOCK = 16, 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MilvusServer]:
    pytest.importorskip("milvus")
    found = MilvusServer(tmp_path / "milvus")
    try:
        found.start()
        yield found
    finally:
        found.kill()


def test_what_was_acknowledged_survives_kill_9(server: MilvusServer) -> None:
    address = Address.parse(server.address("survivor"))
    store = MilvusStore(address)
    store.create(Profile(Metric.EUCLIDEAN, DIM))
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
        time.sleep(0.005)
    server.kill()
    writer.join()
    assert 20 <= len(acknowledged) < 100, "the kill came in mid-insert"
    seconds = server.start()
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
