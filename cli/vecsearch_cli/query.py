"""``vecsearch query``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import INDEX, Failure, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch query indexes/photos dress.jpg -k 5
  vecsearch query indexes/photos *.jpg --sheet nearest.png
  find new -name '*.jpg' | vecsearch query indexes/photos - --format jsonl
  vecsearch query indexes/photos dress.jpg --where label=skirt
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=INDEX)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many to find.")
@options.metric
@click.option(
    "--where", type=options.Pair("KEY=VALUE"), multiple=True,
    help="Only items with this id, label or metadata; more than one must all hold.",
)
@click.option(
    "--sheet", type=click.Path(dir_okay=False, path_type=Path), help="Draw queries and hits as a PNG."
)
@click.option("--exact", is_flag=True, help="Compare with every item, whatever index there is.")
@click.pass_obj
def command(
    screen: Screen,
    index: Path,
    images: Sequence[str],
    k: int,
    metric: str | None,
    where: Sequence[tuple[str, str]],
    sheet: Path | None,
    exact: bool,  # noqa: ARG001  (the only kind of index compares with every item)
) -> None:
    """Find the items of INDEX that are nearest to each IMAGE; - reads their paths from stdin."""
    collection = vecsearch.Collection.open(index)
    answers, failed = [], 0
    for image in _paths(images):
        try:
            hits = collection.query_one(image, k, where=dict(where), metric=metric)
        except vecsearch.ImageError as error:
            click.echo(f"Error: {error}", err=True)
            failed += 1
        else:
            answers.append((Path(image), hits))
    show(
        screen.format,
        [{"query": str(image), "hits": [_hit(*ranked) for ranked in enumerate(hits, 1)]} for image, hits in answers],
        [
            {"query": str(image), **_hit(*ranked)}
            for image, hits in answers
            for ranked in enumerate(hits, 1)
        ],
        [
            (str(image), [_line(*ranked) for ranked in enumerate(hits, 1)])
            for image, hits in answers
        ],
    )
    if sheet is not None:
        from vecsearch_cli.sheet import contact_sheet

        contact_sheet(answers, sheet)
        screen.note(f"Drawn: {sheet}")
    if failed:
        raise Failure(f"{failed} of {failed + len(answers)} images could not be read.")


def _paths(images: Sequence[str]) -> Iterator[str]:
    for image in images:
        if image == "-":
            lines = click.get_text_stream("stdin")
            yield from (line.rstrip("\n") for line in lines if line.strip())
        else:
            yield image


def _hit(rank: int, hit: vecsearch.Hit) -> dict[str, Any]:
    return {
        "rank": rank,
        "id": hit.item.id,
        "label": hit.item.label,
        "distance": hit.distance,
        "score": hit.score,
        "path": str(hit.item.path) if hit.item.path else None,
        "metadata": dict(hit.item.metadata),
    }


def _line(rank: int, hit: vecsearch.Hit) -> dict[str, Any]:
    line = _hit(rank, hit)
    return {key: line[key] for key in ("rank", "label", "distance", "score", "id")}
