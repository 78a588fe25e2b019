"""One generation of a collection, with what was made ready to ask it. It never changes."""

import operator
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.amend import check_ids, some
from vecsearch.ann import open_index, settings_for
from vecsearch.attributes import Attributes
from vecsearch.encoders import Encoder
from vecsearch.encoding import encode_images, encoder_of
from vecsearch.errors import CollectionReplaced, InvalidArgument
from vecsearch.images import ImageLike, is_absolute
from vecsearch.index import EXACT, ExactIndex, PartialIndex, check_vectors, scores
from vecsearch.store import EncoderEntry, Record, Store
from vecsearch.types import (
    JSON,
    Clustering,
    Distances,
    Hit,
    Item,
    Metric,
    Rows,
    Skipped,
    Vectors,
)
from vecsearch.where import Condition

# Items that were read stay, since reading one takes as long as a search through a good index does;
# so many take some 10 MB.
ITEMS_KEPT = 1 << 14
# For so many recalls the index stays ready that finds them.
RECALLS_KEPT = 64
OPEN_ATTEMPTS = 10


def as_count(k: object) -> int:
    """A number of items, given by a user.

    Raises:
        InvalidArgument: It is no whole number.
    """
    try:
        if not isinstance(k, bool):
            return operator.index(k)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise InvalidArgument(f"k is a whole number, not {k!r}.")


