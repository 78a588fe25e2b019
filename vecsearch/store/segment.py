"""A block of items on disk: vectors, a line of JSON an item, and columns to find items by."""

import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from threading import Lock
from typing import Any, cast
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.store.durable import Stamp, as_bytes, write_files
from vecsearch.store.manifest import SegmentEntry
from vecsearch.store.records import Record, Records
from vecsearch.types import JSON, Vectors

# Lines are found and checked by pages of this many. A query reads a page for each hit: with 64 it
# is 20 kB at most times, and the table of pages is a thousandth of the vectors.
PAGE_LINES = 64
# Of 20 kB at most times. To read one takes ten times as long as to find a line in it.
PAGES_KEPT = 1024
# Whatever reads and writes JSON elsewhere gets so far.
MOST_NESTED = 100
_BEFORE_ID = '{"id": "'
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
# JSON has no line ends inside, so that a list written with this is split by lines.
_JSON_LIST = json.JSONEncoder(ensure_ascii=False, separators=("\n", ":"))


@dataclass(frozen=True)
class Columns:
    """What items are found by, without reading their lines; one entry a row.

    Attributes:
        keys: The CRC-32 of each id, uint32.
        labels: The position of each label in ``names``, int32; −1 for none.
        names: The labels there are.
        sizes: The size of each image file, int64; −1 for none.
        mtimes: When each image file was last changed, in nanoseconds since 1970, int64.
        paths: The path of each; None if none has one.
    """

    keys: NDArray[np.uint32]
    labels: NDArray[np.int32]
    names: Sequence[str]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]
    paths: Sequence[str | None] | None


@dataclass(frozen=True)
class Block:
    """Items as they go to disk: lines of JSON, and their columns."""

    text: bytes
    columns: Columns

    def taken(self, alive: NDArray[np.bool_]) -> "Block":
        """The items at some of the rows."""
        if alive.all():
            return self
        lines = self.text.splitlines(keepends=True)
        columns = self.columns
        paths = columns.paths
        return Block(
            b"".join([line for line, kept in zip(lines, alive.tolist(), strict=True) if kept]),
            Columns(
                columns.keys[alive],
                columns.labels[alive],
                columns.names,
                columns.sizes[alive],
                columns.mtimes[alive],
                None if paths is None else [paths[row] for row in np.flatnonzero(alive).tolist()],
            ),
        )


