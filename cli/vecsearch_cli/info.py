"""``vecsearch info``."""

from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Screen, Verb


@click.command(cls=Verb)
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
    flat = [{"what": name, "value": _short(value)} for name, value in facts.items()]
    show(screen.format, [facts], flat)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
