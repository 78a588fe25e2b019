"""A contact sheet for each group of duplicates."""

from collections.abc import Sequence
from pathlib import Path

import vecsearch
from vecsearch_cli.sheet import ACROSS, MOST_LINES, contact_sheet
from vecsearch_cli.verb import Screen

# One sheet a group, and no more of them than one looks through.
MOST_SHEETS = 500


def check_folder(folder: Path, collection: vecsearch.Collection) -> None:
    """Refuse a folder that sheets cannot go to, before any work is done for them.

    Raises:
        InvalidArgument: It is a file, or lies in the folder that the collection follows.
    """
    root = collection.root
    if root is not None and folder.resolve().is_relative_to(root.resolve()):
        raise vecsearch.InvalidArgument(
            f"Cannot draw sheets into {folder}, in {root}: the next update would take them in."
        )
    if folder.exists() and not folder.is_dir():
        raise vecsearch.InvalidArgument(
            f"Cannot draw sheets into {folder}: it is a file, not a folder."
        )


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