class Pages:
    """The pages of lines that were read last, of which threads may share one."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], list[bytes]] = {}
        self._lock = Lock()

    def get(self, page: tuple[int, int]) -> list[bytes] | None:
        """The lines of a page of a segment, if it is there."""
        return self._lines.get(page)

    def keep(self, page: tuple[int, int], lines: list[bytes]) -> None:
        """Put in a page, for which that which came first leaves if there are many."""
        with self._lock:
            self._lines[page] = lines
            if len(self._lines) > PAGES_KEPT:
                del self._lines[next(iter(self._lines))]


def joined(blocks: Sequence[Block]) -> Block:
    """The items of several blocks, one after the other."""
    names = sorted({name for block in blocks for name in block.columns.names})
    codes = {name: code for code, name in enumerate(names)}
    labels, paths = [], []
    for block in blocks:
        columns = block.columns
        known = np.array([*(codes[name] for name in columns.names), -1], np.int32)
        labels.append(known[columns.labels])
        paths.append([None] * len(columns.keys) if columns.paths is None else columns.paths)
    return Block(
        b"".join(block.text for block in blocks),
        Columns(
            np.concatenate([block.columns.keys for block in blocks]),
            np.concatenate(labels),
            names,
            np.concatenate([block.columns.sizes for block in blocks]),
            np.concatenate([block.columns.mtimes for block in blocks]),
            None
            if all(block.columns.paths is None for block in blocks)
            else [path for part in paths for path in part],
        ),
    )


def encode(records: Records) -> Block:
    """Write records as lines of JSON, and gather their columns.

    Raises:
        InvalidArgument: An id, label or metadata cannot be written as JSON.
    """
    names, codes = _coded(records.labels, len(records))
    text, sizes, mtimes = _lines(records)
    keys = np.fromiter(map(zlib.crc32, map(str.encode, records.ids)), np.uint32, len(records))
    return Block(text.encode(), Columns(keys, codes, names, sizes, mtimes, records.paths))


def _lines(records: Records) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    """The lines of records, and the sizes and dates of their files."""
    count = len(records)
    sizes = mtimes = np.full(count, -1, np.int64)
    if not count:
        return "", sizes, mtimes
    if (records.paths, records.labels, records.metadata, records.files) == (None,) * 4:
        # Lines that differ by their ids alone, as those of a million bare vectors.
        first, rest = _BEFORE_ID, '", "path": null, "label": null, "metadata": {}, "file": null}\n'
        return first + f"{rest}{first}".join(_escaped(records.ids)) + rest, sizes, mtimes
    nothing = ["null"] * count
    ids = _as_json(records.ids)
    paths = nothing if records.paths is None else _as_json(records.paths)
    labels = nothing if records.labels is None else _as_json(records.labels)
    metadata, files = ["{}"] * count, nothing
    if records.metadata is not None:
        metadata = [
            _object(name, value) if value else "{}"
            for name, value in zip(records.ids, records.metadata, strict=True)
        ]
    if records.files is not None:
        files = [_JSON.encode(value) for value in records.files]
        sizes, mtimes = (
            np.array([value[key] if value else -1 for value in records.files], np.int64)
            for key in ("size", "mtime_ns")
        )
    lines = [
        f'{{"id": {name}, "path": {path}, "label": {label}, "metadata": {more}, "file": {file}}}\n'
        for name, path, label, more, file in zip(ids, paths, labels, metadata, files, strict=True)
    ]
    return "".join(lines), sizes, mtimes


def write_segment(
    folder: Path, vectors: Sequence[Vectors], block: Block
) -> tuple[SegmentEntry, dict[str, Stamp]]:
    """Write a new segment below a collection's folder; its files are on the disk afterwards.

    Args:
        folder: The collection's.
        vectors: One or more arrays ``(n, dim)``, which follow each other.
        block: The items.
    """
    base = f"segments/{uuid4().hex}"
    entry = SegmentEntry(
        count=len(block.columns.keys),
        vectors=f"{base}.npy",
        items=f"{base}.jsonl",
        offsets=f"{base}.offsets.npy",
        columns=f"{base}.columns.safetensors",
    )
    parts: dict[str, Sequence[bytes | memoryview]] = {
        entry.vectors: array_bytes(vectors),
        entry.offsets: array_bytes([_pages(block.text)]),
        entry.items: [block.text],
        entry.columns: [_saved(block.columns)],
    }
    return entry, write_files({folder / name: data for name, data in parts.items()}, folder)


def _pages(text: bytes) -> NDArray[np.int64]:
    """Where each page of lines begins, and its CRC-32, ``(pages, 2)``."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n")) + 1
    starts = np.concatenate([[0], ends[:-1]])[::PAGE_LINES].tolist()
    whole = memoryview(text)
    pairs = zip(starts, [*starts[1:], len(text)], strict=True)
    return np.array([(start, zlib.crc32(whole[start:end])) for start, end in pairs], np.int64)


def _saved(columns: Columns) -> bytes:
    from safetensors.numpy import save

    arrays: dict[str, NDArray[Any]] = {
        "id": columns.keys,
        "label": columns.labels,
        "labels": np.frombuffer(_JSON.encode(columns.names).encode(), np.uint8),
        "size": columns.sizes,
        "mtime_ns": columns.mtimes,
    }
    if columns.paths is not None:
        text = _JSON.encode(list(columns.paths)).encode()
        arrays["paths"] = np.frombuffer(text, np.uint8)
    return save(arrays)


def array_bytes(arrays: Sequence[NDArray[Any]]) -> list[bytes | memoryview]:
    """What a ``.npy`` file of some arrays, one after the other, holds."""
    first = arrays[0]
    shape = (sum(map(len, arrays)), *first.shape[1:])
    facts = {"descr": first.dtype.str, "fortran_order": False, "shape": shape}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, facts)
    return [header.getvalue(), *map(as_bytes, arrays)]


def key_of(name: str) -> int:
    """What an id is found by in ``Columns.keys``."""
    return zlib.crc32(name.encode(errors="surrogatepass"))


def _escaped(ids: Sequence[str]) -> Sequence[str]:
    """Ids as they stand between the quotes of a line."""
    whole = "".join(ids)
    if whole.isascii() and whole.isprintable() and '"' not in whole and "\\" not in whole:
        return ids
    return [value[1:-1] for value in _as_json(ids)]


