"""A searchable collection: an encoder, the vectors that it made, and an index over them."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, cast

from numpy.typing import ArrayLike

from vecsearch.amend import Changes, add_images, add_vectors, compact, remove_items
from vecsearch.ann import asked_for, keep_indexed, make_index, remake_index
from vecsearch.build import Engine, build_collection, check_engine
from vecsearch.encoders import Encoder, make_encoder_for
from vecsearch.errors import InvalidArgument
from vecsearch.gallery import Gallery
from vecsearch.images import scan
from vecsearch.images.decoding import Color, Fit
from vecsearch.index import as_metric, check_kind
from vecsearch.own_vectors import store_vectors
from vecsearch.refit import refit_collection
from vecsearch.temporary import Temporary
from vecsearch.transfer import check_export, export_store
from vecsearch.types import JSON, Metric, Progress
from vecsearch.update import update_collection
from vecsearch.view import View, newest_store


class Collection(Gallery):
    """A collection on disk, open for questions.

    Made by ``build`` from a folder of images, by ``from_vectors`` from vectors, or by ``open``.

    Attributes:
        place: The folder it lies in, or its address, as messages call it.

    Example:
        >>> photos = Collection.build("tests/data/photos", tmp / "index", encoder="pixels")
        >>> [hit.item.id for hit in photos.query(["tests/data/photos/cat/alpha.png"], k=1)[0]]
        ['cat/alpha.png']
    """

    # What its folder is kept by, if nobody has asked for one.
    _home: Temporary | None = None

    @property
    def path(self) -> Path:
        """The folder it lies in."""
        return self.view.store.folder

    @classmethod
    def build(
        cls,
        folder: str | Path,
        path: str | Path,
        *,
        encoder: str | Encoder = "pca",
        metric: Metric | str = Metric.EUCLIDEAN,
        dim: float | None = None,
        size: tuple[int, int] | None = None,
        fit: Fit | None = None,
        color: Color | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        batch_size: int | None = None,
        labels: str | Path = "folder",
        metadata: str | Path | None = None,
        index: str = "auto",
        memory_budget: int | str | None = None,
        jobs: int | None = None,
        seed: int = 0,
        overwrite: bool = False,
        engine: Engine = "local",
        ray_address: str | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Make a collection of all images below a folder.

        A build that was interrupted goes on where it was when it is asked for again.

        Args:
            folder: Where the images are, to any depth. What cannot be read is left out and
                listed in ``skipped``. With Ray also a URL, or a Parquet file that names images:
                see ``docs/how-to/scale-out.md``.
            path: Where the collection goes.
            encoder: The name of an encoder, which is fitted to the images if it learns; or an
                encoder, which is used as it is if it is fitted. With an encoder, ``dim``,
                ``size`` and so on to ``batch_size``, and ``seed`` are its own.
            metric: ``euclidean`` or ``cosine``.
            dim: How long the vectors are, or for ``pca`` which share of the variance they keep, as
                0.95; the encoder has a default.
            size: Width and height that images are brought to; 64 × 64, or as a pretrained network
                wants them.
            fit: ``stretch``, ``crop`` or ``pad`` them to that size; ``stretch``, or as a network
                wants them.
            color: ``rgb`` or ``grey``.
            weights: Those of a pretrained network: a file, or ``DEFAULT``; see
                ``docs/encoders.md``.
            device: What a pretrained network runs on: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            batch_size: How many images go through it at once; it has a default.
            labels: ``folder``: the first sub-folder is the label; ``none``; or a CSV file with
                the columns path and label.
            metadata: A CSV file or JSON lines with path or id, and what else is known of each
                image; see ``docs/metadata.md``.
            index: ``exact``, which compares with every item; ``hnsw``, ``hnswsq8``, ``ivf``,
                ``sq8``, ``ivfpq``, ``ivfpqfs``, ``rabitq`` or ``rabitqfs``, which find most of the
                nearest in less time; a string that FAISS makes an index of, as ``IVF256,PQ16``;
                or ``auto``: exact while that is fast, and then what surely finds 0.99 of the ten
                nearest, see ``docs/tuning.md``.
            memory_budget: How much memory the making of the index may take, now and later: a
                number of bytes, or as ``2GB``; as much as it needs by default.
            jobs: How many processes decode; as many as there are processors by default. With Ray,
                how many workers there are: one a processor, or one a GPU with ``device="cuda"``.
            seed: For everything random.
            overwrite: Replace the collection that stands at ``path``.
            engine: ``local``, or ``ray``, whose workers decode and encode on many machines.
            ray_address: Of a Ray cluster: ``auto`` or ``HOST:PORT``; without it, Ray is started on
                this machine for as long as the build takes.
            progress: Called as the work goes on.

        Raises:
            InvalidArgument: A value makes no sense, or no image could be read. Or FAISS cannot make
                the index: then the collection is there, without one.
            CollectionExists: There is something at ``path`` already.
            CollectionLocked: Another process is writing there.
            MissingPackage: A package is not installed that the encoder or Ray needs.
        """
        check_engine(engine, str(folder), ray_address)
        wanted_index = asked_for(index, memory_budget)
        if isinstance(encoder, str):
            encoder = make_encoder_for(
                encoder,
                size=size,
                fit=fit,
                color=color,
                dim=dim,
                weights=None if weights is None else str(weights),
                device="auto" if (engine, device) == ("ray", "cuda") else device,
                batch_size=batch_size,
                seed=seed,
            )
        if engine == "ray":
            from vecsearch.distributed.ray_build import build_on_ray

            build_on_ray(
                folder,
                Path(path),
                encoder,
                as_metric(metric),
                wanted_index,
                labels=labels,
                metadata=metadata,
                address=ray_address,
                workers=jobs,
                gpu="cuda" in (device, getattr(encoder, "device", None)),
                overwrite=overwrite,
                progress=progress,
            )
            return cls.open(path)
        found = scan(folder, labels, metadata)
        build_collection(
            found, Path(path), encoder, as_metric(metric), wanted_index, jobs, overwrite, progress
        )
        make_index(Path(path))
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
        index: str = "auto",
        memory_budget: int | str | None = None,
        overwrite: bool = False,
    ) -> Self:
        """Make a collection of vectors of your own.

        Args:
            vectors: ``(n, dim)`` numbers, n ≥ 1.
            ids: A unique name for each; "0", "1" and so on by default.
            labels: A class for each, or None.
            metadata: A mapping for each, as ``{"price": 3}``, of what JSON can hold.
            path: Where the collection goes; by default a temporary folder, gone with the object.
            metric: ``euclidean`` or ``cosine``.
            index: As for ``build``, and so is ``memory_budget``.
            memory_budget: How much memory the making of the index may take.
            overwrite: Replace the collection that stands at ``path``.

        Raises:
            InvalidArgument: A vector, id, label or metadata cannot be taken: nothing is written. Or
                FAISS cannot make the index: then the collection is there, without one.
            CollectionExists: There is something at ``path`` already.
            CollectionLocked: Another process is writing there.

        Example:
            >>> books = Collection.from_vectors(
            ...     [[5, 1], [4, 2], [1, 5], [0, 4]],
            ...     ids=["Emma", "Persuasion", "Dracula", "Carmilla"],
            ...     metric="cosine",
            ... )
            >>> [hit.item.id for hit in books.query_vectors([[1, 3]], k=2)[0]]
            ['Dracula', 'Carmilla']
        """
        if path is None:
            home = Temporary()
            with ExitStack() as failed:
                failed.callback(home.remove)
                how: Any = {"metric": metric, "index": index, "memory_budget": memory_budget}
                made = cls.from_vectors(vectors, ids, labels, metadata, path=home.folder, **how)
                failed.pop_all()
            made._home = home
            return made
        kind, wanted = asked_for(index, memory_budget), as_metric(metric)
        store_vectors(vectors, ids, labels, metadata, Path(path), wanted, kind, overwrite)
        make_index(Path(path))
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the newest generation of a collection. What is committed later is not seen.

        Args:
            path: The folder it lies in; or where it is on Milvus, as
                ``milvus://localhost:19530/shop``, see ``docs/how-to/scale-out.md``.

        Raises:
            CollectionNotFound: There is none.
            DamagedCollection: Its manifest is not as it was written, or a file is missing.
            IncompleteAnswer: A part of it does not answer, on Milvus.
            StoreError: Milvus does not answer, or refuses.
        """
        if isinstance(path, str) and "://" in path:
            from vecsearch.distributed.collection import StoredCollection

            return cast("Self", StoredCollection.at(path))
        return cls(View(newest_store(Path(path))))

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
            InvalidArgument: The collection follows no folder, there are no images in it, or a table
                cannot be read; or ``refit`` goes with ``dry_run``, or with items without a file.
            CollectionLocked: Another process is writing to the collection.
        """
        if refit and dry_run:
            raise InvalidArgument("refit encodes every image anew: there is nothing to try out.")
        if refit:
            changes = refit_collection(self.path, folder, labels, metadata, jobs, progress)
        else:
            changes = update_collection(
                self.path, self.view.encoder_for, folder, labels, metadata, dry_run, jobs, progress
            )
        if dry_run:
            return changes
        return self._changed(changes)

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
            self.path, images, self.view.encoder_for, label, metadata, replace, jobs, progress
        )
        return self._changed(changes)

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
        changes = add_vectors(self.path, vectors, ids, labels, metadata, encoder, replace)
        return self._changed(changes)

    def remove(self, ids: Sequence[str]) -> Changes:
        """Remove items, all or none. ``update`` adds a file again that is still in the folder.

        Raises:
            InvalidArgument: There is no item of one of the ids. Nothing is changed.
            CollectionLocked: Another process is writing to the collection.
        """
        if isinstance(ids, str):
            raise InvalidArgument(f"Ids come as a list: [{ids!r}].")
        changes = remove_items(self.path, ids)
        return self._changed(changes)

    def export(self, out: str | Path) -> None:
        """Write all items with their vectors to a file: ``.parquet``, ``.csv`` or ``.npz``.

        ``import_vectors`` makes a collection of such a file.

        Raises:
            InvalidArgument: The name ends otherwise.
            MissingPackage: Parquet needs pyarrow.
        """
        check_export(Path(out))
        export_store(self.view.store, Path(out))

    def compact(self, index: str | None = None) -> Changes:
        """Write anew what has removed items or many small files. Changes no answer.

        It is done in part after every write: where more than a fifth of a segment is dead.

        Args:
            index: Find neighbours in another way from now on: a kind as for ``build``.

        Raises:
            InvalidArgument: There is no such kind, or FAISS cannot make it of these vectors, which
                are compact then nevertheless.
            CollectionLocked: Another process is writing to the collection.
        """
        if index is not None:
            check_kind(index)
        changes = compact(self.path)
        self.refresh()
        if index is None:
            keep_indexed(self.path, anew=True)
        else:
            remake_index(self.path, index)
        self.refresh()
        return changes

    def _changed(self, changes: Changes) -> Changes:
        self.refresh()
        keep_indexed(self.path)
        self.refresh()
        return changes
