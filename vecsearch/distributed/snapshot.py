"""What a collection in a store can say of itself."""

import logging
import shutil
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.amend import check_ids, some
from vecsearch.distributed.folder_store import FolderStore
from vecsearch.distributed.stores import Block, Health, VectorStore
from vecsearch.encoders import Encoder, load_encoder
from vecsearch.encoding import encode_images
from vecsearch.errors import DamagedCollection, IncompleteAnswer, InvalidArgument
from vecsearch.images import ImageLike
from vecsearch.index import scores
from vecsearch.store import EncoderEntry, Record, Store
from vecsearch.types import JSON, Clustering, Hit, Item, Metric, Skipped, Vectors
from vecsearch.view import View, as_count, path_of
from vecsearch.where import Condition

# How many items are fetched for tasks that look at all of them; how many for their labels alone,
# which takes about a second.
MOST_FETCHED, MOST_COUNTED = 200_000, 20_000
log = logging.getLogger(__name__)


class _Fetched(View):
    """Items that were fetched; their encoder stays where it is until an image is asked about."""

    def __init__(self, store: Store, of: "StoreSnapshot") -> None:
        super().__init__(store)
        self._of = of

    @property
    def encoder(self) -> Encoder:
        """What made the vectors."""
        return self._of.encoder


class StoreSnapshot:
    """A collection in a store, since it was opened or refreshed.

    It sees all that was acknowledged before, to anybody, and all that this process writes.

    Args:
        store: Where it is.
        encoder: What made its vectors, if it was loaded already.
        wait: Whether to wait until the store sees all that anybody has written.

    Raises:
        CollectionNotFound: It is not there.
        IncompleteAnswer: A part of it does not answer.
    """

    def __init__(
        self, store: VectorStore, encoder: Encoder | None = None, wait: bool = True
    ) -> None:
        self.store, self._encoder = store, encoder
        self.health: Health = store.health(wait)
        self.profile = store.profile
        if self.health.faults:
            raise IncompleteAnswer(
                f"{store.place} does not answer as a whole: {'; '.join(self.health.faults)}."
            )
        self._whole: View | None = None
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return self.health.items

    @property
    def place(self) -> str:
        """Its address."""
        return self.store.place

    @property
    def metric(self) -> Metric:
        """How its distances are measured."""
        return self.profile.metric

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return self.profile.dim

    @property
    def root(self) -> Path | None:
        """The folder that its images were found in, which may be on another machine."""
        return None if self.profile.root is None else Path(self.profile.root)

    @property
    def at_hand(self) -> bool:
        """They are on a server."""
        return False

    @property
    def made_by(self) -> EncoderEntry | None:
        """What the encoder of its vectors is."""
        return self.profile.encoder

    @property
    def encoder(self) -> Encoder:
        """What made the vectors.

        Raises:
            InvalidArgument: The vectors were brought by their user.
            DamagedCollection: It is not the encoder that made the vectors.
        """
        with self._lock:
            if self._encoder is None:
                folder, entry = self.store.encoder_folder(), self.profile.encoder
                if folder is None or entry is None:
                    raise InvalidArgument(
                        f"The collection {self.place} was made from vectors and has no encoder "
                        "for images: ask it by vectors (query_vectors), or vecsearch recommend "
                        "--like ID."
                    )
                loaded = load_encoder(entry.name, folder)
                if loaded.fingerprint != entry.fingerprint:
                    raise DamagedCollection(
                        f"{self.place} holds another encoder {entry.name!r} than the one that made "
                        "its vectors."
                    )
                self._encoder = loaded
            return self._encoder

    def newer(self, wait: bool = True) -> "StoreSnapshot":
        """What it is now: others may have written."""
        fresh = StoreSnapshot(self.store.anew(), self._encoder, wait)
        if fresh.made_by != self.made_by:  # it was pushed anew
            fresh._encoder = None
        return fresh

    def reopened(self) -> "StoreSnapshot":
        """The same with nothing fetched, and the store let go of until it is asked again."""
        fresh = copy(self)
        fresh._whole, fresh._encoder, fresh._lock = None, None, threading.RLock()
        self.store.close()
        return fresh

    def whole(self) -> View:
        """All of it by rows: fetched into a temporary folder, once.

        Raises:
            InvalidArgument: It is too large for that.
        """
        with self._lock:
            if self._whole is None:
                if len(self) > MOST_FETCHED:
                    raise InvalidArgument(
                        f"This compares every item, for which all are fetched; {self.place} has "
                        f"{len(self)}, and up to {MOST_FETCHED} are. Ask the collection that it "
                        "was pushed from."
                    )
                self._whole = self._copied(self.store.fetch())
            return self._whole

    def part(self, ids: Sequence[str]) -> View:
        """Some items by rows, fetched into a temporary folder."""
        return self._copied(self.store.fetch(ids))

    def _copied(self, blocks: Iterable[Block]) -> View:
        folder = Path(tempfile.mkdtemp(prefix="vecsearch-fetched-"))
        try:
            copy = FolderStore(folder)
            copy.create(replace(self.profile, encoder=None, index="exact"))
            for records, vectors in blocks:
                copy.upsert(vectors, records, new=True)
            view = _Fetched(copy.view.store, self)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(view, shutil.rmtree, folder, ignore_errors=True)
        return view

    def encode(self, images: Sequence[ImageLike], metric: Metric | None = None) -> Vectors:
        """The vectors of some images, ``(n, dim)`` float32, all of which a metric can compare."""
        return encode_images(images, self.encoder, metric)

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
        if metric is not self.metric:
            raise InvalidArgument(
                f"{self.place} is arranged for the {self.metric} metric, and cannot be asked by "
                f"{metric}: push a collection of that metric."
            )
        if recall is not None:
            raise InvalidArgument(
                f"How much {self.place} finds was not measured: leave out recall."
            )
        root, found = self.root, self.store.search(vectors, as_count(k), conditions, exact=exact)
        hits = []
        for answer in found:
            near = scores(np.array([one.distance for one in answer]), metric).tolist()
            hits.append(
                [
                    Hit(item_of(one.record, root), one.distance, score)
                    for one, score in zip(answer, near, strict=True)
                ]
            )
        return hits

    def each(self) -> Iterator[Item]:
        """All items, in the order of ``vectors``."""
        root = self.root
        if self._whole is not None:
            yield from self._whole.each()
            return
        for records, _ in self.store.fetch():
            for at in range(len(records)):
                yield item_of(records.one(at), root)

    def has(self, name: str) -> bool:
        """Whether there is an item of that id."""
        return any(name in records.ids for records, _ in self.store.fetch([name]))

    def get(self, name: str) -> Item:
        """The item of an id.

        Raises:
            InvalidArgument: There is none.
        """
        for records, _ in self.store.fetch(check_ids([name])):
            return item_of(records.one(0), self.root)
        raise InvalidArgument(f"There is no item {some([name])} in {self.place}.")

    def is_labelled(self) -> bool:
        """Whether any item has a label."""
        labelled = (Condition("label", "exists"),)
        return any(self.store.search(np.ones((1, self.dim), np.float32), 1, labelled))

    def labels(self) -> list[str | None]:
        """The label of each item, in the order of ``vectors``."""
        return self.whole().labels()

    def hashes(self) -> list[str | None]:
        """The sha256 of each item's file, in hex, in the order of ``vectors``."""
        return self.whole().hashes()

    def vectors(self, ids: Sequence[str] | None = None) -> Vectors:
        """The vectors of some items, or of all, ``(n, dim)`` float32.

        Raises:
            InvalidArgument: There is no item of one of the ids, or there are too many in all.
        """
        if ids is None:
            return self.whole().vectors()
        found: dict[str, Vectors] = {}
        for records, vectors in self.store.fetch(check_ids(ids)):
            found |= zip(records.ids, vectors, strict=True)
        if missing := [name for name in ids if name not in found]:
            raise InvalidArgument(f"There is no item {some(missing)} in {self.place}.")
        return np.array([found[name] for name in ids], np.float32).reshape(-1, self.dim)

    def calibration(self) -> dict[str, JSON]:
        """From how far on something is a stranger, as it was when it was pushed."""
        return dict(self.profile.calibration)

    def clusterings(self) -> list[str]:
        """None: they stay in the collection that it was pushed from."""
        return []

    def clustering(self, name: str) -> Clustering:
        """There is none.

        Raises:
            InvalidArgument: Always.
        """
        raise InvalidArgument(
            f"{self.place} has no clustering {name!r}: they stay in the collection that it was "
            "pushed from."
        )

    def skipped(self) -> list[Skipped]:
        """None: they are told of where it was built."""
        return []

    def info(self) -> dict[str, JSON]:
        """What there is to know about it, as plain values; None for what only a folder has."""
        own, encoder = self.profile, self.profile.encoder
        labels: dict[str, JSON] | None = None
        if len(self) <= MOST_COUNTED:
            counts = Counter(label for label in self.labels() if label is not None)
            labels = dict(sorted(counts.items()))
        unlabelled = None if labels is None else len(self) - sum(counts.values())
        return {
            "path": self.place,
            "generation": None,
            "items": len(self),
            "dim": own.dim,
            "metric": own.metric.value,
            "encoder": None
            if encoder is None
            else {
                "name": encoder.name,
                **encoder.params,
                **encoder.facts,
                "fingerprint": encoder.fingerprint,
            },
            "index": own.index,
            "index_now": own.index,
            "clusterings": [],
            "labels": labels,
            "unlabelled": unlabelled,
            "skipped": 0,
            "root": own.root,
            "segments": None,
            "dead": None,
            "bytes": None,
            "created": None,
            "version": None,
            "shards": self.health.shards,
            "replicas": self.health.replicas,
        }


def item_of(record: Record, root: Path | None) -> Item:
    """What is stored of an item, as its users see it."""
    return Item(record.id, path_of(record, root), record.label, record.metadata)
