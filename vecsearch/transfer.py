"""Items and vectors to other programs' files, and back."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument, MissingPackage, VecsearchError
from vecsearch.images import as_json, as_text, is_given, read_table
from vecsearch.store import Record, Store, put_whole
from vecsearch.types import JSON, Vectors

BLOCK_ITEMS = 8192
COLUMNS = ("id", "path", "label")
# Stands before a key of the metadata that is called as another column is.
OURS = "metadata."
# What is written and can be read again.
EXPORTS = (".csv", ".npz", ".parquet")
Block = tuple[Sequence[Record], Vectors]
# Of a table: the number of each line, and what it says.
Rows = Sequence[tuple[int, Mapping[str, Any]]]


def export_store(store: Store, out: Path) -> None:
    """Write all items with their vectors, a block of 8,192 at a time, as ``check_export`` allows.

    - ``.csv``: the columns id, path, label, each key of the metadata, and v0, v1 … A value that is
      a list or an object is written as JSON, and a key that is called as another column gets
      ``metadata.`` before it. Nine digits a number, so that float32 comes back
      exactly.
    - ``.npz``: the arrays ``vectors`` (n, dim) float32; ``ids``, ``paths`` and ``labels``, text,
      empty where there is none; ``metadata``, uint8, which is n lines of JSON in ASCII.
    - ``.parquet``: the columns id, path, label, metadata (JSON) and vector (a list of float32 of
      fixed length). Needs pyarrow.

    The file appears whole or not at all, and takes the place of one of that name.

    Raises:
        DamagedCollection: A file of the collection is not as it was written.
    """
    write = {".csv": _write_csv, ".npz": _write_npz, ".parquet": _write_parquet}[out.suffix.lower()]
    with put_whole(out) as file:
        write(store, file)


def check_export(out: Path) -> None:
    """Refuse a file that could not be written, before any work is done for it.

    Raises:
        InvalidArgument: The name has another ending.
        MissingPackage: pyarrow is not installed.
    """
    if out.suffix.lower() not in EXPORTS:
        raise InvalidArgument(f"{out} ends in none of {', '.join(EXPORTS)}: these can be written.")
    if out.suffix.lower() == ".parquet":
        import_parquet()


def read_items(table: Path) -> list[Record]:
    """The items of a CSV file or of JSON lines, to go with vectors in the same order.

    ``id`` and ``label`` are what they are called; ``path`` is the id where there is no ``id``, and
    is left out otherwise, as there is no folder that it would lie in. Every other column is
    metadata, typed as ``build --metadata`` does. Columns v0, v1 … that are the vectors of an export
    are left out.

    Raises:
        InvalidArgument: It cannot be read, or a row has neither id nor path.
    """
    rows = read_table(table)
    return _records(table, rows, _numbers(rows))


def _records(table: Path, rows: Rows, numbers: Sequence[str]) -> list[Record]:
    """The items of rows, of which some columns are numbers of their vectors."""
    records, left_out = [], {*COLUMNS, *numbers}
    for line, row in rows:
        name = next((row[key] for key in ("id", "path") if row.get(key) not in (None, "")), None)
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise InvalidArgument(f"{table}, line {line}: it has no id.")
        label = row.get("label")
        more = {key.removeprefix(OURS): value for key, value in row.items() if key not in left_out}
        records.append(Record(str(name), None, None if label is None else str(label), more))
    return records


def _numbers(rows: Rows) -> list[str]:
    """The columns at the end that are called v0, v1 and so on: the vectors of an export."""
    columns = list(rows[0][1]) if rows else []
    last = columns[-1] if columns else ""
    names = [f"v{at}" for at in range(int(last[1:]) + 1)] if re.fullmatch(r"v\d{1,6}", last) else []
    return names if columns[-len(names) :] == names else []


def read_export(path: Path) -> tuple[NDArray[Any], list[Record]]:
    """Vectors and items of a file as ``export_store`` writes them, in memory.

    A file may come from elsewhere, too: labels and metadata may be missing. In a ``.csv`` or
    ``.parquet`` file ``path`` stands for an ``id`` that is missing, and every other column is
    metadata; in a ``.csv`` file it is typed as ``build --metadata`` does.

    Raises:
        InvalidArgument: It is no such file.
        MissingPackage: pyarrow is not installed.
    """
    read = {".csv": _read_csv, ".npz": _read_npz, ".parquet": _read_parquet}[path.suffix.lower()]
    try:
        return read(path)
    except (VecsearchError, MemoryError):
        raise
    except Exception as error:  # whatever NumPy, zipfile and pyarrow make of damaged files
        said = str(error) or type(error).__name__
        raise InvalidArgument(f"{path} cannot be imported: {said}.") from error


def _read_csv(path: Path) -> tuple[NDArray[Any], list[Record]]:
    path.open("rb").close()  # or what it says of a table would be said
    rows = read_table(path)
    numbers = _numbers(rows)
    if not numbers:
        raise InvalidArgument(
            f"{path} ends in no columns v0, v1 … of vectors. Of vectors in a .npy file it may be "
            "the items: --items."
        )
    for line, row in rows:  # of an empty cell there is no key
        if list(row)[-len(numbers) :] != numbers:
            raise InvalidArgument(f"{path}, line {line}: not all of {numbers[-1]} is a number.")
    vectors = np.array([[row[name] for name in numbers] for _, row in rows], np.float64)
    return vectors, _records(path, rows, numbers)


def _read_npz(path: Path) -> tuple[NDArray[Any], list[Record]]:
    with ExitStack() as held:
        file = held.enter_context(path.open("rb"))
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no archive of arrays")
        file.seek(0)
        arrays = held.enter_context(np.load(file, allow_pickle=False))
        ids = _texts(arrays, "ids")
        labels = _texts(arrays, "labels") if "labels" in arrays else [""] * len(ids)
        lines = [b"{}"] * len(ids)
        if "metadata" in arrays:
            lines = np.asarray(arrays["metadata"]).tobytes().splitlines()
        vectors: NDArray[Any] = np.asarray(arrays["vectors"])
    return vectors, [
        Record(name, None, label or None, json.loads(line))
        for name, label, line in zip(ids, labels, lines, strict=True)
    ]


def _texts(arrays: Mapping[str, Any], name: str) -> list[str]:
    column = np.asarray(arrays[name])
    if column.ndim != 1:
        raise ValueError(f"its {name} are no list")
    texts: list[str] = column.astype(str).tolist()
    return texts


def _read_parquet(path: Path) -> tuple[NDArray[Any], list[Record]]:
    _, parquet = import_parquet()
    from pyarrow import compute

    table = parquet.read_table(path)
    if not len(table):
        raise ValueError("there is nothing in it")
    lengths = compute.unique(compute.list_value_length(table["vector"])).to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        raise ValueError("its vectors are not all of one length")
    parts = [part.flatten().to_numpy(zero_copy_only=False) for part in table["vector"].chunks]
    rows = table.drop_columns(["vector"]).to_pylist()
    vectors = np.concatenate(parts).reshape(len(rows), lengths[0])
    return vectors, [_record(path, number, row) for number, row in enumerate(rows, 1)]


def _record(table: Path, number: int, row: Mapping[str, Any]) -> Record:
    """The item of a row of Parquet."""
    given = {key: value for key, value in row.items() if is_given(value)}
    texts = {key: as_text(table, key, given[key]) for key in COLUMNS if key in given}
    name = texts.get("id") or texts.get("path")
    if not name:
        raise InvalidArgument(f"{table}, row {number}: it has no id.")
    try:
        own = {**json.loads(given.pop("metadata", "{}"))}
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"{table}, row {number}: its metadata is no JSON object, as text."
        ) from error
    others = {key: as_json(key, value) for key, value in given.items() if key not in COLUMNS}
    return Record(name, None, texts.get("label") or None, {**others, **own})


def read_vectors(path: Path) -> NDArray[Any]:
    """Memory-map a ``.npy`` file.

    Raises:
        InvalidArgument: It is none.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise InvalidArgument(f"{path} is no .npy file of numbers: {error}.") from error


