"""A searchable collection: an encoder, the vectors that it made, and an index over them."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace as _replaced
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.amend import Changes, add_images, add_vectors, compact, remove_items, some
from vecsearch.build import (
    Encoded,
    build_collection,
    encode_batches,
    read_folder,
    store_vectors,
)
from vecsearch.encoders import Encoder, load_encoder, make_encoder
from vecsearch.errors import CollectionReplaced, DamagedCollection, InvalidArgument
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
from vecsearch.transfer import export_store, read_items, read_vectors
from vecsearch.types import JSON, Hit, Item, Metric, Progress, Skipped, Vectors
from vecsearch.update import refit_collection, update_collection
from vecsearch.where import Condition, Where, as_conditions

OPEN_ATTEMPTS = 10
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
        self._encoder: Encoder | None = None
        self._indexes: dict[Metric, ExactIndex] = {}
        self._allowed: dict[str, NDArray[np.bool_]] = {}

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
        metadata: str | Path | None = None,
        jobs: int | None = None,
        seed: int = 0,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Make a collection of all images below a folder.

        A build that was interrupted goes on where it was when it is asked for again.

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
            metadata: A CSV file or JSON lines with path or id, and what else is known of each
                image; see ``docs/metadata.md``.
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
        found = scan(folder, labels, metadata)
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
        return cls(_present(Path(path)))

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
            self._encoder = self._load_encoder()
        return self._encoder

    @property
    def encoder_name(self) -> str | None:
        """What made the vectors is registered as; None if they were brought by their user."""
        entry = self._store.manifest.encoder
        return entry.name if entry is not None else None

    def _load_encoder(self) -> Encoder:
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
        """The files that were left out when it was built or updated, with reasons."""
        root = self.root or Path()
        return [_replaced(one, path=root / one.path) for one in self._store.skipped()]

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

    def update(
        self,
        folder: str | Path | None = None,
        *,
        labels: str | Path | None = None,
        metadata: str | Path | None = None,
        refit: bool = False,
        dry_run: bool = False,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> Changes:
        """Follow the folder of images at the cost of what changed in it.

        New files are added, changed ones encoded anew, renamed ones keep their vectors, and those
        that are gone are dropped. Files are told apart by size and date, and where these differ by
        the hash of their content. What was added by hand from elsewhere stays. The encoder stays
        as it is.

        Args:
            folder: Where the images are now; where they were, by default.
            labels: As for ``build``; as before, by default.
            metadata: As for ``build``; as before, by default.
            refit: Fit the encoder anew to all images, and encode all of them anew.
            dry_run: Change nothing; say what would be done.
            jobs: How many processes decode; as many as there are processors by default.
            progress: Called as the work goes on.

        Raises:
            InvalidArgument: The collection follows no folder, or there are no images in it.
            CollectionLocked: Another process is writing to the collection.
        """
        if refit and dry_run:
            raise InvalidArgument("refit encodes every image anew: there is nothing to try out.")
        if refit:
            changes = refit_collection(self.path, folder, labels, metadata, jobs, progress)
        else:
            changes = update_collection(
                self.path, lambda: self.encoder, folder, labels, metadata, dry_run, jobs, progress
            )
        self.refresh()
        return changes

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
        """Add image files by hand, and all those in folders.

        The id of a file is its path below ``root``, or its absolute path if it lies elsewhere.

        Args:
            images: Files and folders.
            label: The class of all of them; by default the first sub-folder, as for ``build``.
            metadata: What else is known of all of them.
            replace: Encode those anew that are there already, which is an error otherwise.
            jobs: How many processes decode.
            progress: Called as the work goes on.

        Raises:
            InvalidArgument: One is there already, or none can be used. Nothing is changed.
            CollectionLocked: Another process is writing to the collection.
        """
        if isinstance(images, str | Path):
            raise InvalidArgument(f"Images come as a list: [{str(images)!r}].")
        changes = add_images(
            self.path, images, self.encoder, label, metadata, replace, jobs, progress
        )
        self.refresh()
        return changes

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
        """Add vectors of your own, all or none.

        Args:
            vectors: ``(n, dim)`` numbers.
            ids: A unique name for each.
            labels: A class for each, or None.
            metadata: Anything that JSON can hold, for each.
            encoder: What made them; another one than the collection's own is refused.
            replace: Put them in the place of those that have these ids, which is an error
                otherwise.

        Raises:
            InvalidArgument: A vector, id, label or metadata cannot be taken. Nothing is changed.
            CollectionLocked: Another process is writing to the collection.
        """
        self._check_encoder(encoder)
        changes = add_vectors(self.path, vectors, ids, labels, metadata, replace)
        self.refresh()
        return changes

    def remove(self, ids: Sequence[str]) -> Changes:
        """Remove items, all or none. ``update`` adds a file again that is still in the folder.

        Raises:
            InvalidArgument: There is no item of one of the ids. Nothing is changed.
            CollectionLocked: Another process is writing to the collection.
        """
        if isinstance(ids, str):
            raise InvalidArgument(f"Ids come as a list: [{ids!r}].")
        changes = remove_items(self.path, ids)
        self.refresh()
        return changes

    def export(self, out: str | Path) -> None:
        """Write all items with their vectors to a file: ``.parquet``, ``.csv`` or ``.npz``.

        Raises:
            InvalidArgument: The name ends otherwise.
            MissingPackage: Parquet needs pyarrow.
        """
        export_store(self._store, Path(out))

    def compact(self) -> Changes:
        """Write anew what has removed items or many small files. Changes no answer.

        It is done in part after every write: where more than a fifth of a segment is dead.

        Raises:
            CollectionLocked: Another process is writing to the collection.
        """
        changes = compact(self.path)
        self.refresh()
        return changes

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
            where: Only items of which all of this holds: a mapping of keys to values, a condition
                as ``"price<50"``, or several; see ``docs/metadata.md``.
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
        self,
        vectors: ArrayLike,
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        encoder: Encoder | None = None,
    ) -> list[list[Hit]]:
        """Find the items nearest to each of some vectors, ``(n, dim)``; as ``query`` otherwise.

        Args:
            vectors: What to look for.
            k: How many.
            where: Which items may be found.
            metric: Another metric than the collection's own.
            encoder: What made the vectors; another one than the collection's own is refused.
        """
        self._check_encoder(encoder)
        if not isinstance(k, int):
            raise InvalidArgument(f"k is a whole number, not {k!r}.")
        wanted = self.metric if metric is None else as_metric(metric)
        if wanted not in self._indexes:
            self._indexes[wanted] = ExactIndex(self._store.vectors(), wanted)
        index = self._indexes[wanted]
        allowed = self._allowed_by(as_conditions(where))
        distances, rows = index.search(check_vectors(vectors, self.dim, wanted), k, allowed)
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

    def _check_encoder(self, encoder: Encoder | None) -> None:
        own = self._store.manifest.encoder
        if encoder is not None and (own is None or own.fingerprint != encoder.fingerprint):
            made = f"those of {own.name!r}, fitted as it was" if own else "vectors without one"
            raise InvalidArgument(
                f"These vectors were made by another encoder ({encoder.name!r}) than those of "
                f"{self.path}, which holds {made}: their distances mean nothing."
            )

    def _allowed_by(self, conditions: tuple[Condition, ...]) -> NDArray[np.bool_] | None:
        """Which rows may be found; None if all may."""
        if not conditions:
            return self._store.alive()
        key = repr(conditions)
        if key not in self._allowed:
            allowed = np.zeros(self._store.starts[-1], np.bool_)
            allowed[self._rows_where(conditions)] = True
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


def import_vectors(
    vectors: str | Path,
    path: str | Path,
    *,
    items: str | Path | None = None,
    metric: Metric | str = Metric.EUCLIDEAN,
    append: bool = False,
    overwrite: bool = False,
) -> tuple[Collection, Changes]:
    """Make a collection of a ``.npy`` file, or add its vectors to one.

    Args:
        vectors: ``(n, dim)`` numbers; memory-mapped, so that they may be more than memory holds.
        path: Where the collection goes, or lies.
        items: What they are, in their order: CSV or JSON lines with id, label and whatever else.
            By default they are called 0, 1 and so on.
        metric: ``euclidean`` or ``cosine``.
        append: Add them to the collection that stands at ``path``.
        overwrite: Replace it.

    Raises:
        InvalidArgument: A file cannot be read, or they do not fit each other. Nothing is changed.
        CollectionExists: There is something at ``path`` already.
    """
    array = read_vectors(Path(vectors))
    records = None if items is None else read_items(Path(items))
    ids = None if records is None else [one.id for one in records]
    labels = None if records is None else [one.label for one in records]
    more = None if records is None else [one.metadata for one in records]
    if append:
        collection = Collection.open(path)
        if ids is None:
            raise InvalidArgument("Vectors that are added to others need ids: name their items.")
        return collection, collection.add_vectors(array, ids, labels, more)
    collection = Collection.from_vectors(
        array, ids, labels, more, path=path, metric=metric, overwrite=overwrite
    )
    names = [item.id for item in collection] if ids is None else ids
    return collection, Changes(len(collection), names)


def _present(path: Path) -> Store:
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
