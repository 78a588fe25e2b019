"""What a collection holds: its items and their vectors, as one generation has them."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from vecsearch.encoders import Encoder
from vecsearch.snapshot import Snapshot
from vecsearch.types import JSON, Clustering, Item, Metric, Skipped, Vectors
from vecsearch.view import View


class Holdings:
    """One generation of a collection, open.

    Attributes:
        place: Where it lies, as messages call it.
    """

    def __init__(self, view: Snapshot) -> None:
        self.place = view.place
        # Replaced as a whole by refresh, so that a question in another thread is not torn.
        self._view = view

    @property
    def view(self) -> View:
        """The generation that questions see now by rows, for tasks that look at every item.

        Raises:
            InvalidArgument: It lies elsewhere, and is too large to be fetched.
        """
        return self._view.whole()

    @property
    def at_hand(self) -> bool:
        """Whether ``view`` costs nothing, as it does in a folder."""
        return self._view.at_hand

    def part(self, ids: Sequence[str]) -> View:
        """Some items by rows, for tasks that need no others; ids of no items are passed over."""
        return self._view.part(ids)

    def refresh(self) -> bool:
        """See what was committed since; returns whether there was anything.

        Questions that other threads are asking are answered from what they began with.

        Raises:
            DamagedCollection: The newest manifest is not as it was written.
        """
        newer = self._view.newer()
        if newer is None:
            return False
        self._view = newer
        return True

    def snapshot(self) -> Self:
        """The generation that questions see now, as a collection of its own.

        Whatever is committed, and whoever refreshes this one, it stays at that generation.
        """
        return copy.copy(self)

    def close(self) -> None:
        """Let go of its files. A collection that is asked again opens them again."""
        self._view = self._view.reopened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def metric(self) -> Metric:
        """How its distances are measured."""
        return self._view.metric

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return self._view.dim

    @property
    def root(self) -> Path | None:
        """The folder that its images were found in."""
        return self._view.root

    @property
    def encoder(self) -> Encoder:
        """What made the vectors, ready to encode others.

        Raises:
            InvalidArgument: The vectors were brought by their user.
            DamagedCollection: The encoder is not the one that made the vectors.
        """
        return self._view.encoder

    @property
    def encoder_name(self) -> str | None:
        """What made the vectors is registered as; None if they were brought by their user."""
        entry = self._view.made_by
        return entry.name if entry is not None else None

    @property
    def fingerprint(self) -> str | None:
        """What tells the encoder of the vectors from all others; None if there was none."""
        entry = self._view.made_by
        return entry.fingerprint if entry is not None else None

    @property
    def calibration(self) -> dict[str, JSON]:
        """What ``calibrate`` has stored, by method of classification; empty if it was not called.

        Raises:
            DamagedCollection: The file is not as it was written.
        """
        return self._view.calibration()

    @property
    def clusterings(self) -> dict[str, Clustering]:
        """The clusterings that were saved, by name.

        Raises:
            DamagedCollection: A file is not as it was written.
        """
        view = self._view
        return {name: view.clustering(name) for name in view.clusterings()}

    def clustering(self, name: str) -> Clustering:
        """The clustering that was saved under a name.

        Raises:
            InvalidArgument: There is none.
            DamagedCollection: The file is not as it was written.
        """
        return self._view.clustering(name)

    @property
    def skipped(self) -> list[Skipped]:
        """The files that were left out when it was built or updated, with reasons."""
        root = self.root or Path()
        return [replace(one, path=root / one.path) for one in self._view.skipped()]

    def __len__(self) -> int:
        return len(self._view)

    def __iter__(self) -> Iterator[Item]:
        """All items, in the order of ``vectors``."""
        return self._view.each()

    def __contains__(self, name: object) -> bool:
        """Whether there is an item of that id."""
        return isinstance(name, str) and self._view.has(name)

    @property
    def is_labelled(self) -> bool:
        """Whether any item has a label."""
        return self._view.is_labelled()

    def labels(self) -> list[str | None]:
        """The label of each item, in the order of ``vectors``."""
        return self._view.labels()

    def hashes(self) -> list[str | None]:
        """The sha256 of each item's file as it was read, in hex, in the order of ``vectors``."""
        return self._view.hashes()

    def get(self, name: str) -> Item:
        """The item of an id.

        Raises:
            InvalidArgument: There is none.
        """
        return self._view.get(name)

    def vectors(self, ids: Sequence[str] | None = None) -> Vectors:
        """Vectors as the encoder made them, ``(n, dim)`` float32, perhaps memory-mapped.

        Args:
            ids: Of which items; of all, in their order, by default.

        Raises:
            InvalidArgument: There is no item of one of the ids.
        """
        return self._view.vectors(ids)

    def info(self) -> dict[str, JSON]:
        """What there is to know about the collection, as plain values."""
        return self._view.info()
