"""Read and decode many files in parallel, in order, in bounded memory."""

import hashlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.images.decoding import NO_MEMORY, Preprocess, decode, prepare
from vecsearch.images.walking import changed_at
from vecsearch.images.workers import submit, worker_pool
from vecsearch.types import Pixels, Skipped

if TYPE_CHECKING:  # worker processes and all that they need are imported when they are started
    from concurrent.futures import Future

MAX_FILE_BYTES = 256 << 20
CHANGED = "changed while it was being read"
UNREADABLE = "cannot be read"
CRASHED = "the decoder crashed on it"
_BINARY = getattr(os, "O_BINARY", 0)
# A worker is handed this many files at a time, if they fit: with 64 of 28 × 28, handing over takes
# longer. With fewer files, fewer, so that all workers end at about the same time.
CHUNK_FILES = 512
CHUNKS_A_JOB = 16
CHUNK_BYTES = 16 << 20
# A small folder is done before worker processes have started and imported what they need.
SECONDS_ALONE = 0.5
FEW_FILES = 1000
ALONE_AT_ONCE = 8


@dataclass(frozen=True)
class File:
    """An image file as it was when it was read.

    Attributes:
        path: Its path below the folder, in POSIX form.
        sha256: The hash of its content, in hex.
        size: Its length in bytes.
        mtime_ns: When it was last changed, in nanoseconds since 1970.
        width: Of the image as it is looked at, in pixels.
        height: Of the image as it is looked at, in pixels.
    """

    path: str
    sha256: str
    size: int
    mtime_ns: int
    width: int
    height: int


@dataclass(frozen=True)
class Batch:
    """Files that were read together.

    Attributes:
        files: Those that could be decoded.
        pixels: One image a file, ``(len(files), height, width, channels)`` uint8.
        skipped: The others.
    """

    files: Sequence[File]
    pixels: Pixels
    skipped: Sequence[Skipped]

    def __reduce__(self) -> tuple[Any, ...]:
        # On its way between processes a file is a plain tuple, which takes a tenth of the time.
        return _batch, (
            [tuple(vars(file).values()) for file in self.files],
            self.pixels,
            self.skipped,
        )


def _batch(files: Sequence[Any], pixels: Pixels, skipped: Sequence[Skipped]) -> Batch:
    return Batch([File(*file) for file in files], pixels, skipped)


ImageLike: TypeAlias = "str | Path | Image.Image | np.ndarray[Any, Any]"
Work: TypeAlias = Callable[[Sequence[str]], Batch]


