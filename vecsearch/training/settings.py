"""What a training shall be like."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from vecsearch.encoders.plain import OWN_BACKBONES, SMALL
from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON

OBJECTIVES = ("siamese", "classifier", "simclr", "autoencoder")
LOSSES = ("pairs", "contrastive", "triplet", "multi-similarity", "supcon", "proxy")
AUGMENTATIONS = ("flip", "shift", "crop", "colour", "erase")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"width": 16, "mirrored": True},
    "default": {"mirrored": True},
    "thorough": {"width": 32, "mirrored": True},
    "best": {"width": 64, "mirrored": True, "prune": 0.0},
}
# Where a training writes down how far it is, and what it left out.
CHECKPOINT, SKIPPED = "checkpoint.safetensors", "skipped.csv"
# For how many images a step the rates are meant.
BATCH, LARGE_BATCH = 256, 64
# How many epochs a preset has of thousands of images, and of many; of few it has more.
EPOCHS = {"fast": (12, 4), "default": (24, 14), "thorough": (24, 24), "best": (60, 60)}
FEW_IMAGES, MANY_IMAGES = 5_000, 60_000
MOST_EPOCHS = 200
# What the defaults of others follow from.
DECISIVE = ("objective", "backbone", "weights", "augment")


@dataclass(frozen=True)
class TrainSettings:
    """What a training shall be like.

    The same settings, images and seed give the same weights on one machine's CPU, unless there is
    a time budget.

    Attributes:
        preset: ``fast``, ``default``, ``thorough`` or ``best``: how many epochs there are. What
            else a preset stands for is filled in by ``of``, as by ``train``.
        objective: ``siamese`` brings images of one label together; ``classifier`` learns to tell
            the labels; ``simclr`` brings two views of an image together, ``autoencoder`` learns to
            draw images again: these two need no labels.
        loss: What ``siamese`` is measured by: ``proxy``, ``supcon``, ``multi-similarity``,
            ``triplet``, ``contrastive`` or ``pairs``.
        backbone: ``small`` (for 28 to 64 pixels), ``conv3``, or a network of torchvision.
        width: Channels of the first layer of ``small`` and ``conv3``.
        weights: A file with weights of a torchvision backbone, to begin with.
        epochs: How often all images are seen, with a budget at most; None for what the preset and
            their number ask for.
        batch: How many images make a step; fewer, if there are not 32 times as many.
        rate: The learning rate at its height, for steps of 256 images, with a backbone of
            torchvision 64; smaller ones take less in proportion.
        decay: Weight decay.
        augment: What is done to images: ``auto``, ``none``, or some of ``flip``, ``shift``,
            ``crop``, ``colour`` and ``erase`` with commas between.
        average: How much of the running average of the weights stays at each step; 0 for none.
        prune: How many of the images that are easy an epoch leaves out, as a share, where there are
            thousands, and each has a loss of its own, as with ``proxy`` and ``classifier``.
        mirrored: Whether encoding looks at the mirror image too, as presets do where images are
            mirrored in training as well.
        whitened: Whether embeddings are brought to differ within classes by as much in every
            direction, in the end and where the objective looks at labels.
        holdout: The share of the images that is held out to find the best epoch, 3,000 at most.
        patience: Stop when no epoch was better for so many; 0 for never.
        budget: Seconds that the training may take; None for as many as the epochs take.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``float32``, ``bfloat16``, or ``auto``: the second where the processor has it.

    Raises:
        InvalidArgument: A value makes no sense.
    """

    preset: str = "default"
    objective: str = "siamese"
    loss: str = "proxy"
    backbone: str = SMALL
    width: int = 24
    weights: str | None = None
    epochs: int | None = None
    batch: int = BATCH
    rate: float = 0.2
    decay: float = 5e-4
    augment: str = "auto"
    average: float = 0.99
    prune: float = 0.5
    mirrored: bool = False
    whitened: bool = True
    holdout: float = 0.1
    patience: int = 0
    budget: float | None = None
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            kind = one.type.__name__ if isinstance(one.type, type) else str(one.type)
            kinds = kind.replace("None", "NoneType").replace("float", "int | float").split(" | ")
            if type(value).__name__ not in kinds:
                raise InvalidArgument(f"The {one.name} is {kind}, not {value!r}.")
        for name, known in (
            ("preset", tuple(PRESETS)),
            ("objective", OBJECTIVES),
            ("loss", LOSSES),
            ("device", DEVICES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in known:
                raise InvalidArgument(
                    f"{getattr(self, name)!r} is no {name}; there are: {', '.join(known)}."
                )
        for name, low, high in (
            ("width", 1, 1024),
            ("epochs", 1, 100_000),
            ("batch", 2, 65_536),
            ("rate", 0, 100),
            ("decay", 0, 1),
            ("average", 0, 1),
            ("prune", 0, 0.9),
            ("holdout", 0, 0.9),
            ("patience", 0, 100_000),
            ("budget", 1, 1e9),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidArgument(f"The {name} is from {low} to {high}, not {value}.")
        if self.weights is not None and self.backbone in OWN_BACKBONES:
            raise InvalidArgument(
                f"Weights are for a backbone of torchvision, as resnet18, not {self.backbone!r}."
            )
        unknown = set(self.augmentations) - set(AUGMENTATIONS)
        if unknown and self.augment not in ("auto", "none"):
            raise InvalidArgument(
                f"{min(unknown)!r} is no augmentation; there are auto, none, or some of "
                f"{', '.join(AUGMENTATIONS)}."
            )
        if self.objective == "simclr" and self.augment == "none":
            raise InvalidArgument("simclr compares two views of an image: it needs augmentation.")
        if self.objective == "autoencoder" and self.mirrored:
            raise InvalidArgument("An autoencoder draws an image, not it and its mirror image.")

    @property
    def augmentations(self) -> tuple[str, ...]:
        """What is done to images, by name; or ``auto`` or ``none`` alone."""
        return tuple(name.strip() for name in self.augment.split(","))

    @property
    def needs_labels(self) -> bool:
        """Whether images without a label are of no use."""
        return self.objective in ("siamese", "classifier")

    @property
    def whitens(self) -> bool:
        """Whether embeddings are whitened within classes: without labels there are none."""
        return self.whitened and self.needs_labels

    @classmethod
    def of(cls, preset: str = "default", **given: Any) -> Self:
        """The settings of a preset, with some of them replaced; None leaves one as it is.

        Raises:
            InvalidArgument: A value makes no sense, or a name is not known.

        Example:
            >>> TrainSettings.of("fast", loss="proxy").width
            16
        """
        known = {one.name for one in fields(cls)}
        if strangers := sorted(given.keys() - known):
            raise InvalidArgument(
                f"Training takes no {strangers[0]}; it takes: {', '.join(sorted(known))}."
            )
        changed = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in given.items()
            if value is not None
        }
        objective, backbone = changed.get("objective"), changed.get("backbone", SMALL)
        if "loss" in changed and objective not in (None, "siamese"):
            raise InvalidArgument(f"The objective {objective!r} has a loss of its own.")
        if "width" in changed and backbone not in OWN_BACKBONES:
            raise InvalidArgument(f"The backbone {backbone!r} has a width of its own.")
        base = {**PRESETS.get(preset, {}), **_suited(preset, changed)}
        return cls(**{**base, **changed, "preset": preset})

    def to_json(self) -> dict[str, JSON]:
        """What differs from the preset, with the preset's name."""
        mine = asdict(self)
        base = type(self).of(self.preset, **{name: mine[name] for name in DECISIVE})
        others = asdict(base) | {name: getattr(type(self), name) for name in DECISIVE}
        return {
            name: value for name, value in mine.items() if name == "preset" or others[name] != value
        }

    def epochs_for(self, images: int) -> int:
        """How many epochs there are of so many images.

        Example:
            >>> [TrainSettings().epochs_for(images) for images in (60_000, 40_000, 10_000, 1000)]
            [14, 21, 24, 120]
        """
        if self.epochs is not None:
            return self.epochs
        usual, least = EPOCHS[self.preset]
        most = max(usual, min(MOST_EPOCHS, usual * FEW_IMAGES // max(1, images)))
        return max(least, min(most, least * MANY_IMAGES // max(1, images)))

    def batch_for(self, images: int) -> int:
        """How many of so many images make a step.

        Example:
            >>> TrainSettings().batch_for(60_000), TrainSettings().batch_for(1900)
            (256, 59)
        """
        return min(self.batch, max(16, images // 32))

    def rate_for(self, batch: int) -> float:
        """The learning rate at its height for steps of so many images: Goyal et al., 2017.

        Example:
            >>> TrainSettings().rate_for(256), TrainSettings().rate_for(64)
            (0.2, 0.05)
        """
        meant = BATCH if self.backbone in OWN_BACKBONES else LARGE_BATCH
        return self.rate * min(1.0, batch / meant)


def _suited(preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Which other defaults follow from what is given, by the names that are ``DECISIVE``."""
    suited: dict[str, Any] = {}
    objective = given.get("objective")
    if given.get("backbone", SMALL) not in OWN_BACKBONES:
        suited |= {"batch": LARGE_BATCH, "rate": 0.02 if given.get("weights") else 0.05}
    elif objective == "classifier":
        # Its embeddings are of any length, and grow without bounds at the rate of the others.
        suited["rate"] = 0.05
    elif objective == "simclr" and preset in ("default", "thorough"):
        # An epoch of it takes three times as long: half the channels leave time for more of them.
        suited["width"] = 16
    # Where a mirror image is something else, as with letters, or is not what is to be drawn.
    augment = str(given.get("augment", "auto"))
    if objective == "autoencoder" or (augment != "auto" and "flip" not in augment):
        suited["mirrored"] = False
    return suited
