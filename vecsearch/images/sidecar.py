"""Tables that lie beside the images: the label or the metadata of each."""

import csv
import hashlib
import io
import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Generic, TypeVar

from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON

Value = TypeVar("Value")

JSON_LINES = (".jsonl", ".ndjson", ".json")
NAMES = ("path", "id")
NOT_METADATA = ("path", "id", "label")
# A number as people write it. 007 is none: what has leading zeros is a name made of digits.
WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
DECIMAL = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
MOST_CELL = 1 << 30  # as long as metadata of ours may be when it is exported
DIGITS = 4000  # Python reads numbers of up to 4,300
TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Sidecar(Generic[Value]):
    """A table that was read.

    Attributes:
        path: Where it lies.
        sha256: The hash of its content, in hex.
        values: What it says of each image, by its path below the folder.
    """

    path: Path
    sha256: str
    values: Mapping[str, Value]


def read_labels(table: str | Path) -> Sidecar[str]:
    """Read a CSV file with the columns ``path`` and ``label``.

    Raises:
        InvalidArgument: It cannot be read, has other columns, or gives one path two labels.
    """
    what = "Labels are 'folder', 'none' or a CSV file"
    data, rows = _csv(Path(table), what, ("path", "label"))
    labels: dict[str, str] = {}
    for line, row in rows:
        if not any(cell.strip() for cell in row.values()):
            continue  # what tables leave at their end
        if not row["path"].strip():
            raise InvalidArgument(f"{table}, line {line}: it names no image in path.")
        path, label = _normal(row["path"]), row["label"].strip()
        if labels.setdefault(path, label) != label:
            raise InvalidArgument(
                f"{table}, line {line}: {path} is both {labels[path]!r} and {label!r}."
            )
    known = {path: label for path, label in labels.items() if label}
    if labels and not known:
        raise InvalidArgument(f"{table} has no label: the column label is empty.")
    return Sidecar(Path(table), _sha256(data), known)


def read_metadata(table: str | Path) -> Sidecar[Mapping[str, JSON]]:
    """Read what else is known of images, from a CSV file or from JSON lines.

    Each row names its image in ``path`` (below the folder) or ``id``; ``label`` is left to the
    labels, and every other column is metadata. JSON keeps its types. A column of CSV is whole
    numbers, decimal numbers, true and false, or else text, whichever all of its cells are; an
    empty cell is nothing. What has leading zeros, as 007, is text.

    Args:
        table: Its name ends in ``.jsonl`` or ``.ndjson`` if it is JSON lines.

    Raises:
        InvalidArgument: It cannot be read, or names no image, or one twice.
    """
    place = Path(table)
    data, rows = _table(place)
    values: dict[str, Mapping[str, JSON]] = {}
    for line, row in rows:
        if not row:
            continue  # what tables leave at their end
        name = next((row[key] for key in NAMES if row.get(key) not in (None, "")), None)
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise InvalidArgument(f"{table}, line {line}: it names no image in path or id.")
        path = _normal(str(name))
        if path in values:
            raise InvalidArgument(f"{table}, line {line}: {path} is there twice.")
        values[path] = {key: value for key, value in row.items() if key not in NOT_METADATA}
    return Sidecar(place, _sha256(data), values)


def read_table(table: Path) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a CSV file or of JSON lines with the columns ``path`` or ``id`` and others.

    Types are those of ``read_metadata``; an empty cell is left out.

    Returns:
        Of each row the number of its line and what it says.

    Raises:
        InvalidArgument: It cannot be read, or has neither column.
    """
    return _table(table)[1]


def typed(cells: Sequence[str]) -> list[JSON]:
    """A column of text as whole numbers, decimals, truths or text, whichever all its cells are.

    Example:
        >>> typed(["1", "", "2.5"]), typed(["007", "8"]), typed(["true", "False"])
        ([1.0, None, 2.5], ['007', '8'], [True, False])
    """
    given = [cell.strip() for cell in cells]
    filled = [cell for cell in given if cell]
    kind: Callable[[str], JSON] = str
    if filled and all(cell.lower() in TRUTHS for cell in filled):
        kind = _truth
    elif filled and all(WHOLE.fullmatch(cell) and len(cell) <= DIGITS for cell in filled):
        kind = int
    elif filled and all(DECIMAL.fullmatch(cell) and isfinite(float(cell)) for cell in filled):
        kind = float
    else:
        given = list(cells)
    return [kind(cell) if cell else None for cell in given]


def _table(table: Path) -> tuple[bytes, list[tuple[int, dict[str, Any]]]]:
    if table.suffix.lower() in JSON_LINES:
        return _json_lines(table)
    data, cells = _csv(table, "Metadata is a CSV file or JSON lines", ("path or id",))
    return data, _typed(cells)


def _typed(rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[tuple[int, dict[str, Any]]]:
    columns = {key: [row[key] for _, row in rows] for key in (rows[0][1] if rows else ())}
    as_typed: dict[str, list[JSON]] = {
        key: [cell or None for cell in cells] if key in NOT_METADATA else typed(cells)
        for key, cells in columns.items()
    }
    return [
        (line, {key: values[at] for key, values in as_typed.items() if values[at] is not None})
        for at, (line, _) in enumerate(rows)
    ]


def _csv(
    table: Path, what: str, wanted: Sequence[str]
) -> tuple[bytes, list[tuple[int, dict[str, str]]]]:
    """The content of a CSV file, and its rows with the numbers of their lines."""
    data = _content(table, what)
    csv.field_size_limit(MOST_CELL)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        columns = reader.fieldnames or []
        if not all(set(names.split(" or ")) & set(columns) for names in wanted):
            raise InvalidArgument(
                f"{table} needs the column{'s' * (len(wanted) > 1)} {' and '.join(wanted)}, with "
                f"commas between; its first line has: {', '.join(columns) or 'nothing'}."
            )
        if len(set(columns)) < len(columns):
            raise InvalidArgument(f"{table} has two columns of one name: {', '.join(columns)}.")
        rows = []
        for row in reader:
            if None in row:
                raise InvalidArgument(
                    f"{table}, line {reader.line_num}: it has more cells than the first line."
                )
            rows.append((reader.line_num, {key: value or "" for key, value in row.items()}))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidArgument(f"{table} is not a CSV file in UTF-8: {error}.") from error
    return data, rows


def _json_lines(table: Path) -> tuple[bytes, list[tuple[int, dict[str, Any]]]]:
    data = _content(table, "Metadata is a CSV file or JSON lines")
    rows = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_refuse, parse_float=_finite)
            if b"\\u" in line:  # or half a character would be seen when all is to be written
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"{table}, line {number}: it is not JSON: {error}.") from error
        if not isinstance(row, dict):
            raise InvalidArgument(
                f'{table}, line {number}: it is not an object, as {{"path": "a.jpg", "price": 3}}.'
            )
        rows.append((number, row))
    return data, rows


def _content(table: Path, what: str) -> bytes:
    try:
        return table.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{what}; {table} cannot be read: {error.strerror}.") from error


def _normal(path: str) -> str:
    return posixpath.normpath(path.strip())


def _truth(cell: str) -> bool:
    return TRUTHS[cell.lower()]


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is more than a number can be")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
