"""``vecsearch repair``."""

from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import INDEX, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch verify indexes/photos
  vecsearch repair indexes/photos
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=INDEX)
@click.pass_obj
def command(screen: Screen, index: Path) -> None:
    """Save what can be saved of a damaged INDEX, and say what could not.

    Files that are whole stay as they are. Where vectors are damaged, images that have not changed
    are encoded anew. Begin with verify, which changes nothing.
    """
    result = vecsearch.repair(index)
    answer: dict[str, Any] = {
        "items": result.items,
        "encoded": result.encoded,
        "lost": result.lost,
        "notes": list(result.notes),
    }
    shown = [{key: answer[key] for key in ("items", "encoded", "lost")}]
    show(screen.format, [answer], shown)
    for note in result.notes:
        screen.note(note)
    if not result.notes:
        screen.note("Nothing was damaged.")
