"""What a collection can be asked: its items, their vectors, and which of them are nearest."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.amend import check_encoder, some
from vecsearch.ann import open_index
from vecsearch.build import Encoded, encode_batches, encoder_of, read_folder
from vecsearch.encoders import Encoder
from vecsearch.errors import CollectionReplaced, InvalidArgument
from vecsearch.images import File, ImageFolder, ImageLike, to_pixels
from vecsearch.index import ExactIndex, PartialIndex, as_metric, check_vectors, scores
from vecsearch.store import Record, Store
from vecsearch.types import JSON, Hit, Item, Metric, Progress, Skipped, Vectors
from vecsearch.where import Condition, Where, as_conditions

OPEN_ATTEMPTS = 10
FILTERS_KEPT = 64
MetricName: TypeAlias = Metric | str | None


class Gallery:
    """One generation of a collection, open for questions.

    Attributes:
        path: The folder it lies in.
    """

    def __init__(self, store: Store) -> None:
        self.path = store.folder
        self._store = store
        self._encoder: Encoder | None = None
        self._indexes: dict[tuple[Metric, bool], ExactIndex | PartialIndex] = {}
        self._allowed: dict[str, NDArray[np.bool_]] = {}

    def refresh(self) -> bool:
        """See what was committed since; returns whether there was anything.

        Raises:
            DamagedCollection: The newest manifest is not as it was written.
        """
        newer = self._store.newer()
        if newer is None:
            return False
        if newer.manifest.encoder != self._store.manifest.encoder:
            self._encoder = None
        self._store.close()
        self._store = newer
        self._indexes.clear()
        self._allowed.clear()
        return True

    def close(self) -> None:
        """Let go of its files. A collection that is asked again opens them again."""
        self._store.close()
        self._indexes.clear()
        self._allowed.clear()

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
        return self._store.manifest.metric

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return self._store.manifest.dim

    @property
    def root(self) -> Path | None:
        """The folder that its images were found in."""
        source = self._store.manifest.source
        return Path(source.root) if source is not None else None

    @property
    def encoder(self) -> Encoder:
        """What made the vectors, ready to encode others.

        Raises:
            InvalidArgument: The vectors were brought by their user.
            DamagedCollection: The encoder is not the one that made the vectors.
        """
        if self._encoder is None:
            self._encoder = encoder_of(self._store)
        return self._encoder

    @property
    def encoder_name(self) -> str | None:
        """What made the vectors is registered as; None if they were brought by their user."""
        entry = self._store.manifest.encoder
        return entry.name if entry is not None else None

    def _encoder_of(self, store: Store) -> Encoder:
        """What made the vectors of a generation, this one or a newer one."""
        own = store.manifest.encoder
        if self._encoder is not None and own and own.fingerprint == self._encoder.fingerprint:
            return self._encoder
        return encoder_of(store)

    @property
    def skipped(self) -> list[Skipped]:
        """The files that were left out when it was built or updated, with reasons."""
        root = self.root or Path()
        return [replace(one, path=root / one.path) for one in self._store.skipped()]

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[Item]:
        """All items, in the order of ``vectors``."""
        return map(self._item, self._store.records())

    def __contains__(self, name: object) -> bool:
        """Whether there is an item of that id."""
        return isinstance(name, str) and bool(self._store.find([name])[0] >= 0)

    def get(self, name: str) -> Item:
        """The item of an id.

        Raises:
            InvalidArgument: There is none.
        """
        return self._item(self._store.record(int(self._rows([name])[0])))

    def vectors(self, ids: Sequence[str] | None = None) -> Vectors:
        """Vectors as the encoder made them, ``(n, dim)`` float32, perhaps memory-mapped.

        Args:
            ids: Of which items; of all, in their order, by default.

        Raises:
            InvalidArgument: There is no item of one of the ids.
        """
        if ids is not None:
            return self._store.take(self._rows(ids))
        alive = self._store.alive()
        blocks = self._store.vectors()
        if alive is None and len(blocks) == 1:
            return blocks[0]
        whole = np.concatenate([np.empty((0, self.dim), np.float32), *blocks])
        return whole if alive is None else whole[alive]

    def query(
        self,
        images: Sequence[ImageLike],
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
    ) -> list[list[Hit]]:
        """Find the items nearest to each of some images.

        Args:
            images: Paths, Pillow images or uint8 arrays.
            k: How many; all there are, if they are fewer.
            where: Only items of which all of this holds: a mapping of keys to values, a condition
                as ``"price<50"``, or several; see ``docs/metadata.md``.
            metric: Another metric than the collection's own.
            exact: Compare with every item, whatever index there is. So it is in any case with a
                condition, or with another metric.

        Returns:
            For each image its hits, nearest first.

        Raises:
            ImageError: An image cannot be read.
            InvalidArgument: A value makes no sense, or the collection has no encoder.
            DamagedCollection: A file is not as it was written.
        """
        return self.query_vectors(self.encode(images), k, where=where, metric=metric, exact=exact)

    def query_one(
        self,
        image: ImageLike,
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find the items nearest to one image; as ``query`` otherwise."""
        return self.query([image], k, where=where, metric=metric, exact=exact)[0]

    def query_vectors(
        self,
        vectors: ArrayLike,
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
        encoder: Encoder | None = None,
    ) -> list[list[Hit]]:
        """Find the items nearest to each of some vectors, ``(n, dim)``; as ``query`` otherwise.

        Args:
            vectors: What to look for.
            k: How many.
            where: Which items may be found.
            metric: Another metric than the collection's own.
            exact: Compare with every item.
            encoder: What made the vectors; another one than the collection's own is refused.
        """
        check_encoder(self._store, encoder)
        if not isinstance(k, int):
            raise InvalidArgument(f"k is a whole number, not {k!r}.")
        wanted = self.metric if metric is None else as_metric(metric)
        conditions = as_conditions(where)
        index = self._index(wanted, exact or bool(conditions))
        queries = check_vectors(vectors, self.dim, wanted)
        distances, rows = index.search(queries, k, self._allowed_by(conditions))
        values = scores(distances, wanted)
        return [
            [
                Hit(self._item(self._store.record(int(row))), float(distance), float(score))
                for row, distance, score in zip(*answer, strict=True)
            ]
            for answer in zip(rows, distances, values, strict=True)
        ]

    def encode(self, images: Sequence[ImageLike]) -> Vectors:
        """The vectors of some images, ``(n, dim)`` float32.

        Raises:
            ImageError: An image cannot be read.
            InvalidArgument: Something is not an image, or the collection has no encoder.
        """
        if isinstance(images, str | Path):
            raise InvalidArgument(f"Images come as a list: [{str(images)!r}].")
        wanted = self.encoder.preprocess
        pixels = [to_pixels(image, wanted) for image in images]
        return self.encoder.encode(np.array(pixels, np.uint8).reshape(-1, *wanted.shape))

    def encode_folder(
        self, folder: ImageFolder, jobs: int | None = None, progress: Progress | None = None
    ) -> Encoded:
        """The vectors of all images of a folder, with the files that could not be read."""
        batches = read_folder(folder, folder.paths, self.encoder.preprocess, jobs, progress)
        blocks = list(encode_batches(batches, folder.root, self.encoder, self.metric))
        empty = np.empty((0, self.dim), np.float32)
        return Encoded(
            [file for block in blocks for file in block.files],
            np.concatenate([empty, *(block.vectors for block in blocks)]),
            [one for block in blocks for one in block.skipped],
        )

    def ids_in(self, folder: ImageFolder, files: Sequence[File]) -> list[str]:
        """The ids that files of a folder have here, or would have: their paths below ``root``.

        A file outside of ``root`` has none; for it, the absolute path stands.
        """
        base, root = folder.root.resolve().as_posix(), f"{(self.root or Path()).as_posix()}/"
        return [f"{base}/{file.path}".removeprefix(root) for file in files]

    def info(self) -> dict[str, JSON]:
        """What there is to know about the collection, as plain values."""
        manifest = self._store.manifest
        names, codes = self._store.labels()
        counts = np.bincount(codes[self._store.rows()] + 1, minlength=len(names) + 1).tolist()
        labels = {name: count for name, count in zip(names, counts[1:], strict=True) if count}
        encoder = manifest.encoder
        return {
            "path": str(self.path),
            "generation": manifest.generation,
            "items": len(self),
            "dim": self.dim,
            "metric": self.metric.value,
            "encoder": None
            if encoder is None
            else {
                "name": encoder.name,
                **encoder.params,
                **encoder.facts,
                "fingerprint": encoder.fingerprint,
            },
            "index": manifest.index["kind"],
            "labels": dict(sorted(labels.items())),
            "unlabelled": len(self) - sum(labels.values()),
            "skipped": len(self.skipped),
            "root": manifest.source.root if manifest.source else None,
            "segments": len(manifest.segments),
            "dead": sum(entry.dead_count for entry in manifest.segments),
            "bytes": sum(stamp.size for stamp in manifest.files.values()),
            "created": manifest.created,
            "version": manifest.software,
        }

    def _index(self, metric: Metric, exact: bool) -> ExactIndex | PartialIndex:
        if (metric, True) not in self._indexes:
            self._indexes[metric, True] = ExactIndex(self._store.vectors(), metric)
        whole = self._indexes[metric, True]
        if exact or metric is not self.metric or not isinstance(whole, ExactIndex):
            return whole
        if (metric, False) not in self._indexes:
            self._indexes[metric, False] = open_index(self._store, whole) or whole
        return self._indexes[metric, False]

    def _item(self, record: Record) -> Item:
        path = None
        if record.path is not None and self.root is not None:
            path = self.root / record.path
        return Item(record.id, path, record.label, record.metadata)

    def _rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        rows = self._store.find(ids)
        if missing := [name for name, row in zip(ids, rows, strict=True) if row < 0]:
            raise InvalidArgument(f"There is no item {some(missing)} in {self.path}.")
        return rows

    def _allowed_by(self, conditions: tuple[Condition, ...]) -> NDArray[np.bool_] | None:
        """Which rows may be found; None if all may."""
        if not conditions:
            return self._store.alive()
        key = repr(conditions)
        if key not in self._allowed:
            allowed = np.zeros(self._store.starts[-1], np.bool_)
            allowed[self._rows_where(conditions)] = True
            if len(self._allowed) >= FILTERS_KEPT:
                del self._allowed[next(iter(self._allowed))]
            self._allowed[key] = allowed
        return self._allowed[key]

    def _rows_where(self, conditions: tuple[Condition, ...]) -> list[int]:
        known: set[str] = {"id", "label", "path"}
        found = []
        for row, record in zip(self._store.rows().tolist(), self._store.records(), strict=True):
            own = {"id": record.id, "label": record.label, "path": record.path}
            values = {**record.metadata, **own}
            known |= values.keys()
            if all(condition.holds(values) for condition in conditions):
                found.append(row)
        if strange := sorted({condition.key for condition in conditions} - known):
            raise InvalidArgument(
                f"No item has {strange[0]!r}; where knows: {', '.join(sorted(known))}."
            )
        return found


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
