"""An answer as a table, JSON, JSON lines or CSV, on stdout."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    with _reader():
        if form == "json":
            _document(answers)
        elif form == "jsonl":
            _lines(answers)
        elif form == "csv":
            _csv([list(rows[0]) if rows else columns])
            _csv(row.values() for row in rows)
        else:
            for title, part in [("", rows)] if tables is None else tables:
                _table(title, part)


def show_each(
    form: str,
    answers: Iterable[Mapping[str, JSON]],
    rows_of: Callable[[Mapping[str, Any]], Sequence[Row]],
    columns: Sequence[str],
    shown: Sequence[str] = (),
) -> None:
    """Print answers as they come, so that whoever reads them need not wait for the last.

    What is one thing, a document in JSON or a table of all answers, is printed after the last.

    Args:
        form: As of ``show``.
        answers: What the JSON forms print.
        rows_of: An answer as rows.
        columns: What the rows have, in this order.
        shown: What a table shows of them, where each answer is one, titled by its ``query``; none,
            and all are rows of one table.

    Raises:
        ReaderGone: Nobody reads stdout any more.
    """
    if form == "json" or (form == "table" and not shown):
        whole = list(answers)
        show(form, whole, [row for answer in whole for row in rows_of(answer)])
        return
    head = [columns]  # of CSV; not before the first answer, which may be an error
    for answer in answers:
        with _reader():
            if form == "jsonl":
                _lines([answer])
            elif form == "csv":
                _csv([*head, *([row[column] for column in columns] for row in rows_of(answer))])
                head = []
            else:
                rows = [{column: row[column] for column in shown} for row in rows_of(answer)]
                _table(str(answer["query"]), rows)
    if form == "csv":
        with _reader():
            _csv(head)


@contextmanager
def _reader() -> Iterator[None]:
    """Somebody who reads what is printed, or has gone."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError:
        sys.stdout = None  # or what is left to be written would fail again at the very end
        raise


def _document(answers: Sequence[Mapping[str, JSON]]) -> None:
    document = answers[0] if len(answers) == 1 else list(answers)
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _lines(answers: Iterable[Mapping[str, JSON]]) -> None:
    for answer in answers:
        click.echo(json.dumps(answer, ensure_ascii=False))


def _csv(rows: Iterable[Iterable[Any]]) -> None:
    line = io.StringIO(newline="")
    # With RFC 4180's line ends it quotes a lone \r too; lines end as others here do.
    writer = csv.writer(line, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
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
