"""A trained network as an ONNX file, which runs without torch."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from vecsearch.encoders.network import Network
from vecsearch.encoders.onnx_graph import OnnxGraph
from vecsearch.encoders.plain import Convolution, Halving, PlainNetwork, Residual, Step, steps_of

OPSET = 18
TALKERS = "torch.onnx", "onnxscript", "onnx_ir"


def to_onnx(network: Network, height: int, width: int) -> bytes:
    """Export a network that takes ``(n, height, width, channels)`` uint8 and gives vectors.

    Our own are written down here; torch's exporter takes seconds, whatever the network.
    """
    network = network.cpu().eval()
    if PlainNetwork.knows(network.architecture.to_json()):
        return _own(network, height, width)
    network.reduced = False
    images = torch.zeros((2, height, width, network.architecture.channels), dtype=torch.uint8)
    with _quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            network,
            (images,),
            input_names=["images"],
            output_names=["vectors"],
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    exported: bytes = program.model_proto.SerializeToString()
    return exported


def _own(network: Network, height: int, width: int) -> bytes:
    architecture, graph = network.architecture, OnnxGraph()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    steps = steps_of(architecture.to_json(), weights)
    layers = [_layer(graph, step) for step in steps]
    head = graph.constant(weights["head.weight"]), graph.constant(weights["head.bias"])
    axis, least = graph.constant(np.array([1])), graph.constant(np.float32(1e-12))

    def unit(x: str) -> str:
        length = graph.add("Max", graph.add("ReduceL2", x, axis, keepdims=1), least)
        return graph.add("Div", x, length)

    def embedded(x: str) -> str:
        for layer in layers:
            x = layer(x)
        x = graph.add("Flatten", graph.add("GlobalMaxPool", x))
        x = graph.add("Gemm", x, *head, transB=1)
        return unit(x) if architecture.unit else x

    x = graph.add("Div", graph.add("Cast", "images", to=1), graph.constant(np.float32(255)))
    x = graph.add("Sub", x, graph.constant(weights["mean"]))
    x = graph.add("Div", x, graph.constant(weights["std"]))
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    vectors = embedded(x)
    if architecture.mirrored:
        ends = (-1, np.iinfo(np.int64).min, 3, -1)  # the last axis, from its end to its beginning
        mirror = graph.add("Slice", x, *(graph.constant(np.array([end])) for end in ends))
        both = graph.add("Add", vectors, embedded(mirror))
        two = graph.constant(np.float32(2))
        vectors = unit(both) if architecture.unit else graph.add("Div", both, two)
    graph.add("Identity", vectors, outputs=["vectors"])
    return graph.written(
        architecture.backbone, (height, width, architecture.channels), architecture.dim, OPSET
    )


def _layer(graph: OnnxGraph, step: Step) -> Callable[[str], str]:
    match step:
        case Convolution(kernel, bias):
            tensors = graph.constant(kernel), graph.constant(bias)
            around: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
            return lambda x: graph.add("Relu", graph.add("Conv", x, *tensors, **around))
        case Residual(first, second):
            inner, outer = _layer(graph, first), _layer(graph, second)
            return lambda x: graph.add("Add", x, outer(inner(x)))
        case Halving():
            halved: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}
            return lambda x: graph.add("MaxPool", x, **halved)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling its steps to whoever listens to all loggers."""
    loggers = [logging.getLogger(name) for name in TALKERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
