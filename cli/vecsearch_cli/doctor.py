"""``vecsearch doctor``."""

from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import Failure, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch doctor
  vecsearch doctor --format json
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.pass_obj
def command(screen: Screen) -> None:
    """Look whether everything works on this machine: versions, threads, encoders, FAISS."""
    facts = vecsearch.diagnose()
    rows = [
        {"what": name, "value": line}
        for name, value in facts.items()
        if name != "problems"
        for line in _lines(name, value)
    ]
    show(screen.format, [facts], rows)
    problems: Any = facts["problems"]
    if problems:
        raise Failure("\n".join(problems))
    screen.note("No problems found.")


def _lines(name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [_inline(value)]
    lines = []
    for key, part in value.items():
        lacks = name == "extras" and None in part.values()
        install = f": pip install 'vecsearch[{key}]'" if lacks else ""
        lines.append(f"{key}: {_inline(part)}{install}")
    return lines


def _inline(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(part)}" for key, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
