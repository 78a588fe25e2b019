"""Which images go into a batch together."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vecsearch.types import Rows

# With fewer classes than an eighth of the batch, each has partners enough in any shuffle; but for
# one of which a shuffle brings fewer than two into a batch, on average.
MANY_CLASSES, FEWEST = 8, 2
GROUP = 4


def group_size(codes: NDArray[np.int64], batch: int) -> int:
    """How many images of one class have to be put together so that each finds a partner."""
    _, counts = np.unique(codes, return_counts=True)
    rare = counts.min() * batch < FEWEST * len(codes)
    return GROUP if rare or len(counts) * MANY_CLASSES > batch else 1


def batches(
    codes: NDArray[np.int64], batch: int, group: int, rng: np.random.Generator
) -> Iterator[Rows]:
    """Go once through all images, in batches where each has others of its class.

    pytorch-metric-learning's sampler draws classes anew for each batch: with unequal classes an
    epoch misses most images of large ones and repeats those of small ones. Here each image comes
    once, in a group of ``group`` of its class, or of as many as are left; one that is alone in
    its class comes twice, so that two views of it are partners.

    Args:
        codes: The class of each image.
        batch: How many images make a batch; the batches of an epoch are equal to one image.
        group: How many of a class stay together; 1 for a plain shuffle.
        rng: What shuffles.

    Example:
        >>> rows = list(batches(np.array([0, 1, 0, 1]), 2, 2, np.random.default_rng(0)))
        >>> sorted(sorted(part.tolist()) for part in rows)
        [[0, 2], [1, 3]]
    """
    order = rng.permutation(len(codes))
    if group > 1:
        order = _grouped(codes, order, group, rng)
    yield from np.array_split(order, max(1, len(order) // batch))


def _grouped(codes: NDArray[np.int64], order: Rows, group: int, rng: np.random.Generator) -> Rows:
    counts = np.bincount(codes)
    alone = np.flatnonzero(counts[codes] == 1)
    order = np.concatenate([order, alone])
    order = order[np.argsort(codes[order], kind="stable")]
    _, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    last = np.repeat((sizes - 1) // group, sizes)
    # One that would be left alone joins the group before it.
    left = np.repeat(sizes % group == 1, sizes)
    part = np.minimum(place // group, np.where(left & (last > 0), last - 1, last))
    number = np.cumsum(np.concatenate([[0], (np.diff(part) != 0) | (np.diff(codes[order]) != 0)]))
    shuffled = rng.permutation(int(number[-1]) + 1)
    return order[np.argsort(shuffled[number], kind="stable")]
