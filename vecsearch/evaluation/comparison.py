"""One table that tells which encoder and which metric to take."""

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch.encoders import (
    Encoder,
    encoder_entries,
    has_learned,
    is_fitted,
    is_trainable,
    make_encoder_for,
    only_taken,
    open_encoder,
)
from vecsearch.encoders.base import SETTINGS, check_seed
from vecsearch.encoding import read_folder, tell_skipped
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.measures import Values
from vecsearch.evaluation.paired import Difference, corrected, difference
from vecsearch.evaluation.protocol import (
    DEFAULT_KS,
    DEFAULT_NEIGHBOURS,
    check_matched,
    evaluate_vectors,
)
from vecsearch.evaluation.result import Evaluation, joined
from vecsearch.evaluation.splitting import PROTOCOLS, Dealt, Split, deal, whole_labels, whole_paths
from vecsearch.images import ImageFolder, Preprocess, gather, scan, subset, to_pixels
from vecsearch.images.decoding import Color, Fit
from vecsearch.index import as_metric
from vecsearch.types import JSON, Metric, Pixels, Progress

log = logging.getLogger(__name__)

DEFAULT_ENCODERS = ("pixels", "pca", "lda")
TIMED_IMAGES = 25
BLOCK_BYTES = 64 << 20
COMPARED = ("map", "accuracy")


@dataclass(frozen=True)
class Comparison:
    """One line of the table.

    Attributes:
        encoder: Its name, or the folder it came from.
        metric: How its vectors were compared.
        dim: The length of its vectors.
        ms_per_image: Milliseconds to decode and encode one image alone; the median of 25.
        evaluation: How good the answers are.
        differences: By mAP and accuracy, how it differs from the line that is best by it.
    """

    encoder: str
    metric: Metric
    dim: int
    ms_per_image: float
    evaluation: Evaluation
    differences: Sequence[Difference] = ()

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
            "intervals": {name: list(ends) for name, ends in self.evaluation.intervals.items()},
            "differences": [asdict(one) for one in self.differences],
            **self.evaluation.categories_json(),
        }


