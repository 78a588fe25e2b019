"""What a place that holds vectors owes, a folder as well as a server."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from numpy.typing import ArrayLike

from vecsearch.store import EncoderEntry, Record, Records
from vecsearch.types import JSON, Metric, Vectors
from vecsearch.where import Condition

Kind: TypeAlias = Literal["exact", "hnsw"]


@dataclass(frozen=True)
class Profile:
    """What a collection is, beside its items.

    Attributes:
        metric: How its distances are measured.
        dim: The length of its vectors.
        encoder: What made them, or None; its ``folder`` means nothing elsewhere.
        root: The folder that its images were found in, or None.
        by_folder: Whether the first sub-folder is the label of an image that is added.
        index: ``exact``, which compares with every item, or ``hnsw``, which finds most of the
            nearest in less time.
        calibration: From how far on something is a stranger, by method of classification.
        shards: How many parts of it take in writes.
        replicas: How many copies of it answer questions.
        origin: What it was copied from, as a hash; None if it was not.
    """

    metric: Metric
    dim: int
    encoder: EncoderEntry | None = None
    root: str | None = None
    by_folder: bool = True
    index: Kind = "exact"
    calibration: Mapping[str, JSON] = field(default_factory=dict)
    shards: int = 1
    replicas: int = 1
    origin: str | None = None


class Neighbour(NamedTuple):
    """An item, and how far it is from what was asked for; its ``file`` may be left out."""

    record: Record
    distance: float


Block: TypeAlias = tuple[Records, Vectors]
"""Some items and their vectors, ``(n, dim)`` float32."""


@dataclass(frozen=True)
class Health:
    """How a store is.

    Attributes:
        items: How many items it holds.
        shards: In how many parts.
        replicas: How many copies of it answer.
        faults: What is wrong, so that an answer may lack items; empty if nothing is.
        warnings: What would go wrong if one more machine failed.
    """

    items: int
    shards: int = 1
    replicas: int = 1
    faults: Sequence[str] = ()
    warnings: Sequence[str] = ()


class VectorStore(Protocol):
    """Where items lie with their vectors.

    What a write has acknowledged by returning is there for good, and every later question of the
    same process sees it. Nothing is asked of a store that is not there: that is
    CollectionNotFound.
    """

    @property
    def place(self) -> str:
        """Where it is, as messages call it."""

    @property
    def profile(self) -> Profile:
        """What it was created as.

        Raises:
            CollectionNotFound: It was not.
        """

    def create(self, profile: Profile, encoder: Path | None = None) -> None:
        """Make it, with no items.

        Args:
            profile: What it shall be.
            encoder: The folder that holds the encoder of ``profile``.

        Raises:
            CollectionExists: It is there already.
        """

    def upsert(self, vectors: Vectors, records: Records, *, new: bool = False) -> None:
        """Put in items, in the place of those that have their ids.

        Args:
            vectors: ``(n, dim)`` float32.
            records: What they are.
            new: None of them is there, as the caller knows. It saves a look.

        Raises:
            InvalidArgument: The store cannot take one of them.
        """

    def delete(self, ids: Sequence[str]) -> None:
        """Take out items; ids that are not there are passed over."""

    def search(
        self,
        vectors: ArrayLike,
        k: int,
        conditions: tuple[Condition, ...] = (),
        *,
        exact: bool = False,
    ) -> list[list[Neighbour]]:
        """The k nearest items of each of some vectors, ``(n, dim)``, nearest first.

        Args:
            vectors: What to look for.
            k: How many; all there are, if they are fewer.
            conditions: All of them hold of what is found.
            exact: Compare with every item.

        Raises:
            InvalidArgument: The store cannot do that, or no item has a key of the conditions.
            IncompleteAnswer: A part of it does not answer.
        """

    def fetch(self, ids: Sequence[str] | None = None) -> Iterator[Block]:
        """Items with their vectors, a block at a time: those of some ids, in any order, or all.

        All of them come in the order of their ids or in another one that stays the same. Ids that
        are not there are passed over.
        """

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[Sequence[Record], int]:
        """Some of the items of which conditions hold, in an order that stays the same.

        Args:
            conditions: All of them hold of each.
            limit: How many items, at most.
            offset: How many come before them.

        Returns:
            What they are, but for their ``file``, which may be left out; and how many there are.

        Raises:
            InvalidArgument: No item has a key of the conditions, or the store cannot count so far.
        """

    def health(self, wait: bool = True) -> Health:
        """How it is.

        Args:
            wait: Whether to wait until it sees all that was acknowledged to anybody before.
        """

    def encoder_folder(self) -> Path | None:
        """A folder on this machine with the encoder; None if the vectors came without one."""

    def anew(self) -> "VectorStore":
        """Another one of the same place, taken for what it is now; this one stays as it is."""

    def close(self) -> None:
        """Let go of connections and the like; the next question makes others."""
