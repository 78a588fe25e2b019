"""Make the approximate index of a collection by many workers."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vecsearch.distributed.engine import Engine
from vecsearch.errors import InvalidArgument, VecsearchError
from vecsearch.index import ApproximateIndex, Shards, train_index
from vecsearch.types import Metric, Vectors

# Of so many numbers a shard is filled in seconds; fewer are done before a worker has begun.
SHARD_NUMBERS = 1 << 26
log = logging.getLogger(__name__)


class ShardedTraining:
    """Makes an index as ``train_index`` does, its shards by the workers of an engine.

    It learns from a sample here, once, and every shard begins with what was learned. A kind that
    does not merge, as a graph, is made here as a whole.

    Args:
        engine: Fills the shards.
        shard_numbers: How many numbers the vectors of a shard have at least.
    """

    def __init__(self, engine: Engine, shard_numbers: int | None = None) -> None:
        self._engine = engine
        self._shard_numbers = shard_numbers or SHARD_NUMBERS

    def __call__(
        self, blocks: Sequence[Vectors], metric: Metric, kind: str, budget: int | None = None
    ) -> ApproximateIndex:
        """Make an index of the memory-mapped vectors of all segments."""
        groups = list(_groups(blocks, self._shard_numbers))
        shards = Shards.train(blocks, metric, kind, budget) if len(groups) > 1 else None
        if shards is None:
            return train_index(blocks, metric, kind, budget)
        try:
            return shards.merge(self._engine.fill(shards, groups), blocks)
        except InvalidArgument:
            raise
        except VecsearchError as error:
            # The collection is committed, and needs no other machine any more.
            log.warning("The index is made here, since the workers could not: %s", error)
            return train_index(blocks, metric, kind, budget)


def _groups(blocks: Sequence[Vectors], numbers: int) -> Iterator[list[Path]]:
    """The files of vectors, in their order, some to each shard."""
    group: list[Path] = []
    size = 0
    for block in blocks:
        if not isinstance(block, np.memmap) or block.filename is None:
            return  # in memory: no worker sees it
        group.append(Path(block.filename).resolve())
        size += block.size
        if size >= numbers:
            yield group
            group, size = [], 0
    if group:
        yield group
