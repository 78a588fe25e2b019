"""What a worker does, whichever engine it belongs to."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch.build import left_out
from vecsearch.distributed.filesystems import fetch, located, without_keys
from vecsearch.distributed.kept import keep_pixels, kept_pixels
from vecsearch.distributed.tasks import Task
from vecsearch.encoders import Encoder, load_encoder
from vecsearch.encoding import encode_batches
from vecsearch.errors import ImageError, VecsearchError
from vecsearch.images import (
    UNREADABLE,
    Batch,
    File,
    Preprocess,
    chunk_files,
    decode,
    in_processes,
    read_chunk,
)
from vecsearch.index import Shard, Shards
from vecsearch.store import PARTS, Part, begin_part, write_part
from vecsearch.types import Metric, Skipped

# Engines do again what was lost with its worker, for ever.
ATTEMPTS = 5


@dataclass(frozen=True)
class Job:
    """What all workers of a build must know.

    Attributes:
        folder: Where the collection will lie; every worker must see it under this path.
        encoder: The name of the encoder, which is saved in ``saved``.
        saved: A folder below ``draft/parts``.
        metric: What the vectors are to be compared by.
        decoders: How many processes of each worker decode; with 1, the worker itself does.
        software: The version of vecsearch that cut the tasks.
        run: Names this run of the build.
        batch_size: How many images go through a network at once; None for as many as suit.
    """

    folder: Path
    encoder: str
    saved: str
    metric: Metric
    decoders: int
    software: str
    run: str
    batch_size: int | None = None


class Worker:
    """Makes parts, with an encoder that is loaded once.

    Args:
        job: What the parts are for.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def make(self, task: Task) -> Part:
        """Read, decode and encode the images of a task, and write the part.

        Raises:
            VecsearchError: This machine does not see the collection or the images, or runs another
                version of vecsearch.
        """
        self._check(task)
        earlier = begin_part(self._job.folder, task.name, self._job.run)
        if earlier.count(self._job.run) >= ATTEMPTS:
            raise VecsearchError(
                f"The task of {task.paths[0]} and what follows was lost {ATTEMPTS} times with its "
                "worker: its machine has too little memory, or the encoder crashes."
            )
        # A part that was begun and not finished may hold the image that crashed its worker.
        careful = bool(earlier)
        preprocess = self._encoder.preprocess
        kept = kept_pixels(self._job.folder / PARTS, task, preprocess)
        batches = read_task(task, preprocess, self._job.decoders, careful)
        vectors, files, skipped = [], list[File](), list[Skipped]()
        for block in encode_batches(
            [kept] if kept else batches, task.root, self._encoder, self._job.metric
        ):
            vectors.append(block.vectors)
            files += block.files
            skipped += block.skipped
        return write_part(
            self._job.folder,
            task.name,
            vectors,
            task.records(files),
            left_out(skipped, task.root),
        )

    @cached_property
    def _encoder(self) -> Encoder:
        found = load_encoder(self._job.encoder, self._job.folder / PARTS / self._job.saved)
        for one in _in_batches(found):
            one.batch_size = self._job.batch_size
        return found

    def _check(self, task: Task) -> None:
        from importlib.metadata import version
        from socket import gethostname

        if version("vecsearch") != self._job.software:
            raise VecsearchError(
                f"{gethostname()} has vecsearch {version('vecsearch')}, and the build is of "
                f"{self._job.software}: install the same version on all machines."
            )
        _refuse_unseen(self._job.folder / PARTS / self._job.saved)
        if not task.is_remote:
            _refuse_unseen(task.root)


def batch_size_of(encoder: Encoder) -> int | None:
    """How many images shall go through its network at once, which is not saved with it."""
    return next((one.batch_size for one in _in_batches(encoder)), None)


def _in_batches(encoder: Encoder) -> Iterator[Any]:
    """Those that take images in batches, of an encoder and what it is made of."""
    if hasattr(encoder, "batch_size"):
        yield encoder
    for part in getattr(encoder, "made_of", ()):
        yield from _in_batches(part)


