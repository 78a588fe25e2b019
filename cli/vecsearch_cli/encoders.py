"""``vecsearch encoders``."""

from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import Screen, Verb


@click.command(cls=Verb)
@click.pass_obj
def command(screen: Screen) -> None:
    """List the encoders that can be used here."""
    answers: list[dict[str, Any]] = vecsearch.describe_encoders()
    show(screen.format, answers, answers)
