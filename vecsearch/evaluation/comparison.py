"""One table that tells which encoder and which metric to take."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vecsearch.encoders import (
    Encoder,
    encoder_entries,
    is_fitted,
    is_trainable,
    make_encoder,
    open_encoder,
)
from vecsearch.encoding import read_folder
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.protocol import (
    DEFAULT_KS,
    DEFAULT_NEIGHBOURS,
    Evaluation,
    evaluate_vectors,
)
from vecsearch.images import Gathered, ImageFolder, Preprocess, gather, scan, to_pixels
from vecsearch.images.decoding import Color, Fit
from vecsearch.index import as_metric
from vecsearch.types import JSON, Metric, Progress

DEFAULT_ENCODERS = ("pixels", "pca", "lda")
TIMED_IMAGES = 25


@dataclass(frozen=True)
class Comparison:
    """One line of the table.

    Attributes:
        encoder: Its name, or the folder it came from.
        metric: How its vectors were compared.
        dim: The length of its vectors.
        ms_per_image: Milliseconds to decode and encode one image alone; the median of 25.
        evaluation: How good the answers are.
    """

    encoder: str
    metric: Metric
    dim: int
    ms_per_image: float
    evaluation: Evaluation

    @property
    def bytes_per_item(self) -> int:
        """What a vector takes, as float32."""
        return 4 * self.dim

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            "encoder": self.encoder,
            "metric": self.metric.value,
            "dim": self.dim,
            "ms_per_image": round(self.ms_per_image, 3),
            "bytes_per_item": self.bytes_per_item,
            "queries": self.evaluation.queries,
            "gallery": self.evaluation.gallery,
            "measures": dict(self.evaluation.measures),
        }


def compare(
    folder: str | Path,
    queries: str | Path | None = None,
    *,
    encoders: Sequence[str] = DEFAULT_ENCODERS,
    metrics: Sequence[Metric | str] = tuple(Metric),
    size: tuple[int, int] = (64, 64),
    fit: Fit = "stretch",
    color: Color = "rgb",
    labels: str | Path = "folder",
    holdout: float = 0.2,
    ks: Sequence[int] = DEFAULT_KS,
    neighbours: int = DEFAULT_NEIGHBOURS,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Comparison]:
    """Fit encoders to the same images, ask them the same queries, and put the results together.

    Every image is decoded once, and once more for each size or colour that a trained encoder wants
    for itself. Encoders never see the queries while they are fitted.

    Args:
        folder: The labelled gallery.
        queries: A folder of labelled queries; by default, some images of each class are held out
            of the gallery.
        encoders: Names, each with ``=DIM`` behind it if another dim than its own is wanted; or
            folders with a trained encoder, which is taken as it is.
        metrics: ``euclidean``, ``cosine`` or both.
        size: Width and height that images are brought to.
        fit: ``stretch``, ``crop`` or ``pad`` them to that size.
        color: ``rgb`` or ``grey``.
        labels: ``folder``, or a CSV file with the columns path and label.
        holdout: The fraction of each class that is held out, where there is no ``queries``.
        ks: The cut-offs k of precision, recall, hit and nDCG.
        neighbours: How many neighbours vote in classification.
        seed: For everything random.
        jobs: How many processes decode.
        progress: Called as the work goes on.

    Returns:
        One entry for each encoder and metric, in the order given.

    Raises:
        InvalidArgument: A value makes no sense, or there is nothing labelled to compare.
    """
    wanted = [as_metric(metric) for metric in metrics]
    preprocess = Preprocess(size, fit, color)
    made = [_make(encoder, preprocess, seed) for encoder in encoders]
    looks = dict.fromkeys(encoder.preprocess for encoder in made)
    gallery = scan(folder, labels)
    if queries is None:
        if trained := [name for name in encoders if _is_model(name)]:
            raise InvalidArgument(
                f"{trained[0]} may have been trained on the images that would be held out here: "
                "give a folder of other images to ask with."
            )
        gallery, asked = hold_out(gallery, holdout, seed)
    else:
        asked = scan(queries, labels)
    with tempfile.TemporaryDirectory(prefix="vecsearch-") as scratch:
        images = {
            look: [
                gather(read_folder(part, part.paths, look, jobs, progress), look, Path(scratch))
                for part in (gallery, asked)
            ]
            for look in looks
        }
        lines = []
        for name, encoder in zip(encoders, made, strict=True):
            shown, posed = images[encoder.preprocess]
            if is_trainable(encoder) and not is_fitted(encoder):
                encoder.fit(shown.pixels, [gallery.labels.get(file.path) for file in shown.files])
            vectors = [_labelled(encoder, gallery, shown), _labelled(encoder, asked, posed)]
            paths = [asked.root / file.path for file in posed.files]
            milliseconds = milliseconds_per_image(encoder, paths)
            for metric in wanted:
                evaluation = evaluate_vectors(
                    *vectors, metric=metric, ks=ks, neighbours=neighbours, progress=progress
                )
                shown_name = name if _is_model(name) else encoder.name
                lines.append(Comparison(shown_name, metric, encoder.dim, milliseconds, evaluation))
    return lines


def hold_out(folder: ImageFolder, fraction: float, seed: int) -> tuple[ImageFolder, ImageFolder]:
    """Split a labelled folder into a gallery and queries.

    Of each class that has two images or more, the fraction is held out, at least one and never
    all; unlabelled images stay in the gallery.

    Raises:
        InvalidArgument: The fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise InvalidArgument(f"The fraction held out is between 0 and 1, not {fraction}.")
    classes: dict[str, list[str]] = {}
    for path in folder.paths:
        if path in folder.labels:
            classes.setdefault(folder.labels[path], []).append(path)
    rng = np.random.default_rng(seed)
    held: set[str] = set()
    for label in sorted(classes):
        members = rng.permutation(classes[label])
        held.update(members[: min(len(members) - 1, max(1, round(fraction * len(members))))])
    return (
        replace(folder, paths=[path for path in folder.paths if path not in held]),
        replace(folder, paths=[path for path in folder.paths if path in held]),
    )


def milliseconds_per_image(encoder: Encoder, paths: Sequence[Path]) -> float:
    """How long one image takes to decode and encode alone: the median of the first 25."""
    times = []
    for path in paths[:TIMED_IMAGES]:
        started = time.perf_counter()
        encoder.encode(to_pixels(path, encoder.preprocess)[None])
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times) if times else 0.0


def _is_model(name: str) -> bool:
    """Whether a name means a folder with a trained encoder, rather than an encoder."""
    known = {entry.name for entry in encoder_entries()}
    return name.partition("=")[0] not in known and Path(name).is_dir()


def _make(name: str, preprocess: Preprocess, seed: int) -> Encoder:
    if _is_model(name):
        return open_encoder(name)
    base, _, dim = name.partition("=")
    try:
        number = float(dim) if dim else None
    except ValueError as error:
        raise InvalidArgument(f"{name!r}: behind = stands a dim, as in pca=32.") from error
    return make_encoder(base, dim=number, preprocess=preprocess, seed=seed)


def _labelled(encoder: Encoder, folder: ImageFolder, images: Gathered) -> Labelled:
    # Whole paths as ids, so that an image that is in both folders is not its own answer.
    root = folder.root.resolve()
    return Labelled(
        encoder.encode(images.pixels),
        [(root / file.path).as_posix() for file in images.files],
        [folder.labels.get(file.path) for file in images.files],
    )
