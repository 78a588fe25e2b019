"""Exact search by FAISS as it comes, and as vecsearch sets it up for many queries at once.

    python benchmarks/batches.py [--rounds 21]

Both search the same vectors in turn, round after round; prints the median seconds of FAISS as it
comes, and how many times as fast vecsearch's way is.
"""

import argparse
import statistics
import time

import faiss
import numpy as np

from vecsearch.index.batches import by_products

SHAPES = ((32, 60_000), (128, 60_000), (784, 30_000), (1280, 20_000))
QUERIES = (1, 16, 64, 256, 1000, 4096)
K = 26


def seconds(queries: np.ndarray, vectors: np.ndarray, metric: int) -> float:
    started = time.perf_counter()
    faiss.knn(queries, vectors, K, metric=metric)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    print(f"{'vectors':>14} {'metric':>9}", *(f"{count:>16} queries" for count in QUERIES))
    for dim, count in SHAPES:
        middles = 3 * rng.normal(size=(10, dim))
        clouds = middles[rng.integers(0, 10, count)] + rng.normal(size=(count, dim))
        vectors = clouds.astype(np.float32)
        for name, metric in (
            ("euclidean", faiss.METRIC_L2),
            ("cosine", faiss.METRIC_INNER_PRODUCT),
        ):
            cells = []
            for asked in QUERIES:
                queries = vectors[:asked].copy()
                bare, ours = [], []
                for _ in range(rounds):
                    bare.append(seconds(queries, vectors, metric))
                    with by_products(asked):
                        ours.append(seconds(queries, vectors, metric))
                middle = statistics.median(bare)
                ratio = statistics.median(
                    one / other for one, other in zip(bare, ours, strict=True)
                )
                cells.append(f"{1000 * middle:>14.1f} ms {ratio:.2f} x")
            print(f"{count:>7,} × {dim:>4} {name:>9}", *cells, flush=True)


if __name__ == "__main__":
    main()
