"""What an encoder owes that learns nothing, all but how it makes a vector."""

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.base import check_pixels, fingerprint, reading, save_settings
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Vectors


class SimpleEncoder:
    """An encoder that learns nothing and has no weights.

    A class that derives from it has a ``name`` and a method ``vectors``.

    Args:
        preprocess: The size, fit and colour of the images.
        **params: What else its vectors depend on, as plain values: the class must take them by
            these names. They are in ``params``.

    Example:
        >>> class Brightness(SimpleEncoder):
        ...     name = "brightness"
        ...
        ...     def vectors(self, images):
        ...         return images.mean(axis=(1, 2))
        >>> Brightness().dim
        3
    """

    name: ClassVar[str]

    def __init__(self, preprocess: Preprocess | None = None, **params: JSON) -> None:
        self.preprocess = preprocess or Preprocess()
        self.params = params

    def vectors(self, images: Pixels) -> NDArray[Any]:
        """The vectors of images, ``(n, dim)``.

        Args:
            images: ``(n, height, width, channels)`` uint8, as ``preprocess`` says.
        """
        raise NotImplementedError

    @cached_property
    def dim(self) -> int:
        """The length of its vectors."""
        return int(self.vectors(np.zeros((1, *self.preprocess.shape), np.uint8)).shape[1])

    @property
    def fingerprint(self) -> str:
        """A sha256 over name and parameters, in hex."""
        return fingerprint(self.name, self.get_params(), {})

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return {**self.params, **self.preprocess.to_json()}

    def facts(self) -> dict[str, JSON]:
        """Nothing is learned, so there is nothing to tell."""
        return {}

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
        """
        checked = check_pixels(images, self.preprocess)
        if not len(checked):
            return np.empty((0, self.dim), np.float32)
        return np.ascontiguousarray(self.vectors(checked), np.float32)

    def save(self, folder: Path) -> None:
        """Write the settings into ``folder``."""
        save_settings(folder, self.name, {"params": self.get_params()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read.
        """
        with reading(folder, cls.name) as settings:
            preprocess = Preprocess.from_json(settings["params"])
            own = preprocess.to_json()
            others = {key: one for key, one in settings["params"].items() if key not in own}
            return cls(preprocess=preprocess, **others)
