"""``vecsearch compact``."""

import time
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import INDEX, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch compact indexes/photos
  vecsearch compact indexes/photos --index auto
"""


@click.command(cls=Verb, epilog=EPILOG, interrupted="INDEX is as it was.")
@click.argument("index", type=INDEX)
@click.option(
    "--index",
    "kind",
    metavar="KIND",
    help="Find neighbours in another way from now on: a kind as for build.  [default: as before]",
)
@options.device
@click.pass_obj
def command(screen: Screen, index: Path, kind: str | None) -> None:
    """Write anew what removed items and many small writes have left in INDEX.

    Changes no answer, unless another kind of index is asked for. It is done in part after every
    write.
    """
    started = time.monotonic()
    collection = vecsearch.Collection.open(index)
    before = collection.info()
    collection.compact(kind)
    after = collection.info()
    answer: dict[str, Any] = {
        "indexed": after["items"],
        "segments_before": before["segments"],
        "segments": after["segments"],
        "dead_before": before["dead"],
        "dead": after["dead"],
        "seconds": round(time.monotonic() - started, 3),
    }
    show(screen.format, [answer], [answer])
