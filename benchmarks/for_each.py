"""The similar items of a whole catalogue, beside FAISS's bare search for the same neighbours.

    python benchmarks/for_each.py [--items 60000] [--dim 32] [-k 20] [--rounds 5]

Both search the same vectors, in turn: FAISS by one call that leaves rows and distances in memory,
and `recommend_for_each`, which also drops the item itself, settles distances in double precision,
and writes ids, ranks, distances and scores as Parquet. Prints the seconds of each round and the
median of their ratios.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np

from vecsearch import Collection, recommend_for_each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=60_000)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    middles = 3 * rng.normal(size=(10, arguments.dim))
    vectors = middles[rng.integers(0, 10, arguments.items)] + rng.normal(
        size=(arguments.items, arguments.dim)
    )
    vectors = vectors.astype(np.float32)
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        names = [f"class-{row % 10}/{row:06d}.png" for row in range(arguments.items)]
        place = Path(scratch) / "catalogue"
        catalogue = Collection.from_vectors(vectors, names, path=place, index="exact")
        for number in range(arguments.rounds):
            started = time.perf_counter()
            faiss.knn(vectors, vectors, arguments.k + 1)
            bare = time.perf_counter() - started
            started = time.perf_counter()
            recommend_for_each(catalogue, Path(scratch) / "similar.parquet", arguments.k)
            ours = time.perf_counter() - started
            ratios.append(bare / ours)
            print(f"round {number + 1}: FAISS {bare:.2f} s, ours {ours:.2f} s", flush=True)
    print(f"speed beside FAISS: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
