"""Four animals, some photos of each to learn from, all others to be told apart.

    python benchmarks/seeds/animals.py [ANIMALS22/images]

For LDA in two and in three dims and for raw pixels: precision and recall of each class by 5
nearest neighbours and by nearest centroid, mean ± standard deviation over the seeds.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from page import Page

from vecsearch import CentroidClassifier, Labelled, Preprocess, evaluate_vectors, make_encoder
from vecsearch.images import read, scan

CLASSES = ("cat", "dog", "chicken", "cow")
LEARNED = (16, 64)
SEEDS = range(10)
ENCODERS = (("lda", 2), ("lda", 3), ("pixels", None))
# What the article had, on other photos, 16 a class: precision and recall in percent.
THEIRS = {("lda", 2): (34, 33), ("lda", 3): (38, 38), ("pixels", None): (31, 30)}
LOOK = Preprocess((64, 64))


def photos(folder: Path) -> tuple[Any, list[str], NDArray[Any]]:
    found = scan(folder)
    paths = [path for path in found.paths if found.labels[path] in CLASSES]
    batches = list(read(folder, paths, LOOK))
    pixels = np.concatenate([batch.pixels for batch in batches])
    names = [file.path for batch in batches for file in batch.files]
    return pixels, names, np.array([found.labels[name] for name in names])


def drawn(labels: NDArray[Any], each: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == name))[:each] for name in CLASSES]
    )


def vectors_of(encoder: str, dim: int | None, pixels: Any, labels: Any, learned: Any) -> Any:
    made: Any = make_encoder(encoder, dim=dim, preprocess=LOOK)
    if hasattr(made, "fit"):
        made.fit(pixels[learned], labels[learned].tolist())
    return made.encode(pixels)


def tell(page: Page, folder: Path) -> None:
    pixels, names, labels = photos(folder)
    page.heading("Four animals")
    page.text(
        f"{len(names)} photos of cats, dogs, chickens and cows, 64 × 64 RGB; some of each are "
        "learned from, and all others asked about, with ten seeds. LDA learns two or three numbers "
        "a photo from 12,288. Precision and recall are means over the classes, ± the standard "
        f"deviation over the seeds; there are {min((labels == one).sum() for one in CLASSES)} "
        "photos of the rarest class, so that 128 cannot be learned from: 64 are."
    )
    page.command("python benchmarks/seeds/animals.py")
    overview, detail = [], []
    for each in LEARNED:
        for encoder, dim in ENCODERS:
            rows = [
                scores(pixels, names, labels, encoder, dim, drawn(labels, each, seed))
                for seed in SEEDS
            ]
            mean, spread = np.mean(rows, axis=0) * 100, np.std(rows, axis=0, ddof=1) * 100
            cells = [
                f"{mean[method, -1, figure]:.1f} ± {spread[method, -1, figure]:.1f} %"
                for method in (0, 1)
                for figure in (0, 1)
            ]
            theirs = "{} / {} %".format(*THEIRS[encoder, dim]) if each == 16 else ""
            name = f"{encoder} {dim}-D" if dim else encoder
            overview.append([each, name, *cells, theirs])
            for at, animal in enumerate(CLASSES):
                single = [
                    f"{mean[0, at, figure]:.1f} ± {spread[0, at, figure]:.1f} %"
                    for figure in (0, 1)
                ]
                detail.append([each, name, animal, *single])
    page.table(
        ["learned, a class", "vectors", "precision, 5 neighbours", "recall", "precision, centroid",
         "recall", "the article's, on other photos"],
        overview,
    )  # fmt: skip
    page.text("Class by class, by 5 nearest neighbours:")
    page.table(["learned, a class", "vectors", "class", "precision", "recall"], detail)
    draw(page, pixels, labels)


def scores(
    pixels: Any, names: list[str], labels: Any, encoder: str, dim: int | None, learned: Any
) -> list[list[list[float]]]:
    """Precision and recall, by method and by class, the mean of classes last."""
    found = vectors_of(encoder, dim, pixels, labels, learned)
    asked = np.setdiff1d(np.arange(len(names)), learned)
    gallery, queries = (
        Labelled(found[part], [names[row] for row in part], labels[part])
        for part in (learned, asked)
    )
    result = evaluate_vectors(gallery, queries, ks=[1], task="classification")
    told = []
    for table in (result.knn, result.centroid):
        assert table is not None
        each = [[table.per_class[name].precision, table.per_class[name].recall] for name in CLASSES]
        told.append([*each, [table.macro_precision, table.macro_recall]])
    return told


def draw(page: Page, pixels: Any, labels: Any) -> None:
    """The photos in LDA's two dims: as they are, and in the colours of the nearest centre."""
    figure = page.figure(11, 8)
    grid = figure.subplots(len(LEARNED), 2)
    for line, each in zip(grid, LEARNED, strict=True):
        learned = drawn(labels, each, 0)
        asked = np.setdiff1d(np.arange(len(labels)), learned)
        found = vectors_of("lda", 2, pixels, labels, learned)
        model = CentroidClassifier().fit(found[learned], labels[learned])
        said = model.predict(found[asked])
        for axes, colours, title in (
            (line[0], labels[asked], "their classes"),
            (line[1], said, "the nearest centre's"),
        ):
            for at, name in enumerate(CLASSES):
                axes.scatter(*found[asked][colours == name].T, s=8, color=f"C{at}", label=name)
                middle = found[learned][labels[learned] == name].mean(axis=0)
                axes.scatter(*middle, s=140, marker="X", color=f"C{at}", edgecolors="black")
            axes.set(xticks=[], yticks=[], title=f"{each} a class learned; colours: {title}")
        line[0].legend()
    page.picture(
        figure,
        "animals",
        "Photos that were not learned from in LDA's two dims; crosses are centres",
    )


if __name__ == "__main__":
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else data / "animals22" / "images"
    Page().print(lambda page: tell(page, place))
