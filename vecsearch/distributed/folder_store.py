"""A collection in a folder, as a store among others."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.amend import check_ids
from vecsearch.ann import keep_indexed
from vecsearch.distributed.stores import Block, Health, Kind, Neighbour, Profile
from vecsearch.errors import InvalidArgument
from vecsearch.images import FROM_FOLDERS
from vecsearch.index import EXACT, check_vectors
from vecsearch.store import Record, Records, Source, Writer
from vecsearch.types import Vectors
from vecsearch.view import View, newest_store
from vecsearch.where import Condition

BLOCK_ITEMS = 5000


class FolderStore:
    """A collection in a folder. Every write is a commit.

    Args:
        folder: Where it lies.

    Example:
        >>> from vecsearch.types import Metric
        >>> store = FolderStore(tmp / "books")
        >>> store.create(Profile(Metric.EUCLIDEAN, dim=2))
        >>> store.upsert(np.eye(2, dtype=np.float32), Records(["Emma", "Dracula"]))
        >>> store.search(np.float32([[0, 2]]), 1)[0][0].record.id
        'Dracula'
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._view: View | None = None

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def view(self) -> View:
        """Its newest generation."""
        if self._view is None:
            self._view = View(newest_store(self.folder))
        self._view = self._view.newer() or self._view
        return self._view

    @property
    def profile(self) -> Profile:
        """What it was created as."""
        manifest = self.view.store.manifest
        index: Kind = "exact"
        if manifest.ann is not None and manifest.index.get("factory", EXACT) != EXACT:
            index = "hnsw"
        source = manifest.source
        return Profile(
            metric=manifest.metric,
            dim=manifest.dim,
            encoder=manifest.encoder,
            root=source.root if source is not None else None,
            by_folder=source is None or source.labels == FROM_FOLDERS,
            index=index,
            calibration=self.view.calibration(),
        )

    def create(self, profile: Profile, encoder: Path | None = None) -> None:
        """Make it, with no items."""
        source = None
        if profile.root is not None:
            source = Source(profile.root, FROM_FOLDERS if profile.by_folder else "none")
        with Writer(self.folder) as writer:
            if profile.encoder is not None and encoder is not None:
                place, own = writer.encoder_folder(), profile.encoder
                shutil.copytree(encoder, place, dirs_exist_ok=True)
                writer.set_encoder(place, own.name, own.params, own.fingerprint, own.facts)
            writer.commit(
                metric=profile.metric,
                dim=profile.dim,
                source=source,
                index={"kind": profile.index},
                calibration=profile.calibration,
            )

    def upsert(self, vectors: Vectors, records: Records, *, new: bool = False) -> None:
        """Put in items, in the place of those that have their ids."""
        if len(set(records.ids)) < len(records):
            raise InvalidArgument("An id is there twice.")
        with Writer(self.folder, amend=True) as writer:
            manifest = writer.base.manifest
            writer.add(check_vectors(vectors, manifest.dim, manifest.metric), records)
            if not new:
                rows = writer.base.find(records.ids)
                writer.remove(rows[rows >= 0])
            writer.commit()
        keep_indexed(self.folder)

    def delete(self, ids: Sequence[str]) -> None:
        """Take out items; ids that are not there are passed over."""
        with Writer(self.folder, amend=True) as writer:
            rows = np.unique(writer.base.find(check_ids(ids)))
            writer.remove(rows[rows >= 0])
            writer.commit()
        keep_indexed(self.folder)

    def search(
        self,
        vectors: ArrayLike,
        k: int,
        conditions: tuple[Condition, ...] = (),
        *,
        exact: bool = False,
    ) -> list[list[Neighbour]]:
        """The k nearest items of each of some vectors."""
        view = self.view
        distances, rows = view.nearest(vectors, k, conditions, view.metric, exact)
        return [
            [Neighbour(view.store.record(row), far) for row, far in zip(*answer, strict=True)]
            for answer in zip(rows.tolist(), distances.tolist(), strict=True)
        ]

    def fetch(self, ids: Sequence[str] | None = None) -> Iterator[Block]:
        """Items with their vectors, a block at a time."""
        store = self.view.store
        rows = store.rows() if ids is None else np.unique(store.find(check_ids(ids)))
        rows = rows[rows >= 0]
        every = store.records() if ids is None else map(store.record, rows.tolist())
        for start in range(0, len(rows), BLOCK_ITEMS):
            part = rows[start : start + BLOCK_ITEMS]
            yield Records.of(list(islice(every, len(part)))), store.take(part)

    def page(
        self, conditions: tuple[Condition, ...], limit: int, offset: int
    ) -> tuple[Sequence[Record], int]:
        """Some of the items of which conditions hold, in their order, and how many there are."""
        view = self.view
        allowed = view.attributes.allowed(conditions)
        rows = view.store.rows() if allowed is None else np.flatnonzero(allowed)
        shown = rows[offset : offset + limit].tolist()
        return [view.store.record(row) for row in shown], len(rows)

    def health(self, wait: bool = True) -> Health:  # noqa: ARG002 - it always does
        """How it is: what is damaged is an error already when it is read."""
        return Health(len(self.view))

    def encoder_folder(self) -> Path | None:
        """Where its encoder lies."""
        return self.view.store.encoder_folder()

    def anew(self) -> "FolderStore":
        """Another one of the same folder."""
        return FolderStore(self.folder)

    def close(self) -> None:
        """Let go of what was read."""
        self._view = None