def compare(
    folder: str | Path,
    queries: str | Path | None = None,
    *,
    encoders: Sequence[str] = DEFAULT_ENCODERS,
    metrics: Sequence[Metric | str] = tuple(Metric),
    size: tuple[int, int] | None = None,
    fit: Fit | None = None,
    color: Color | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    batch_size: int | None = None,
    labels: str | Path = "folder",
    protocol: str | Path = "holdout",
    holdout: float = 0.2,
    folds: int = 5,
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
        queries: A folder of labelled queries; by default, images of ``folder`` are asked about, as
            the protocol says.
        encoders: Names, each with ``=DIM`` behind it if another dim than its own is wanted; or
            folders with a trained encoder, which is taken as it is.
        metrics: ``euclidean``, ``cosine`` or both.
        size: Width and height that images are brought to, with every encoder; 64 × 64, or as a
            pretrained network wants them.
        fit: ``stretch``, ``crop`` or ``pad`` them to that size.
        color: ``rgb`` or ``grey``.
        weights: For those encoders that take any; see ``docs/encoders.md``.
        device: What networks run on: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        batch_size: How many images go through a network at once.
        labels: ``folder``, or a CSV file with the columns path and label.
        protocol: Which images are learned from and asked about where there is no ``queries``:
            ``holdout``, ``kfold``, ``unseen`` or a CSV file; see ``deal``.
        holdout: The fraction of each class that is held out.
        folds: How many folds there are.
        ks: The cut-offs k of precision, recall, hit and nDCG.
        neighbours: How many neighbours vote in classification.
        seed: For everything random.
        jobs: How many processes decode.
        progress: Called as the work goes on.

    Returns:
        One entry for each encoder and metric, in the order given.

    Raises:
        InvalidArgument: A value makes no sense, or there is nothing labelled to compare.

    Example:
        >>> lines = compare("tests/data/photos", encoders=["pixels"], metrics=["cosine"])
        >>> lines[0].encoder, lines[0].dim
        ('pixels', 12288)
    """
    wanted = list(dict.fromkeys(as_metric(metric) for metric in metrics))
    check_seed(seed)
    if not wanted or not encoders:
        raise InvalidArgument("Name an encoder and a metric, or more of them.")
    look: dict[str, Any] = {"size": size, "fit": fit, "color": color}
    network = {
        "weights": None if weights is None else str(weights),
        "device": device,
        "batch_size": batch_size,
    }
    make = partial(_make, look=look, network=network, seed=seed)
    made = [make(encoder) for encoder in encoders]
    for name in encoders:
        if not _is_model(name) and (Path(name) / SETTINGS).is_file():
            log.warning("%s is the encoder of that name; ./%s is that in the folder.", name, name)
    shown = scan(folder, labels)
    if queries is None:
        dealt = deal(shown, protocol, holdout=holdout, folds=folds, seed=seed)
        why = f"no row of {protocol} is of the split train."
        if protocol in PROTOCOLS and (trained := _which(has_learned, encoders, made)):
            raise InvalidArgument(
                f"{trained[0]} may have been trained on the images that would be held out here: "
                "give a folder of other images to ask with."
            )
    else:
        dealt = _asked_by(scan(queries, labels), shown)
        why = (
            f"all images of {folder} are asked with, too. Leave out the folder of queries and say "
            "--protocol."
        )
    _check_learned(dealt, _which(_learns, encoders, made), why)
    ask = partial(evaluate_vectors, ks=ks, neighbours=neighbours, progress=progress)
    lines: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="vecsearch-") as scratch:
        seen: dict[Preprocess, _Pictures] = {}
        for name, encoder in zip(encoders, made, strict=True):
            wants = encoder.preprocess
            if wants not in seen:
                seen[wants] = _Pictures(dealt, wants, jobs, Path(scratch), progress)
            anew = partial(make, name) if _learns(encoder) else None
            lines += _lines(name, encoder, anew, seen[wants], wanted, ask, progress)
    return with_differences(lines)


def _lines(
    name: str,
    encoder: Encoder,
    anew: Callable[[], Encoder] | None,
    pictures: "_Pictures",
    metrics: Sequence[Metric],
    ask: Callable[..., Evaluation],
    progress: Progress | None,
) -> list[Comparison]:
    """What one encoder comes to, by each metric; made ``anew`` for each split if it learns."""
    found: dict[Metric, list[Evaluation]] = {}
    categories = pictures.dealt.categories
    for split in pictures.dealt.splits:
        used = encoder if anew is None else anew()
        if anew is not None and is_trainable(used):
            if progress is not None:
                progress(f"fitting {name}", 0, 0)
            used.fit(*pictures.learned(split.learned))
        if progress is not None:
            progress(f"encoding by {name}", 0, 0)
        gallery, asked = (pictures.encoded(used, part) for part in (split.gallery, split.queries))
        kinds = [categories.get(one, "") for one in asked.ids] if categories else None
        for metric in metrics:  # a fold alone may have nothing that matches
            part = ask(gallery, asked, categories=kinds, metric=metric, unmatched=True)
            found.setdefault(metric, []).append(part)
    milliseconds = milliseconds_per_image(used, [Path(one) for one in asked.ids])
    return [
        Comparison(
            name if _is_model(name) else name.partition("=")[0],
            metric,
            used.dim,
            milliseconds,
            check_matched(joined(parts), gallery.labels),
        )
        for metric, parts in found.items()
    ]


def with_differences(lines: Sequence[Comparison]) -> list[Comparison]:
    """Say of each line how it differs from the best one, by mAP and by accuracy.

    All have the same queries. The p of each is corrected for as many comparisons as there are
    pairs of lines, since any of them might have been the best.
    """
    pairs = len(lines) * (len(lines) - 1) // 2
    found: list[list[Difference]] = [[] for _ in lines]
    for measure in COMPARED:
        values = [_values(line, measure) for line in lines]
        best = int(np.argmax([one.mean() for one in values]))
        others = [row for row in range(len(lines)) if row != best]
        told = [difference(measure, values[row], values[best]) for row in others]
        for row, one, p in zip(
            others, told, corrected([one.p for one in told], pairs), strict=True
        ):
            found[row].append(replace(one, p=p))
    return [replace(line, differences=one) for line, one in zip(lines, found, strict=True)]


def _values(line: Comparison, measure: str) -> Values:
    columns = line.evaluation.per_query
    if measure == "accuracy":
        right = [one == other for one, other in zip(columns["knn"], columns["label"], strict=True)]
        return np.array(right, np.float64)
    matched = np.asarray(columns["relevant"]) > 0
    return np.asarray(columns[measure], np.float64)[matched]


class _Pictures:
    """All decoded images that are dealt, by their whole paths.

    Whole paths are their ids too, so that an image that is in both folders is not its own answer.
    """

    def __init__(
        self,
        dealt: Dealt,
        look: Preprocess,
        jobs: int | None,
        scratch: Path,
        progress: Progress | None,
    ) -> None:
        self.dealt, self._scratch = dealt, scratch
        parts = [part for split in dealt.splits for part in vars(split).values()]
        paths = list(dict.fromkeys(chain.from_iterable(parts)))
        everything = ImageFolder(Path("/"), paths, {}, ())
        found = gather(read_folder(everything, paths, look, jobs, progress), look, scratch)
        self._pixels = found.pixels
        self._row_of = {file.path: row for row, file in enumerate(found.files)}
        tell_skipped(found.skipped)

    def learned(self, paths: Sequence[str]) -> tuple[Pixels, list[str | None]]:
        """Those of some paths that could be decoded, and their labels."""
        kept = [path for path in paths if path in self._row_of]
        rows = np.array([self._row_of[path] for path in kept], np.int64)
        pixels = subset(self._pixels, rows, self._scratch)
        return pixels, [self.dealt.labels.get(path) for path in kept]

    def encoded(self, encoder: Encoder, paths: Sequence[str]) -> Labelled:
        """The vectors of those of some paths that could be decoded."""
        kept = [path for path in paths if path in self._row_of]
        rows = np.array([self._row_of[path] for path in kept], np.int64)
        step = max(1, BLOCK_BYTES // max(1, self._pixels[:1].nbytes))
        blocks = [
            encoder.encode(self._pixels[rows[start : start + step]])
            for start in range(0, len(rows), step)
        ]
        vectors = np.concatenate([np.empty((0, encoder.dim), np.float32), *blocks])
        return Labelled(vectors, kept, [self.dealt.labels.get(path) for path in kept])


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


def _asked_by(posed: ImageFolder, shown: ImageFolder) -> Dealt:
    """All images of one folder as queries of another."""
    paths, asked_with = whole_paths(shown), whole_paths(posed)
    known = set(asked_with)
    learned = [path for path in paths if path not in known]
    labels_of = {**whole_labels(posed), **whole_labels(shown)}
    return Dealt([Split(learned, paths, asked_with)], labels_of, {})


def _check_learned(dealt: Dealt, learners: Sequence[str], why: str) -> None:
    if learners and not all(split.learned for split in dealt.splits):
        raise InvalidArgument(f"{learners[0]} would have nothing to learn from: {why}")


def _which(
    holds: Callable[[Encoder], bool], names: Sequence[str], encoders: Sequence[Encoder]
) -> list[str]:
    """The names of those encoders of which something holds."""
    return [name for name, one in zip(names, encoders, strict=True) if holds(one)]


def _learns(encoder: Encoder) -> bool:
    """Whether it is fitted here."""
    return is_trainable(encoder) and not is_fitted(encoder)


def _make(name: str, look: Mapping[str, Any], network: Mapping[str, Any], seed: int) -> Encoder:
    if _is_model(name):
        return open_encoder(name)
    base, _, dim = name.partition("=")
    try:
        number = float(dim) if dim else None
    except ValueError as error:
        raise InvalidArgument(f"{name!r}: behind = stands a dim, as in pca=32.") from error
    options = only_taken(base, network)
    return make_encoder_for(base, dim=number, seed=seed, **look, **options)
