"""Exact search by Panorama, which stops where the first dims tell enough, beside plain FAISS.

    python benchmarks/speed/panorama.py

One thread, 200 single queries, k = 10: how long the median query takes, and how many of the ten
nearest are among what is found: all dims of a PCA, or 256 of them and four times as many found.
"""

import time
from pathlib import Path

import faiss
import numpy as np
from sets import ready

SETS = ("fashion-784", "efficientnet-1280")
QUERIES, K = 200, 10
LEVELS = 16


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def asked(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    base, queries = np.load(folder / "base.npy"), np.load(folder / "queries.npy")[:QUERIES]
    return (unit(base), unit(queries)) if (folder / "cosine").exists() else (base, queries)


def main() -> None:
    faiss.omp_set_num_threads(1)
    for name in SETS:
        base, queries = asked(ready(name, quick=False))
        count, dim = base.shape
        nearest: list[set[int]] = []
        kinds = (
            ("Flat", K),
            (f"PCA{dim},FlatL2Panorama{LEVELS}", K),
            (
                f"PCA256,FlatL2Panorama{LEVELS}",
                4 * K,
            ),
        )
        for kind, wanted in kinds:
            index = faiss.index_factory(dim, kind)
            index.train(base[:: max(1, count // 15_000)])
            index.add(base)
            times, found = [], []
            for row in range(len(queries)):
                started = time.perf_counter()
                rows = index.search(queries[row : row + 1], wanted)[1][0]
                times.append(time.perf_counter() - started)
                found.append(set(rows.tolist()))
            nearest = nearest or found
            shares = [len(a & b) / K for a, b in zip(nearest, found, strict=True)]
            print(
                f"{name}, {count:,} × {dim}: {kind}, {wanted} found: "
                f"{1000 * float(np.median(times)):.2f} ms, {np.mean(shares):.4f} of the nearest"
            )


if __name__ == "__main__":
    main()
