"""The whole main job on bundled real images: a sample of Fashion-MNIST (Zalando SE, MIT)."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from vecsearch.collection import Collection
from vecsearch.evaluation import (
    Comparison,
    evaluate,
    milliseconds_per_image,
    with_differences,
)
from vecsearch.types import Hit, Metric, Progress

SAMPLE = "fashion-mnist-sample.zip"
ENCODERS = ("pixels", "pca", "lda")
QUERY = "test/coat/00010.png"


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        images: The folder with the unpacked images, ``train`` and ``test`` in it.
        indexes: The collections, one for each line of ``comparison``.
        comparison: How good each is on the test images.
        best: Which line has the highest accuracy by nearest neighbours.
        query: The image that was asked for.
        hits: Its nearest products in the best collection.
    """

    images: Path
    indexes: Sequence[Path]
    comparison: Sequence[Comparison]
    best: int
    query: Path
    hits: Sequence[Hit]


def run_demo(folder: str | Path = "indexes", progress: Progress | None = None) -> Demo:
    """Unpack 2,000 + 1,000 product images, index them six ways, query and evaluate.

    Args:
        folder: Where ``demo-images`` and the collections ``demo-ENCODER-METRIC`` go; those of an
            earlier run are replaced.
        progress: Called as the work goes on.

    Example:
        >>> run_demo().best  # doctest: +SKIP
        3
    """
    place = Path(folder)
    images = place / "demo-images"
    sample = files("vecsearch.demo") / SAMPLE
    with sample.open("rb") as file, zipfile.ZipFile(file) as archive:
        archive.extractall(images)
    test = sorted((images / "test").rglob("*.png"))
    indexes: list[Path] = []
    lines: list[Comparison] = []
    for encoder in ENCODERS:
        for metric in Metric:
            path = place / f"demo-{encoder}-{metric.value}"
            if progress is not None:
                progress("building and evaluating", len(lines), len(ENCODERS) * len(Metric))
            gallery = Collection.build(
                images / "train",
                path,
                encoder=encoder,
                metric=metric,
                size=(28, 28),
                color="grey",
                overwrite=True,
            )
            milliseconds = milliseconds_per_image(gallery.encoder, test)
            evaluation = evaluate(gallery, images / "test")
            indexes.append(path)
            lines.append(Comparison(encoder, metric, gallery.dim, milliseconds, evaluation))
    query = images / QUERY
    best = max(range(len(lines)), key=lambda row: lines[row].evaluation.measures["accuracy"])
    hits = Collection.open(indexes[best]).query_one(query, k=9)
    return Demo(images, indexes, with_differences(lines), best, query, hits)
