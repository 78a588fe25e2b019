"""The networks: from pixels to an embedding. This file needs torch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vecsearch.encoders.plain import FOUNDING, OWN_BACKBONES, SMALL
from vecsearch.encoders.pretrained_files import take_weights
from vecsearch.encoders.vision import normalisation, vision_backbone
from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON


@dataclass(frozen=True)
class Architecture:
    """What a network is made of.

    Attributes:
        backbone: ``small``, made for images of 28 to 64 pixels; ``conv3``, three convolutions and a
            global maximum; or the name of a torchvision network, as ``resnet18``.
        width: Channels of the first layer of ``small`` and ``conv3``.
        dim: How long the embedding is.
        channels: 1 for grey images, 3 for RGB.
        unit: Whether embeddings are brought to length 1.
        mirrored: Whether an image and its mirror image are both looked at, and the mean is taken.
    """

    backbone: str = SMALL
    width: int = 16
    dim: int = 32
    channels: int = 3
    unit: bool = True
    mirrored: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Back from ``to_json``."""
        return cls(**values)


class Network(nn.Module):
    """A backbone, and a linear map from its features to the embedding.

    Args:
        architecture: What it is made of.

    Attributes:
        mean: Of the pixels it was trained on, one a channel; they are taken off first.
        std: Their standard deviation, by which the rest is divided.
        reduced: Whether the backbone computes in bfloat16.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.reduced = False
        channels, width = architecture.channels, architecture.width
        self._colored = architecture.backbone not in OWN_BACKBONES
        self.backbone: nn.Module
        if architecture.backbone == SMALL:
            self.backbone, features = _small(channels, width), 4 * width
        elif architecture.backbone == FOUNDING:
            self.backbone, features = _conv3(channels, width), 4 * width
        else:
            self.backbone, features = vision_backbone(architecture.backbone)
        self.head = nn.Linear(features, architecture.dim)
        seen = 3 if self._colored else channels
        self.register_buffer("mean", torch.full((seen,), 0.5))
        self.register_buffer("std", torch.full((seen,), 0.25))

    def forward(self, images: Tensor) -> Tensor:
        """From ``(n, height, width, channels)`` uint8 to ``(n, dim)``."""
        values = self.prepared(images.permute(0, 3, 1, 2).float() / 255)
        vectors = self.embed(values)
        if self.architecture.mirrored:
            vectors = vectors + self.embed(values.flip(3))
            return functional.normalize(vectors, dim=1) if self.architecture.unit else vectors / 2
        return vectors

    def prepared(self, images: Tensor) -> Tensor:
        """Images as the backbone takes them, of ``(n, channels, height, width)`` in [0, 1]."""
        images = images.to(self.mean.device)
        if self._colored:
            images = images.expand(-1, 3, -1, -1)
        return (images - self.mean[:, None, None]) / self.std[:, None, None]

    def embed(self, values: Tensor) -> Tensor:
        """The embeddings, ``(n, dim)``, of images that are prepared."""
        with torch.autocast(values.device.type, torch.bfloat16, enabled=self.reduced):
            features = self.backbone(values)
        vectors: Tensor = self.head(features.float())
        return functional.normalize(vectors, dim=1) if self.architecture.unit else vectors

    def look_at(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take over the mean and the standard deviation of the pixels, one a channel."""
        self.mean.copy_(torch.tensor(mean).expand(len(self.mean)))
        self.std.copy_(torch.tensor(std).expand(len(self.std)).clamp(min=1 / 255))

    def take_weights(self, file: Path) -> None:
        """Begin with weights of the backbone that were trained elsewhere.

        Raises:
            InvalidArgument: The file cannot be read, or it is of another network.
        """
        if not self._colored:
            raise InvalidArgument("Weights from a file are for the networks of torchvision only.")
        take_weights(self.backbone, file, self.architecture.backbone)
        self.look_at(*normalisation(self.architecture.backbone))


def _convolution(channels: int, filters: int, last: nn.Module | None = None) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, padding=1, bias=False),
        nn.BatchNorm2d(filters),
        last or nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions whose result is added to what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _convolution(channels, channels), _convolution(channels, channels)
        )

    def forward(self, values: Tensor) -> Tensor:
        return values + cast("Tensor", self.inner(values))


def _small(channels: int, width: int) -> nn.Sequential:
    """After the networks that learn CIFAR-10 quickest: two stages, each with a residual block.

    What is below 0 is set to 0 after the maximum of four, not before: the same, of a quarter.
    """
    return nn.Sequential(
        _convolution(channels, width),
        _convolution(width, 2 * width, nn.MaxPool2d(2, ceil_mode=True)),
        nn.ReLU(inplace=True),
        _Residual(2 * width),
        _convolution(2 * width, 4 * width, nn.MaxPool2d(2, ceil_mode=True)),
        nn.ReLU(inplace=True),
        _Residual(4 * width),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
    )


def _conv3(channels: int, width: int) -> nn.Sequential:
    """Three convolutions and a global maximum."""
    layers: list[nn.Module] = []
    for filters in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2, ceil_mode=True)] if filters < 4 * width else []
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())
