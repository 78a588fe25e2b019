"""Which images are held out to find the best epoch, and what they are searched in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vecsearch.training.validation import NEIGHBOURS
from vecsearch.types import Rows

# A class must keep this many images to learn from; and more held out than this tell no more.
LEAST_KEPT = 4
MOST_HELD = 3000
MANY_CLASSES = 10
# How many others the held-out ones are searched in after each epoch.
GALLERY = 5_000


@dataclass(frozen=True)
class Split:
    """Rows to learn from, and rows held out, all of whose classes are among the first or none.

    Attributes:
        train: What is learned from.
        held: What is held out; empty if there are too few images.
        whole_classes: Whether whole classes are held out, which find each other then.
    """

    train: Rows
    held: Rows
    whole_classes: bool = False


def hold_out(codes: NDArray[np.int64], share: float, seed: int, fewest: int = 1) -> Split:
    """Hold out a share of each class, or whole small ones if most images are in such.

    Of a class of four or fewer nothing is held out, unless it is held out whole; and nothing at
    all where no class is larger, and there are not ten for that.

    Args:
        codes: The class of each image; all −1 if there are no labels.
        share: Between 0 and 1.
        seed: For the choice.
        fewest: Nothing is held out where that would be fewer.

    Example:
        >>> split = hold_out(np.repeat([0, 1], 50), 0.1, 0)
        >>> len(split.train), len(split.held)
        (90, 10)
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(len(codes))
    if not share:
        return Split(rows, rows[:0])
    share = min(share, MOST_HELD / max(1, len(codes)))
    classes, counts = np.unique(codes, return_counts=True)
    small = np.flatnonzero((counts > 1) & (counts <= LEAST_KEPT))
    mostly_large = 2 * counts[counts > LEAST_KEPT].sum() > len(codes)
    if mostly_large or (len(small) < MANY_CLASSES and counts.max() > LEAST_KEPT):
        held: list[Rows] = []
        shuffled = rng.permutation(rows)
        by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
        for members in np.split(by_class, np.cumsum(counts)[:-1]):
            wanted = max(1, round(share * len(members)))
            held.append(members[: max(0, min(len(members) - LEAST_KEPT, wanted))])
        chosen = np.sort(rng.permutation(np.concatenate(held))[:MOST_HELD])
        chosen = chosen if len(chosen) >= fewest else chosen[:0]
        return Split(np.setdiff1d(rows, chosen), chosen)
    if len(small) < MANY_CLASSES:
        return Split(rows, rows[:0])
    drawn = rng.permutation(small)[: max(2, round(share * len(small)))]
    whole = classes[drawn[np.cumsum(counts[drawn]) <= MOST_HELD]]
    inside = np.isin(codes, whole)
    return Split(rows[~inside], rows[inside], whole_classes=True)


def gallery_of(split: Split, codes: NDArray[np.int64], seed: int) -> Rows:
    """What the held-out images are searched in: first a few of each of their classes.

    Args:
        split: As ``hold_out`` makes it.
        codes: The class of each image.
        seed: For the choice.
    """
    if split.whole_classes:
        return split.train[:0]
    shuffled = np.random.default_rng(seed).permutation(split.train)
    wanted = np.isin(codes[shuffled], codes[split.held])
    turns = np.where(wanted, np.minimum(_turns(codes[shuffled]), NEIGHBOURS), NEIGHBOURS)
    return np.sort(shuffled[np.argsort(turns, kind="stable")][:GALLERY])


def some_of_each(codes: NDArray[np.int64], rows: Rows, most: int, seed: int) -> Rows:
    """Some of the images, as many of each class; of very many classes a few of some.

    Args:
        codes: The class of each image.
        rows: Those to choose from.
        most: How many are chosen at most.
        seed: For the choice.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(rows)
    classes, which = np.unique(codes[shuffled], return_inverse=True)
    few = _turns(which) < max(LEAST_KEPT, most // len(classes))
    order = np.argsort(rng.permutation(len(classes))[which[few]], kind="stable")
    return np.sort(shuffled[few][order][:most])


def _turns(codes: NDArray[np.int64]) -> Rows:
    """How many of its class stand before each."""
    order = np.argsort(codes, kind="stable")
    _, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
    turns = np.empty(len(codes), np.int64)
    turns[order] = np.arange(len(codes)) - np.repeat(starts, counts)
    return turns
