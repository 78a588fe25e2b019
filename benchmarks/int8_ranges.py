"""Between which numbers the layers of EfficientNet-Lite0 that have no ReLU6 keep their tensors.

    python benchmarks/int8_ranges.py [PHOTOS] [--photos 400]

Prints SPANS of vecsearch/encoders/efficientnet_int8.py: the least and the greatest number of eight
photos, in the mean over all photos that are drawn. PHOTOS is animals22 by default.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from vecsearch import make_encoder
from vecsearch.encoders.efficientnet import Graph, to_onnx, weights_of
from vecsearch.encoders.networks import BATCH
from vecsearch.images import read, scan


class Watched(Graph):
    """A graph that remembers which tensors have no span of their own."""

    def __init__(self) -> None:
        super().__init__(weights_of("efficientnet-lite0"))
        self.watched: list[str] = []

    def held(self, x: str, span: tuple[float, float] | None = None) -> str:
        """The tensor as it is."""
        if span is None:
            self.watched.append(x)
        return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    parser.add_argument("photos", type=Path, nargs="?", default=data / "animals22" / "images")
    parser.add_argument("--photos", dest="count", type=int, default=400)
    arguments = parser.parse_args()
    graph = Watched()
    model = onnx.load_from_string(to_onnx(graph, "watched"))
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in graph.watched
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    paths = np.random.default_rng(0).permutation(scan(arguments.photos).paths)[: arguments.count]
    look = make_encoder("efficientnet-lite0").preprocess
    batches = read(arguments.photos, paths.tolist(), look)
    pixels = np.concatenate([batch.pixels for batch in batches])
    ends = []
    for start in range(0, len(pixels), BATCH):
        found = session.run(graph.watched, {"images": pixels[start : start + BATCH]})
        ends.append([(one.min(), one.max()) for one in found])
    for low, high in np.mean(ends, axis=0).tolist():
        print(f"    ({low:.1f}, {high:.1f}),")


if __name__ == "__main__":
    main()
