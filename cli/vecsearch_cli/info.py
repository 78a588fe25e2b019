"""``vecsearch info``."""

from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch info indexes/photos
  vecsearch info indexes/photos --skipped
  vecsearch info indexes/photos --format json
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=COLLECTION)
@click.option("--skipped", is_flag=True, help="List the files that were left out, with reasons.")
@click.pass_obj
def command(screen: Screen, index: Path | str, skipped: bool) -> None:
    """Show what INDEX is: its items, labels, encoder and size."""
    collection = vecsearch.Collection.open(index)
    if skipped:
        left_out: list[dict[str, Any]] = [
            {"path": str(one.path), "reason": one.reason} for one in collection.skipped
        ]
        show(screen.format, left_out, left_out, columns=("path", "reason"))
        return
    facts = collection.info()
    rows = [{"what": name, "value": value} for name, value in facts.items()]
    brief = [{"what": name, "value": _short(value)} for name, value in facts.items()]
    show(screen.format, [facts], rows, [("", brief)])


def _brief(key: str, part: Any) -> str:
    # The first digits of a hash tell it from others.
    return f"{str(part)[:12]}…" if key == "fingerprint" and part else str(part)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_brief(key, part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
