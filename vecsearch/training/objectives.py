"""What a network learns from a batch of images: the loss, and what is thrown away afterwards."""

import math
from typing import cast

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from vecsearch.encoders.network import Network
from vecsearch.training.augment import Augmentation, augmentation, chosen
from vecsearch.training.losses import metric_loss
from vecsearch.training.settings import TrainSettings

SMOOTHING = 0.05
PROJECTION = 128
# After three epochs of Fashion-MNIST with 16 channels, the 5 nearest neighbours of held-out images
# told their labels 0.857 of the time. It was 0.833 with a temperature of 0.2 (and a crop of 0.7),
# 0.831 with a colour of 0.9, 0.836 with 0.3, and after one epoch 0.767 with none, where it was
# 0.832: an image is told from others by its brightness alone. Crops of 0.7 are as good.
VIEW_TEMPERATURE, VIEW_CROP, VIEW_COLOUR = 0.1, (0.5, 1.0), 0.6


class Objective(nn.Module):
    """Tells how wrong a network is about some images.

    Attributes:
        max_norm: How long the gradient of a step may be, over all weights; a longer one is clipped.
    """

    max_norm = math.inf

    def forward(
        self, network: Network, images: Tensor, labels: Tensor, generator: Generator
    ) -> Tensor:
        """The loss, for ``(n, channels, height, width)`` in [0, 1] and labels ``(n,)`` from 0.

        It is that of each image, ``(n,)``, where an image has one; else a single one for all.
        """
        raise NotImplementedError


class Siamese(Objective):
    """Images of one label shall lie close together, and others apart."""

    def __init__(self, augment: Augmentation, loss: str, classes: int, dim: int) -> None:
        super().__init__()
        self._augment = augment
        self.loss = metric_loss(loss, classes, dim)

    def forward(
        self, network: Network, images: Tensor, labels: Tensor, generator: Generator
    ) -> Tensor:
        """As ``Objective``."""
        vectors = network.embed(network.prepared(self._augment(images, generator)))
        return cast("Tensor", self.loss(vectors, labels))


class Classifier(Objective):
    """The labels shall be told from the embedding by a softmax on a linear map."""

    # Its embeddings are of any length, and so are its gradients: most are of 1.5 to 4. Unclipped,
    # Fashion-MNIST diverged with 32 channels when easy images were first left out.
    max_norm = 5.0

    def __init__(self, augment: Augmentation, classes: int, dim: int) -> None:
        super().__init__()
        self._augment = augment
        self.last = nn.Linear(dim, classes)

    def forward(
        self, network: Network, images: Tensor, labels: Tensor, generator: Generator
    ) -> Tensor:
        """As ``Objective``."""
        vectors = network.embed(network.prepared(self._augment(images, generator)))
        logits = self.last(vectors)
        return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=SMOOTHING)


class SimCLR(Objective):
    """Two views of one image shall lie closer together than views of two: Chen et al. 2020."""

    def __init__(self, augment: Augmentation, dim: int) -> None:
        super().__init__()
        from pytorch_metric_learning.losses import SupConLoss

        self._augment = augment
        self.projection = nn.Sequential(
            nn.Linear(dim, PROJECTION), nn.ReLU(inplace=True), nn.Linear(PROJECTION, PROJECTION)
        )
        # With two views a label it is NT-Xent, without its memory of pairs times pairs.
        self.loss = SupConLoss(temperature=VIEW_TEMPERATURE)

    def forward(
        self, network: Network, images: Tensor, labels: Tensor, generator: Generator
    ) -> Tensor:
        """As ``Objective``; labels are not looked at."""
        views = torch.cat([self._augment(images, generator) for _ in range(2)])
        vectors = self.projection(network.embed(network.prepared(views)))
        return cast("Tensor", self.loss(vectors.float(), torch.arange(len(labels)).repeat(2)))


class Autoencoder(Objective):
    """The image shall be drawn again from the embedding alone.

    Args:
        augment: What is done to images before; the drawing is compared with what came of it.
        shape: Channels, height and width of the images.
        dim: How long the embeddings are.
    """

    def __init__(self, augment: Augmentation, shape: tuple[int, int, int], dim: int) -> None:
        super().__init__()
        self._augment = augment
        self._shape = shape
        channels, height, width = shape
        self._low = (-(-height // 4), -(-width // 4))
        self.first = nn.Linear(dim, 64 * self._low[0] * self._low[1])
        self.rest = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, channels, 3, padding=1),
        )

    def drawn(self, vectors: Tensor) -> Tensor:
        """Images of embeddings, ``(n, channels, height, width)`` from 0 to 1."""
        seeds = self.first(vectors).view(len(vectors), 64, *self._low)
        return torch.sigmoid(self.rest(seeds).float())[:, :, : self._shape[1], : self._shape[2]]

    def forward(
        self, network: Network, images: Tensor, labels: Tensor, generator: Generator
    ) -> Tensor:
        """As ``Objective``; labels are not looked at."""
        del labels
        seen = self._augment(images, generator)
        drawn = self.drawn(network.embed(network.prepared(seen)))
        return functional.mse_loss(drawn, seen.to(drawn.device))


def objective_of(
    settings: TrainSettings, shape: tuple[int, int, int], classes: int, dim: int, images: int
) -> Objective:
    """The objective that some settings ask for, with the augmentation that suits it.

    Args:
        settings: What the training shall be like.
        shape: Channels, height and width of the images.
        classes: How many labels there are.
        dim: How long the embeddings are.
        images: How many are learned from.
    """
    channels, height, width = shape
    names = chosen(settings, height, width, channels, images)
    if settings.objective == "simclr":
        return SimCLR(augmentation(names, VIEW_CROP, VIEW_COLOUR), dim)
    augment = augmentation(names)
    match settings.objective:
        case "classifier":
            return Classifier(augment, classes, dim)
        case "autoencoder":
            return Autoencoder(augment, shape, dim)
        case _:
            return Siamese(augment, settings.loss, classes, dim)
