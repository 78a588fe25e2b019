"""What stands in a cell of a table that has types, as Parquet's do."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON


def is_given(value: Any) -> bool:
    """Whether there is a value; NaN is none, as elsewhere in tables."""
    return value is not None and value == value  # noqa: PLR0124 - which NaN is not


def as_text(table: str | Path, column: str, value: Any) -> str:
    """What is written in a cell; some programs do not say that bytes are text.

    Raises:
        InvalidArgument: It is none.
    """
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{table} has a {column} that is no text: {value!r}.") from error


def as_json(column: str, value: Any) -> JSON:
    """What JSON can hold of a value, as dates in ISO's form.

    Raises:
        InvalidArgument: It is of no kind that could be written.
    """
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"The column {column!r} holds {type(value).__name__}, which metadata cannot hold: "
            "leave it out, or make text of it."
        ) from error
    plain: JSON = value
    return plain
