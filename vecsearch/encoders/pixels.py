"""The simplest encoder: the pixels themselves."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from vecsearch.encoders.base import check_pixels, fingerprint, load_settings, save_settings
from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Vectors


class PixelEncoder:
    """Raw pixels as a vector, divided by 255 so that each number is in [0, 1].

    The line that every other encoder has to beat.

    Args:
        preprocess: The size, fit and colour of the images.

    Example:
        >>> from vecsearch.images import Preprocess
        >>> encoder = PixelEncoder(preprocess=Preprocess(size=(2, 1), color="grey"))
        >>> encoder.encode(np.array([[[[0], [255]]]], np.uint8))
        array([[0., 1.]], dtype=float32)
    """

    name: ClassVar[str] = "pixels"

    def __init__(self, preprocess: Preprocess | None = None) -> None:
        self.preprocess = preprocess or Preprocess()

    @property
    def dim(self) -> int:
        """Height × width × channels."""
        height, width, channels = self.preprocess.shape
        return height * width * channels

    @property
    def fingerprint(self) -> str:
        """A sha256 over name and parameters, in hex."""
        return fingerprint(self.name, self.get_params(), {})

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return self.preprocess.to_json()

    def facts(self) -> dict[str, JSON]:
        """Nothing is learned, so there is nothing to tell."""
        return {}

    def encode(self, images: Pixels) -> Vectors:
        """Flatten images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32 in [0, 1], row by row, channel fastest.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
        """
        checked = check_pixels(images, self.preprocess)
        return checked.reshape(len(checked), self.dim) * np.float32(1 / 255)

    def save(self, folder: Path) -> None:
        """Write the settings into ``folder``."""
        save_settings(folder, self.name, {"params": self.get_params()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read.
        """
        settings = load_settings(folder, cls.name)
        try:
            return cls(preprocess=Preprocess.from_json(settings["params"]))
        except (KeyError, TypeError, InvalidArgument) as error:
            raise DamagedCollection(f"The encoder in {folder} cannot be read: {error}.") from error
