"""What a collection can be asked: its items, their vectors, and which of them are nearest."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.amend import check_encoder
from vecsearch.encoders import Encoder
from vecsearch.encoding import Encoded, encode_batches, read_folder
from vecsearch.errors import InvalidArgument
from vecsearch.images import File, ImageFolder, ImageLike, scan
from vecsearch.index import as_metric
from vecsearch.snapshot import Snapshot
from vecsearch.types import (
    JSON,
    Clustering,
    Distances,
    Hit,
    Item,
    Metric,
    Progress,
    Skipped,
    Vectors,
)
from vecsearch.view import View
from vecsearch.where import Where, as_conditions

MetricName: TypeAlias = Metric | str | None
Answer = TypeVar("Answer")


class Gallery:
    """One generation of a collection, open for questions.

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

    def query(
        self,
        images: Sequence[ImageLike],
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
        recall: float | None = None,
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
            recall: Which part of the k nearest shall be found, by settings that ``tune`` has
                measured; what it chose by default.

        Returns:
            For each image its hits, nearest first.

        Raises:
            ImageError: An image cannot be read; under cosine, also if its vector is zero.
            InvalidArgument: A value makes no sense, or the collection has no encoder.
            DamagedCollection: A file is not as it was written.
        """
        view = self._view
        wanted = view.metric if metric is None else as_metric(metric)
        vectors = view.encode(_as_list(images), wanted)
        return view.search(vectors, k, as_conditions(where), wanted, exact, recall)

    def query_one(
        self,
        image: ImageLike,
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
        recall: float | None = None,
    ) -> list[Hit]:
        """Find the items nearest to one image; as ``query`` otherwise."""
        return self.query([image], k, where=where, metric=metric, exact=exact, recall=recall)[0]

    def query_vectors(
        self,
        vectors: ArrayLike,
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
        recall: float | None = None,
        encoder: Encoder | None = None,
    ) -> list[list[Hit]]:
        """Find the items nearest to each of some vectors, ``(n, dim)``; as ``query`` otherwise.

        Args:
            vectors: What to look for.
            k: How many.
            where: Which items may be found.
            metric: Another metric than the collection's own.
            exact: Compare with every item.
            recall: Which part of the k nearest shall be found.
            encoder: What made the vectors; another one than the collection's own is refused.
        """
        view = self._view
        check_encoder(view.made_by, encoder, view.place)
        wanted = view.metric if metric is None else as_metric(metric)
        return view.search(vectors, k, as_conditions(where), wanted, exact, recall)

    def nearest(
        self,
        vectors: ArrayLike,
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
        recall: float | None = None,
    ) -> tuple[Distances, NDArray[np.int64]]:
        """What ``query_vectors`` finds as two arrays, in less time: no item is looked up.

        Args:
            vectors: What to look for, ``(n, dim)``.
            k: How many; all there are, if they are fewer.
            where: Which items may be found.
            metric: Another metric than the collection's own.
            exact: Compare with every item.
            recall: Which part of the k nearest shall be found.

        Returns:
            Distances ``(n, k)`` float64, nearest first, and positions ``(n, k)`` int64: where each
            is among ``vectors()``, ``labels()``, and the items that the collection yields.

        Raises:
            InvalidArgument: A value makes no sense, or the collection lies elsewhere, and is too
                large to be fetched.

        Example:
            >>> from vecsearch import Collection
            >>> books = Collection.from_vectors([[5, 1], [4, 2], [1, 5]], labels=["a", "a", "b"])
            >>> distances, positions = books.nearest([[5, 1], [1, 4]], k=2)
            >>> positions
            array([[0, 1],
                   [2, 1]])
            >>> [books.labels()[first] for first in positions[:, 0]]
            ['a', 'b']
        """
        view = self.view
        wanted = view.metric if metric is None else as_metric(metric)
        found, rows = view.nearest(vectors, k, as_conditions(where), wanted, exact, recall)
        return found, view.positions(rows)

    def query_text(
        self,
        texts: Sequence[str],
        k: int = 10,
        *,
        where: Where = None,
        metric: MetricName = None,
        exact: bool = False,
        recall: float | None = None,
    ) -> list[list[Hit]]:
        """Find the items that some words describe; as ``query`` otherwise.

        Args:
            texts: What to look for, as ``["a red shoe"]``.
            k: How many.
            where: Which items may be found.
            metric: Another metric than the collection's own.
            exact: Compare with every item.
            recall: Which part of the k nearest shall be found.

        Raises:
            InvalidArgument: The encoder knows no words.
        """
        if isinstance(texts, str):
            raise InvalidArgument(f"Texts come as a list: [{texts!r}].")
        encode_text = getattr(self.encoder, "encode_text", None)
        if encode_text is None:
            raise InvalidArgument(
                f"The encoder {self.encoder.name!r} of {self.place} knows no words: build the "
                "collection with one that does, as openclip:ViT-B-32."
            )
        vectors: Vectors = encode_text(texts)
        return self.query_vectors(
            vectors, k, where=where, metric=metric, exact=exact, recall=recall
        )

    def encode(self, images: Sequence[ImageLike], metric: MetricName = None) -> Vectors:
        """The vectors of some images, ``(n, dim)`` float32.

        Args:
            images: Paths, Pillow images or uint8 arrays.
            metric: What they will be compared by; any vector will do by default.

        Raises:
            ImageError: An image cannot be read; under cosine, also if its vector is zero.
            InvalidArgument: Something is not an image, or the collection has no encoder.
        """
        wanted = None if metric is None else as_metric(metric)
        return self._view.encode(_as_list(images), wanted)

    def encode_folder(
        self,
        folder: ImageFolder,
        jobs: int | None = None,
        progress: Progress | None = None,
        metric: MetricName = None,
    ) -> Encoded:
        """The vectors of all images of a folder, with the files that were left out.

        These are what cannot be read, and what the metric, by default the own one, cannot compare.
        """
        wanted = self.metric if metric is None else as_metric(metric)
        batches = read_folder(folder, folder.paths, self.encoder.preprocess, jobs, progress)
        blocks = list(encode_batches(batches, folder.root, self.encoder, wanted))
        empty = np.empty((0, self.dim), np.float32)
        return Encoded(
            [file for block in blocks for file in block.files],
            np.concatenate([empty, *(block.vectors for block in blocks)]),
            [one for block in blocks for one in block.skipped],
        )

    def ask_folder(
        self,
        folder: str | Path,
        ask: Callable[[Vectors], Sequence[Answer]],
        jobs: int | None = None,
        progress: Progress | None = None,
        metric: MetricName = None,
    ) -> tuple[dict[Path, Answer], Sequence[Skipped]]:
        """What is said of the vector of each image below a folder, and the files left out.

        Args:
            folder: Where they are, to any depth.
            ask: Says something of each of some vectors, ``(n, dim)``.
            jobs: How many processes decode.
            progress: Called as the work goes on.
            metric: What they are compared by, if not by the collection's own.
        """
        images = scan(folder, "none")
        found = self.encode_folder(images, jobs, progress, metric)
        paths = [Path(folder) / file.path for file in found.files]
        answers = dict(zip(paths, ask(found.vectors), strict=True))
        return answers, [*images.skipped, *found.skipped]

    def ids_in(self, folder: ImageFolder, files: Sequence[File]) -> list[str]:
        """The ids that files of a folder have here, or would have: their paths below ``root``.

        A file outside of ``root`` has none; for it, the absolute path stands.
        """
        base, root = folder.root.resolve().as_posix(), f"{(self.root or Path()).as_posix()}/"
        return [f"{base}/{file.path}".removeprefix(root) for file in files]

    def info(self) -> dict[str, JSON]:
        """What there is to know about the collection, as plain values."""
        return self._view.info()


def _as_list(images: Sequence[ImageLike]) -> Sequence[ImageLike]:
    if isinstance(images, str | Path):
        raise InvalidArgument(f"Images come as a list: [{str(images)!r}].")
    return images
