"""``vecsearch export``."""

from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch export indexes/photos -o photos.parquet
  vecsearch export indexes/photos -o photos.csv
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=COLLECTION)
@click.option(
    "--out",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it goes: a .parquet, .csv or .npz file.",
)
@click.pass_obj
def command(screen: Screen, index: Path | str, out: Path) -> None:
    """Write the items of INDEX and their vectors to a file for other programs.

    Parquet needs the package pyarrow.
    """
    collection = vecsearch.Collection.open(index)
    collection.export(out)
    answer: dict[str, Any] = {"items": len(collection), "dim": collection.dim, "file": str(out)}
    show(screen.format, [answer], [answer])
