"""What PCA and LDA have in common: once fitted, both are (pixels − mean) · components."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.base import (
    WEIGHTS,
    check_pixels,
    check_seed,
    fingerprint,
    reading,
    save_settings,
)
from vecsearch.errors import InvalidArgument, NotFitted
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Rows, Vectors

# How many bytes of float32 pixels an encoder is fitted on at most: all 60,000 images of 28 × 28
# grey, or 5,400 of 64 × 64 RGB. More make hardly better axes: see benchmarks/fit_sample.py.
FIT_BYTES = 256 << 20
ENCODE_BYTES = 64 << 20


class AffineEncoder:
    """An encoder that is an affine map of the pixels.

    Args:
        dim: How many numbers a vector has; see the encoder itself for what else it may be.
        preprocess: The size, fit and colour of the images.
        seed: For the choice of images when there are too many, and for random projections.

    Attributes:
        mean: ``(height × width × channels,)`` float32, of pixels in [0, 1].
        components: ``(height × width × channels, dim)`` float32.
    """

    name: ClassVar[str]

    def __init__(
        self, dim: float | None = None, preprocess: Preprocess | None = None, seed: int = 0
    ) -> None:
        check_seed(seed)
        self.requested_dim = int(dim) if dim is not None and dim % 1 == 0 else dim
        self.preprocess = preprocess or Preprocess()
        self.seed = seed
        self._mean: NDArray[np.float32] | None = None
        self._components: NDArray[np.float32] | None = None
        self._facts: dict[str, JSON] = {}

    @property
    def mean(self) -> NDArray[np.float32]:
        """What is taken from the pixels first."""
        return self._fitted()[0]

    @property
    def components(self) -> NDArray[np.float32]:
        """What the rest is multiplied by."""
        return self._fitted()[1]

    @property
    def dim(self) -> int:
        """The length of the vectors, known once fitted."""
        return int(self.components.shape[1])

    @property
    def fingerprint(self) -> str:
        """A sha256 over name, parameters and weights, in hex."""
        mean, components = self._fitted()
        return fingerprint(self.name, self.get_params(), {"mean": mean, "components": components})

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return {"dim": self.requested_dim, "seed": self.seed, **self.preprocess.to_json()}

    def facts(self) -> dict[str, JSON]:
        """What fitting told about the images."""
        return dict(self._facts)

    def encode(self, images: Pixels) -> Vectors:
        """Project images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
            NotFitted: ``fit`` was not called.
        """
        mean, components = self._fitted()
        checked = check_pixels(images, self.preprocess)
        vectors = np.empty((len(checked), components.shape[1]), np.float32)
        step = max(1, ENCODE_BYTES // (4 * len(mean)))
        for start in range(0, len(checked), step):
            block = as_rows(checked[start : start + step])
            vectors[start : start + step] = (block - mean) @ components
        return vectors

    def save(self, folder: str | Path) -> None:
        """Write settings and weights into ``folder``.

        Raises:
            NotFitted: There is nothing to save yet.
        """
        from safetensors.numpy import save

        folder = Path(folder)
        mean, components = self._fitted()
        settings: dict[str, JSON] = {"params": self.get_params(), "facts": self._facts}
        save_settings(folder, self.name, settings)
        (folder / WEIGHTS).write_bytes(save({"mean": mean, "components": components}))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read, or its parts do not fit each other.
        """
        from safetensors.numpy import load_file

        folder = Path(folder)
        with reading(folder, cls.name) as settings:
            params = settings["params"]
            preprocess = Preprocess.from_json(params)
            encoder = cls(dim=params["dim"], preprocess=preprocess, seed=params["seed"])
            facts = settings["facts"]
            weights = load_file(folder / WEIGHTS)
            mean, components = weights["mean"], weights["components"]
            pixels = (int(np.prod(preprocess.shape)),)
            if mean.shape != pixels or components.shape[:1] != pixels or components.ndim != 2:
                raise ValueError(f"{WEIGHTS} does not fit its settings")
        encoder._learned(mean, components, facts)
        return encoder

    def _learned(
        self, mean: NDArray[Any], components: NDArray[Any], facts: dict[str, JSON]
    ) -> None:
        self._mean = np.ascontiguousarray(mean, np.float32)
        self._components = np.ascontiguousarray(components, np.float32)
        self._facts = facts

    def _fitted(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self._mean is None or self._components is None:
            raise NotFitted(f"The encoder {self.name!r} has not seen any images: call fit first.")
        return self._mean, self._components

    def _sample(self, images: Pixels, usable: Rows) -> Rows:
        """Which of the usable images to fit on: as many as fit into ``FIT_BYTES``.

        Raises:
            InvalidArgument: There are fewer than two.
        """
        check_pixels(images, self.preprocess)
        if len(usable) < 2:
            raise InvalidArgument(
                f"The encoder {self.name!r} learns from images and needs 2 or more that it can "
                f"use, but there are {len(usable)}; the encoder 'pixels' needs none."
            )
        return fitted_on(usable, FIT_BYTES // 4, self.preprocess, self.seed)


def fitted_on(usable: Rows, most_numbers: int, preprocess: Preprocess, seed: int) -> Rows:
    """Which of some images to fit on: all, or a random choice, ascending, of as many as may be.

    Args:
        usable: The images to choose from.
        most_numbers: How many numbers the pixels of all of them may be, together.
        preprocess: What the images are brought to.
        seed: For the choice.
    """
    most = max(2, most_numbers // int(np.prod(preprocess.shape)))
    if len(usable) <= most:
        return usable
    return np.sort(np.random.default_rng(seed).choice(usable, most, replace=False))


def as_rows(images: Pixels) -> NDArray[np.float32]:
    """Images as flat float32 rows in [0, 1]."""
    return images.reshape(len(images), -1) * np.float32(1 / 255)
