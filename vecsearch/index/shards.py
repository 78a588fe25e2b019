"""One index that many machines make: trained once, filled in shards, merged to a whole."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from vecsearch.errors import InvalidArgument
from vecsearch.index.approximate import (
    ApproximateIndex,
    add_to,
    finished,
    inner_of,
    trained,
)
from vecsearch.index.kinds import bare, factory_of, making
from vecsearch.types import Metric, Vectors

# Kinds that come out of a merge as they come out of a single build: the same ids for every query.
# FAISS 1.15 merges others too, and not well: of FlatPanorama the ids are others, and RaBitQfs
# corrupts memory. Graphs and flat codes it does not merge with ids (tests/unit/test_shards.py).
MERGED = ("IndexIVFFlat", "IndexIVFScalarQuantizer", "IndexIVFPQ", "IndexIVFRaBitQ")


@dataclass(frozen=True)
class Shard:
    """A part of an index.

    Attributes:
        origin: The sha256 of the trained index that it began with.
        data: What FAISS writes of it.
    """

    origin: str
    data: bytes


class Shards:
    """An index that is to be filled in shards.

    Lists of different centres have nothing to do with each other, so all shards begin with the same
    trained index.

    Args:
        data: The trained index, without vectors, as FAISS writes it.
        metric: How to compare.

    Example:
        >>> vectors = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
        >>> shards = Shards.train([vectors], Metric.EUCLIDEAN, "IVF4,Flat")
        >>> filled = [shards.fill([half]) for half in (vectors[:500], vectors[500:])]
        >>> len(shards.merge(filled, [vectors]))
        1000
    """

    def __init__(self, data: bytes, metric: Metric) -> None:
        self.data = data
        self._metric = metric

    @classmethod
    def train(
        cls, blocks: Sequence[Vectors], metric: Metric, kind: str, budget: int | None = None
    ) -> "Shards | None":
        """Train an index on a sample; None if its kind is not one that is merged.

        Args:
            blocks: All vectors, of which a sample is read.
            metric: How to compare.
            kind: As for ``factory_of``.
            budget: How many bytes of memory this may take.

        Raises:
            InvalidArgument: As for ``train_index``.
        """
        with making(kind, sum(map(len, blocks)), blocks[0].shape[1]):
            if not _is_merged(kind, blocks):
                return None
            return cls(_written(trained(blocks, metric, kind, budget)), metric)

    @property
    def origin(self) -> str:
        """The sha256 of the trained index."""
        return hashlib.sha256(self.data).hexdigest()

    def fill(self, blocks: Sequence[Vectors]) -> Shard:
        """A shard of some vectors: those that follow those of the shards before."""
        made = _read(self.data)
        add_to(made, blocks, self._metric)
        return Shard(self.origin, _written(made))

    def merge(self, shards: Iterable[Shard], blocks: Sequence[Vectors]) -> ApproximateIndex:
        """The whole index.

        Args:
            shards: In the order of their vectors.
            blocks: All vectors.

        Raises:
            InvalidArgument: One was not begun with this trained index, or vectors are missing.
        """
        whole = _read(self.data)
        for number, shard in enumerate(shards):
            if shard.origin != self.origin:
                raise InvalidArgument(
                    f"Shard {number} was trained on its own: its lists have other centres than "
                    "those of the others, and merged they would find the wrong items. Fill all "
                    "shards of one trained index."
                )
            whole.merge_from(_read(shard.data), whole.ntotal)
        if whole.ntotal != sum(map(len, blocks)):
            raise InvalidArgument(
                f"The shards hold {whole.ntotal} vectors, and there are {sum(map(len, blocks))}."
            )
        return finished(whole, blocks, self._metric)


def _is_merged(kind: str, blocks: Sequence[Vectors]) -> bool:
    dim = blocks[0].shape[1]
    made = faiss.index_factory(dim, factory_of(kind, sum(map(len, blocks)), dim))
    plain = isinstance(bare.downcast_index(made), bare.IndexIVF | bare.IndexPreTransform)
    return plain and type(inner_of(made)).__name__ in MERGED


def _written(index: Any) -> bytes:
    data: bytes = bare.serialize_index(index).tobytes()
    return data


def _read(data: bytes) -> Any:
    # Else it makes tables again that no index here has.
    flags = faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
    return bare.deserialize_index(np.frombuffer(data, np.uint8), flags)
