"""How build, memory, disk, opening, queries and updates grow with a collection.

    python benchmarks/speed/scale.py [--quick] [--largest] [--dim 64]

10⁴, 10⁵ and 10⁶ clustered vectors with ids and labels; ``--largest`` adds 10⁷, which takes some
12 GB of memory and 15 GB of disk. Each step is a process of its own. Beside it bare
work: writing as many bytes with fsync and sha256, and ``faiss.knn`` over the same array. A cold
query is one whose files the system was told to forget. Exponents are slopes of log–log lines.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from outcome import arguments, keep, plotted

SIZES, QUICK = (10**4, 10**5, 10**6), (10**3, 10**4)
LARGEST = 10**7
UPDATE = 1000
START = """
import hashlib, json, os, sys, time
from pathlib import Path
import numpy as np
place, count = Path(sys.argv[1]), int(sys.argv[2])
def peak():  # that of getrusage begins with the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
def names(start, stop):
    return [f"shop/{number:08}.jpg" for number in range(start, stop)]
marks = [time.perf_counter()]
def lap():
    marks.append(time.perf_counter())
    return marks[-1] - marks[-2]
"""
BUILD = """
import vecsearch, vecsearch.collection, safetensors.numpy, filelock
vectors = np.load(place / "base.npy")
ids, labels = names(0, count), [f"class {number % 100}" for number in range(count)]
before = peak()
lap()
vecsearch.Collection.from_vectors(vectors, ids, labels, path=place / "index", index=sys.argv[3])
print(json.dumps({f"build_{sys.argv[3]}_s": lap(), f"build_{sys.argv[3]}_mb": peak() - before}))
"""
WRITE = """
sizes = [path.stat().st_size for path in (place / "index").rglob("*") if path.is_file()]
data = memoryview(np.load(place / "base.npy")).cast("B")
data = memoryview(bytes(data) * (1 + max(sizes) // len(data)))
(place / "bare").mkdir()
lap()
for number, size in enumerate(sizes):
    with open(place / "bare" / str(number), "wb") as file:
        file.write(data[:size])
        file.flush()
        os.fsync(file.fileno())
    hashlib.sha256(data[:size]).hexdigest()
print(json.dumps({"bare_write_s": lap(), "bytes": sum(sizes)}))
"""
ASK = """
import faiss, vecsearch, vecsearch.collection
queries = np.load(place / "queries.npy")
for path in [*(place / "index").rglob("*")] if sys.argv[3] == "cold" else []:
    if path.is_file():
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
before = peak()
lap()
collection = vecsearch.Collection.open(place / "index")
opened = lap()
collection.query_vectors(queries[:1], 10)
first = lap()
times = []
for query in queries[:100]:
    lap()
    collection.query_vectors(query[None], 10)
    times.append(lap())
found = {"open": opened, "first": first, "warm": float(np.median(times))}
found = {f"{key}_{sys.argv[3]}_ms": 1e3 * value for key, value in found.items()}
print(json.dumps({**found, f"query_{sys.argv[3]}_mb": peak() - before}))
"""
BARE = """
import faiss
vectors, queries = np.load(place / "base.npy"), np.load(place / "queries.npy")
times = []
for query in queries[:20]:
    lap()
    faiss.knn(query[None], vectors, 10)
    times.append(lap())
print(json.dumps({"bare_knn_ms": 1e3 * float(np.median(times))}))
"""
CHANGE = """
import vecsearch, vecsearch.collection
queries = np.load(place / "queries.npy")
collection = vecsearch.Collection.open(place / "index")
more, ids = np.resize(queries, (1000, queries.shape[1])), names(count, count + 1000)
before = peak()
lap()
collection.add_vectors(more, ids)
added = lap()
collection.remove(names(0, 1000))
print(json.dumps({"add_s": added, "remove_s": lap(), "add_mb": peak() - before}))
"""
# What is fitted, and what it is called.
GROWING = {
    "build_exact_s": "build, exact",
    "build_auto_s": "build, auto",
    "bytes": "bytes on disk",
    "open_warm_ms": "open",
    "first_warm_ms": "first query",
    "first_cold_ms": "first query, cold",
    "warm_warm_ms": "warm query",
    "bare_knn_ms": "faiss.knn",
    "add_s": "add 1,000",
}


def step(script: str, place: Path, count: int, *more: str) -> dict[str, float]:
    command = [sys.executable, "-c", START + script, str(place), str(count), *more]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def measured(count: int, dim: int) -> dict[str, float]:
    from sets import clustered

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        base, queries = clustered(count, dim)(False)
        np.save(place / "base.npy", base)
        np.save(place / "queries.npy", queries)
        del base
        row: dict[str, float] = {"count": count}
        row |= step(BUILD, place, count, "exact")
        row |= step(WRITE, place, count)
        shutil.rmtree(place / "bare")
        shutil.rmtree(place / "index")
        row |= step(BUILD, place, count, "auto")
        row["bytes"] = sum(
            path.stat().st_size for path in (place / "index").rglob("*") if path.is_file()
        )
        os.sync()
        row |= step(ASK, place, count, "cold")
        row |= step(ASK, place, count, "warm")
        row |= step(BARE, place, count)
        row |= step(CHANGE, place, count)
    return row


def exponents(rows: list[dict[str, float]]) -> dict[str, float]:
    """How each figure grows: n to the power of this."""
    counts = np.log([row["count"] for row in rows])
    return {
        key: float(np.polyfit(counts, np.log([row[key] for row in rows]), 1)[0]) for key in GROWING
    }


def draw(rows: list[dict[str, float]], slopes: dict[str, float], quick: bool) -> None:
    (left, right), save = plotted("scale", quick, 2)
    for key, name in GROWING.items():
        if key == "bytes":
            continue
        axis = right if key.endswith("_ms") else left
        axis.plot(
            [row["count"] for row in rows],
            [row[key] for row in rows],
            marker="o",
            label=f"{name}: n^{slopes[key]:.2f}",
        )
    for axis, title in ((left, "seconds"), (right, "milliseconds")):
        axis.set(xscale="log", yscale="log", xlabel="vectors", title=title)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    save()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--largest", action="store_true")
    parser.add_argument("--dim", type=int, default=64)
    given = parser.parse_args()
    rows = []
    for count in QUICK if given.quick else (*SIZES, *([LARGEST] if given.largest else [])):
        rows.append(measured(count, given.dim))
        print(json.dumps({key: round(value, 3) for key, value in rows[-1].items()}), flush=True)
    slopes = exponents(rows)
    keep("scale", {"dim": given.dim, "rows": rows, "exponents": slopes}, given.quick)
    print({GROWING[key]: round(value, 2) for key, value in slopes.items()})
    draw(rows, slopes, given.quick)


if __name__ == "__main__":
    main()
