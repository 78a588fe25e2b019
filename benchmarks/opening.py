"""Opening a collection and asking it one thing, as it grows.

    python benchmarks/opening.py [--dim 32] [--rounds 7]

10⁴, 10⁵ and 10⁶ items with labels and metadata; each figure in a new process, imports not
counted: opening, a first exact query (k = 10), looking up one id, and a bare faiss.knn over the
same vectors.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MAKE = """
import sys, numpy as np, vecsearch
count, dim = int(sys.argv[2]), int(sys.argv[3])
vectors = np.random.default_rng(0).standard_normal((count, dim), dtype=np.float32)
vecsearch.Collection.from_vectors(
    vectors,
    ids=[f"shop/{number:07}.jpg" for number in range(count)],
    labels=[f"class {number % 100}" for number in range(count)],
    metadata=[{"price": number % 1000, "colour": "red"} for number in range(count)],
    path=sys.argv[1],
)
np.save(sys.argv[1] + ".npy", vectors)
"""
ASK = """
import json, sys, time
import faiss, numpy as np, vecsearch, vecsearch.collection
from safetensors.numpy import load
query = np.ones((1, int(sys.argv[3])), np.float32)
marks = [time.perf_counter()]
collection = vecsearch.Collection.open(sys.argv[1])
marks.append(time.perf_counter())
collection.query_vectors(query, 10)
marks.append(time.perf_counter())
collection.get("shop/0000777.jpg")
marks.append(time.perf_counter())
vectors = np.load(sys.argv[1] + ".npy", mmap_mode="r")
faiss.knn(query, vectors, 10)
marks.append(time.perf_counter())
print(json.dumps([after - before for before, after in zip(marks, marks[1:])]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    names = ("open", "first query", "get an id", "faiss.knn")
    print(f"{'items':>9}" + "".join(f"{name:>14}" for name in names))
    for count in (10**4, 10**5, 10**6):
        with tempfile.TemporaryDirectory() as scratch:
            shape = [str(Path(scratch) / "index"), str(count), str(arguments.dim)]
            subprocess.run([sys.executable, "-c", MAKE, *shape], check=True)
            rounds = []
            for _ in range(arguments.rounds):
                command = [sys.executable, "-c", ASK, *shape]
                run = subprocess.run(command, check=True, capture_output=True, text=True)
                rounds.append(json.loads(run.stdout))
            figures = [1000 * statistics.median(column) for column in zip(*rounds, strict=True)]
            print(f"{count:9,}" + "".join(f"{figure:11.1f} ms" for figure in figures))


if __name__ == "__main__":
    main()
