"""Find the images below a folder, whatever else lies there."""

import os
import re
import stat
from pathlib import Path

from vecsearch.errors import InvalidArgument
from vecsearch.types import Skipped

# No extension at all counts too: web caches and old Macs name pictures so.
EXTENSIONS = frozenset("|.jpg|.jpeg|.jpe|.jfif|.png|.gif|.webp|.bmp|.dib|.tif|.tiff".split("|"))
SUFFIXES = frozenset(extension[1:] for extension in EXTENSIONS if extension)
OTHER_IMAGES = frozenset(
    ".svg .svgz .heic .heif .avif .jxl .jp2 .psd .ai .eps .ico .tga .exr .cr2 .nef .dng".split()
)
UNOPENED = "folder cannot be opened"
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
    found: list[str] = []
    skipped: list[Skipped] = []
    entered: set[tuple[int, int]] = set()
    pending = [("", folder)]
    linked: list[tuple[str, Path]] = []
    while pending or linked:
        # Links last, so that a folder goes by its own name and not by that of a link to it.
        prefix, current = pending.pop() if pending else linked.pop(0)
        try:
            status = current.stat()
            with os.scandir(current) as listing:
                entries = list(listing)
        except OSError as error:
            if not prefix:
                raise InvalidArgument(
                    f"Cannot read the folder {folder}: {error.strerror}."
                ) from error
            skipped.append(Skipped(current, f"{UNOPENED}: {error.strerror}"))
            continue
        if (status.st_dev, status.st_ino) in entered:
            reason = "folder was visited already under another name (a link)"
            skipped.append(Skipped(current, reason))
            continue
        entered.add((status.st_dev, status.st_ino))
        if prefix and _is_collection([entry.name for entry in entries]):
            skipped.append(Skipped(current, "a vecsearch collection, not a folder of images"))
            continue
        folders: list[os.DirEntry[str]] = []
        for entry in entries:
            name = entry.name
            # The ordinary case at once: in a folder of many thousands this is the time it takes.
            usual = name.rpartition(".")[2] in SUFFIXES and name.isascii() and name[0] != "."
            if usual and entry.is_file(follow_symlinks=False):
                found.append(prefix + name)
                continue
            reason_against = _reason_against(entry)
            if reason_against is not None:
                skipped.append(Skipped(Path(entry.path), reason_against))
            elif entry.is_dir():
                folders.append(entry)
            else:
                found.append(prefix + name)
        for entry in sorted(folders, key=lambda folder: folder.name):
            inner = linked if entry.is_symlink() else pending
            inner.append((f"{prefix}{entry.name}/", Path(entry.path)))
    return sorted(found), sorted(skipped, key=lambda one: os.fsencode(one.path))


def _is_collection(names: list[str]) -> bool:
    """Whether a folder with these entries is a collection of ours, or a build of one."""
    return any(map(MANIFEST.fullmatch, names)) or {".lock", "draft"}.issubset(names)


def _reason_against(entry: os.DirEntry[str]) -> str | None:
    """Why an entry is left out by its name and kind alone, or None."""
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if entry.name.startswith("."):
        return "hidden"
    extension = os.path.splitext(entry.name)[1].lower()
    try:
        if entry.is_dir() or (entry.is_file() and extension in EXTENSIONS):
            return None
        if not entry.is_file():
            return _kind(entry.stat().st_mode)
    except OSError as error:
        return f"a link that leads nowhere: {error.strerror}"
    if extension in OTHER_IMAGES:
        kind = extension[1:].upper()
        return f"{kind} is not among the formats read here: convert it to PNG or JPEG"
    return f"not an image by its name ({extension})"


def _kind(mode: int) -> str:
    """What an entry is that is neither a folder nor a regular file."""
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    return f"not a regular file: {kinds.get(stat.S_IFMT(mode), 'device')}"
