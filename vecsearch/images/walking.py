"""Find the images below a folder, whatever else lies there."""

import os
import re
import stat
from array import array
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.types import Skipped

# No extension at all counts too: web caches and old Macs name pictures so.
EXTENSIONS = frozenset("|.jpg|.jpeg|.jpe|.jfif|.png|.gif|.webp|.bmp|.dib|.tif|.tiff".split("|"))
SUFFIXES = frozenset(extension[1:] for extension in EXTENSIONS if extension)
OTHER_IMAGES = frozenset(
    ".svg .svgz .heic .heif .avif .jxl .jp2 .psd .ai .eps .ico .tga .exr .cr2 .nef .dng".split()
)
GONE, UNKNOWN = -1, -2
STAT_BLOCK = 200
HIDDEN = "hidden"
UNOPENED = "folder cannot be opened"
NOWHERE = "a link that leads nowhere"
# What the folder of a collection's own pictures is called, after it.
UPLOADS = ".uploads"
MANIFEST = re.compile(r"manifest-\d{6,18}\.json")


def walk(folder: Path) -> tuple[list[str], list[Skipped]]:
    """List the image files below a folder, to any depth.

    Links are followed, and no folder is entered twice, so that a loop of links ends. Nothing is
    opened: a file that only calls itself an image is found out when it is decoded.

    Args:
        folder: Where to start.

    Returns:
        The images as POSIX paths below ``folder``, sorted, and everything else that was seen,
        with the reason why it is left out. A hidden or unreadable folder counts as one.

    Raises:
        InvalidArgument: ``folder`` is not a folder, or cannot be read.

    Example:
        >>> found, skipped = walk(Path("tests/data/photos"))
        >>> found[:2]
        ['cat/alpha.png', 'cat/deep/er/plain.png']
    """
    walker = _Walker(folder)
    return sorted(walker.found), walker.sorted_skips()


def is_absolute(path: str) -> bool:
    """Whether a stored path is a whole one, rather than one below a folder."""
    return path.startswith("/") or (os.name == "nt" and os.path.isabs(path))


def any_absolute(paths: Sequence[str]) -> bool:
    """Whether some of these stored paths are whole ones."""
    if os.name == "nt":
        return any(map(is_absolute, paths))
    return "\0/" in "\0".join(["", *paths])  # no path has a zero in it


def stat_files(folder: Path, paths: Sequence[str]) -> NDArray[np.int64]:
    """Look at files without reading them.

    Args:
        folder: What the paths are relative to.
        paths: POSIX paths below ``folder``, or absolute ones.

    Returns:
        Of each its size and when it was last changed, in nanoseconds since 1970, ``(n, 2)``;
        ``GONE`` where there is none, ``UNKNOWN`` where the system does not say.
    """
    base = os.path.join(folder, "")
    mixed = any_absolute(paths)
    whole = [path if mixed and is_absolute(path) else base + path for path in paths]
    sizes, times = array("q"), array("q")
    try:
        # By blocks it takes three quarters of the time of DirEntry.stat on the way.
        for start in range(0, len(whole), STAT_BLOCK):
            found = list(map(os.stat, whole[start : start + STAT_BLOCK]))
            sizes.extend(map(attrgetter("st_size"), found))
            times.extend(map(attrgetter("st_mtime_ns"), found))
    except (OSError, OverflowError):
        return np.array([_facts(path) for path in whole], np.int64)
    return np.stack([np.frombuffer(sizes, np.int64), np.frombuffer(times, np.int64)], axis=1)


