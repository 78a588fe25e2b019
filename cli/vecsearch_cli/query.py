"""``vecsearch query``."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.answers import ranked
from vecsearch.spelling import did_you_mean
from vecsearch_cli import options
from vecsearch_cli.asking import Asking
from vecsearch_cli.render import show_each
from vecsearch_cli.verb import COLLECTION, SHOWN, Screen, Verb, printable

ROW = ("query", "rank", "id", "label", "distance", "score", "path", "metadata")
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
    collection = vecsearch.Collection.open(index)
    if sheet is not None:
        from vecsearch_cli.sheet import check_sheet, contact_sheet

        check_sheet(sheet, collection, images)
    search: dict[str, Any] = {"where": where, "metric": metric, "exact": exact, "recall": recall}
    asking = Asking()
    drawn: list[tuple[Path, list[vecsearch.Hit]]] = []
    counts: list[int] = []

    def answers() -> Iterator[dict[str, Any]]:
        words = zip(text, collection.query_text(text, k, **search), strict=True) if text else ()
        asked = asking.each(
            options.given(images), lambda image: [(image, collection.query_one(image, k, **search))]
        )
        for query, hits in chain(words, asked):
            counts.append(len(hits))
            if sheet is not None:
                drawn.append((Path(query), hits))
            yield {"query": query, "hits": ranked(hits)}

    try:
        show_each(screen.format, answers(), rows, ROW, COLUMNS)
    finally:  # also if nobody reads the answers to their end: of those that there were
        if sheet is not None and drawn:
            contact_sheet(drawn, sheet)
            screen.note(f"Drawn: {sheet}")
    if where and counts and not any(counts):
        screen.note(printable(_nothing(collection, where)))
    asking.check()


def rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was found as rows, a hit each."""
    return [{"query": answer["query"], **hit} for hit in answer["hits"]]


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
