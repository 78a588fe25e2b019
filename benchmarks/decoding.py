"""Threads or processes for decoding? Both, and neither, on small PNGs and on photos.

    python benchmarks/decoding.py FASHION_MNIST_TRAIN PHOTOS

Prints the median of five rounds, and how long worker processes take to start.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import loky
import numpy as np

from vecsearch.images import Preprocess, read_one, walk

ROUNDS = 5


def decode(folder: Path, preprocess: Preprocess, paths: list[str]) -> np.ndarray:
    return np.stack([read_one(folder / path, preprocess)[1] for path in paths])


def timed(run: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def ways(folder: Path, preprocess: Preprocess) -> Iterator[tuple[str, float]]:
    paths, _ = walk(folder)
    chunks = [paths[start : start + 64] for start in range(0, len(paths), 64)]
    work = [(folder, preprocess, chunk) for chunk in chunks]
    workers = os.cpu_count() or 1

    def alone() -> None:
        for one in work:
            decode(*one)

    def threads() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(decode, *zip(*work, strict=True)))

    def processes() -> None:
        with loky.ProcessPoolExecutor(workers) as pool:
            for _ in pool.map(decode, *zip(*work, strict=True)):
                pass

    print(f"{folder}: {len(paths)} files to {preprocess.size}, {workers} processors")
    yield "one after the other", timed(alone)
    yield "threads", timed(threads)
    yield "processes, start included", timed(processes)


def start() -> None:
    with loky.ProcessPoolExecutor(os.cpu_count()) as pool:
        pool.submit(int).result()


if __name__ == "__main__":
    small, photos = map(Path, sys.argv[1:3])
    for folder, preprocess in (
        (small, Preprocess((28, 28), color="grey")),
        (photos, Preprocess((64, 64))),
    ):
        for name, seconds in ways(folder, preprocess):
            print(f"  {name:26} {seconds:6.2f} s")
    print(f"starting worker processes: {timed(start):.2f} s")
