"""vecsearch, tuned for each recall and asked as its users ask it; started by recall.py.

    python benchmarks/speed/tuned.py SET [--quick]

Prints a line of JSON for each recall that was asked for, and one for exact search.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from recalled import K, batch_rate, load, rate, recall, resident

from vecsearch import Collection, tune
from vecsearch.ann import settings_for
from vecsearch.index import EXACT, kinds_to_try

TARGETS = (0.99, 0.95, 0.9)
THREADS = 2
# Of so many vectors, other recalls are reached by other settings of the first kind.
LARGE = 500_000
QUICK = ("IVF64,Flat", "HNSW16,Flat")


def asked(folder: str, path: str, target: float | None) -> dict[str, float]:
    """What the collection at a path does, in a process that has done nothing else."""
    data = load(folder)
    queries = data["queries"]
    cosine = (Path(folder) / "cosine").exists()
    before = resident()
    collection = Collection.open(path)

    def near(some: np.ndarray) -> np.ndarray:
        return collection.nearest(some, K, recall=target)[1]

    def items(some: np.ndarray) -> list:
        return collection.query_vectors(some, K, recall=target)

    faiss.omp_set_num_threads(THREADS)
    positions = near(queries)
    figures = {"batch": batch_rate(near, queries)}
    faiss.omp_set_num_threads(1)
    figures |= {"single": rate(near, queries), "memory": resident() - before}
    # Which looks at vectors of its own.
    figures |= {"items": rate(items, queries), "recall": recall(data, positions, cosine)}
    return figures


def alone(folder: str, path: Path, target: float | None = None) -> dict[str, float]:
    command = [sys.executable, __file__, folder, str(path), json.dumps(target)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)


def main(folder: str, quick: bool) -> None:
    data = load(folder)
    metric = "cosine" if (Path(folder) / "cosine").exists() else "euclidean"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "index"
        collection = Collection.from_vectors(data["base"], path=path, metric=metric, index="exact")
        print(json.dumps({"kind": "exact", "settings": "", "build": 0, **alone(folder, path)}))
        started = time.perf_counter()
        count, dim = data["base"].shape
        kinds: list[str] | None = None
        if count >= LARGE:  # a graph of so many takes minutes to make, too
            kinds = [one for one in kinds_to_try(count, dim) if "HNSW" not in one]
        first = tune(collection, recall=TARGETS[0], kinds=QUICK if quick else kinds)
        tuning = time.perf_counter() - started
        for target in TARGETS[: 2 if quick else None]:
            enough = [one for one in first.measured if one.interval[0] >= target]
            if count >= LARGE:  # another kind takes minutes to make
                stored = collection.info()["index"]
                enough = [one for one in enough if one.kind == stored]
            if not enough:
                continue
            quickest = min(enough, key=lambda one: one.milliseconds)
            if quickest.settings is None:
                continue
            # Of the kind that it has, other settings are known already; of others that seemed
            # quicker some are tried again, beside it.
            if quickest.kind != (stored := collection.info()["index"]):
                enough.sort(key=lambda one: one.milliseconds)
                best = [*dict.fromkeys(one.kind for one in enough if one.settings)][:3]
                again = best if stored in (EXACT, *best) else [*best, stored]
                chosen = tune(collection, recall=target, kinds=again).chosen
                if chosen is None or chosen.settings is None:
                    continue  # this time it found exact search to be quicker
                quickest = chosen
            row = {
                "kind": quickest.kind,
                "settings": settings_for(collection.view.store, target).told(quickest.kind),
                "target": target,
                "build": quickest.seconds,
                "tune": tuning,
                # Indexes of earlier generations lie there, too.
                "file": max(
                    (one.stat() for one in path.glob("ann/*.faiss")), key=lambda one: one.st_mtime
                ).st_size,
                **alone(folder, path, target),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(asked(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
    else:
        main(sys.argv[1], "--quick" in sys.argv)
