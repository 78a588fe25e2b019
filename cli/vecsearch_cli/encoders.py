"""``vecsearch encoders``."""

from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import Screen, Verb

# What a terminal has room for.
COLUMNS = ("name", "learns", "package", "status")

EPILOG = """\b
Examples:
  vecsearch encoders
  vecsearch encoders --format json
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.pass_obj
def command(screen: Screen) -> None:
    """List the encoders that can be used here."""
    answers: list[dict[str, Any]] = vecsearch.describe_encoders()
    rows = [{name: answer[name] for name in COLUMNS} for answer in answers]
    show(screen.format, answers, answers, [("", rows)])
    if screen.format == "table":
        screen.note("What each takes: vecsearch encoders --format json")
