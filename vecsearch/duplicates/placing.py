"""Delete, move or link one file without ever losing the last copy of anything."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from vecsearch.duplicates.groups import Member
from vecsearch.errors import ImageError, InvalidArgument, VecsearchError
from vecsearch.images import hash_file
from vecsearch.store.durable import sync, sync_folder


class Refused(VecsearchError):
    """A file is left as it is. The text says why."""


def check_kept(kept: Member) -> None:
    """See that the file to keep is there, as it was when it was encoded.

    Raises:
        Refused: It is not.
    """
    if kept.path is None:
        raise Refused(f"{kept.id}, which is to be kept, has no file")
    try:
        found = hash_file(kept.path).sha256
    except ImageError as error:
        raise Refused(f"{kept.id}, which is to be kept: {error}") from error
    if found != kept.sha256:
        raise Refused(f"{kept.id}, which is to be kept, has changed since it was encoded")


def check_dropped(dropped: Member, kept: Member, root: Path | None) -> None:
    """See that a file is as it was encoded, lies where it seems to, and is not the kept one.

    Args:
        dropped: Whose file is to go.
        kept: Whose file stays.
        root: The folder of the collection.

    Raises:
        Refused: One of these does not hold.
    """
    if dropped.path is None or kept.path is None:
        raise Refused("it has no file")
    if dropped.path.is_symlink():
        raise Refused("it is a link")
    folder = os.path.realpath(dropped.path.parent)
    below = root is not None and dropped.path.is_relative_to(root)
    top = os.path.realpath(root) if below and root is not None else str(dropped.path.parent)
    if not Path(folder).is_relative_to(top):
        raise Refused("a link leads to it out of the folder")
    try:
        found = hash_file(dropped.path).sha256
        status = os.stat(dropped.path)
        same = os.path.samefile(dropped.path, kept.path)
    except ImageError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error
    if found != dropped.sha256:
        raise Refused("it has changed since it was encoded")
    real = os.path.realpath(dropped.path) == os.path.realpath(kept.path)
    if same and (real or status.st_nlink < 2):
        raise Refused(f"it is the very file that is kept, {kept.id}, under another name")


def delete(path: Path) -> None:
    """Delete a file.

    Raises:
        Refused: The system does not let us.
    """
    try:
        path.unlink()
    except OSError as error:
        raise Refused(f"cannot be deleted: {error.strerror}") from error


def place_in(folder: Path, name: str) -> Path:
    """Where a file goes that is moved below a folder.

    Args:
        folder: Where all files go.
        name: The path of this one below the collection's folder; or an absolute one.
    """
    path = Path(name)
    return folder / path.relative_to(path.anchor)


def move(path: Path, target: Path, folder: Path) -> None:
    """Move a file to a name that is free; the file is there under one of the two at any time.

    Args:
        path: Where it is.
        target: Where it goes; folders that are missing are made.
        folder: What the target must lie below, links followed.

    Raises:
        Refused: The name is taken, or the system does not let us.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        inside = os.path.realpath(target.parent)
        if not Path(inside).is_relative_to(os.path.realpath(folder)):
            raise Refused(f"{target.parent} leads out of {folder} by a link")
        try:
            os.link(path, target)
        except FileExistsError:
            raise
        except OSError:
            # Another device, or a file system without hard links.
            _copy(path, target)
        try:
            sync_folder(target.parent)
            path.unlink()
        finally:
            if os.path.lexists(path):
                target.unlink()
    except FileExistsError as error:
        raise Refused(f"{target} is there already") from error
    except OSError as error:
        raise Refused(f"cannot be moved: {error.strerror}") from error


def _copy(path: Path, target: Path) -> None:
    with open(target, "xb") as file:
        try:
            with open(path, "rb") as source:
                shutil.copyfileobj(source, file)
            file.flush()
            sync(file.fileno())
            with suppress(OSError):  # where files have no such permissions
                shutil.copystat(path, target)
            if hash_file(target).sha256 != hash_file(path).sha256:
                raise Refused(f"its copy {target} is not what was written")
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise


def check_linkable(dropped: Member, kept: Member) -> None:
    """See that one file can be the other.

    Raises:
        Refused: They hold different bytes, lie on two devices, or are one file already.
    """
    if dropped.path is None or kept.path is None:
        raise Refused("it has no file")
    if dropped.sha256 != kept.sha256:
        raise Refused(f"it is not the same as {kept.id} to the byte")
    try:
        ours, theirs = os.stat(dropped.path), os.stat(kept.path)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error
    if ours.st_dev != theirs.st_dev:
        raise Refused(f"{kept.id} lies on another device")
    if ours.st_ino == theirs.st_ino:
        raise Refused(f"it is linked to {kept.id} already")


def link(path: Path, kept: Path) -> None:
    """Put a hard link to another file in the place of a file, at once.

    Raises:
        Refused: The system does not let us.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        os.link(os.path.realpath(kept), draft)
        try:
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise Refused(f"cannot be linked: {error.strerror}") from error


def check_folder(folder: Path, root: Path | None, index: Path) -> None:
    """Refuse a folder that files cannot be moved to.

    Raises:
        InvalidArgument: It is a file, or lies in the folder that the collection follows, or in the
            collection.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidArgument(f"Files cannot be moved to {folder}: it is a file, not a folder.")
    if inside := _inside(folder, root, index):
        raise InvalidArgument(f"Files cannot be moved to {folder}, {inside}.")


def check_target(target: Path, root: Path | None, index: Path) -> None:
    """Refuse a name for a file in a folder that ``check_folder`` would refuse.

    A folder above that of the collection may be moved to, but not everything below it.

    Raises:
        Refused: It is one.
    """
    if inside := _inside(target.parent, root, index):
        raise Refused(f"it would go to {target.parent}, {inside}")


def _inside(folder: Path, root: Path | None, index: Path) -> str | None:
    real = Path(os.path.realpath(folder))
    for other, why in (
        (root, "the next update would find files there"),
        (index, "that is the collection itself"),
    ):
        if other is not None and real.is_relative_to(os.path.realpath(other)):
            return f"in {other}: {why}"
    return None