def read(
    folder: Path, paths: Sequence[str], preprocess: Preprocess, jobs: int | None = None
) -> Iterator[Batch]:
    """Decode files in the order given.

    Processes, not threads: on 28 × 28 PNGs Pillow spends its time in Python, where two threads
    take longer than one; on photos both are equally fast (``benchmarks/decoding.py``). They start
    only where the work is long: at once for thousands of files, else after half a second. In
    them, a decoder that crashes costs the file it crashed on and nothing else.

    Args:
        folder: What the paths are relative to.
        paths: POSIX paths below ``folder``.
        preprocess: The size, fit and colour of the pixels.
        jobs: How many processes; as many as there are processors by default.

    Yields:
        Batches that together hold every path once, in order, as a file or as skipped. At most
        2 × jobs batches of 16 MiB are under way at a time.

    Raises:
        InvalidArgument: ``jobs`` is below 1.
    """
    import loky

    jobs = loky.cpu_count() if jobs is None else jobs
    if jobs < 1:
        raise InvalidArgument(f"{jobs} jobs can do nothing: give 1 or more.")
    work = partial(read_chunk, folder, preprocess)
    started = time.monotonic()
    at = 0
    alone = jobs == 1 or len(paths) < FEW_FILES
    while alone and at < len(paths):
        yield work(paths[at : at + ALONE_AT_ONCE])
        at += ALONE_AT_ONCE
        alone = jobs == 1 or time.monotonic() - started < SECONDS_ALONE
    rest = paths[at:]
    step = max(1, min(chunk_files(preprocess), len(rest) // (CHUNKS_A_JOB * jobs)))
    chunks = (rest[start : start + step] for start in range(0, len(rest), step))
    if rest:
        yield from in_processes(work, folder, chunks, jobs)


def chunk_files(preprocess: Preprocess) -> int:
    """How many files are decoded together: as many as 16 MiB of pixels, 512 at most."""
    height, width, channels = preprocess.shape
    return max(1, min(CHUNK_BYTES // (height * width * channels), CHUNK_FILES))


@dataclass(frozen=True)
class Content:
    """What a file is, without looking at its pixels: its hash, and its facts as in ``File``."""

    sha256: str
    size: int
    mtime_ns: int


def hash_file(path: str | Path) -> Content:
    """Read a file without decoding it.

    Raises:
        ImageError: It cannot be read; the text says why.
    """
    data, status = _read_bytes(path)
    return Content(hashlib.sha256(data).hexdigest(), len(data), changed_at(status))


def read_one(path: Path, preprocess: Preprocess) -> tuple[File, Pixels]:
    """Read and decode one file.

    Args:
        path: The file.
        preprocess: The size, fit and colour of the pixels.

    Returns:
        What the file is, and its pixels ``(height, width, channels)`` uint8.

    Raises:
        ImageError: The file cannot be read or decoded; the text says why.
    """
    return _read(path, path.name, preprocess)


def to_pixels(image: ImageLike, preprocess: Preprocess) -> Pixels:
    """Bring one image, in whatever form it comes, to the pixels an encoder sees.

    Args:
        image: A path, a Pillow image, or an array ``(height, width)`` or ``(height, width, 3 or
            4)`` uint8.
        preprocess: The size, fit and colour of the pixels.

    Returns:
        ``(height, width, channels)`` uint8.

    Raises:
        ImageError: The file cannot be read or decoded. The text begins with its path.
        InvalidArgument: It is none of these, or an array of another shape or type.
    """
    if isinstance(image, str | Path):
        try:
            return read_one(Path(image), preprocess)[1]
        except ImageError as error:
            raise ImageError(f"{image}: {error}") from error
    if isinstance(image, Image.Image):
        try:
            return prepare(image, preprocess)
        except ImageError:
            raise
        except Exception as error:  # as in decode: whatever a damaged file leads Pillow to
            raise ImageError(f"a Pillow image that cannot be decoded: {error}") from error
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.size:
        grey = image.ndim == 2
        if grey or (image.ndim == 3 and image.shape[2] in (3, 4)):
            return prepare(Image.fromarray(image), preprocess)
    raise InvalidArgument(
        "An image is a path, a Pillow image, or a uint8 array of shape (height, width) or "
        f"(height, width, 3 or 4), not {type(image).__name__} {getattr(image, 'shape', '')}."
    )


def in_processes(
    work: Work, folder: Path, chunks: Iterator[Sequence[str]], jobs: int
) -> Iterator[Batch]:
    """Apply ``work`` to each chunk in worker processes, in order.

    A worker that dies (a decoder that crashes, the system's out-of-memory killer) takes nobody
    with it: its chunk is done again file by file, and the file that kills a worker is skipped.
    """
    from concurrent.futures.process import BrokenProcessPool

    pool = worker_pool(jobs)
    running: deque[tuple[Sequence[str], Future[Batch]]] = deque()
    try:
        while True:
            while len(running) < 2 * jobs and (chunk := next(chunks, None)) is not None:
                running.append((chunk, submit(pool, work, chunk)))
            if not running:
                return
            chunk, future = running.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                pool.shutdown(kill_workers=True)
                yield from _file_by_file(work, folder, chunk)
                pool = worker_pool(jobs)
                running = deque((other, submit(pool, work, other)) for other, _ in running)
    finally:
        pool.shutdown(kill_workers=True)


def _file_by_file(work: Work, folder: Path, chunk: Sequence[str]) -> Iterator[Batch]:
    from concurrent.futures.process import BrokenProcessPool

    pool = worker_pool(1)
    try:
        for path in chunk:
            try:
                yield submit(pool, work, [path]).result()
            except BrokenProcessPool:
                pool.shutdown(kill_workers=True)
                pool = worker_pool(1)
                empty = work([])
                reason = f"{CRASHED}, or ran out of memory"
                yield Batch(empty.files, empty.pixels, [_skipped(folder / path, reason)])
    finally:
        pool.shutdown(kill_workers=True)


def read_chunk(folder: Path, preprocess: Preprocess, paths: Sequence[str]) -> Batch:
    """Decode files, one after the other.

    Args:
        folder: What the paths are relative to.
        preprocess: The size, fit and colour of the pixels.
        paths: POSIX paths below ``folder``.
    """
    files: list[File] = []
    skipped: list[Skipped] = []
    pixels = np.empty((len(paths), *preprocess.shape), np.uint8)
    for path in paths:
        place = os.path.join(folder, path)
        before = _status(place)
        try:
            file, pixels[len(files)] = _read(place, path, preprocess)
        except ImageError as error:
            skipped.append(_skipped(folder / path, str(error), before))
        else:
            files.append(file)
    return Batch(files, pixels[: len(files)], skipped)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _skipped(path: Path, reason: str, before: os.stat_result | None = None) -> Skipped:
    """A file that is left out.

    It has the facts from before it was read, so that one that was only just being written is seen
    to be another now; none, if it may be read another time as it is.
    """
    if before is None or not_now(reason) or reason.startswith(CRASHED):
        return Skipped(path, reason)
    return Skipped(path, reason, before.st_size, changed_at(before))


def not_now(reason: str) -> bool:
    """Whether a file could only not be read just then."""
    return reason in (CHANGED, NO_MEMORY) or reason.startswith(UNREADABLE)


def _read(path: str | Path, name: str, preprocess: Preprocess) -> tuple[File, Pixels]:
    data, status = _read_bytes(path)
    pixels, (width, height) = decode(data, preprocess)
    digest = hashlib.sha256(data).hexdigest()
    return File(name, digest, len(data), changed_at(status), width, height), pixels


def _read_bytes(path: str | Path) -> tuple[bytes, os.stat_result]:
    try:
        # Not to hang on a pipe that took the file's place since the folder was walked.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        try:
            before = os.fstat(descriptor)
            if stat.S_ISDIR(before.st_mode):
                raise ImageError("a folder, where the name of an image was expected")
            if not stat.S_ISREG(before.st_mode):
                raise ImageError("not a regular file")
            if before.st_size == 0:
                raise ImageError("empty (0 bytes)")
            if before.st_size > MAX_FILE_BYTES:
                raise ImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
            data = os.read(descriptor, before.st_size + 1)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ImageError(f"{UNREADABLE}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise ImageError(f"{UNREADABLE}: {error}") from error
    if len(data) != after.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise ImageError(CHANGED)
    return data, after
