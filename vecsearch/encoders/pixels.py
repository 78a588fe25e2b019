"""The simplest encoder: the pixels themselves."""

from typing import ClassVar

import numpy as np

from vecsearch.encoders.simple import SimpleEncoder
from vecsearch.images import Preprocess
from vecsearch.types import Pixels, Vectors


class PixelEncoder(SimpleEncoder):
    """Raw pixels as a vector, divided by 255 so that each number is in [0, 1].

    Row by row, channel fastest. The line that every other encoder has to beat.

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
        super().__init__(preprocess)

    def vectors(self, images: Pixels) -> Vectors:
        """Flattened images, ``(n, height × width × channels)``."""
        return images.reshape(len(images), -1) * np.float32(1 / 255)
