"""Which epoch of a training is kept, and when there is no point in another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vecsearch.types import JSON

HELD_OUT_LOSS = "held_out_loss"
MEASURED = ("pair_accuracy", "recall_at_1", "knn_accuracy", HELD_OUT_LOSS)


def worths(history: Sequence[Mapping[str, JSON]]) -> list[float]:
    """How good each epoch was by what is held out, the more the better; empty if nothing is."""
    lines: Sequence[Mapping[str, Any]] = history
    if lines and HELD_OUT_LOSS in lines[-1]:
        return [-line[HELD_OUT_LOSS] for line in lines]
    if lines and "knn_accuracy" in lines[-1]:
        return [(line["knn_accuracy"] + line["recall_at_1"]) / 2 for line in lines]
    return []


def is_kept(history: Sequence[Mapping[str, JSON]], held: int) -> bool:
    """Whether the last epoch is the one to keep so far; without figures it always is.

    Of epochs that a standard error apart cannot tell, the later one is taken: its learning rate
    was lower. With a hundred images held out, the highest figure is often an early accident.

    Args:
        history: Of each epoch its loss and its figures.
        held: How many images are held out.
    """
    found = worths(history)
    if not found or found[-1] >= max(found):
        return True
    if HELD_OUT_LOSS in history[-1]:
        return False
    share = (max(found) * held + 1) / (held + 2)
    return found[-1] >= max(found) - math.sqrt(share * (1 - share) / held)


def is_stuck(history: Sequence[Mapping[str, JSON]], patience: int) -> bool:
    """Whether no epoch was better than those before it for so many; never with a patience of 0.

    Example:
        >>> is_stuck([{"held_out_loss": loss} for loss in (0.3, 0.2, 0.2, 0.25)], 2)
        True
    """
    found = worths(history)
    return bool(patience and found) and len(found) - 1 - found.index(max(found)) >= patience
