"""What runs a trained network: NumPy for a few images, else onnxruntime, or torch."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vecsearch.encoders.plain import PlainNetwork
from vecsearch.errors import DamagedCollection, InvalidArgument, MissingPackage
from vecsearch.types import JSON, Pixels, Vectors

if TYPE_CHECKING:
    from vecsearch.encoders.network import Network

FEW_IMAGES = 4
# Of larger ones NumPy would gather patches of half a gigabyte and more.
PLAIN_PIXELS = 128 * 128
# How ONNX says that a tensor lies in a file of its own: an entry with this key.
ELSEWHERE = b"\x0a\x08location"

Run: TypeAlias = Callable[[Pixels, bool], Vectors]
"""Takes a block of images, and whether there are more than a few in all."""


@dataclass(frozen=True)
class Trained:
    """A network that is trained.

    Attributes:
        architecture: What it is made of, for ``Architecture.from_json``.
        weights: Its tensors by name.
        facts: How it was trained, and what came out.
        onnx: The same network in the format of ONNX; None until it is saved.
    """

    architecture: Mapping[str, JSON]
    weights: Mapping[str, np.ndarray[Any, Any]]
    facts: Mapping[str, JSON] = field(default_factory=dict)
    onnx: bytes | None = None


def runtime_of(trained: Trained) -> Run:
    """What runs a network.

    To load onnxruntime takes longer than to embed a few images in NumPy, so that these networks
    are asked there first which are simple enough.
    """
    plain = run_plain(trained) if PlainNetwork.knows(trained.architecture) else None
    other: Run | None = None

    def run(images: Pixels, many: bool) -> Vectors:
        nonlocal other
        few = not many and images.shape[1] * images.shape[2] <= PLAIN_PIXELS
        if plain is not None and few:
            return plain(images, many)
        other = other or _runtime(trained, plain)
        return other(images, many)

    return run


def _runtime(trained: Trained, plain: Run | None) -> Run:
    if trained.onnx is not None and importlib.util.find_spec("onnxruntime"):
        return run_onnx(trained.onnx)
    if importlib.util.find_spec("torch"):
        return run_torch(trained)
    if plain is not None:
        return plain
    raise MissingPackage(
        "A trained network runs under onnxruntime or torch, and neither is installed: "
        "pip install 'vecsearch[onnx]'"
    )


def run_plain(trained: Trained) -> Run:
    """Run a network in NumPy."""
    try:
        network = PlainNetwork(trained.architecture, trained.weights)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DamagedCollection(f"The network cannot be made of its weights: {error}") from error

    def run(images: Pixels, many: bool) -> Vectors:  # noqa: ARG001 - it is all the same to it
        try:
            return network(images)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedCollection(f"The network cannot be run: {error}") from error

    return run


def told_threads() -> int:
    """How many threads OMP_NUM_THREADS grants, as Ray tells each of its workers; else 0."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(told) if told.isdecimal() else 0


def session_options() -> Any:
    """How every network is run by onnxruntime: without warnings, and reading no other file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = told_threads()
    # Where it would look for weights that lie elsewhere: a folder that cannot be.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(Path(os.devnull) / "none")
    )
    return options


def run_onnx(network: bytes) -> Run:
    """Run a network under onnxruntime.

    Raises:
        DamagedCollection: It refers to files elsewhere; or, once it is run, it is none of ours.
    """
    import onnxruntime

    if ELSEWHERE in network:
        raise DamagedCollection("The network keeps weights in other files: that is none of ours.")
    levels = onnxruntime.GraphOptimizationLevel

    @cache
    def session(many: bool) -> Any:
        options = session_options()
        if not many:
            # To lay the network out anew, and to start threads, takes longer than a few images do.
            options.graph_optimization_level = levels.ORT_DISABLE_ALL
            options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(network, options, ["CPUExecutionProvider"])

    def run(images: Pixels, many: bool) -> Vectors:
        try:
            (vectors,) = session(many).run(None, {"images": images})
        except Exception as error:
            # It raises a class of its own for each kind of damage.
            raise DamagedCollection(f"The network cannot be run: {error}") from error
        found: Vectors = vectors
        return found

    return run


def run_torch(trained: Trained) -> Run:
    """Run a network under torch."""
    import torch

    network = network_of(trained)

    def run(images: Pixels, many: bool) -> Vectors:  # noqa: ARG001 - as above
        with torch.inference_mode():
            writable = np.require(images, requirements="W")  # torch knows no other
            found: Vectors = network(torch.from_numpy(writable)).numpy()
            return found

    return run


def network_of(trained: Trained) -> "Network":
    """The network under torch, ready to encode."""
    import torch

    from vecsearch.encoders.network import Architecture, Network

    try:
        network = Network(Architecture.from_json(trained.architecture))
        network.load_state_dict(
            {name: torch.from_numpy(np.array(value)) for name, value in trained.weights.items()}
        )
    except (TypeError, ValueError, RuntimeError, InvalidArgument) as error:
        raise DamagedCollection(f"The network cannot be made of its weights: {error}") from error
    return network.eval()
