"""An evaluation as files: for people, for spreadsheets and for programs."""

import csv
import importlib.util
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.result import Evaluation

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
    ``METHOD_confusion.csv`` the confusion matrix, true classes down, predicted ones across. If it
    was ``detailed``, and Jinja2 and matplotlib are installed, ``report.html`` shows all of it.

    Returns:
        The files written.

    Raises:
        InvalidArgument: The folder cannot be made.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgument(f"Cannot make the folder {place}: {error.strerror}.") from error
    for name in OWN:
        (place / name).unlink(missing_ok=True)
    summary = place / "report.json"
    summary.write_text(json.dumps(evaluation.to_json(), indent=2) + "\n", encoding="utf-8")
    names = list(evaluation.per_query)
    columns = evaluation.per_query.values()
    written = [summary, _write(place / "queries.csv", names, zip(*columns, strict=True))]
    for method, table in (("knn", evaluation.knn), ("centroid", evaluation.centroid)):
        if table is None:
            continue
        figures = [{"label": label, **asdict(row)} for label, row in table.per_class.items()]
        written.append(
            _write(
                place / f"{method}_per_class.csv",
                list(figures[0]),
                [row.values() for row in figures],
            )
        )
        counts = table.confusion.tolist()
        rows = [[label, *row] for label, row in zip(table.labels, counts, strict=True)]
        written.append(_write(place / f"{method}_confusion.csv", ["", *table.labels], rows))
    if evaluation.details is not None:
        if all(importlib.util.find_spec(name) for name in ("jinja2", "matplotlib")):
            from vecsearch.evaluation.page import render

            page = place / "report.html"
            page.write_text(render(evaluation, evaluation.details), encoding="utf-8")
            written.append(page)
        else:
            log.info("No page is made without matplotlib: pip install 'vecsearch[plot]'")
    return written


def _write(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path
