"""Networks written down in ONNX's format, node by node."""

from typing import Any

import numpy as np


class OnnxGraph:
    """Nodes and tensors of a graph that is being made; it needs the package onnx."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def add(
        self, kind: str, *inputs: str, outputs: list[str] | None = None, **settings: Any
    ) -> str:
        """Add a node; returns the name of what it gives."""
        from onnx import helper

        given = outputs or [f"{kind.lower()}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, list(inputs), given, **settings))
        return given[0]

    def constant(self, value: Any) -> str:
        """Add a tensor; returns its name."""
        from onnx import numpy_helper

        name = f"tensor_{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def written(self, name: str, images: tuple[int, int, int], dim: int, opset: int = 17) -> bytes:
        """The graph, from ``images``, uint8 ``(n, *images)``, to ``vectors``, float32 ``(n, dim)``.

        The same nodes and tensors give the same bytes.
        """
        from onnx import TensorProto, checker, helper

        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                name,
                [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *images])],
                [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", dim])],
                self.tensors,
            ),
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=8,
        )
        checker.check_model(model)
        written: bytes = model.SerializeToString(deterministic=True)
        return written
