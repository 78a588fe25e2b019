"""From decoded images to vectors, and which of them a metric can take."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vecsearch.encoders import Encoder, load_encoder
from vecsearch.errors import DamagedCollection, ImageError, InvalidArgument, VecsearchError
from vecsearch.images import (
    Batch,
    File,
    ImageFolder,
    ImageLike,
    Preprocess,
    read,
    to_pixels,
)
from vecsearch.index import check_vectors, zero_rows
from vecsearch.store import Store
from vecsearch.types import JSON, Metric, Pixels, Progress, Skipped, Vectors

log = logging.getLogger(__name__)

SKIPPED_TOLD = 20


@dataclass(frozen=True)
class Encoded:
    """Files with their vectors, ``(len(files), dim)``, and those that were left out."""

    files: Sequence[File]
    vectors: Vectors
    skipped: Sequence[Skipped]


def read_folder(
    folder: ImageFolder,
    paths: Sequence[str],
    preprocess: Preprocess,
    jobs: int | None,
    progress: Progress | None,
    done: int = 0,
) -> Iterator[Batch]:
    """Decode images of a folder.

    Args:
        folder: Where they lie.
        paths: Which of them.
        preprocess: What they are brought to.
        jobs: How many processes decode.
        progress: Called as the work goes on.
        done: How many were decoded before.
    """
    total = done + len(paths)
    for batch in read(folder.root, paths, preprocess, jobs):
        done += len(batch.files) + len(batch.skipped)
        if progress is not None:
            progress("reading", done, total)
        yield batch


def encode_batches(
    batches: Iterable[Batch], root: Path, encoder: Encoder, metric: Metric
) -> Iterator[Encoded]:
    """Encode images while others decode the next; as ``encode`` otherwise.

    One thread alone does the linear algebra: two of them would wait for each other's turn on a
    processor, which took longer than PCA itself (benchmarks/encode_speed.py).
    """
    from threadpoolctl import ThreadpoolController

    libraries = ThreadpoolController()
    for batch in batches:
        with libraries.limit(limits=1, user_api="blas"):
            encoded = encode(batch, root, encoder, metric)
        yield encoded


def encode(batch: Batch, root: Path, encoder: Encoder, metric: Metric) -> Encoded:
    """Encode decoded images; one whose vector the metric cannot take is skipped.

    Raises:
        InvalidArgument: The encoder gave something else than finite vectors of its dim.
    """
    vectors = encode_pixels(batch.pixels, encoder)
    skipped = list(batch.skipped)
    files = list(batch.files)
    if metric is Metric.COSINE and len(zeros := zero_rows(vectors)):
        reason = "its vector is zero: cosine cannot compare what has no direction"
        skipped += [
            Skipped(root / file.path, reason, file.size, file.mtime_ns)
            for file in (files[row] for row in zeros)
        ]
        kept = np.setdiff1d(np.arange(len(files)), zeros)
        files, vectors = [files[row] for row in kept], vectors[kept]
    return Encoded(files, vectors, skipped)


def encode_pixels(pixels: Pixels, encoder: Encoder) -> Vectors:
    """What an encoder makes of pixels, which may be anybody's encoder.

    Raises:
        InvalidArgument: It gave something else than finite vectors of its dim.
        VecsearchError: It failed.
    """
    try:
        return check_vectors(encoder.encode(pixels), encoder.dim)
    except VecsearchError:
        raise
    except Exception as error:
        if type(encoder).__module__.partition(".")[0] == "vecsearch":
            raise
        # The mistake is that of whoever wrote the encoder, or of what it was given.
        raise VecsearchError(f"The encoder {encoder.name!r} failed: {error!r}") from error


def encode_images(
    images: Sequence[ImageLike], encoder: Encoder, metric: Metric | None = None
) -> Vectors:
    """The vectors of some images, ``(n, dim)`` float32, all of which a metric can compare.

    Raises:
        ImageError: One cannot be read, or its vector cannot be compared.
    """
    wanted = encoder.preprocess
    pixels = [to_pixels(image, wanted) for image in images]
    vectors = encode_pixels(np.array(pixels, np.uint8).reshape(-1, *wanted.shape), encoder)
    if metric is Metric.COSINE and len(zeros := zero_rows(vectors)):
        row = int(zeros[0])
        name = images[row] if isinstance(images[row], str | Path) else f"Image {row}"
        raise ImageError(f"{name}: its vector is zero: cosine cannot compare what has no direction")
    return vectors


def encoder_of(store: Store) -> Encoder:
    """What made the vectors of a collection, ready to encode others.

    Raises:
        InvalidArgument: The vectors were brought by their user.
        DamagedCollection: A file of it is not as it was written, or it is not the encoder that
            made the vectors.
    """
    folder, entry = store.encoder_folder(), store.manifest.encoder
    if folder is None or entry is None:
        raise InvalidArgument(
            f"The collection {store.folder} was made from vectors and has no encoder for images: "
            "ask it by vectors (query_vectors), or vecsearch recommend --like ID."
        )
    try:
        encoder = load_encoder(entry.name, folder)
    except (OSError, VecsearchError):
        store.encoder_folder()  # says so, if its files were taken away meanwhile
        raise
    if encoder.fingerprint != entry.fingerprint:
        raise DamagedCollection(
            f"{folder} holds another encoder {entry.name!r} than the one that made the vectors of "
            f"{store.folder}."
        )
    return encoder


def facts_of(file: File) -> dict[str, JSON]:
    """What is stored of a file itself."""
    return {key: value for key, value in vars(file).items() if key != "path"}


def tell_skipped(skipped: Sequence[Skipped], more: str = "") -> None:
    """Log which files were left out: the first of them, and how many others.

    Args:
        skipped: All of them.
        more: What is said of the others.
    """
    for one in skipped[:SKIPPED_TOLD]:
        log.info("Skipped %s: %s", one.path, one.reason)
    if len(skipped) > SKIPPED_TOLD:
        log.info("Skipped %d more%s.", len(skipped) - SKIPPED_TOLD, more)
