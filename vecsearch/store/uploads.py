"""Where pictures that were given to a collection alone are kept."""

import os
from pathlib import Path

from vecsearch.images import UPLOADS
from vecsearch.store.manifest import generations
from vecsearch.store.records import Record


def uploads_of(index: Path) -> Path:
    """The folder beside a collection that its uploads are kept in.

    Neither in the collection, whose files are all named by its manifest, nor in the folder that it
    follows, which is its user's.
    """
    place = index.resolve()
    return place.with_name(f"{place.name}{UPLOADS}")


def moved_along(record: Record, index: Path) -> Record:
    """An item, its picture where it is now, if it is an upload that moved with its collection.

    Of a collection that was copied, each has its own.
    """
    if record.path is None or f"{UPLOADS}/" not in record.path:
        return record
    before = Path(record.path)
    now = uploads_of(index) / before.name
    upload = before.is_absolute() and before.parent.name.endswith(UPLOADS)
    # This raises nothing where a folder above may not be looked into.
    return record._replace(path=now.as_posix()) if upload and os.path.isfile(now) else record


def is_of_another(path: Path, index: Path) -> bool:
    """Whether a file was uploaded to another collection that is still there."""
    folder = path.parent
    name = folder.name.removesuffix(UPLOADS)
    if name in ("", folder.name) or folder == uploads_of(index):
        return False
    other = folder.with_name(name)
    return other.is_dir() and bool(generations(other))
