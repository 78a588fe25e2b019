"""A searchable collection: an encoder, the vectors that it made, and an index over them."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.build import (
    Encoded,
    build_collection,
    encode_batches,
    read_folder,
    store_vectors,
)
from vecsearch.encoders import Encoder, load_encoder, make_encoder
from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.images import File, ImageFolder, ImageLike, Preprocess, scan, to_pixels
from vecsearch.images.decoding import Color, Fit
from vecsearch.index import ExactIndex, check_vectors, scores
from vecsearch.store import (
    Damage,
    Record,
    Store,
    Verification,
    generations,
    manifest_name,
)
from vecsearch.types import JSON, Hit, Item, Metric, Progress, Rows, Skipped, Vectors

Where: TypeAlias = Mapping[str, JSON] | None
MetricName: TypeAlias = Metric | str | None


class Collection:
    """A collection on disk, open for questions.

    Made by ``build`` from a folder of images, by ``from_vectors`` from vectors, or by ``open``.

    Attributes:
        path: The folder it lies in.

    Example:
        >>> photos = Collection.build("tests/data/photos", tmp / "index", encoder="pixels")
        >>> [hit.item.id for hit in photos.query(["tests/data/photos/cat/alpha.png"], k=1)[0]]
        ['cat/alpha.png']
    """

    def __init__(self, store: Store) -> None:
        self.path = store.folder
        self._store = store
        self._indexes: dict[Metric, ExactIndex] = {}
        self._among: dict[str, Rows] = {}

    @classmethod
    def build(
        cls,
        folder: str | Path,
        path: str | Path,
        *,
        encoder: str | Encoder = "pca",
        metric: Metric | str = Metric.EUCLIDEAN,
        dim: float | None = None,
        size: tuple[int, int] = (64, 64),
        fit: Fit = "stretch",
        color: Color = "rgb",
        labels: str | Path = "folder",
        jobs: int | None = None,
        seed: int = 0,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Make a collection of all images below a folder.

        Args:
            folder: Where the images are, to any depth. What cannot be read is left out and
                listed in ``skipped``.
            path: Where the collection goes.
            encoder: The name of an encoder, which is fitted to the images if it learns; or an
                encoder, which is used as it is if it is fitted. With an encoder, ``dim``,
                ``size``, ``fit``, ``color`` and ``seed`` are its own.
            metric: ``euclidean`` or ``cosine``.
            dim: How long the vectors are; the encoder has a default.
            size: Width and height that images are brought to.
            fit: ``stretch``, ``crop`` or ``pad`` them to that size.
            color: ``rgb`` or ``grey``.
            labels: ``folder``: the first sub-folder is the label; ``none``; or a CSV file with
                the columns path and label.
            jobs: How many processes decode; as many as there are processors by default.
            seed: For everything random.
            overwrite: Replace the collection that stands at ``path``.
            progress: Called as the work goes on.

        Raises:
            InvalidArgument: A value makes no sense, or no image could be read.
            CollectionExists: There is something at ``path`` already.
            CollectionLocked: Another process is writing there.
        """
        if isinstance(encoder, str):
            preprocess = Preprocess(size, fit, color)
            encoder = make_encoder(encoder, dim=dim, preprocess=preprocess, seed=seed)
        found = scan(folder, labels)
        build_collection(found, Path(path), encoder, as_metric(metric), jobs, overwrite, progress)
        return cls.open(path)

    @classmethod
    def from_vectors(
        cls,
        vectors: ArrayLike,
        ids: Sequence[str] | None = None,
        labels: Sequence[str | None] | None = None,
        metadata: Sequence[Mapping[str, JSON]] | None = None,
        *,
        path: str | Path | None = None,
        metric: Metric | str = Metric.EUCLIDEAN,
        overwrite: bool = False,
    ) -> Self:
        """Make a collection of vectors of your own.

        Args:
            vectors: ``(n, dim)`` numbers, n ≥ 1.
            ids: A unique name for each; "0", "1" and so on by default.
            labels: A class for each, or None.
            metadata: Anything that JSON can hold, for each.
            path: Where the collection goes; by default a temporary folder, gone with the object.
            metric: ``euclidean`` or ``cosine``.
            overwrite: Replace the collection that stands at ``path``.

        Raises:
            InvalidArgument: A vector, id, label or metadata cannot be taken. Nothing is written.
            CollectionExists: There is something at ``path`` already.

        Example:
            >>> books = Collection.from_vectors(
            ...     [[5, 1], [4, 2], [1, 5], [0, 4]],
            ...     ids=["Emma", "Persuasion", "Dracula", "Carmilla"],
            ...     metric="cosine",
            ... )
            >>> [hit.item.id for hit in books.query_vectors([[1, 3]], k=2)[0]]
            ['Dracula', 'Carmilla']
        """
        place = Path(tempfile.mkdtemp(prefix="vecsearch-") if path is None else path)
        store_vectors(vectors, ids, labels, metadata, place, as_metric(metric), overwrite)
        collection = cls.open(place)
        if path is None:
            weakref.finalize(collection, shutil.rmtree, place, ignore_errors=True)
        return collection

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the newest generation of a collection. What is committed later is not seen.

        Raises:
            CollectionNotFound: There is none.
            DamagedCollection: Its manifest is not as it was written, or a file is missing.
        """
        store = Store(Path(path))
        store.check_present()
        return cls(store)

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
        root = self._store.manifest.root
        return Path(root) if root is not None else None

    @cached_property
    def encoder(self) -> Encoder:
        """What made the vectors, ready to encode others.

        Raises:
            InvalidArgument: The vectors were brought by their user.
            DamagedCollection: The encoder is not the one that made the vectors.
        """
        folder, entry = self._store.encoder_folder(), self._store.manifest.encoder
        if folder is None or entry is None:
            raise InvalidArgument(
                f"The collection {self.path} was made from vectors and has no encoder for "
                "images: query it by vectors."
            )
        encoder = load_encoder(entry.name, folder)
        if encoder.fingerprint != entry.fingerprint:
            raise DamagedCollection(
                f"{folder} holds another encoder {entry.name!r} than the one that made the "
                f"vectors of {self.path}."
            )
        return encoder

    @property
    def skipped(self) -> list[Skipped]:
        """The files that were left out when it was built, with reasons."""
        return self._store.skipped()

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[Item]:
        """All items, in the order of ``vectors``."""
        return map(self._item, self._store.records())

    def vectors(self) -> Vectors:
        """All vectors as the encoder made them, ``(n, dim)`` float32, perhaps memory-mapped."""
        blocks = self._store.vectors()
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def query(
        self,
        images: Sequence[ImageLike],
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
    ) -> list[list[Hit]]:
        """Find the items nearest to each of some images.

        Args:
            images: Paths, Pillow images or uint8 arrays.
            k: How many; all there are, if they are fewer.
            where: Only items whose ``id``, ``label`` or metadata have these values; a number may
                be given as text.
            metric: Another metric than the collection's own.

        Returns:
            For each image its hits, nearest first.

        Raises:
            ImageError: An image cannot be read.
            InvalidArgument: A value makes no sense, or the collection has no encoder.
            DamagedCollection: A file is not as it was written.
        """
        return self.query_vectors(self.encode(images), k, where=where, metric=metric)

    def query_one(
        self, image: ImageLike, k: int = 10, *, where: Where = None, metric: MetricName = None
    ) -> list[Hit]:
        """Find the items nearest to one image; as ``query`` otherwise."""
        return self.query([image], k, where=where, metric=metric)[0]

    def query_vectors(
        self, vectors: ArrayLike, k: int = 10, *, where: Where = None, metric: MetricName = None
    ) -> list[list[Hit]]:
        """Find the items nearest to each of some vectors, ``(n, dim)``; as ``query`` otherwise."""
        if not isinstance(k, int):
            raise InvalidArgument(f"k is a whole number, not {k!r}.")
        wanted = self.metric if metric is None else as_metric(metric)
        if wanted not in self._indexes:
            self._indexes[wanted] = ExactIndex(self._store.vectors(), wanted)
        index = self._indexes[wanted]
        among = None
        if where:
            key = repr(sorted(where.items()))
            if key not in self._among:
                self._among[key] = self._rows_where(where)
            among = self._among[key]
        distances, rows = index.search(check_vectors(vectors, self.dim, wanted), k, among)
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
        batches = read_folder(folder, self.encoder.preprocess, jobs, progress)
        blocks = list(encode_batches(batches, folder, self.encoder, self.metric))
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
        base, root = folder.root.resolve().as_posix(), f"{self._store.manifest.root}/"
        return [f"{base}/{file.path}".removeprefix(root) for file in files]

    def info(self) -> dict[str, JSON]:
        """What there is to know about the collection, as plain values."""
        manifest = self._store.manifest
        labels: dict[str, int] = {}
        for record in self._store.records():
            if record.label is not None:
                labels[record.label] = labels.get(record.label, 0) + 1
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
            "root": manifest.root,
            "bytes": sum(stamp.size for stamp in manifest.files.values()),
            "created": manifest.created,
            "version": manifest.software,
        }

    def _item(self, record: Record) -> Item:
        path = None
        if record.path is not None and self.root is not None:
            path = self.root / record.path
        return Item(record.id, path, record.label, record.metadata)

    def _rows_where(self, where: Mapping[str, Any]) -> Rows:
        known: set[str] = {"id", "label"}
        rows = []
        for row, record in enumerate(self._store.records()):
            values = {**record.metadata, "id": record.id, "label": record.label}
            known |= values.keys()
            if all(key in values and _equal(values[key], where[key]) for key in where):
                rows.append(row)
        if strange := sorted(where.keys() - known):
            raise InvalidArgument(
                f"No item has {strange[0]!r}; where knows: {', '.join(sorted(known))}."
            )
        return np.array(rows, np.int64)


def _equal(value: JSON, wanted: JSON) -> bool:
    as_text = isinstance(wanted, str) and value is not None and str(value) == wanted
    return as_text or (value == wanted and isinstance(value, bool) == isinstance(wanted, bool))


def verify(path: str | Path) -> Verification:
    """Read every byte of a collection and compare it with the hashes that were written.

    Raises:
        CollectionNotFound: There is none.
    """
    try:
        return Store(Path(path)).verify()
    except DamagedCollection as error:  # the manifest itself, which holds the hashes
        return Verification(0, 0, [Damage(manifest_name(generations(Path(path))[-1]), str(error))])


def as_metric(name: Metric | str) -> Metric:
    """The metric of that name.

    Raises:
        InvalidArgument: There is none.
    """
    try:
        return Metric(name)
    except ValueError as error:
        raise InvalidArgument(
            f"No metric is called {name!r}; there are: {', '.join(Metric)}."
        ) from error
