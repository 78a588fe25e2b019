"""What a training begins with: a network that has learned nothing, or what its weights know."""

from pathlib import Path

import numpy as np
import torch

from vecsearch.encoders.network import Architecture, Network
from vecsearch.errors import InvalidArgument
from vecsearch.training.device import device_of
from vecsearch.training.settings import TrainSettings
from vecsearch.types import Pixels, Rows

# How many images tell the mean and the spread of all.
STATISTICS = 200
MOST_DIM = 65_536


def new_network(
    settings: TrainSettings, dim: int, shape: tuple[int, int, int], seed: int
) -> Network:
    """The network that some settings ask for, as it is before it has learned anything.

    Args:
        settings: What the training shall be like.
        dim: How long the embeddings are.
        shape: Height, width and channels of the images.
        seed: For its weights.

    Raises:
        InvalidArgument: The backbone, its weights, the device or the dim cannot be had, or the
            backbone takes no images of that size.
    """
    device_of(settings.device)
    if not 1 <= dim <= MOST_DIM:
        raise InvalidArgument(f"The dim of a network is from 1 to {MOST_DIM}, not {dim}.")
    torch.manual_seed(seed)
    height, width, channels = shape
    normed = settings.objective == "simclr" or (
        settings.objective == "siamese" and settings.loss != "pairs"
    )
    network = Network(
        Architecture(settings.backbone, settings.width, dim, channels, normed, settings.mirrored)
    )
    if settings.weights is not None:
        network.take_weights(Path(settings.weights))
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros((1, *shape), dtype=torch.uint8))
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        raise InvalidArgument(
            f"The backbone {settings.backbone!r} takes no images of {width} × {height} ({error}): "
            "give another --size, or take another one."
        ) from error
    return network


def statistics(pixels: Pixels, rows: Rows) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the pixels, one a channel, in [0, 1]."""
    step = max(1, len(rows) // STATISTICS)
    some = pixels[rows[::step][:STATISTICS]]
    mean = some.mean((0, 1, 2), dtype=np.float64) / 255
    return mean.tolist(), (some.std((0, 1, 2), dtype=np.float64) / 255).tolist()
