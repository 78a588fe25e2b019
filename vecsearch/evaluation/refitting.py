"""Encode the items of a collection by an encoder that has learned from some of them only."""

import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vecsearch.collection import Collection
from vecsearch.encoders import Encoder, Trainable, is_fitted, is_trainable, unfitted
from vecsearch.encoding import read_folder
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.asking import Labelled
from vecsearch.images import ImageFolder, gather
from vecsearch.types import Pixels, Progress, Vectors

# An encoder learns hardly more from more than this; see docs/encoders.md.
FIT_BYTES = 256 << 20


def can_refit(encoder: Encoder) -> bool:
    """Whether an encoder may have learned from the items, and is quickly fitted again."""
    quick = is_trainable(encoder) and not getattr(encoder, "slow_to_fit", False)
    return quick and not is_fitted(unfitted(encoder))


class Refitted:
    """Encoders of one kind, each fitted to some items of a collection.

    Args:
        collection: Its encoder says which kind.
        items: Which items; each has a label.
        seed: For the choice of those that are learned from, if they are very many.
        jobs: How many processes decode.
        progress: Called as the work goes on.
    """

    def __init__(
        self,
        collection: Collection,
        items: Labelled,
        seed: int,
        jobs: int | None,
        progress: Progress | None,
    ) -> None:
        self._collection, self._items, self._seed = collection, items, seed
        self._jobs, self._progress = jobs, progress

    def encode(self, learned: NDArray[np.bool_]) -> Vectors:
        """The vectors of all items, by an encoder fitted to some.

        Args:
            learned: From which it learns.

        Raises:
            InvalidArgument: The file of an item is gone, or cannot be read any more.
        """
        rows = np.flatnonzero(learned)
        most = max(1, FIT_BYTES // self._pixels[0].nbytes)
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(self._seed).choice(rows, most, replace=False))
        encoder: Trainable = unfitted(self._encoder)  # type: ignore[assignment]
        try:
            encoder.fit(self._pixels[rows], [self._items.labels[row] for row in rows.tolist()])
        except InvalidArgument as error:
            raise InvalidArgument(
                f"Without some of the classes the encoder cannot be fitted ({error}) Bring "
                "strangers, or build the collection with fewer dims."
            ) from error
        return encoder.encode(self._pixels)

    @cached_property
    def _encoder(self) -> Encoder:
        return self._collection.encoder

    @cached_property
    def _pixels(self) -> Pixels:
        """The items' images, decoded once for all."""
        path_of = {item.id: item.path for item in self._collection}
        if without := [name for name in self._items.ids if path_of[name] is None]:
            raise InvalidArgument(
                f"{without[0]} has no picture, so the encoder cannot be fitted without the "
                "strangers: bring strangers."
            )
        paths = [str(path_of[name]) for name in self._items.ids]
        folder = ImageFolder(self._collection.root or Path("/"), paths, {}, ())
        look = self._encoder.preprocess
        with tempfile.TemporaryDirectory(prefix="vecsearch-") as scratch:
            batches = read_folder(folder, paths, look, self._jobs, self._progress)
            found = gather(batches, look, Path(scratch))
        if found.skipped:
            one = found.skipped[0]
            raise InvalidArgument(
                f"{one.path} cannot be read any more ({one.reason}), so the encoder cannot be "
                "fitted without the strangers: update the collection, or bring strangers."
            )
        return found.pixels
