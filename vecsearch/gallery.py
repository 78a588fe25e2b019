"""What a collection can be asked: which of its items are nearest."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.amend import check_encoder
from vecsearch.encoders import Encoder
from vecsearch.encoding import Encoded, encode_batches, read_folder
from vecsearch.errors import InvalidArgument
from vecsearch.holdings import Holdings
from vecsearch.images import File, ImageFolder, ImageLike, scan
from vecsearch.index import as_metric
from vecsearch.types import Distances, Hit, Metric, Progress, Skipped, Vectors
from vecsearch.where import Where, as_conditions

MetricName: TypeAlias = Metric | str | None
Answer = TypeVar("Answer")


class Gallery(Holdings):
    """One generation of a collection, open for questions."""

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
            exact: Compare with every item, whatever index there is. So it is in any case with
                another metric.
            recall: Which part of the k nearest shall be found, by what was measured when the
                index was made or tuned; by default what ``tune`` chose, else 0.99. Of no
                effect with ``exact`` or another metric.

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
        view = self._view  # all of one generation, which another thread may refresh meanwhile
        encode_text = getattr(view.encoder, "encode_text", None)
        if encode_text is None:
            raise InvalidArgument(
                f"The encoder {view.encoder.name!r} of {self.place} knows no words: build the "
                "collection with one that does, as openclip:ViT-B-32."
            )
        vectors: Vectors = encode_text(texts)
        wanted = view.metric if metric is None else as_metric(metric)
        return view.search(vectors, k, as_conditions(where), wanted, exact, recall)

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
        encoder = self.encoder
        batches = read_folder(folder, folder.paths, encoder.preprocess, jobs, progress)
        blocks = list(encode_batches(batches, folder.root, encoder, wanted))
        empty = np.empty((0, encoder.dim), np.float32)
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
        base = folder.root.resolve()
        given = Path(os.path.abspath(folder.root))
        if self.root is None:  # of a list, which may call its files by other names
            known = {item.path: item.id for item in self if item.path is not None}
            whole = [base / file.path for file in files]
            return [known.get(path, path.as_posix()) for path in whole]
        if not base.is_relative_to(self.root) and given.is_relative_to(self.root):
            base = given  # by a link from there to elsewhere, as a walk through the root goes
        # Each with one stroke at its end, which a whole disk has already.
        start, root = (f"{one.as_posix().removesuffix('/')}/" for one in (base, self.root))
        return [f"{start}{file.path}".removeprefix(root) for file in files]


def _as_list(images: Sequence[ImageLike]) -> Sequence[ImageLike]:
    if isinstance(images, str | Path):
        raise InvalidArgument(f"Images come as a list: [{str(images)!r}].")
    return images
