"""A block of items on disk: their vectors, a line of JSON for each, and where the lines begin."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.store.durable import Stamp, new_file
from vecsearch.store.manifest import SegmentEntry
from vecsearch.types import JSON, Vectors

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Record:
    """What is stored of an item beside its vector.

    Attributes:
        id: Unique in its collection.
        path: Below the collection's root, in POSIX form, or None.
        label: Its class, or None.
        metadata: Whatever else is known about it.
        file: What the image file was when it was encoded: sha256, size, mtime_ns, width, height.
    """

    id: str
    path: str | None = None
    label: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    file: Mapping[str, JSON] | None = None


def write_segment(
    folder: Path, vectors: Vectors, records: Sequence[Record]
) -> tuple[SegmentEntry, dict[str, Stamp]]:
    """Write a new segment below a collection's folder; its files are on the disk afterwards."""
    base = f"segments/{uuid4().hex}"
    entry = SegmentEntry(len(records), f"{base}.npy", f"{base}.jsonl", f"{base}.offsets.npy")
    stamps = {}
    offsets = np.empty((len(records), 2), np.int64)
    with new_file(folder / entry.items) as file:
        for row, record in enumerate(records):
            line = _line(record)
            offsets[row] = file.size, zlib.crc32(line)
            file.write(line)
    stamps[entry.items] = file.stamp
    for name, array in ((entry.vectors, vectors), (entry.offsets, offsets)):
        with new_file(folder / name) as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        stamps[name] = file.stamp
    return entry, stamps


def _line(record: Record) -> bytes:
    try:
        return _JSON.encode(vars(record)).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{record.id!r} cannot be written as JSON: {error}.") from error


def read_array(path: Path, dtype: str, shape: tuple[int, int]) -> NDArray[Any]:
    """Memory-map an array whose file has been checked against its stamp."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DamagedCollection(f"{path} is not an array of ours: {error}.") from error
    if array.dtype != np.dtype(dtype) or array.shape != shape or not array.flags.c_contiguous:
        raise DamagedCollection(f"{path} holds {array.dtype} {array.shape}, not {dtype} {shape}.")
    return array  # type: ignore[no-any-return]


def parse_line(line: bytes, path: Path) -> Record:
    """Read a line of the items file."""
    try:
        return Record(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise DamagedCollection(f"{path} has a line that is no item.") from error


def read_line(file: BinaryIO, start: int, end: int, checksum: int) -> Record:
    """Read one item, checked by its own checksum, without touching the others."""
    file.seek(start)
    line = file.read(max(0, end - start))
    if zlib.crc32(line) != checksum:
        raise DamagedCollection(f"{file.name} is damaged at byte {start}.")
    return parse_line(line, Path(file.name))


def read_lines(path: Path) -> Iterator[Record]:
    """Read all items of a file that has been checked against its stamp."""
    with open(path, "rb") as file:
        for line in file:
            yield parse_line(line, path)
