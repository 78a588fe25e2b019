"""What a training begins with: a network that has learned nothing, or what its weights know."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vecsearch.encoders.network import Architecture, Network
from vecsearch.errors import InvalidArgument
from vecsearch.training.device import device_of, is_reduced
from vecsearch.training.failures import in_words
from vecsearch.training.settings import TrainSettings
from vecsearch.types import Pixels, Rows

# How many images tell the mean and the spread of all.
STATISTICS = 200
MOST_DIM = 65_536
# An ONNX file ends at 2 GiB, and the graph takes some of it.
MOST_BYTES = 2_000_000_000


def suited_settings(preset: str | None = None, **given: Any) -> TrainSettings:
    """The settings of a preset, by default of what half an hour on two cores is good for.

    That is ``thorough`` where a processor computes in bfloat16, which takes a third of the time or
    less, and ``default`` elsewhere.

    Args:
        preset: What the others begin with.
        **given: What replaces them; None leaves one as it is.

    Raises:
        InvalidArgument: A value makes no sense, or the device is not here.
    """
    settings = TrainSettings.of("default" if preset is None else preset, **given)
    is_quick = is_reduced("auto", device_of(settings.device)) and settings.precision != "float32"
    return TrainSettings.of("thorough", **given) if preset is None and is_quick else settings


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
    with in_words(settings):
        network = Network(
            Architecture(
                settings.backbone, settings.width, dim, channels, normed, settings.mirrored
            )
        )
    size = sum(weight.nbytes for weight in network.state_dict().values())
    if size > MOST_BYTES:
        raise InvalidArgument(
            f"{settings.backbone!r} has {size / 1e9:.1f} GB of weights, and {MOST_BYTES / 1e9:.1f} "
            "go into an ONNX file: take a smaller one, or a smaller width or dim."
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
    chosen = rows[:: max(1, -(-len(rows) // STATISTICS))]
    channels = pixels.shape[3]
    # One image after the other, for two hundred large ones are much memory; and in whole numbers.
    total, squares = np.zeros((2, channels), np.int64)
    for row in chosen.tolist():
        values = pixels[row].reshape(-1, channels)
        total += values.sum(0, dtype=np.int64)
        squares += np.square(values, dtype=np.uint16).sum(0, dtype=np.int64)
    count = len(chosen) * pixels[0, :, :, 0].size
    means = [one / count for one in total.tolist()]
    variances = [
        (count * square - one * one) / count**2
        for one, square in zip(total.tolist(), squares.tolist(), strict=True)
    ]
    return [mean / 255 for mean in means], [math.sqrt(one) / 255 for one in variances]
