"""``vecsearch remove``."""

import time
from collections.abc import Sequence
from pathlib import Path

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.changes import show_changes
from vecsearch_cli.verb import COLLECTION, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch remove indexes/photos dress/7.jpg dress/8.jpg
  vecsearch remove indexes/photos - < ids.txt
"""


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="INDEX is as it was.",
    there="What was removed stays so. Remove those that are left.",
)
@click.argument("index", type=COLLECTION)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def command(screen: Screen, index: Path | str, ids: Sequence[str]) -> None:
    """Remove items from INDEX, all or none of a folder's; - reads their ids from stdin.

    A file that is still in the folder that INDEX follows is added again by the next update.
    """
    started = time.monotonic()
    collection = vecsearch.Collection.open(index)
    changes = collection.remove(list(options.given(ids)))
    show_changes(screen, collection, changes, started)
