"""A trained network as an ONNX file, which runs without torch."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vecsearch.encoders.network import Network

OPSET = 18
TALKERS = "torch.onnx", "onnxscript", "onnx_ir"


def to_onnx(network: Network, height: int, width: int) -> bytes:
    """Export a network that takes ``(n, height, width, channels)`` uint8 and gives vectors."""
    network = network.cpu().eval()
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
