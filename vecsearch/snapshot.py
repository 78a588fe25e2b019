"""What a collection can say of itself at one moment, wherever it lies."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from numpy.typing import ArrayLike

from vecsearch.encoders import Encoder
from vecsearch.images import ImageLike
from vecsearch.store import EncoderEntry
from vecsearch.types import JSON, Clustering, Hit, Item, Metric, Skipped, Vectors
from vecsearch.view import View
from vecsearch.where import Condition


class Snapshot(Protocol):
    """What ``Collection`` asks: ``View`` answers of a folder, others of what lies elsewhere."""

    def __len__(self) -> int: ...

    @property
    def place(self) -> str:
        """Where it lies, as messages call it."""

    @property
    def metric(self) -> Metric:
        """How its distances are measured."""

    @property
    def dim(self) -> int:
        """The length of its vectors."""

    @property
    def root(self) -> Path | None:
        """The folder that its images were found in."""

    @property
    def at_hand(self) -> bool:
        """Whether all items can be looked at without fetching them."""

    @property
    def made_by(self) -> EncoderEntry | None:
        """What the encoder of its vectors is; None if they were brought by their user."""

    @property
    def encoder(self) -> Encoder:
        """What made the vectors."""

    def newer(self) -> "Snapshot | None":
        """What it is now, if that is something else."""

    def reopened(self) -> "Snapshot":
        """The same with nothing held open."""

    def whole(self) -> View:
        """All of it by rows, for tasks that look at every item."""

    def part(self, ids: Sequence[str]) -> View:
        """Some items by rows, for tasks that need no others; more, where more is at hand."""

    def encode(self, images: Sequence[ImageLike], metric: Metric | None = None) -> Vectors:
        """The vectors of some images, ``(n, dim)`` float32, all of which a metric can compare."""

    def search(
        self,
        vectors: ArrayLike,
        k: int,
        conditions: tuple[Condition, ...],
        metric: Metric,
        exact: bool,
        recall: float | None = None,
    ) -> list[list[Hit]]:
        """The items nearest to each of some vectors, ``(n, dim)``."""

    def each(self) -> Iterator[Item]:
        """All items, in the order of ``vectors``."""

    def has(self, name: str) -> bool:
        """Whether there is an item of that id."""

    def get(self, name: str) -> Item:
        """The item of an id."""

    def is_labelled(self) -> bool:
        """Whether any item has a label."""

    def labels(self) -> list[str | None]:
        """The label of each item, in the order of ``vectors``."""

    def hashes(self) -> list[str | None]:
        """The sha256 of each item's file, in hex, in the order of ``vectors``."""

    def vectors(self, ids: Sequence[str] | None = None) -> Vectors:
        """The vectors of some items, or of all, ``(n, dim)`` float32."""

    def calibration(self) -> dict[str, JSON]:
        """From how far on something is a stranger, by method of classification."""

    def clusterings(self) -> list[str]:
        """The names of the clusterings that were saved."""

    def clustering(self, name: str) -> Clustering:
        """The clustering that was saved under a name."""

    def skipped(self) -> list[Skipped]:
        """What was left out of the folder, with paths below it."""

    def info(self) -> dict[str, JSON]:
        """What there is to know about it, as plain values."""
