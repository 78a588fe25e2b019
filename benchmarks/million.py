"""A million vectors: how long they take to write, to open, and to search, beside bare work.

    python benchmarks/million.py [--count 1000000] [--dim 128] [--rounds 3]

Writing: Collection.from_vectors, beside writing files of the same sizes with fsync and hashing them
(sha256). Searching: open and one exact query in a new process, beside reading the same array and
faiss.knn over it, where the array comes from the page cache in both. Memory is the peak of each
process, less what it is before it begins.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MADE = """
import hashlib, json, os, resource, sys, time
from pathlib import Path
import numpy as np

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""
WRITE_BARE = (
    MADE
    + """
sizes, place = json.loads(sys.argv[2]), Path(sys.argv[3])
data = memoryview(np.load(sys.argv[1])).cast("B")
while len(data) < max(sizes):
    data = memoryview(bytes(data) * 2)
os.sync()
started = time.perf_counter()
for number, size in enumerate(sizes):
    with open(place / str(number), "wb") as file:
        file.write(data[:size])
        file.flush()
        os.fsync(file.fileno())
    hashlib.sha256(data[:size]).hexdigest()
print(json.dumps([time.perf_counter() - started, 0]))
"""
)
WRITE_OURS = (
    MADE
    + """
import filelock, safetensors.numpy, vecsearch, vecsearch.collection
vectors = np.load(sys.argv[1])
os.sync()
before = peak()
started = time.perf_counter()
vecsearch.Collection.from_vectors(vectors, path=sys.argv[3])
print(json.dumps([time.perf_counter() - started, peak() - before]))
"""
)
QUERY_BARE = (
    MADE
    + """
started = time.perf_counter()
import faiss
vectors = np.load(sys.argv[1], mmap_mode="r")
query = np.array(vectors[12345:12346])
imported = time.perf_counter()
faiss.knn(query, vectors, 10)
print(json.dumps([imported - started, time.perf_counter() - imported]))
"""
)
QUERY_OURS = (
    MADE
    + """
started = time.perf_counter()
import vecsearch, vecsearch.collection
vectors = np.load(sys.argv[1], mmap_mode="r")
query = np.array(vectors[12345:12346])
imported = time.perf_counter()
collection = vecsearch.Collection.open(sys.argv[3])
opened = time.perf_counter()
hits = collection.query_vectors(query, 10)[0]
first = time.perf_counter()
assert hits[0].item.id == "12345"
collection.query_vectors(query, 10)
again = time.perf_counter()
print(json.dumps([imported - started, opened - imported, first - opened, again - first]))
"""
)


def run(script: str, *arguments: str | Path) -> list[float]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: list[float] = json.loads(output)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    make = (
        "import sys, numpy as np; rng = np.random.default_rng(0);"
        "np.save(sys.argv[1], rng.standard_normal((int(sys.argv[2]), int(sys.argv[3])),"
        " dtype=np.float32))"
    )
    with tempfile.TemporaryDirectory() as scratch:
        array, index, bare = (Path(scratch) / name for name in ("array.npy", "index", "bare"))
        shape = (str(arguments.count), str(arguments.dim))
        subprocess.run([sys.executable, "-c", make, str(array), *shape], check=True)
        run(WRITE_OURS, array, "", index)  # fills the page cache, and tells the sizes
        sizes = [path.stat().st_size for path in index.rglob("*") if path.is_file()]
        writes, queries = [], []
        for turn in range(arguments.rounds):
            taken: dict[str, list[float]] = {}
            for name in ("ours", "bare") if turn % 2 else ("bare", "ours"):
                for folder in (index, bare):
                    shutil.rmtree(folder, ignore_errors=True)
                if name == "ours":
                    taken[name] = run(WRITE_OURS, array, "", index)
                    queries.append((run(QUERY_BARE, array), run(QUERY_OURS, array, "", index)))
                else:
                    bare.mkdir()
                    taken[name] = run(WRITE_BARE, array, json.dumps(sizes), bare)
            writes.append((taken["bare"][0], *taken["ours"]))
        print(f"{arguments.count:,} × {arguments.dim}: {sum(sizes):,} bytes in {len(sizes)} files")
        for theirs, ours, memory in writes:
            print(
                f"write + fsync + sha256 {theirs:5.2f} s   from_vectors {ours:5.2f} s   "
                f"ratio {ours / theirs:4.2f}   memory {memory:.0f} MiB"
            )
        print(f"ratio {statistics.median(ours / theirs for theirs, ours, _ in writes):.2f}")
        for (_, search), (_, opened, first, again) in queries:
            print(
                f"faiss.knn {1000 * search:4.0f} ms   open {1000 * opened:4.0f} ms   "
                f"first query {1000 * first:5.0f} ms   second query {1000 * again:4.0f} ms"
            )


if __name__ == "__main__":
    main()
