"""Is a sample enough to find principal axes? All images, a sample, and incremental PCA.

    python benchmarks/fit_sample.py FOLDER

FOLDER is what benchmarks/fashion_mnist.py export wrote. Prints, for 32 axes of 28 × 28 grey, how
long fitting takes, the variance of all training images that the axes keep, and the accuracy of 5
nearest neighbours for the test images.
"""

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA

from vecsearch import Labelled, Preprocess, evaluate_vectors
from vecsearch.images import read, scan

DIM = 32


def images(folder: Path) -> tuple[np.ndarray, Labelled]:
    found = scan(folder)
    batches = read(folder, found.paths, Preprocess((28, 28), color="grey"))
    pixels = np.concatenate([batch.pixels for batch in batches])
    labels = [found.labels[path] for path in found.paths]
    rows = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
    return rows, Labelled(rows, [f"{folder.name}/{path}" for path in found.paths], labels)


def main(folder: Path) -> None:
    train, gallery = images(folder / "train")
    test, queries = images(folder / "test")
    variance = train.var(axis=0).sum()
    print("fitted on            seconds  variance kept  accuracy")
    for name, count, model in (
        ("all, incremental", 60_000, IncrementalPCA(DIM)),
        ("all", 60_000, PCA(DIM, svd_solver="covariance_eigh")),
        *((f"{count:,}", count, PCA(DIM, svd_solver="covariance_eigh"))
          for count in (20_000, 10_000, 5_000, 2_000, 1_000)),
    ):  # fmt: skip
        chosen = np.random.default_rng(0).choice(len(train), count, replace=False)
        started = time.perf_counter()
        model.fit(train[chosen])
        seconds = time.perf_counter() - started
        projected = [model.transform(rows).astype(np.float32) for rows in (train, test)]
        kept = projected[0].var(axis=0).sum() / variance
        result = evaluate_vectors(
            Labelled(projected[0], gallery.ids, gallery.labels),
            Labelled(projected[1], queries.ids, queries.labels),
            task="classification",
        )
        print(
            f"{name:18}  {seconds:8.2f}  {kept:13.4f}  {result.measures['accuracy']:8.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
