"""``vecsearch verify``."""

import shlex
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import INDEX, Failure, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch verify indexes/photos
  vecsearch verify indexes/photos || vecsearch repair indexes/photos
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=INDEX)
@click.pass_obj
def command(screen: Screen, index: Path) -> None:
    """Read every byte of INDEX and compare it with the hash that was written."""
    result = vecsearch.verify(index)
    answer: dict[str, Any] = {
        "ok": not result.damages,
        "files": result.files,
        "bytes": result.bytes,
        "damaged": [{"file": one.file, "reason": one.reason} for one in result.damages],
    }
    show(
        screen.format,
        [answer],
        [{"file": one.file, "reason": one.reason} for one in result.damages],
        [
            ("", [{key: answer[key] for key in ("ok", "files", "bytes")}]),
            *([("Damaged", answer["damaged"])] if result.damages else []),
        ],
        columns=("file", "reason"),
    )
    if result.damages:
        place = shlex.quote(str(index))
        saves = f"Save what is whole: vecsearch repair {place}"
        if all(one.file.startswith("encoder/") for one in result.damages):
            saves = f"The encoder can be fitted anew: vecsearch update {place} --refit"
        raise Failure(f"{len(result.damages)} files are damaged. {saves}")
