"""``vecsearch query``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.answers import ranked
from vecsearch.spelling import did_you_mean
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, SHOWN, Failure, Screen, Verb, printable

# What a table shows of a hit.
COLUMNS = ("rank", "label", "distance", "score", "id")

EPILOG = """\b
Examples:
  vecsearch query indexes/photos dress.jpg -k 5
  vecsearch query indexes/photos *.jpg --sheet nearest.png
  find new -name '*.jpg' | vecsearch query indexes/photos - --format jsonl
  vecsearch query indexes/photos dress.jpg --where label=hat --where 'price<9'
  vecsearch query indexes/photos --text 'a red shoe'
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=COLLECTION)
@click.argument("images", metavar="[IMAGE...]", nargs=-1, shell_complete=options.files)
@click.option(
    "--text",
    metavar="WORDS",
    multiple=True,
    help="What to look for, in words, if the encoder knows any (openclip); may be repeated.",
)
@click.option(
    "-k",
    type=click.IntRange(1, options.MOST),
    default=10,
    show_default=True,
    help="How many to find.",
)
@options.metric
@options.where
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw queries and hits as a PNG.",
)
@options.exact
@options.recall
@options.device
@click.pass_obj
def command(
    screen: Screen,
    index: Path | str,
    images: Sequence[str],
    text: Sequence[str],
    k: int,
    metric: str | None,
    where: Sequence[str],
    sheet: Path | None,
    exact: bool,
    recall: float | None,
) -> None:
    """Find the items of INDEX that are nearest to each IMAGE; - reads their paths from stdin.

    With --text, find those that words describe.
    """
    if exact and recall is not None:
        raise click.UsageError("--exact finds all of the nearest: leave out --recall.")
    if not images and not text:
        raise click.UsageError("Name an IMAGE, or say --text WORDS.")
    if sheet is not None:
        from vecsearch_cli.sheet import check_sheet, contact_sheet

        check_sheet(sheet)
    collection = vecsearch.Collection.open(index)
    search: dict[str, Any] = {"where": where, "metric": metric, "exact": exact, "recall": recall}
    found: list[tuple[str, list[vecsearch.Hit]]] = []
    failed = 0
    if text:
        found += zip(text, collection.query_text(text, k, **search), strict=True)
    for image in options.given(images):
        try:
            hits = collection.query_one(image, k, **search)
        except vecsearch.ImageError as error:
            click.echo(f"Error: {printable(error)}", err=True)
            failed += 1
        else:
            found.append((image, hits))
    answers: list[dict[str, Any]] = [
        {"query": image, "hits": ranked(hits)} for image, hits in found
    ]
    show(
        screen.format,
        answers,
        [{"query": answer["query"], **hit} for answer in answers for hit in answer["hits"]],
        [
            (
                answer["query"],
                [{column: hit[column] for column in COLUMNS} for hit in answer["hits"]],
            )
            for answer in answers
        ],
        columns=("query", "rank", "id", "label", "distance", "score", "path", "metadata"),
    )
    if sheet is not None and found:
        contact_sheet([(Path(image), hits) for image, hits in found], sheet)
        screen.note(f"Drawn: {sheet}")
    if where and found and not any(hits for _, hits in found):
        screen.note(_nothing(collection, where))
    if failed:
        raise Failure(f"{failed} of {failed + len(found)} images could not be read.")


def _nothing(collection: vecsearch.Collection, where: Sequence[str]) -> str:
    """That no item is as was asked for; and which labels there are, if it was asked for one."""
    labels: Any = collection.info()["labels"] or {}  # of many on a server, they are not counted
    key, _, value = where[0].partition("=")
    said = f"No item is as --where {' --where '.join(where)} asks."
    if key != "label" or not labels or value in labels:
        return said
    shown = ", ".join([*labels][:SHOWN])
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"{said}{did_you_mean(value, labels)} Labels: {shown}{more}."