class View:
    """What queries work with. Threads may share one; who refreshes a collection makes another.

    Args:
        store: The generation.
        encoder: What made its vectors, if it was loaded already.
    """

    def __init__(self, store: Store, encoder: Encoder | None = None) -> None:
        self.store = store
        self._encoder = encoder
        self._indexes: dict[tuple[Metric, bool, float | None], ExactIndex | PartialIndex] = {}
        self.attributes = Attributes(store)
        self._items: dict[int, Item] = {}
        self._positions: Rows | None = None
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.store)

    @property
    def place(self) -> str:
        """Where it lies."""
        return str(self.store.folder)

    @property
    def metric(self) -> Metric:
        """How its distances are measured."""
        return self.store.manifest.metric

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return self.store.manifest.dim

    @property
    def at_hand(self) -> bool:
        """All items are."""
        return True

    @property
    def made_by(self) -> EncoderEntry | None:
        """What the encoder of its vectors is; None if they were brought by their user."""
        return self.store.manifest.encoder

    @cached_property
    def root(self) -> Path | None:
        """The folder that its images were found in."""
        source = self.store.manifest.source
        return Path(source.root) if source is not None else None

    @property
    def encoder(self) -> Encoder:
        """What made the vectors."""
        with self._lock:
            if self._encoder is None:
                self._encoder = encoder_of(self.store)
            return self._encoder

    def encoder_for(self, store: Store) -> Encoder:
        """What made the vectors of another generation, which may be the same."""
        own, theirs = self.store.manifest.encoder, store.manifest.encoder
        if own is not None and theirs is not None and own.fingerprint == theirs.fingerprint:
            return self.encoder
        return encoder_of(store)

    def newer(self) -> "View | None":
        """The newest generation, if it is another one."""
        store = self.store.newer()
        if store is None:
            return None
        same = store.manifest.encoder == self.store.manifest.encoder
        return View(store, self._encoder if same else None)

    def reopened(self) -> "View":
        """The same generation with no file open."""
        return View(self.store.reopened())

    def whole(self) -> "View":
        """All of it by rows: itself."""
        return self

    def part(self, ids: Sequence[str]) -> "View":  # noqa: ARG002 - the others are no burden
        """Some items by rows, and all others: itself."""
        return self

    def encode(self, images: Sequence[ImageLike], metric: Metric | None = None) -> Vectors:
        """The vectors of some images, ``(n, dim)`` float32, all of which a metric can compare."""
        return encode_images(images, self.encoder, metric)

    def each(self) -> Iterator[Item]:
        """All items, in the order of ``vectors``."""
        return map(self.item, self.store.records())

    def has(self, name: str) -> bool:
        """Whether there is an item of that id."""
        return bool(self.store.find([name])[0] >= 0)

    def get(self, name: str) -> Item:
        """The item of an id.

        Raises:
            InvalidArgument: There is none.
        """
        return self.item(self.store.record(int(self.rows([name])[0])))

    def is_labelled(self) -> bool:
        """Whether any item has a label."""
        return bool((self.store.labels()[1][self.store.rows()] >= 0).any())

    def labels(self) -> list[str | None]:
        """The label of each item, in the order of ``vectors``."""
        names, codes = self.store.labels()
        known = [*names, None]  # the last is at −1 too
        return [known[code] for code in codes[self.store.rows()].tolist()]

    def hashes(self) -> list[str | None]:
        """The sha256 of each item's file, in hex, in the order of ``vectors``."""
        found = [(record.file or {}).get("sha256") for record in self.store.records()]
        return [None if one is None else str(one) for one in found]

    def vectors(self, ids: Sequence[str] | None = None) -> Vectors:
        """The vectors of some items, or of all, ``(n, dim)`` float32, perhaps memory-mapped.

        Raises:
            InvalidArgument: There is no item of one of the ids.
        """
        if ids is not None:
            return self.store.take(self.rows(ids))
        alive = self.store.alive()
        blocks = self.store.vectors()
        if alive is None and len(blocks) == 1:
            return blocks[0]
        whole = np.concatenate([np.empty((0, self.store.manifest.dim), np.float32), *blocks])
        return whole if alive is None else whole[alive]

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
        distances, rows = self.nearest(vectors, k, conditions, metric, exact, recall)
        hits = self.hits(rows.ravel(), distances.ravel(), scores(distances, metric).ravel())
        width = rows.shape[1]
        return [hits[row * width : (row + 1) * width] for row in range(len(rows))]

    def nearest(
        self,
        vectors: ArrayLike,
        k: int,
        conditions: tuple[Condition, ...],
        metric: Metric,
        exact: bool,
        recall: float | None = None,
    ) -> tuple[Distances, Rows]:
        """The rows nearest to each of some vectors, ``(n, k)``, and how far they are."""
        count = as_count(k)
        allowed = self.attributes.allowed(conditions)
        index = self.index(metric, exact, recall)
        if index.dim is None:  # of nothing, whose length only the manifest knows
            check_vectors(vectors, self.store.manifest.dim, metric)
        return index.search(vectors, count, allowed)

    def positions(self, rows: Rows) -> Rows:
        """Where the items at some rows are among all of them, in the order of ``vectors``."""
        if self._positions is None:
            alive = self.store.alive()
            if alive is None:
                return rows
            self._positions = np.cumsum(alive) - 1
        return self._positions[rows]

    def hits(self, rows: Rows, distances: Distances, scores: Distances) -> list[Hit]:
        """What was found at some rows, ``(k,)`` each."""
        wanted = rows.tolist()
        found = map(self.items(set(wanted)).__getitem__, wanted)
        return [*map(Hit._make, zip(found, distances.tolist(), scores.tolist(), strict=True))]

    def items(self, rows: set[int]) -> dict[int, Item]:
        """The items at some rows, by row; those that were asked for lately are not read again."""
        kept = self._items
        found = {row: item for row in rows if (item := kept.get(row)) is not None}
        if len(found) < len(rows):
            # In the order of their pages, each of which is then read once.
            read = {row: self.item(self.store.record(row)) for row in sorted(rows - found.keys())}
            found |= read
            if len(kept) + len(read) > ITEMS_KEPT:
                self._items = kept = {}
            if len(read) <= ITEMS_KEPT:
                kept.update(read)
        return found

    def calibration(self) -> dict[str, JSON]:
        """From how far on something is a stranger, by method of classification."""
        return self.store.calibration()

    def clusterings(self) -> list[str]:
        """The names of the clusterings that were saved."""
        return list(self.store.manifest.clusterings)

    def clustering(self, name: str) -> Clustering:
        """The clustering that was saved under a name.

        Raises:
            InvalidArgument: There is none.
        """
        return self.store.clustering(name)

    def skipped(self) -> list[Skipped]:
        """What was left out of the folder, with paths below it."""
        return self.store.skipped()

    def info(self) -> dict[str, JSON]:
        """What there is to know about it, as plain values."""
        manifest = self.store.manifest
        names, codes = self.store.labels()
        counts = np.bincount(codes[self.store.rows()] + 1, minlength=len(names) + 1).tolist()
        labels = {name: count for name, count in zip(names, counts[1:], strict=True) if count}
        encoder = manifest.encoder
        return {
            "path": str(self.store.folder),
            "generation": manifest.generation,
            "items": len(self.store),
            "dim": manifest.dim,
            "metric": manifest.metric.value,
            "encoder": None
            if encoder is None
            else {
                "name": encoder.name,
                **encoder.params,
                **encoder.facts,
                "fingerprint": encoder.fingerprint,
            },
            "index": manifest.index["kind"],
            "index_now": manifest.index.get("factory", EXACT) if manifest.ann else EXACT,
            "clusterings": sorted(manifest.clusterings),
            "labels": dict(sorted(labels.items())),
            "unlabelled": len(self.store) - sum(labels.values()),
            "skipped": len(self.store.skipped()),
            "root": manifest.source.root if manifest.source else None,
            "segments": len(manifest.segments),
            "dead": sum(entry.dead_count for entry in manifest.segments),
            "bytes": sum(stamp.size for stamp in manifest.files.values()),
            "created": manifest.created,
            "version": manifest.software,
        }

    def rows(self, ids: Sequence[str]) -> Rows:
        """The rows of some items.

        Raises:
            InvalidArgument: There is no item of one of the ids.
        """
        names = check_ids(ids)
        rows = self.store.find(names)
        if missing := [name for name, row in zip(names, rows, strict=True) if row < 0]:
            raise InvalidArgument(f"There is no item {some(missing)} in {self.store.folder}.")
        return rows

    def item(self, record: Record) -> Item:
        """What is stored of an item, as its users see it."""
        return Item(record.id, path_of(record, self.root), record.label, record.metadata)

    def index(
        self, metric: Metric, exact: bool, recall: float | None = None
    ) -> ExactIndex | PartialIndex:
        """What finds the nearest rows: every one compared, or the collection's own kind."""
        key = metric, exact, recall
        if (index := self._indexes.get(key)) is None:  # else no lock is needed
            with self._lock:
                if (index := self._indexes.get(key)) is None:
                    if len(self._indexes) > RECALLS_KEPT:
                        self._indexes = {
                            one: self._indexes[one] for one in self._indexes if one[2] is None
                        }
                    index = self._indexes[key] = self._opened(metric, exact, recall)
        return index

    def _opened(
        self, metric: Metric, exact: bool, recall: float | None
    ) -> ExactIndex | PartialIndex:
        if recall is not None:
            if not 0 < recall <= 1:
                raise InvalidArgument(f"Recall is a share above 0, 1 at most, not {recall}.")
            index = self.index(metric, exact or recall == 1)
            if not isinstance(index, ExactIndex):
                index = index.at(settings_for(self.store, recall))
            return index
        if exact:
            return ExactIndex(self.store.vectors(), metric)
        whole = self.index(metric, exact=True)
        if metric is not self.store.manifest.metric or not isinstance(whole, ExactIndex):
            return whole
        return open_index(self.store, whole) or whole


def path_of(record: Record, root: Path | None) -> Path | None:
    """Where the file of an item lies, as far as anybody knows.

    Args:
        record: What is stored of it.
        root: The folder of its collection.
    """
    if record.path is not None and root is not None:
        return root / record.path
    if record.path is not None and is_absolute(record.path):  # of images that a list named
        return Path(record.path)
    return None


def newest_store(path: Path) -> Store:
    """The newest generation, all files of which are there."""
    for attempt in range(OPEN_ATTEMPTS):
        store = Store(path)
        try:
            store.check_present()
        except CollectionReplaced:
            # Three commits came between the reading of the manifest and the look at its files.
            if attempt + 1 == OPEN_ATTEMPTS:
                raise
        else:
            break
    return store
