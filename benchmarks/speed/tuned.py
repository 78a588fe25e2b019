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

TARGETS = (0.99, 0.95, 0.9, 0.995)
THREADS = 2
QUICK = ("IVF64,Flat", "HNSW16,Flat")


def asked(path: str, folder: str) -> dict[str, float]:
    """What the collection at a path does, in a process that has done nothing else."""
    data = load(folder)
    queries = data["queries"]
    cosine = (Path(folder) / "cosine").exists()
    before = resident()
    collection = Collection.open(path)

    def found(some: np.ndarray) -> list:
        return collection.query_vectors(some, K)

    faiss.omp_set_num_threads(THREADS)
    answers = found(queries)
    batch = batch_rate(found, queries)
    faiss.omp_set_num_threads(1)
    single = rate(found, queries)
    memory = resident() - before
    rows = np.array([[int(hit.item.id) for hit in one] for one in answers])
    reached = recall(data, rows, cosine)
    return {"recall": reached, "single": single, "batch": batch, "memory": memory}


def alone(path: Path, folder: str) -> dict[str, float]:
    command = [sys.executable, __file__, folder, str(path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def main(folder: str, quick: bool) -> None:
    data = load(folder)
    metric = "cosine" if (Path(folder) / "cosine").exists() else "euclidean"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "index"
        collection = Collection.from_vectors(data["base"], path=path, metric=metric, index="exact")
        print(json.dumps({"kind": "exact", "settings": "", "build": 0, **alone(path, folder)}))
        started = time.perf_counter()
        first = tune(collection, recall=TARGETS[0], kinds=QUICK if quick else None)
        tuning = time.perf_counter() - started
        for target in TARGETS[: 2 if quick else None]:
            enough = [one for one in first.measured if one.interval[0] >= target]
            if not enough:
                continue
            quickest = min(enough, key=lambda one: one.milliseconds)
            if quickest.settings is None:
                continue
            if target != TARGETS[0]:
                tune(collection, recall=target, kinds=[quickest.kind])
            row = {
                "kind": quickest.kind,
                "settings": quickest.settings.told(quickest.kind),
                "target": target,
                "build": quickest.seconds,
                "tune": tuning,
                # Indexes of earlier generations lie there, too.
                "file": max(
                    (one.stat() for one in path.glob("ann/*.faiss")), key=lambda one: one.st_mtime
                ).st_size,
                **alone(path, folder),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2 or sys.argv[2] == "--quick":
        main(sys.argv[1], len(sys.argv) > 2)
    else:
        print(json.dumps(asked(sys.argv[2], sys.argv[1])))
