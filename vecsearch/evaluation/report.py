"""An evaluation as files: for people, for spreadsheets and for programs."""

import csv
import importlib.util
import io
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.result import Evaluation
from vecsearch.store import put_whole

log = logging.getLogger(__name__)

# What an earlier report may have left.
OWN = (
    "report.html", "report.json", "queries.csv",
    "knn_per_class.csv", "knn_confusion.csv", "centroid_per_class.csv", "centroid_confusion.csv",
)  # fmt: skip


def write_report(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write an evaluation into a folder, replacing an earlier one.

    ``report.json`` holds everything but single queries, ``queries.csv`` a line for each query,
    and for each method of classification ``METHOD_per_class.csv`` a line for each class and
    ``METHOD_confusion.csv`` the confusion matrix of up to a thousand classes, true ones down,
    predicted ones across. If it was ``detailed``, and Jinja2 and matplotlib are installed,
    ``report.html`` shows all of it.

    Returns:
        The files written.

    Raises:
        InvalidArgument: The folder cannot be made, or files of others would be replaced.

    Example:
        >>> from vecsearch import Collection, evaluate
        >>> books = Collection.from_vectors([[5], [4], [1], [0]], labels=["a", "a", "b", "b"])
        >>> found = evaluate(books, leave_one_out=True)
        >>> [path.name for path in write_report(found, tmp / "report")]
        ['report.json', 'queries.csv', ...]
    """
    place = Path(folder)
    check_report(place)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgument(f"Cannot make the folder {place}: {error.strerror}.") from error
    # All is made before any of an earlier report goes.
    files = {"report.json": json.dumps(evaluation.to_json(), indent=2) + "\n"}
    columns = evaluation.per_query
    files["queries.csv"] = _table(list(columns), zip(*columns.values(), strict=True))
    for method, table in (("knn", evaluation.knn), ("centroid", evaluation.centroid)):
        if table is None:
            continue
        figures = [{"label": label, **asdict(row)} for label, row in table.per_class.items()]
        files[f"{method}_per_class.csv"] = _table(figures[0], (row.values() for row in figures))
        if table.confusion is not None:
            counts = table.confusion.tolist()
            rows = ([label, *row] for label, row in zip(table.labels, counts, strict=True))
            files[f"{method}_confusion.csv"] = _table(["", *table.labels], rows)
    if evaluation.details is not None:
        if all(importlib.util.find_spec(name) for name in ("jinja2", "matplotlib")):
            from vecsearch.evaluation.page import render

            files["report.html"] = render(evaluation, evaluation.details)
        else:
            log.info("No page is made without matplotlib: pip install 'vecsearch[plot]'")
    for name in OWN:
        if name not in files:
            (place / name).unlink(missing_ok=True)
    for name, text in files.items():
        with put_whole(place / name) as file:
            # Names of files may be no text: their odd bytes are shown as \udcff and the like.
            file.write(text.encode("utf-8", "backslashreplace"))
    return [place / name for name in files]


def check_report(folder: str | Path) -> None:
    """Refuse a folder that no report could go into, before any work is done for it.

    Raises:
        InvalidArgument: It cannot be made, or holds files that are called as those of a report,
            and no report.
    """
    place = Path(folder)
    try:
        nearest = next(one for one in (place, *place.absolute().parents) if one.exists())
        there = [name for name in OWN if (place / name).exists()]
    except OSError as error:
        raise InvalidArgument(f"Cannot make the folder {place}: {error.strerror}.") from error
    if not nearest.is_dir():
        raise InvalidArgument(f"Cannot make the folder {place}: {nearest} is a file.")
    if not os.access(nearest, os.W_OK):
        raise InvalidArgument(f"Cannot write into {nearest}: permission denied.")
    if there and not _is_report(place / "report.json"):
        raise InvalidArgument(
            f"{place} holds {there[0]}, but no report, which would replace it: name another folder."
        )


def _is_report(path: Path) -> bool:
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "measures" in body


def _table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
