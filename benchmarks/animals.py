"""Four animals, 16 photos of each to learn from, all others to be told apart; ten seeds.

    python benchmarks/animals.py [ANIMALS22/images]

For LDA in two and in three dims and for raw pixels: precision and recall of each class by 5
nearest neighbours and by nearest centroid, mean ± standard deviation over the seeds.
"""

import os
import sys
from pathlib import Path

import numpy as np

from vecsearch import Labelled, Preprocess, evaluate_vectors, make_encoder
from vecsearch.images import read, scan

CLASSES = ("cat", "dog", "chicken", "cow")
LEARNED = 16
SEEDS = range(10)
ENCODERS = (("lda", 2), ("lda", 3), ("pixels", None))


def main(folder: Path) -> None:
    preprocess = Preprocess((64, 64))
    found = scan(folder)
    paths = [path for path in found.paths if found.labels[path] in CLASSES]
    batches = list(read(folder, paths, preprocess))
    pixels = np.concatenate([batch.pixels for batch in batches])
    names = [file.path for batch in batches for file in batch.files]
    labels = np.array([found.labels[name] for name in names])
    print(f"{len(names)} photos, {LEARNED} a class learned, {len(names) - 64} asked, 64 × 64 RGB")
    for encoder, dim in ENCODERS:
        rows = []
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            learned = np.concatenate(
                [rng.permutation(np.flatnonzero(labels == name))[:LEARNED] for name in CLASSES]
            )
            asked = np.setdiff1d(np.arange(len(names)), learned)
            made = make_encoder(encoder, dim=dim, preprocess=preprocess)
            if hasattr(made, "fit"):
                made.fit(pixels[learned], labels[learned].tolist())
            gallery, queries = (
                Labelled(made.encode(pixels[part]), [names[row] for row in part], labels[part])
                for part in (learned, asked)
            )
            result = evaluate_vectors(gallery, queries, ks=[1])
            rows.append(
                [
                    [
                        [table.per_class[name].precision, table.per_class[name].recall]
                        for name in CLASSES
                    ]
                    + [[table.macro_precision, table.macro_recall]]
                    for table in (result.knn, result.centroid)
                ]
            )
        mean, spread = np.mean(rows, axis=0) * 100, np.std(rows, axis=0, ddof=1) * 100
        print(f"\n{encoder} {made.dim}-D      5 nearest neighbours          nearest centroid")
        print("              precision     recall        precision     recall")
        for row, name in enumerate([*CLASSES, "mean"]):
            cells = [
                f"{mean[method, row, figure]:4.1f} ± {spread[method, row, figure]:3.1f} %"
                for method in (0, 1)
                for figure in (0, 1)
            ]
            print(f"  {name:10}  " + "  ".join(f"{cell:12}" for cell in cells))


if __name__ == "__main__":
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else data / "animals22" / "images")
