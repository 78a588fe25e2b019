"""Our own small networks in NumPy: a few images are embedded before a runtime has even started."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.types import JSON, Pixels, Vectors

SMALL, FOUNDING = "small", "conv3"
OWN_BACKBONES = (SMALL, FOUNDING)
EPSILON = 1e-5  # what torch adds to the variance in batch normalisation
# Patches of 3 × 3 that are multiplied at once.
BLOCK_BYTES = 64 << 20
NORM = ("weight", "bias", "running_mean", "running_var")

Values: TypeAlias = NDArray[np.floating[Any]]
Layer = Callable[[Values], Values]
Weights = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Convolution:
    """A convolution of 3 × 3 that keeps height and width; what is below 0 is then set to 0.

    Attributes:
        kernel: ``(filters, channels, 3, 3)``, with the normalisation behind it multiplied in.
        bias: ``(filters,)``, likewise.
    """

    kernel: NDArray[Any]
    bias: NDArray[Any]


@dataclass(frozen=True)
class Residual:
    """Two convolutions whose result is added to what went in."""

    first: Convolution
    second: Convolution


@dataclass(frozen=True)
class Halving:
    """The largest of each 2 × 2; of what there is, at an odd edge."""


Step: TypeAlias = Convolution | Residual | Halving


def steps_of(architecture: Mapping[str, JSON], weights: Weights) -> list[Step]:
    """What ``small`` or ``conv3`` does, up to the global maximum.

    Raises:
        KeyError, ValueError: The weights do not fit the architecture.
    """

    def bare(name: str) -> Convolution:
        return Convolution(weights[f"{name}.weight"], weights[f"{name}.bias"])

    def folded(name: str) -> Convolution:
        norm = {part: weights[f"{name}.1.{part}"] for part in NORM}
        scale = norm["weight"] / np.sqrt(norm["running_var"] + np.float32(EPSILON))
        kernel = weights[f"{name}.0.weight"] * scale[:, None, None, None]
        return Convolution(kernel, norm["bias"] - norm["running_mean"] * scale)

    def residual(name: str) -> Residual:
        return Residual(folded(f"{name}.inner.0"), folded(f"{name}.inner.1"))

    half = Halving()
    if architecture["backbone"] == FOUNDING:
        first, second, third = (bare(f"backbone.{at}") for at in (0, 3, 6))
        return [first, half, second, half, third]
    first, second, third = (folded(f"backbone.{at}") for at in (0, 1, 4))
    blocks = residual("backbone.3"), residual("backbone.6")
    return [first, second, half, blocks[0], third, half, blocks[1]]


class PlainNetwork:
    """``network.Network`` without torch, for the backbones ``small`` and ``conv3``.

    Args:
        architecture: As ``Architecture.to_json`` has it.
        weights: The tensors of the network, by name.

    Raises:
        KeyError, ValueError: They do not fit each other.
    """

    def __init__(self, architecture: Mapping[str, JSON], weights: Weights) -> None:
        self._weights = weights
        self._unit, self._mirrored = bool(architecture["unit"]), bool(architecture["mirrored"])
        self._layers = [_layer(step) for step in steps_of(architecture, weights)]

    @staticmethod
    def knows(architecture: Mapping[str, JSON]) -> bool:
        """Whether it is one of these networks."""
        return architecture.get("backbone") in OWN_BACKBONES

    def __call__(self, images: Pixels) -> Vectors:
        """From ``(n, height, width, channels)`` uint8 to ``(n, dim)``."""
        mean: NDArray[np.float32] = self._weights["mean"]
        std: NDArray[np.float32] = self._weights["std"]
        values = (images / np.float32(255) - mean) / std
        vectors = self._embed(values)
        if self._mirrored:
            vectors = (vectors + self._embed(values[:, :, ::-1])) / np.float32(2)
            vectors = _unit(vectors) if self._unit else vectors
        return vectors

    def _embed(self, values: Values) -> Vectors:
        for layer in self._layers:
            values = layer(values)
        features = values.max(axis=(1, 2))
        vectors = features @ self._weights["head.weight"].T + self._weights["head.bias"]
        return _unit(vectors) if self._unit else vectors


def _layer(step: Step) -> Layer:
    match step:
        case Convolution(kernel, bias):
            return _convolution(kernel, bias)
        case Residual(first, second):
            inner, outer = _layer(first), _layer(second)
            return lambda values: values + outer(inner(values))
        case Halving():
            return _halved


def _convolution(kernel: NDArray[Any], bias: NDArray[Any]) -> Layer:
    filters, channels = kernel.shape[:2]
    # As rows of (row, column, channel), which is how patches lie.
    matrix = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0).reshape(9 * channels, filters))

    def layer(values: Values) -> Values:
        count, height, width, _ = values.shape
        padded = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        patches = patches.transpose(0, 1, 2, 4, 5, 3)
        found = np.empty((count, height, width, filters), np.float32)
        step = max(1, BLOCK_BYTES // (36 * channels * height * width))
        for start in range(0, count, step):
            block = patches[start : start + step].reshape(-1, 9 * channels) @ matrix + bias
            found[start : start + step] = block.reshape(-1, height, width, filters)
        return np.maximum(found, 0, out=found)

    return layer


def _halved(values: Values) -> Values:
    _, height, width, _ = values.shape
    edges = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
    even = np.pad(values, edges, constant_values=-np.inf)
    rows = np.maximum(even[:, ::2], even[:, 1::2])
    return np.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit: Vectors = vectors / lengths
    return unit
