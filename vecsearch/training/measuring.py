"""What the held-out images say of a network while it learns."""

from collections.abc import Mapping

import numpy as np

from vecsearch.training.choice import HELD_OUT_LOSS
from vecsearch.training.data import TrainingImages
from vecsearch.training.loop import Loop
from vecsearch.training.split import Split, gallery_of
from vecsearch.training.validation import validate
from vecsearch.types import JSON, Rows, Vectors

# What is told of each epoch.
SHOWN = {
    "loss": "loss",
    HELD_OUT_LOSS: "held out",
    "pair_accuracy": "pairs",
    "recall_at_1": "recall@1",
    "knn_accuracy": "knn",
}


def figures_of(loop: Loop, images: TrainingImages, split: Split) -> dict[str, JSON]:
    """What the held-out images say: the loss where it looks at no labels; and what labels tell."""
    found: dict[str, JSON] = {}
    if len(split.held) and not loop.settings.needs_labels:
        found[HELD_OUT_LOSS] = round(loop.loss_of(split.held), 5)
    searched, held = measured(loop, split)
    if len(held):
        vectors: list[Vectors] = [loop.encode(rows) for rows in (searched, held)]
        codes = images.codes[searched], images.codes[held]
        among = split.whole_classes
        figures = validate(vectors[0], codes[0], vectors[1], codes[1], among, loop.seed)
        found |= figures.to_json()
    return found


def measured(loop: Loop, split: Split) -> tuple[Rows, Rows]:
    """What is searched, and what for, where there are labels to be told; else nothing."""
    rows = gallery_of(split, loop.codes, loop.seed), split.held
    searched, held = (some[loop.codes[some] >= 0] for some in rows)
    known = held if split.whole_classes else searched
    if not len(held) or len(np.unique(loop.codes[known])) < 2:
        return searched[:0], held[:0]
    return searched, held


def in_short(figures: Mapping[str, JSON]) -> str:
    """Some figures in a line."""
    return ", ".join(
        f"{name} {figures[key]:.3f}" for key, name in SHOWN.items() if figures.get(key) is not None
    )
