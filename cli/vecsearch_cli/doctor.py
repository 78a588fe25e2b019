"""``vecsearch doctor``."""

from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import Failure, Screen, Verb


@click.command(cls=Verb)
@click.pass_obj
def command(screen: Screen) -> None:
    """Look whether everything works on this machine: versions, threads, encoders, FAISS."""
    facts = vecsearch.diagnose()
    rows = [
        {"what": name, "value": line} for name, value in facts.items() for line in _lines(value)
    ]
    show(screen.format, [facts], rows)
    problems: Any = facts["problems"]
    if problems:
        raise Failure(" ".join(problems))
    screen.note("No problems found.")


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}: {_inline(part)}" for key, part in value.items()]
    return [_inline(value)]


def _inline(value: Any) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(part)}" for key, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
