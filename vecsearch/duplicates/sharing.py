"""Whose a file is: more than one item may have it."""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from vecsearch.store import Record


def owners(files: Iterable[Path], records: Iterable[Record], root: Path) -> Mapping[str, list[str]]:
    """The ids of the items that some files belong to, by their real paths.

    Args:
        files: The files.
        records: All items.
        root: What their paths are relative to.
    """

    @lru_cache(maxsize=1000)
    def real_folder(folder: str) -> str:
        return os.path.realpath(folder)

    def real(path: str) -> str:
        folder, name = os.path.split(path)
        if os.path.islink(path):
            return os.path.realpath(path)
        return os.path.join(real_folder(folder), name)

    found: dict[str, list[str]] = {real(str(file)): [] for file in files}
    for record in records:
        if record.path is not None:
            place = real(os.path.join(root, record.path))
            if place in found:
                found[place].append(record.id)
    return found