def import_parquet() -> tuple[Any, Any]:
    """The packages ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        MissingPackage: They are not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "Parquet needs the package pyarrow: pip install 'vecsearch[parquet]'"
        ) from error
    return pa, parquet


def _blocks(store: Store) -> Iterator[Block]:
    """All items with their vectors, in order."""
    for entry in store.manifest.segments:
        vectors = store.vectors_of(entry)
        rows = np.flatnonzero(store.alive_in(entry))
        records: list[Record] = []
        done = 0
        for record in store.records_of(entry):
            records.append(record)
            if len(records) == BLOCK_ITEMS or done + len(records) == len(rows):
                yield records, vectors[rows[done : done + len(records)]]
                done += len(records)
                records = []


def _write_csv(store: Store, file: IO[bytes]) -> None:
    keys = sorted({key for record in store.records() for key in record.metadata})
    numbers = [f"v{at}" for at in range(store.manifest.dim)]
    taken = {*COLUMNS, *numbers}
    names = [
        *COLUMNS,
        *(f"{OURS}{key}" if key in taken or key.startswith(OURS) else key for key in keys),
        *numbers,
    ]
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text)  # with RFC 4180's line ends: others would leave \r unquoted
    writer.writerow(names)
    for records, vectors in _blocks(store):
        for record, vector in zip(records, vectors.tolist(), strict=True):
            more = [_cell(record.metadata.get(key)) for key in keys]
            # Not "-0", which is the same as 0 where all of a column are whole numbers.
            values = [f"{number:.9g}" if number else str(number) for number in vector]
            writer.writerow([record.id, record.path, record.label, *more, *values])
    text.flush()
    text.detach()


def _cell(value: JSON) -> Any:
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _write_npz(store: Store, file: IO[bytes]) -> None:
    columns: Mapping[str, Callable[[Record], str]] = {
        "ids": lambda record: record.id,
        "paths": lambda record: record.path or "",
        "labels": lambda record: record.label or "",
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        shape = (len(store), store.manifest.dim)
        with archive.open("vectors.npy", "w", force_zip64=True) as member:
            _header(member, np.dtype("<f4"), shape)
            for _, vectors in _blocks(store):
                member.write(np.ascontiguousarray(vectors).data.cast("B"))
        for name, of in columns.items():
            width = max((len(of(record)) for record in store.records()), default=1) or 1
            kind = np.dtype(f"<U{width}")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                _header(member, kind, (len(store),))
                for records, _ in _blocks(store):
                    values: NDArray[Any] = np.array([of(record) for record in records], kind)
                    member.write(values.tobytes())
        # Not an array of text, in which every item would take as much as the longest.
        lines = (json.dumps(dict(record.metadata)) + "\n" for record in store.records())
        size = sum(map(len, lines))
        with archive.open("metadata.npy", "w", force_zip64=True) as member:
            _header(member, np.dtype(np.uint8), (size,))
            for record in store.records():
                member.write((json.dumps(dict(record.metadata)) + "\n").encode())


def _header(file: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    facts = {"descr": kind.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, facts)


def _write_parquet(store: Store, file: IO[bytes]) -> None:
    pa, parquet = import_parquet()
    dim = store.manifest.dim
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("path", pa.string()),
            ("label", pa.string()),
            ("metadata", pa.string()),
            ("vector", pa.list_(pa.float32(), dim)),
        ]
    )
    with parquet.ParquetWriter(file, schema) as writer:
        for records, vectors in _blocks(store):
            columns = [
                pa.array([record.id for record in records], pa.string()),
                pa.array([record.path for record in records], pa.string()),
                pa.array([record.label for record in records], pa.string()),
                pa.array(
                    [json.dumps(dict(one.metadata), ensure_ascii=False) for one in records],
                    pa.string(),
                ),
                pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dim),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
