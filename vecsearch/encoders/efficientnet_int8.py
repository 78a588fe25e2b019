"""EfficientNet-Lite0 in whole numbers of 8 bits: more than twice as fast, a quarter as large."""

from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.efficientnet import EfficientNetLite0, Graph, Weights, to_onnx, weights_of

NAME = "efficientnet-lite0-int8"
# Between which numbers the layers without a ReLU6 keep their tensors, in their order: the least and
# the greatest of eight photos, in the mean over 400 photos (benchmarks/int8_ranges.py).
SPANS = (
    (-38.6, 42.5),
    (-48.7, 54.1),
    (-44.9, 45.0),
    (-57.5, 54.2),
    (-35.2, 40.2),
    (-25.8, 23.4),
    (-41.4, 44.7),
    (-30.3, 28.9),
    (-20.0, 16.6),
    (-30.5, 30.1),
    (-16.3, 14.8),
    (-31.9, 32.8),
    (-33.7, 30.5),
    (-25.0, 16.6),
    (-38.6, 32.0),
    (-22.3, 15.9),
    (-48.8, 36.1),
    (-28.7, 28.5),
    (-16.2, 18.7),
    (-31.5, 30.5),
    (-15.4, 18.4),
    (-36.2, 37.2),
    (-16.7, 20.0),
    (-41.2, 46.1),
    (-17.2, 16.7),
)
# Seven bits, so that the sum of two products fits into the 16 bits that processors without VNNI
# instructions have for it.
MOST_WEIGHT = 63
MOST_SHIFT = 2**30


class EfficientNetLite0Int8(EfficientNetLite0):
    """As ``EfficientNetLite0``, computed in whole numbers of 8 bits.

    Its vectors are nearly those of the other (the cosine between the two is 0.98), but not to be
    mixed with them.

    Args:
        preprocess: As for the other.
        batch_size: How many images go through it at once.

    Raises:
        InvalidArgument: ``preprocess`` is of another size, or grey.
        MissingPackage: A package is not installed.
    """

    name: ClassVar[str] = NAME

    def _make(self) -> bytes:
        return _network()


@cache
def _network() -> bytes:
    return to_onnx(Int8Graph(weights_of(NAME)), NAME)


class Int8Graph(Graph):
    """A graph whose tensors are whole numbers between two layers.

    Each is written as a pair of QuantizeLinear and DequantizeLinear, out of which onnxruntime
    makes convolutions of whole numbers.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__(weights)
        self._spans = iter(SPANS)
        self._scales: dict[str, np.float32] = {}

    def begun(self, images: str) -> str:
        """Pixels as the network takes them; they are whole numbers already."""
        x = self.add("Transpose", images, perm=[0, 3, 1, 2])
        return self._back(x, np.float32(1 / 128), np.uint8(127))

    def weighted(self, x: str, kernels: NDArray[Any], shift: NDArray[Any]) -> tuple[str, str]:
        """Weights with a scale for each channel, and shifts with that of the products."""
        most = np.abs(kernels).max(axis=(1, 2, 3)) / MOST_WEIGHT
        least = np.abs(shift) / MOST_SHIFT / self._scales[x]  # where weights are as good as none
        scales = np.maximum(np.maximum(most, least), np.finfo(np.float32).tiny).astype(np.float32)
        whole = np.round(kernels / scales[:, None, None, None]).astype(np.int8)
        products = (scales * self._scales[x]).astype(np.float32)
        return (
            self._by_channel(whole, scales),
            self._by_channel(np.round(shift / products).astype(np.int32), products),
        )

    def held(self, x: str, span: tuple[float, float] | None = None) -> str:
        """A tensor in 256 steps from the least to the greatest that it may be."""
        low, high = next(self._spans) if span is None else span
        scale = np.float32((high - low) / 255)
        zero = np.uint8(round(-low / float(scale)))
        x = self.add("QuantizeLinear", x, self.constant(scale), self.constant(zero))
        return self._back(x, scale, zero)

    def _back(self, x: str, scale: np.float32, zero: np.uint8) -> str:
        x = self.add("DequantizeLinear", x, self.constant(scale), self.constant(zero))
        self._scales[x] = scale
        return x

    def _by_channel(self, whole: NDArray[Any], scales: NDArray[np.float32]) -> str:
        zeros = np.zeros(len(scales), whole.dtype)
        names = [self.constant(array) for array in (whole, scales, zeros)]
        return self.add("DequantizeLinear", *names, axis=0)
