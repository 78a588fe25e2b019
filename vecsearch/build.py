"""From a folder of images to a committed collection."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.encoders import Encoder, is_fitted, is_trainable
from vecsearch.errors import InvalidArgument
from vecsearch.images import Batch, File, Gathered, ImageFolder, Preprocess, gather, read
from vecsearch.index import as_array, check_vectors, zero_rows
from vecsearch.store import Record, Writer
from vecsearch.types import JSON, Metric, Progress, Skipped, Vectors

BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Encoded:
    """Files with their vectors, ``(len(files), dim)``, and those that were left out."""

    files: Sequence[File]
    vectors: Vectors
    skipped: Sequence[Skipped]


def build_collection(
    folder: ImageFolder,
    path: Path,
    encoder: Encoder,
    metric: Metric,
    jobs: int | None,
    overwrite: bool,
    progress: Progress | None,
) -> None:
    """Decode, fit the encoder if it is not fitted yet, encode, and commit.

    Every image is decoded once, and only a block of them is in memory at a time.

    Raises:
        InvalidArgument: No image could be read, or the encoder cannot be fitted to them.
        CollectionExists: There is something at ``path`` already.
        CollectionLocked: Another process is writing there.
    """
    if not folder.paths:
        raise InvalidArgument(f"There are no images in {folder.root}{_first_of(folder.skipped)}")
    skipped = list(folder.skipped)
    found = 0
    with Writer(path, overwrite) as writer:
        batches = read_folder(folder, encoder.preprocess, jobs, progress)
        if is_trainable(encoder) and not is_fitted(encoder):
            gathered = gather(batches, encoder.preprocess, path)
            skipped += gathered.skipped
            if gathered.files:
                labels = [folder.labels.get(file.path) for file in gathered.files]
                encoder.fit(gathered.pixels, labels if folder.labels else None)
            batches = _again(gathered)
        for block in encode_batches(batches, folder, encoder, metric):
            skipped += block.skipped
            found += len(block.files)
            writer.add(block.vectors, [_record(file, folder) for file in block.files])
        if not found:
            raise InvalidArgument(
                f"None of the {len(folder.paths)} image files in {folder.root} could be used"
                f"{_first_of([one for one in skipped if one not in folder.skipped])}"
            )
        saved = writer.encoder_folder()
        encoder.save(saved)
        writer.set_encoder(
            saved, encoder.name, encoder.get_params(), encoder.fingerprint, encoder.facts()
        )
        skipped.sort(key=lambda one: str(one.path))
        writer.commit(metric, encoder.dim, folder.root.resolve().as_posix(), skipped)


def store_vectors(
    vectors: ArrayLike,
    ids: Sequence[str] | None,
    labels: Sequence[str | None] | None,
    metadata: Sequence[Mapping[str, JSON]] | None,
    path: Path,
    metric: Metric,
    overwrite: bool,
) -> None:
    """Commit vectors that their user brings, all or none, a block at a time.

    Raises:
        InvalidArgument: A vector, id, label or metadata cannot be taken.
        CollectionExists: There is something at ``path`` already.
        CollectionLocked: Another process is writing there.
    """
    array = as_array(vectors)
    count = len(array) if array.ndim else 0
    names = [str(row) for row in range(count)] if ids is None else ids
    records = _records(count, names, labels, metadata)
    if not records:
        raise InvalidArgument("A collection needs at least one vector.")
    step = max(1, BLOCK_BYTES // (4 * max(1, array[0].size)))
    dim = None
    with Writer(path, overwrite) as writer:
        for start in range(0, count, step):
            part = check_vectors(array[start : start + step], dim, metric, first=start)
            dim = part.shape[1]
            writer.add(part, records[start : start + step])
        writer.commit(metric, int(dim or 0))


def read_folder(
    folder: ImageFolder, preprocess: Preprocess, jobs: int | None, progress: Progress | None
) -> Iterator[Batch]:
    """Decode a folder's images."""
    done = 0
    for batch in read(folder.root, folder.paths, preprocess, jobs):
        done += len(batch.files) + len(batch.skipped)
        if progress is not None:
            progress("reading", done, len(folder.paths))
        yield batch


def encode_batches(
    batches: Iterable[Batch], folder: ImageFolder, encoder: Encoder, metric: Metric
) -> Iterator[Encoded]:
    """Encode decoded images; one whose vector the metric cannot take is skipped.

    Raises:
        InvalidArgument: The encoder gave something else than finite vectors of its dim.
    """
    for batch in batches:
        vectors = check_vectors(encoder.encode(batch.pixels), encoder.dim)
        skipped = list(batch.skipped)
        files = list(batch.files)
        if metric is Metric.COSINE and len(zeros := zero_rows(vectors)):
            reason = "its vector is zero: cosine cannot compare what has no direction"
            skipped += [Skipped(folder.root / files[row].path, reason) for row in zeros]
            kept = np.setdiff1d(np.arange(len(files)), zeros)
            files, vectors = [files[row] for row in kept], vectors[kept]
        yield Encoded(files, vectors, skipped)


def _record(file: File, folder: ImageFolder) -> Record:
    facts: dict[str, JSON] = {
        "sha256": file.sha256,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "width": file.width,
        "height": file.height,
    }
    return Record(file.path, file.path, folder.labels.get(file.path), {}, facts)


def _again(gathered: Gathered) -> Iterator[Batch]:
    """The gathered images once more, in blocks."""
    size = max(1, int(np.prod(gathered.pixels.shape[1:])))
    step = max(1, BLOCK_BYTES // size)
    for start in range(0, len(gathered.files), step):
        part = slice(start, start + step)
        yield Batch(gathered.files[part], gathered.pixels[part], [])


def _first_of(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return "."
    first = skipped[0]
    return f"; {len(skipped)} were left out, as {first.path.name} ({first.reason})."


def _records(
    count: int,
    ids: Sequence[str],
    labels: Sequence[str | None] | None,
    metadata: Sequence[Mapping[str, JSON]] | None,
) -> list[Record]:
    given: dict[str, Sequence[Any]] = {
        "ids": ids,
        "labels": [None] * count if labels is None else labels,
        "metadata": [{}] * count if metadata is None else metadata,
    }
    for name, values in given.items():
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise InvalidArgument(f"The {name} come as a list, one for each vector.")
        if len(values) != count:
            raise InvalidArgument(f"There are {count} vectors, but {len(values)} {name}.")
    if not all(isinstance(more, Mapping) for more in given["metadata"]):
        raise InvalidArgument("Metadata is a mapping for each vector, as {'price': 3}.")
    seen: set[str] = set()
    for name, label in zip(ids, given["labels"], strict=True):
        if not isinstance(name, str) or not isinstance(label, str | None):
            raise InvalidArgument(f"Ids and labels are strings, not {name!r} and {label!r}.")
        if name in seen:
            raise InvalidArgument(f"The id {name!r} is given twice.")
        seen.add(name)
    return [
        Record(name, None, label, dict(more))
        for name, label, more in zip(ids, given["labels"], given["metadata"], strict=True)
    ]
