"""An answer as a table, JSON, JSON lines or CSV, on stdout."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from vecsearch.types import JSON
from vecsearch_cli.verb import ReaderGone, printable

if TYPE_CHECKING:  # it is slow to import, and most answers are no tables
    from rich.console import Console
    from rich.table import Table

Row = Mapping[str, Any]


def show(
    form: str,
    answers: Sequence[Mapping[str, JSON]],
    rows: Sequence[Row],
    tables: Sequence[tuple[str, Sequence[Row]]] | None = None,
    columns: Sequence[str] = (),
) -> None:
    """Print an answer.

    Args:
        form: ``json``: one document, an object if there is one answer, else a list of them.
            ``jsonl``: one object a line. ``csv``: the rows. ``table``: the tables.
        answers: What the JSON forms print.
        rows: What CSV prints; all have the keys of the first.
        tables: Titles and rows, if they are other than the rows of CSV.
        columns: The columns of CSV where there are no rows.

    Raises:
        ReaderGone: Nobody reads stdout any more.
    """
    try:
        _print(form, answers, rows, tables, columns)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def _print(
    form: str,
    answers: Sequence[Mapping[str, JSON]],
    rows: Sequence[Row],
    tables: Sequence[tuple[str, Sequence[Row]]] | None,
    columns: Sequence[str],
) -> None:
    if form == "json":
        document = answers[0] if len(answers) == 1 else list(answers)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif form == "jsonl":
        for answer in answers:
            click.echo(json.dumps(answer, ensure_ascii=False))
    elif form == "csv":
        _csv(list(rows[0]) if rows else columns, rows)
    else:
        for title, part in [("", rows)] if tables is None else tables:
            _table(title, part)


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> None:
    line = io.StringIO(newline="")
    # With RFC 4180's line ends it quotes a lone \r too; lines end as others here do.
    writer = csv.writer(line, lineterminator="\r\n")
    for row in (columns, *([_cell(value) for value in row.values()] for row in rows)):
        writer.writerow(row)
        sys.stdout.write(line.getvalue().removesuffix("\r\n") + "\n")
        line.seek(0)
        line.truncate()


def _table(title: str, rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if title:
        console.print(Text(printable(title)))
    if not rows:
        console.print("(nothing)")
        return
    table = _grid(rows)
    if len(rows) == 1 and _width(console, table) > console.width:
        # Folded into narrow columns, nobody could read it.
        table = _grid(
            [{"what": name, "value": printable(value)} for name, value in rows[0].items()]
        )
    console.print(table)


def _width(console: "Console", table: "Table") -> int:
    """How wide a table is where there is room for it."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _grid(rows: Sequence[Row]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, value in rows[0].items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in row.values()))
    return table


def _cell(value: Any) -> Any:
    nested = isinstance(value, dict | list)
    return json.dumps(value, ensure_ascii=False) if nested else value
