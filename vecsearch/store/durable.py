"""Files that are on the disk when a call returns, and the hashes that prove they are whole."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    fcntl = None  # type: ignore[assignment]

READ_BYTES = 1 << 20
# What a file system says, as of automounts and some of Samba, that cannot sync a folder.
NO_SUCH_THING = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Stamp:
    """What a file must be: its length in bytes and the sha256 of its content, in hex."""

    size: int
    sha256: str


class StampedFile:
    """A file being written that keeps its own stamp.

    Attributes:
        size: How many bytes were written so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        """Append bytes."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    @property
    def stamp(self) -> Stamp:
        """The stamp of what was written so far."""
        return Stamp(self.size, self._digest.hexdigest())


def as_bytes(array: NDArray[Any]) -> memoryview:
    """The bytes of an array in C order, not copied if they lie so."""
    if not array.size:
        return memoryview(b"")
    return np.ascontiguousarray(array).data.cast("B")


@contextmanager
def new_file(path: Path) -> Iterator[StampedFile]:
    """Write a file that does not exist yet; on leaving, its content is on the disk.

    Its name is on the disk only after ``sync_folder`` on its folder.
    """
    with open(path, "xb") as file:
        yield StampedFile(file)
        file.flush()
        sync(file.fileno())


def write_files(
    contents: Mapping[Path, Iterable[bytes | memoryview]], folder: Path
) -> dict[str, Stamp]:
    """Write new files; on return their contents are on the disk.

    Args:
        contents: What each of them holds, in parts.
        folder: What their names are relative to.

    Returns:
        The stamp of each by its name.
    """
    stamps = {}
    with ExitStack() as stack:
        # All are written before the first is synced: the disk has less to wait for then.
        for path, parts in contents.items():
            file = stack.enter_context(new_file(path))
            for part in parts:
                file.write(part)
            stamps[path.relative_to(folder).as_posix()] = file.stamp
    return stamps


def put_if_absent(path: Path, data: bytes, ending: str = "tmp") -> None:
    """Make a file appear whole, name and all, or not at all.

    Args:
        path: Its name.
        data: What it holds.
        ending: Of the name that it is written under first; one of their own, if several processes
            may put it.

    Raises:
        FileExistsError: The name is taken; what it names is left as it is.
    """
    draft = path.with_name(f"{path.name}.{ending}")
    with suppress(FileNotFoundError):
        draft.unlink()
    try:
        with new_file(draft) as file:
            file.write(data)
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links. Of a manifest, only the holder of the lock comes
            # here, so nothing can take the name in between.
            if path.exists():
                raise FileExistsError(path) from None
            draft.rename(path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


@contextmanager
def put_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes its place whole on leaving, or leaves what was there as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(draft, "wb") as file:
            yield file
            file.flush()
            sync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync(descriptor: int) -> None:
    """Bring a file to the disk, and not only to the memory of the drive."""
    full = getattr(fcntl, "F_FULLFSYNC", None)  # on macOS, where fsync stops at the drive
    if full is not None:
        with suppress(OSError):  # a file system that knows no such thing
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":  # Windows keeps names safe by itself and cannot open a folder.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SUCH_THING:
            raise
    finally:
        os.close(descriptor)


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file that is there."""
    digest = hashlib.sha256()
    size = 0
    with open(path, "rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
            size += len(block)
    return Stamp(size, digest.hexdigest())