def _facts(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return GONE, GONE
    except OSError:
        return UNKNOWN, UNKNOWN
    return status.st_size, changed_at(status)


def changed_at(status: os.stat_result) -> int:
    """When a file was last changed, in nanoseconds since 1970: from 1677 to 2262, as 64 bits go."""
    return min(max(status.st_mtime_ns, -(1 << 63)), (1 << 63) - 1)


class _Walker:
    """One walk through a folder: what was found, and what is left out.

    Args:
        folder: Where to start.
    """

    def __init__(self, folder: Path) -> None:
        self.found: list[str] = []
        self._skipped: list[Skipped] = []
        self._entered: set[tuple[int, int]] = set()
        self._pending = [("", folder)]
        self._linked: list[tuple[str, Path]] = []
        while self._pending or self._linked:
            # Links last, so that a folder goes by its own name and not by that of a link to it.
            self._enter(*(self._pending.pop() if self._pending else self._linked.pop(0)))

    def sorted_skips(self) -> list[Skipped]:
        """What is left out, by its path."""
        return sorted(self._skipped, key=lambda one: os.fsencode(one.path))

    def _enter(self, prefix: str, folder: Path) -> None:
        entries = self._list(prefix, folder)
        here: list[str] = []
        others: list[os.DirEntry[str]] = []
        for entry in entries:
            name = entry.name
            # The ordinary case at once: in a folder of many thousands this is the time it takes.
            if (
                name.rpartition(".")[2] in SUFFIXES
                and name.isascii()
                and name[0] != "."
                and entry.is_file(follow_symlinks=False)
            ):
                here.append(prefix + name)
            else:
                others.append(entry)
        if prefix and _is_collection([entry.name for entry in others]):
            reason = "a vecsearch collection, not a folder of images"
            self._skipped.append(Skipped(folder, reason))
            return
        folders: list[os.DirEntry[str]] = []
        for entry in others:
            reason_against = _reason_against(entry)
            if reason_against is not None:
                self._skipped.append(Skipped(Path(entry.path), reason_against))
            elif entry.is_dir():
                if _holds_uploads(entry):
                    self._skipped.append(Skipped(Path(entry.path), "the uploads of a collection"))
                else:
                    folders.append(entry)
            else:
                here.append(prefix + entry.name)
        self.found += here
        for entry in sorted(folders, key=lambda folder: folder.name):
            inner = self._linked if entry.is_symlink() else self._pending
            inner.append((f"{prefix}{entry.name}/", Path(entry.path)))

    def _list(self, prefix: str, folder: Path) -> list[os.DirEntry[str]]:
        """What is in a folder; nothing, if it cannot be opened or was visited before."""
        try:
            status = folder.stat()
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError as error:
            if not prefix:
                raise InvalidArgument(
                    f"Cannot read the folder {folder}: {error.strerror}."
                ) from error
            self._skipped.append(Skipped(folder, f"{UNOPENED}: {error.strerror}"))
            return []
        if (status.st_dev, status.st_ino) in self._entered:
            reason = "folder was visited already under another name (a link)"
            self._skipped.append(Skipped(folder, reason))
            return []
        self._entered.add((status.st_dev, status.st_ino))
        return entries


def _is_collection(names: list[str]) -> bool:
    """Whether a folder with these entries is a collection of ours, or a build of one."""
    return any(map(MANIFEST.fullmatch, names)) or {".lock", "draft"}.issubset(names)


def _holds_uploads(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is that of the uploads of a collection beside it."""
    collection = entry.path.removesuffix(UPLOADS)
    if collection == entry.path:
        return False
    try:
        return _is_collection(os.listdir(collection))
    except OSError:
        return False


def _reason_against(entry: os.DirEntry[str]) -> str | None:
    """Why an entry is left out by its name and kind alone, or None."""
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    against = reason_by_name(entry.name)
    if against == HIDDEN:
        return HIDDEN
    try:
        if entry.is_dir() or (entry.is_file() and against is None):
            return None
        if not entry.is_file():
            return _kind(entry.stat().st_mode)
    except OSError as error:
        return f"{NOWHERE}: {error.strerror}"
    return against


def reason_by_name(name: str) -> str | None:
    """Why a file is left out by its name alone, or None.

    Example:
        >>> reason_by_name("cat.JPG"), reason_by_name(".cat.jpg"), reason_by_name("cat.txt")
        (None, 'hidden', 'not an image by its name (.txt)')
    """
    if name.startswith("."):
        return HIDDEN
    extension = os.path.splitext(name)[1].lower()
    if extension in EXTENSIONS:
        return None
    if extension in OTHER_IMAGES:
        kind = extension[1:].upper()
        return f"{kind} is not among the formats read here: convert it to PNG or JPEG"
    return f"not an image by its name ({extension})"


def _kind(mode: int) -> str:
    """What an entry is that is neither a folder nor a regular file."""
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    return f"not a regular file: {kinds.get(stat.S_IFMT(mode), 'device')}"
