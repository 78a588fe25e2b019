"""How the verbs that change a collection tell what they did."""

import time
from typing import Any

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import SHOWN, Failure, Screen, printable


def show_changes(
    screen: Screen,
    collection: vecsearch.Collection,
    changes: vecsearch.Changes,
    started: float,
    strict: bool = False,
) -> None:
    """Print how many items were changed in which way, and name the first of them on stderr.

    Raises:
        Failure: Files were skipped, and the user is strict about that.
    """
    answer: dict[str, Any] = {
        **changes.counts(),
        "dim": collection.dim,
        "metric": collection.metric.value,
        "encoder": collection.encoder_name,
        "seconds": round(time.monotonic() - started, 3),
    }
    # A terminal has no room for what did not happen.
    shown = {key: value for key, value in answer.items() if value or key == "indexed"}
    show(screen.format, [answer], [answer], [("", [shown])])
    lines = [
        *(f"  + {name}" for name in changes.added),
        *(f"  * {name}" for name in changes.changed),
        *(f"  {old} → {new}" for old, new in changes.renamed),
        *(f"  # {name}" for name in changes.relabelled),
        *(f"  - {name}" for name in changes.removed),
    ]
    for line in lines[:SHOWN]:
        screen.note(printable(line))
    if len(lines) > SHOWN:
        screen.note(f"  … and {len(lines) - SHOWN} more")
    screen.skipped(changes.skipped, "vecsearch info INDEX --skipped lists those of the folder.")
    if changes.skipped and strict:
        raise Failure(f"{len(changes.skipped)} files were skipped.", 3)
