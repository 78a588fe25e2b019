"""What is done to images so that the network learns to overlook it."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from vecsearch.training.settings import TrainSettings

Augmentation = Callable[[Tensor, Generator], Tensor]

# Larger images are photos, whose subject may be nearer or farther: a crop rather than a shift.
LARGEST_SHIFTED = 40
SHIFT = 1 / 14
# In so many epochs a network learns to overlook more than the mirroring.
LONG = 20
ERASED_AREA = (0.02, 0.3)
ERASED_SHAPE = 3.3
ERASED_SHARE = 0.5
CROP, COLOUR = (0.6, 1.0), 0.3


def suited(height: int, width: int, channels: int) -> tuple[str, ...]:
    """The augmentations for images of a kind.

    Example:
        >>> suited(28, 28, 1), suited(64, 64, 3)
        (('flip', 'shift', 'erase'), ('flip', 'crop', 'colour', 'erase'))
    """
    moved = "shift" if max(height, width) <= LARGEST_SHIFTED else "crop"
    return "flip", moved, *(("colour",) if channels == 3 else ()), "erase"


def chosen(
    settings: TrainSettings, height: int, width: int, channels: int, images: int
) -> tuple[str, ...]:
    """The augmentations of a training, by name, for so many images of a kind.

    Example:
        >>> chosen(TrainSettings.of(), 28, 28, 1, 60_000)
        ('flip',)
        >>> chosen(TrainSettings.of("best"), 28, 28, 1, 60_000)
        ('flip', 'shift', 'erase')
    """
    if settings.augmentations != ("auto",):
        return settings.augmentations
    if settings.objective == "simclr":
        return "flip", "crop", "colour", "erase"
    spared: set[str] = set()
    short = settings.needs_labels and settings.epochs_for(images) < LONG
    if short or settings.preset == "fast":
        spared |= {"shift", "erase"}  # gain nothing in few epochs: benchmarks/train_ideas.py
    if settings.objective == "autoencoder":
        spared |= {"erase", "colour"}  # which nobody wants to be drawn
    return tuple(name for name in suited(height, width, channels) if name not in spared)


def augmentation(
    names: Sequence[str], crop: tuple[float, float] = CROP, colour: float = COLOUR
) -> Augmentation:
    """Put augmentations together.

    Args:
        names: Of them, any of flip, shift, crop, colour, erase.
        crop: The least and the largest share of the area that a crop keeps.
        colour: By what share, at most, brightness, contrast and saturation change.

    Returns:
        What makes of images, ``(n, channels, height, width)`` in [0, 1], others of that shape.
    """
    steps: list[Augmentation] = []
    if "crop" in names:
        steps.append(lambda images, generator: _crop(images, generator, crop))
    if "shift" in names:
        steps.append(_shift)
    if "flip" in names:
        steps.append(_flip)
    if "colour" in names:
        steps.append(lambda images, generator: _colour(images, generator, colour))
    if "erase" in names:
        steps.append(_erase)

    def augment(images: Tensor, generator: Generator) -> Tensor:
        for step in steps:
            images = step(images, generator)
        return images

    return augment


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _flip(images: Tensor, generator: Generator) -> Tensor:
    """Half of them as in a mirror."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def _shift(images: Tensor, generator: Generator) -> Tensor:
    """By up to a fourteenth of the side in each direction; what comes in repeats the edge."""
    count, _, height, width = images.shape
    far = max(1, round(SHIFT * max(height, width)))
    padded = functional.pad(images, (far, far, far, far), mode="replicate")
    down, right = torch.randint(0, 2 * far + 1, (2, count), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, :]
    moved = padded[torch.arange(count)[:, None, None], :, rows, columns]
    return moved.permute(0, 3, 1, 2)


def _crop(images: Tensor, generator: Generator, kept: tuple[float, float]) -> Tensor:
    """A part of each, brought back to the size of the whole."""
    count = len(images)
    side = _uniform(count, *kept, generator).sqrt()
    shape = _uniform(count, math.log(3 / 4), math.log(4 / 3), generator).mul(0.5).exp()
    across, down = (side * shape).clamp(max=1), (side / shape).clamp(max=1)
    aside, below = ((1 - part) * _uniform(count, -1, 1, generator) for part in (across, down))
    zero = torch.zeros(count)
    maps = torch.stack(
        [torch.stack([across, zero, aside], 1), torch.stack([zero, down, below], 1)], 1
    )
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _colour(images: Tensor, generator: Generator, most: float) -> Tensor:
    """Brightness, contrast and, where there are colours, saturation."""
    count, channels = images.shape[:2]
    light, contrast, colours = (
        _uniform(count, 1 - most, 1 + most, generator)[:, None, None, None] for _ in range(3)
    )
    images = images * light
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + contrast * (images - mean)
    if channels == 3:
        grey = images.mean(1, keepdim=True)
        images = grey + colours * (images - grey)
    return images.clamp(0, 1)


def _erase(images: Tensor, generator: Generator) -> Tensor:
    """A rectangle of half of them is filled with noise, after Zhong et al., 2017."""
    count, _, height, width = images.shape
    area = _uniform(count, *ERASED_AREA, generator) * height * width
    shape = _uniform(count, -math.log(ERASED_SHAPE), math.log(ERASED_SHAPE), generator).exp()
    tall = (area * shape).sqrt().round().clamp(1, height)
    wide = (area / shape).sqrt().round().clamp(1, width)
    top = (torch.rand(count, generator=generator) * (height + 1 - tall)).floor()
    left = (torch.rand(count, generator=generator) * (width + 1 - wide)).floor()
    rows, columns = torch.arange(height), torch.arange(width)
    inside_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    inside_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    chosen = torch.rand(count, generator=generator) < ERASED_SHARE
    inside = inside_rows[:, :, None] & inside_columns[:, None, :] & chosen[:, None, None]
    noise = torch.rand(images.shape, generator=generator)
    return torch.where(inside[:, None], noise, images)