def _refuse_unseen(folder: Path) -> None:
    from socket import gethostname

    if not folder.is_dir():
        raise VecsearchError(
            f"{gethostname()} does not see {folder}: all machines of a build must see the "
            "collection and its images under the same paths, as on NFS; images may also lie "
            "in a store of objects (s3://…)."
        )


def decode_task(
    task: Task, preprocess: Preprocess, keep: Path | None = None, careful: bool = False
) -> Batch:
    """All images of a task, decoded.

    Args:
        task: The images.
        preprocess: What they are brought to.
        keep: A folder of parts, for the pixels to be kept in.
        careful: As for ``read_task``.

    Raises:
        VecsearchError: This machine does not see the images.
    """
    if not task.is_remote:
        _refuse_unseen(task.root)
    batches = list(read_task(task, preprocess, 1, careful))
    whole = Batch(
        [file for batch in batches for file in batch.files],
        np.concatenate([batch.pixels for batch in batches]),
        [one for batch in batches for one in batch.skipped],
    )
    if keep is not None and not any(_may_be_read_later(one, task) for one in whole.skipped):
        keep_pixels(keep, task, preprocess, whole)
    return whole


def _may_be_read_later(one: Skipped, task: Task) -> bool:
    """Whether what was left out could not be read just then, rather than is no image."""
    unread = one.reason.startswith(UNREADABLE)
    return unread if task.is_remote else one.size is None


def read_task(
    task: Task, preprocess: Preprocess, decoders: int, careful: bool = False
) -> Iterator[Batch]:
    """Decode the images of a task, in order.

    Args:
        task: The images.
        preprocess: What they are brought to.
        decoders: How many processes decode; with 1, this one does.
        careful: Decode in another process in any case, so that an image that crashes the decoder
            costs only itself.
    """
    if task.is_remote:
        facts = dict(zip(task.paths, task.facts, strict=True))
        work = partial(_fetch_chunk, task.place, facts, preprocess)
    else:
        work = partial(read_chunk, task.root, preprocess)
    step = chunk_files(preprocess)
    if decoders > 1:
        step = max(1, min(step, len(task.paths) // (4 * decoders)))
    chunks = (task.paths[start : start + step] for start in range(0, len(task.paths), step))
    if decoders > 1 or careful:
        yield from in_processes(work, task.root, chunks, decoders)
    else:
        yield from map(work, chunks)


def _fetch_chunk(
    place: str, facts: dict[str, Sequence[int]], preprocess: Preprocess, paths: Sequence[str]
) -> Batch:
    """As ``read_chunk``, from another file system."""
    files: list[File] = []
    skipped: list[Skipped] = []
    pixels = np.empty((len(paths), *preprocess.shape), np.uint8)
    for path in paths:
        size, changed = facts[path]
        try:
            data = fetch(place, path, size)
            pixels[len(files)], (width, height) = decode(data, preprocess)
        except ImageError as error:
            reason = str(error)
            read = size >= 0 and not reason.startswith(UNREADABLE)
            told = (size, changed) if read else (None, None)
            skipped.append(Skipped(Path(without_keys(place)) / without_keys(path), reason, *told))
            continue
        if changed < 0:
            changed = _changed(place, path)
        digest = hashlib.sha256(data).hexdigest()
        files.append(File(path, digest, len(data), changed, width, height))
    return Batch(files, pixels[: len(files)], skipped)


def _changed(place: str, path: str) -> int:
    """When a file was last changed; 0 where that is not known."""
    system, inside = located(place, path)
    try:
        return int(system.get_file_info(inside).mtime_ns or 0)
    except OSError:
        return 0


def fill_shard(shards: Shards, files: Sequence[Path]) -> Shard:
    """A shard of the vectors in some files of segments."""
    return shards.fill([np.load(file, mmap_mode="r", allow_pickle=False) for file in files])