def _as_json(values: Sequence[str | None]) -> list[str]:
    try:
        text = _JSON_LIST.encode(list(values))
        text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"An id, path or label cannot be written as JSON: {error}."
        ) from error
    return text[1:-1].split("\n")


def _object(name: str, metadata: Mapping[str, JSON]) -> str:
    try:
        text = _JSON.encode(dict(metadata))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{name!r} cannot be written as JSON: {error}.") from error
    if _is_deeper(metadata, MOST_NESTED - 1):
        raise InvalidArgument(
            f"The metadata of {name!r} is nested more than {MOST_NESTED} levels deep."
        )
    return text


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value
    return levels < 0 or any(
        _is_deeper(one, levels - 1)
        for one in cast("Iterable[object]", inner)
        if isinstance(one, Mapping | list | tuple)
    )


def _coded(labels: Sequence[str | None] | None, count: int) -> tuple[list[str], NDArray[np.int32]]:
    if labels is None:
        return [], np.full(count, -1, np.int32)
    names = sorted({label for label in labels if label is not None})
    codes: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    codes[None] = -1
    return names, np.fromiter(map(codes.__getitem__, labels), np.int32, count)


def read_array(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Memory-map an array whose file has been checked against its stamp."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DamagedCollection(f"{path} is not an array of ours: {error}.") from error
    if array.dtype != np.dtype(dtype) or array.shape != shape or not array.flags.c_contiguous:
        raise DamagedCollection(f"{path} holds {array.dtype} {array.shape}, not {dtype} {shape}.")
    return array


def read_columns(path: Path, count: int) -> Columns:
    """Read a columns file that has been checked against its stamp."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(path.read_bytes())
        paths = json.loads(arrays["paths"].tobytes()) if "paths" in arrays else None
        columns = Columns(
            keys=arrays["id"].astype(np.uint32, casting="no"),
            labels=arrays["label"].astype(np.int32, casting="no"),
            names=json.loads(arrays["labels"].tobytes()),
            sizes=arrays["size"].astype(np.int64, casting="no"),
            mtimes=arrays["mtime_ns"].astype(np.int64, casting="no"),
            paths=paths,
        )
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        RecursionError,
        SafetensorError,
    ) as error:
        raise DamagedCollection(f"{path} holds no columns of ours: {error}.") from error
    arrays_fit = {
        len(column) for column in (columns.keys, columns.labels, columns.sizes, columns.mtimes)
    } == {count}
    codes_fit = not count or -1 <= columns.labels.min() <= columns.labels.max() < len(columns.names)
    if not arrays_fit or not codes_fit or (paths is not None and len(paths) != count):
        raise DamagedCollection(f"{path} holds columns that do not fit each other.")
    return columns


def read_page(
    text: NDArray[np.uint8], offsets: NDArray[np.int64], page: int, path: Path
) -> list[bytes]:
    """Read a page of lines, checked by its own checksum, without touching the others.

    Args:
        text: The items file, mapped.
        offsets: Where each page begins, and its CRC-32, ``(pages, 2)``.
        page: Which one.
        path: What the file is called.
    """
    start, checksum = map(int, offsets[page])
    end = len(text) if page + 1 == len(offsets) else int(offsets[page + 1, 0])
    data = text[max(0, start) : max(0, end)].tobytes()
    if zlib.crc32(data) != checksum:
        raise DamagedCollection(
            f"{path} is damaged between byte {start} and {end}. Mend it: vecsearch repair "
            f"{path.parent.parent}"
        )
    return data.splitlines()


def read_lines(path: Path) -> Iterator[Record]:
    """Read all items of a file that has been checked against its stamp."""
    with open(path, "rb") as file:
        for line in file:
            yield parse_line(line, path)


def read_ids(path: Path) -> Iterator[str]:
    """Read the ids of all items of a file that has been checked, which stand first in their lines.

    It takes a fifth of the time of reading all that the lines hold.
    """
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for line in file:
                whole = not line.startswith(_BEFORE_ID)
                yield parse_line(line, path).id if whole else scanstring(line, len(_BEFORE_ID))[0]
    except ValueError as error:
        raise DamagedCollection(f"{path} has a line that is no item.") from error


def parse_line(line: bytes | str, path: Path | str) -> Record:
    """Read a line of the items file."""
    try:
        return Record(**json.loads(line))
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedCollection(f"{path} has a line that is no item.") from error
