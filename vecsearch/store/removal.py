"""Which rows of a collection are marked dead when items are removed."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vecsearch.store.durable import Stamp, write_files
from vecsearch.store.manifest import SegmentEntry
from vecsearch.store.segment import array_bytes
from vecsearch.store.store import Store
from vecsearch.types import Rows


def without(
    base: Store, removed: Sequence[Rows], dropped: Collection[int]
) -> tuple[list[SegmentEntry], dict[str, Stamp]]:
    """The segments of a collection with some rows marked dead, and the stamps of the new marks.

    Args:
        base: The collection.
        removed: The rows, in any number of arrays.
        dropped: The segments to leave out altogether, read or not.
    """
    gone = np.concatenate([np.empty(0, np.int64), *removed])
    segments: list[SegmentEntry] = []
    stamps: dict[str, Stamp] = {}
    for at, (entry, start) in enumerate(zip(base.manifest.segments, base.starts, strict=False)):
        if at in dropped:
            continue
        marked = entry
        rows = gone[(gone >= start) & (gone < start + entry.count)] - start
        if len(rows):
            alive = base.alive_in(entry).copy()
            alive[rows] = False
            marked, written = _marked(entry, alive, base.folder)
            stamps |= written
        if marked.alive:
            segments.append(marked)
    return segments, stamps


def _marked(
    entry: SegmentEntry, alive: NDArray[np.bool_], folder: Path
) -> tuple[SegmentEntry, dict[str, Stamp]]:
    dead = entry.count - int(np.count_nonzero(alive))
    if dead == entry.count:
        return replace(entry, dead=None, dead_count=dead), {}
    name = f"segments/{uuid4().hex}.dead.npy"
    bits = np.packbits(~alive, bitorder="little")
    stamps = write_files({folder / name: array_bytes([bits])}, folder)
    return replace(entry, dead=name, dead_count=dead), stamps
