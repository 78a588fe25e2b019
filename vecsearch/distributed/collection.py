"""The methods of a collection over a store that is no folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.amend import (
    ENCODE_ANEW,
    PUT_IN_PLACE,
    Changes,
    check_encoder,
    check_ids,
    refuse_nothing,
    refuse_standing,
    some,
)
from vecsearch.collection import Collection
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.snapshot import StoreSnapshot
from vecsearch.distributed.stores import Profile, VectorStore
from vecsearch.encoders import Encoder
from vecsearch.encoding import encode_batches, read_folder
from vecsearch.errors import IncompleteAnswer, InvalidArgument
from vecsearch.finding import find_images
from vecsearch.images import FROM_FOLDERS, ImageFolder
from vecsearch.index import as_array, check_vectors
from vecsearch.own_vectors import check_records
from vecsearch.store import Record, Records, Source
from vecsearch.types import JSON, Progress, Vectors

log = logging.getLogger(__name__)


class StoredCollection(Collection):
    """A collection in a store. What a folder alone can do raises InvalidArgument.

    Args:
        store: Where it is.

    Attributes:
        store: Where it is.
    """

    _view: StoreSnapshot

    def __init__(self, store: VectorStore) -> None:
        super().__init__(StoreSnapshot(store))
        self.store = store

    @classmethod
    def at(cls, address: str) -> Self:
        """Open the collection at an address.

        Raises:
            CollectionNotFound: There is none.
            IncompleteAnswer: A part of it does not answer, or it was not pushed to its end.
        """
        store = MilvusStore(Address.parse(address))
        if not store.properties.whole:
            raise IncompleteAnswer(
                f"{store.place} was not pushed to its end: push it again, "
                + ("with --overwrite." if store.properties.wrong else "and it goes on.")
            )
        collection = cls(store)
        for warning in collection._view.health.warnings:
            log.warning("%s: %s.", store.place, warning)
        return collection

    @property
    def profile(self) -> Profile:
        """What it was created as."""
        return self._view.profile

    @property
    def path(self) -> Path:
        """There is no folder.

        Raises:
            InvalidArgument: Always.
        """
        raise InvalidArgument(
            f"This is kept in a folder, and {self.place} is none: do it in the collection that it "
            "was pushed from, and push it again."
        )

    def refresh(self, wait: bool = True) -> bool:
        """See what others have written since. Whether that is anything, the store does not say.

        Args:
            wait: Wait until the store sees all of it, now and with the questions of the next
                seconds; else it is seen as soon as it comes through.
        """
        self._view = self._view.newer(wait)
        self.store = self._view.store
        return True

    def close(self) -> None:
        """Let go of what was fetched. A collection that is asked again opens it again."""
        self._view = self._view.reopened()

    def add(
        self,
        images: Sequence[str | Path],
        *,
        label: str | None = None,
        metadata: Mapping[str, JSON] | None = None,
        replace: bool = False,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> Changes:
        """Add image files by hand; as ``Collection.add``."""
        if isinstance(images, str | Path):
            raise InvalidArgument(f"Images come as a list: [{str(images)!r}].")
        check_records(1, None, [label], None if metadata is None else [metadata])
        profile, encoder = self._view.profile, self.encoder
        source = None
        if profile.root is not None:
            source = Source(profile.root, FROM_FOLDERS if profile.by_folder else "none")
        found = find_images(source, images)
        old = self._standing(found.paths)
        refuse_standing(list(old), replace, ENCODE_ANEW)
        root = Path("/") if source is None else Path(source.root)
        folder = ImageFolder(root, found.paths, found.labels, found.skipped)
        batches = read_folder(folder, found.paths, encoder.preprocess, jobs, progress)
        skipped, records = list(found.skipped), []
        vectors = [np.empty((0, self.dim), np.float32)]
        for block in encode_batches(batches, root, encoder, self.metric):
            skipped += block.skipped
            vectors.append(block.vectors)
            records += [
                found.record(file, old.get(file.path), label, metadata) for file in block.files
            ]
        if not records:
            refuse_nothing(skipped)
        changes = self._put(np.concatenate(vectors), Records.of(records), list(old))
        return replace_fields(changes, skipped=skipped)

    def add_vectors(
        self,
        vectors: ArrayLike,
        ids: Sequence[str],
        labels: Sequence[str | None] | None = None,
        metadata: Sequence[Mapping[str, JSON]] | None = None,
        *,
        encoder: Encoder | None = None,
        replace: bool = False,
    ) -> Changes:
        """Add vectors of your own; as ``Collection.add_vectors``."""
        array = as_array(vectors)
        count = len(array) if array.ndim else 0
        records = check_records(count, ids, labels, metadata)
        check_encoder(self._view.made_by, encoder, self.place)
        if not count:
            return Changes(len(self))
        checked = check_vectors(array, self.dim, self.metric)
        standing = list(self._standing(records.ids))
        refuse_standing(standing, replace, PUT_IN_PLACE)
        return self._put(checked, records, standing)

    def remove(self, ids: Sequence[str]) -> Changes:
        """Remove items; as ``Collection.remove``."""
        names = list(dict.fromkeys(check_ids(ids)))
        there = self._standing(names)
        if missing := [name for name in names if name not in there]:
            raise InvalidArgument(
                f"There is no item {some(missing)} in {self.place}. Nothing was removed."
            )
        self.store.delete(names)
        self.refresh()
        return Changes(len(self), removed=names)

    def _standing(self, names: Sequence[str]) -> dict[str, Record]:
        """Those of some items that are there, by id."""
        return {
            name: records.one(at)
            for records, _ in self.store.fetch(names)
            for at, name in enumerate(records.ids)
        }

    def _put(self, vectors: Vectors, records: Records, standing: Sequence[str]) -> Changes:
        # Not inserted, even where there was nothing: another may put the same there meanwhile, and
        # Milvus would store it twice.
        self.store.upsert(vectors, records)
        self.refresh()
        there = set(standing)
        added = [name for name in records.ids if name not in there]
        changed = [name for name in records.ids if name in there]
        return Changes(len(self), added, changed)
