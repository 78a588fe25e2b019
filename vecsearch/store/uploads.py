"""Where pictures that were given to a collection alone are kept."""

import os
from pathlib import Path

from vecsearch.images import UPLOADS
from vecsearch.store.records import Record


def uploads_of(index: Path) -> Path:
    """The folder beside a collection that its uploads are kept in.

    Neither in the collection, whose files are all named by its manifest, nor in the folder that it
    follows, which is its user's.
    """
    place = index.resolve()
    return place.with_name(f"{place.name}{UPLOADS}")


def moved_along(record: Record, index: Path) -> Record:
    """An item, its picture where it is now, if it is an upload that moved with its collection."""
    if record.path is None or f"{UPLOADS}/" not in record.path:
        return record
    before = Path(record.path)
    now = uploads_of(index) / before.name
    upload = before.is_absolute() and before.parent.name.endswith(UPLOADS)
    # These raise nothing where a folder above may not be looked into.
    moved = upload and not os.path.exists(before) and os.path.isfile(now)
    return record._replace(path=now.as_posix()) if moved else record
