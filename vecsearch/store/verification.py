"""Read every byte of a collection, and compare it with the hashes that were written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vecsearch.errors import DamagedCollection, NewerFormat
from vecsearch.store.manifest import generations, manifest_name
from vecsearch.store.store import Store


@dataclass(frozen=True)
class Damage:
    """A file of a collection that is not what was written, and how."""

    file: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """What came of reading a whole collection: how many files and bytes, and what is damaged."""

    files: int
    bytes: int
    damages: Sequence[Damage]


def verify_store(folder: Path) -> Verification:
    """Read every byte of every file of a collection, and compare its hash.

    Raises:
        CollectionNotFound: There is none.
        NewerFormat: A later version has written it.
    """
    try:
        store = Store(folder)
    except NewerFormat:
        raise
    except DamagedCollection as error:  # the manifest itself, which holds the hashes
        name = manifest_name(generations(folder)[-1])
        return Verification(0, 0, [Damage(name, str(error))])
    manifest, damages = store.manifest, []
    for name in manifest.files:
        if manifest.ann and name == manifest.ann.file and not (store.folder / name).exists():
            continue  # it is a cache
        try:
            store.files.checked(name, anew=True)
        except DamagedCollection as error:
            damages.append(Damage(name, str(error)))
    stamps = manifest.files.values()
    return Verification(len(stamps), sum(stamp.size for stamp in stamps), damages)
