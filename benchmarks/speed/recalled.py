"""What every library is measured by: recall, queries a second, memory. Needs NumPy alone."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

K = 10
# Nobody waits longer for the single queries of one setting; slow ones are asked fewer.
SECONDS = 2.0
ROUNDS = 2


def load(folder: str) -> dict[str, np.ndarray]:
    """Vectors, queries and the distance of each query's 10th nearest."""
    place = Path(folder)
    return {
        "base": np.load(place / "base.npy", mmap_mode="r"),
        "queries": np.load(place / "queries.npy"),
        "tenth": np.load(place / "tenth.npy"),
    }


def distances(base: np.ndarray, queries: np.ndarray, rows: np.ndarray, cosine: bool) -> np.ndarray:
    """Of each query to its own rows, in double precision."""
    apart = np.empty(rows.shape)
    for number, (query, those) in enumerate(zip(queries.astype(np.float64), rows, strict=True)):
        near = base[those].astype(np.float64)
        if cosine:
            lengths = np.linalg.norm(near, axis=1) * np.linalg.norm(query)
            apart[number] = 1 - near @ query / lengths
        else:
            apart[number] = np.linalg.norm(near - query, axis=1)
    return apart


def recall(data: dict[str, np.ndarray], rows: np.ndarray, cosine: bool) -> float:
    """Which part of what was found is as near as the 10th nearest, as ann-benchmarks counts it."""
    rows = np.asarray(rows, np.int64)
    apart = distances(data["base"], data["queries"], np.maximum(rows, 0), cosine)
    near = (apart <= data["tenth"][:, None] + 1e-5) & (rows >= 0)
    return float(near.sum(axis=1).mean() / K)


def rate(ask: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    """Single queries a second, one after the other, the best of some rounds."""
    ask(queries[:1])
    best = 0.0
    for _ in range(ROUNDS):
        started, done = time.perf_counter(), 0
        for row in range(len(queries)):
            ask(queries[row : row + 1])
            done += 1
            if time.perf_counter() - started > SECONDS:
                break
        best = max(best, done / (time.perf_counter() - started))
    return best


def batch_rate(ask: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    """Queries a second, all at once, the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ask(queries)
        best = max(best, len(queries) / (time.perf_counter() - started))
    return best


def resident() -> int:
    """Bytes that this process holds in memory, those of mapped files among them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return 1024 * sum(int(sizes[name]) for name in ("RssAnon", "RssFile"))
