"""A contact sheet for each group of duplicates."""

from collections.abc import Sequence
from pathlib import Path

import vecsearch
from vecsearch_cli.sheet import ACROSS, MOST_LINES, contact_sheet
from vecsearch_cli.verb import Screen

# One sheet a group, and no more of them than one looks through.
MOST_SHEETS = 500


def draw_groups(screen: Screen, groups: Sequence[vecsearch.Group], folder: Path) -> None:
    """Draw the first groups, each as group-0000.png and so on: the one to keep, and the others."""
    folder.mkdir(parents=True, exist_ok=True)
    earlier = {path.name for path in folder.glob("group-*.png")}
    for number, group in enumerate(groups[:MOST_SHEETS]):
        others = sorted(group.dropped, key=lambda one: one.distance)[: ACROSS * MOST_LINES]
        hits = [
            vecsearch.Hit(vecsearch.Item(one.id, one.path, one.label), one.distance, 0.0)
            for one in others
        ]
        kept = group.kept
        name = f"group-{number:04}.png"
        contact_sheet(
            [(kept.path or Path(kept.id), hits)],
            folder / name,
            kept.label,
            "others",
            title="keep",
            named=True,
        )
        earlier.discard(name)
    drawn = min(len(groups), MOST_SHEETS)
    screen.note(f"Drawn: {drawn} of {len(groups)} groups, in {folder}")
    if earlier:
        screen.note(f"There are {len(earlier)} sheets of an earlier run too, {min(earlier)} first.")
