"""A push to Milvus beside its own client's insert loop, queries beside its bare search, and recall.

    python benchmarks/milvus_push.py [--items 60000] [--rounds 3] [--queries 900]

Starts a server of its own, of the PyPI package milvus 2.3.5, in a temporary folder on loopback. The
vectors are the 32 principal components of Fashion-MNIST's training images; queries are those of its
test images.

- Push: items a second of ``push`` until all is acknowledged, read from a folder, beside a loop that
  inserts the same items out of memory, 5,000 at a time, as five columns of a collection made alike.
- Query: one at a time, ten neighbours with their labels, paths and metadata; ``query_vectors`` and
  ``MilvusClient.search`` with equal parameters in turn; the median of each. The client puts off
  decoding metadata until somebody looks at a hit: once nobody does, and once the hits are listed.
- Recall: how many of the ten nearest come, of everything, and of what has one of ten labels, at
  several sizes of ef, beside exact search.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fashion_mnist import CLASSES, IDX, read
from milvus_server import MilvusServer
from pymilvus import DataType, MilvusClient

from vecsearch import Collection, push
from vecsearch.distributed.milvus import questions
from vecsearch.distributed.milvus.entities import SHOWN
from vecsearch.distributed.milvus.standing import SETTLING_SECONDS
from vecsearch.distributed.milvus.store import GRAPH

DIM, K, BATCH = 32, 10, 5000


def components(items: int) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Principal components of the training images, their labels, and those of the test images."""
    images, classes = read(IDX, "train")
    train = images[:items].reshape(-1, 784).astype(np.float32)
    test = read(IDX, "test")[0].reshape(-1, 784).astype(np.float32)
    mean = train.mean(axis=0)
    axes = np.linalg.eigh(np.cov(train, rowvar=False))[1][:, ::-1][:, :DIM].astype(np.float32)
    return (train - mean) @ axes, [CLASSES[one] for one in classes[:items]], (test - mean) @ axes


def insert(client: MilvusClient, name: str, vectors: np.ndarray, labels: list[str]) -> float:
    """Seconds that the client's own loop takes."""
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=4096)
    for field in ("label", "path"):
        schema.add_field(field, DataType.VARCHAR, max_length=4096)
    schema.add_field("metadata", DataType.JSON)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
    client.create_collection(name, schema=schema, num_shards=1)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type="L2", params=GRAPH)
    client.create_index(name, index, sync=False)
    started = time.perf_counter()
    for start in range(0, len(vectors), BATCH):
        rows = [
            {
                "id": f"{labels[row]}/{row:05d}.png",
                "label": labels[row],
                "path": f"{labels[row]}/{row:05d}.png",
                "metadata": {"number": row},
                "vector": vectors[row],
            }
            for row in range(start, min(start + BATCH, len(vectors)))
        ]
        client.insert(name, rows)
    return time.perf_counter() - started


def pushed(here: Collection, address: str) -> tuple[float, float]:
    """Seconds of a push until all is acknowledged, and of all of it."""
    last = started = time.perf_counter()

    def note(*_: object) -> None:
        nonlocal last
        last = time.perf_counter()

    push(here, address, index="hnsw", progress=note)
    return last - started, time.perf_counter() - started


def queries(there: Collection, client: MilvusClient, name: str, asked: np.ndarray) -> None:
    options: dict[str, Any] = {
        "limit": K,
        "output_fields": SHOWN,
        "search_params": {"params": {"ef": questions.EF}},
        "consistency_level": "Session",
    }
    ways: list[Callable[[np.ndarray], object]] = [
        lambda one: there.query_vectors(one[None], K),
        lambda one: client.search(name, data=[one], **options),
        lambda one: list(client.search(name, data=[one], **options)[0]),
    ]
    times: list[list[float]] = [[] for _ in ways]
    for at, one in enumerate(asked):
        for turn in range(len(ways)):
            way = (at + turn) % len(ways)
            started = time.perf_counter()
            ways[way](one)
            times[way].append(time.perf_counter() - started)
    ours, bare, read = (statistics.median(one) for one in times)
    print(
        f"query: ours {ours * 1e3:.2f} ms, bare {bare * 1e3:.2f} ms, ratio {ours / bare:.3f}; "
        f"bare and listed {read * 1e3:.2f} ms, ratio {ours / read:.3f}",
        flush=True,
    )


def recall(here: Collection, there: Collection, asked: np.ndarray) -> None:
    for where in (None, "label=coat"):
        exact = here.query_vectors(asked, K, where=where, exact=True)
        for ef in (64, 128, 256, 512, 1024):
            for name in ("EF", "EF_FILTERED"):
                setattr(questions, name, ef)
            questions.EF_FILTERED_TIMES = 1
            started = time.perf_counter()
            found = there.query_vectors(asked, K, where=where)
            seconds = time.perf_counter() - started
            shares = [
                sum(hit.distance <= wanted[-1].distance * 1.0001 for hit in got) / K
                for got, wanted in zip(found, exact, strict=True)
            ]
            print(
                f"recall@{K}, {where or 'everything'}, ef {ef}: {np.mean(shares):.4f}, "
                f"{seconds / len(asked) * 1e3:.2f} ms a query, 16 at a time",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queries", type=int, default=900)
    arguments = parser.parse_args()
    vectors, labels, test = components(arguments.items)
    with tempfile.TemporaryDirectory() as scratch:
        server = MilvusServer(Path(scratch) / "milvus")
        print(f"server: up in {server.start():.1f} s", flush=True)
        try:
            names = [f"{label}/{row:05d}.png" for row, label in enumerate(labels)]
            facts = [{"number": row} for row in range(len(labels))]
            here = Collection.from_vectors(
                vectors, names, labels, facts, path=Path(scratch) / "here", index="exact"
            )
            client = MilvusClient(f"http://127.0.0.1:{server.port}")
            ratios = []
            for number in range(arguments.rounds):
                if number:
                    client.drop_collection("bare")
                bare = insert(client, "bare", vectors, labels)
                if number:
                    client.drop_collection("ours")
                ours, whole = pushed(here, server.address("ours"))
                ratios.append(bare / ours)
                print(
                    f"push {number + 1}: ours {len(vectors) / ours:.0f} items/s, client's loop "
                    f"{len(vectors) / bare:.0f}; indexed and verified after {whole:.1f} s",
                    flush=True,
                )
            print(f"push: rate beside the client's loop {statistics.median(ratios):.2f}")
            client.drop_collection("bare")
            there = Collection.open(server.address("ours"))
            time.sleep(SETTLING_SECONDS)  # until then it waits for all writes
            queries(there, client, "ours", test[: arguments.queries])
            recall(here, there, test[: arguments.queries])
        finally:
            server.kill()


if __name__ == "__main__":
    main()
