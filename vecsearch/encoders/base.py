"""What every encoder owes, and the little that all of them share."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeAlias, TypeGuard

import numpy as np

from vecsearch.errors import DamagedCollection, InvalidArgument, NotFitted
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Vectors

SETTINGS = "settings.json"
WEIGHTS = "weights.safetensors"

Requires: TypeAlias = "tuple[tuple[str, str], ...]"
"""Modules that an encoder cannot do without, and the extra of ours that installs each."""


class Encoder(Protocol):
    """Makes a vector of each image.

    An encoder gives the same vector for an image alone and in any batch (to 1e-5). Two encoders
    with equal parameters and data have equal fingerprints on one machine; with another number of
    threads or another processor, the last digits of what was learned may differ.

    Attributes:
        name: What it is registered as.
        preprocess: The size, fit and colour of the images it wants.
    """

    name: ClassVar[str]
    preprocess: Preprocess

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """A sha256 over its name, parameters and weights, in hex."""
        ...

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        ...

    def facts(self) -> dict[str, JSON]:
        """What is worth knowing of it once it is fitted, for people to read."""
        ...

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, channels)`` uint8, as ``preprocess`` says.

        Returns:
            ``(n, dim)`` float32, finite; of an image the same to 1e-5, whatever is beside it.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
            NotFitted: It learns, and has not yet.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write settings and weights into an empty folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        ...


class Trainable(Encoder, Protocol):
    """An encoder that learns from images first.

    Attributes:
        needs_labels: Whether it cannot learn from unlabelled images.
        slow_to_fit: Whether it takes long, so that nothing fits it anew without being told to; it
            may be left out if not.
        requires_to_fit: What it needs only to learn; it may be left out.
    """

    needs_labels: ClassVar[bool]

    def fit(self, images: Pixels, labels: Sequence[str | None] | None = None) -> Self:
        """Learn from images.

        Args:
            images: ``(n, height, width, channels)`` uint8, which may be memory-mapped.
            labels: The class of each, None where it is not known; None if none is.

        Returns:
            The encoder itself.

        Raises:
            InvalidArgument: There are too few images or labels, or they do not fit.
        """
        ...


def is_trainable(encoder: Encoder) -> TypeGuard[Trainable]:
    """Whether an encoder can learn from images."""
    return hasattr(type(encoder), "fit")


def is_fitted(encoder: Encoder) -> bool:
    """Whether an encoder can encode yet."""
    try:
        return bool(encoder.fingerprint)
    except NotFitted:
        return False


def has_learned(encoder: Encoder) -> bool:
    """Whether an encoder, or a part that it is made of, was fitted to images."""
    by_parts = getattr(encoder, "learns_by_parts", False)
    if is_trainable(encoder) and is_fitted(encoder) and not by_parts:
        return True
    return any(has_learned(part) for part in getattr(encoder, "made_of", ()))


def knows_labels(encoder: Encoder) -> bool:
    """Whether an encoder, or a part that it is made of, has learned from labels."""
    own = getattr(encoder, "knows_labels", getattr(encoder, "needs_labels", False))
    return bool(own) or any(knows_labels(part) for part in getattr(encoder, "made_of", ()))


def check_pixels(images: Pixels, preprocess: Preprocess) -> Pixels:
    """Refuse images that are not what an encoder wants.

    Raises:
        InvalidArgument: They are not ``(n, height, width, channels)`` uint8 of its size and colour.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != preprocess.shape or images.ndim != 4:
        height, width, channels = preprocess.shape
        raise InvalidArgument(
            f"This encoder takes uint8 images of shape (n, {height}, {width}, {channels}), "
            f"not {images.dtype} {images.shape}."
        )
    return images


def check_seed(seed: int) -> None:
    """Refuse what cannot be a seed.

    Raises:
        InvalidArgument: It is no whole number from 0 to 2³² − 1.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InvalidArgument(f"The seed is a whole number from 0 to 2³² − 1, not {seed!r}.")


def fingerprint(
    name: str, params: Mapping[str, JSON], weights: Mapping[str, np.ndarray[Any, Any]]
) -> str:
    """The identity of an encoder: a sha256 over its name, parameters and weights, in hex."""
    digest = hashlib.sha256(json.dumps([name, params], sort_keys=True).encode())
    for key in sorted(weights):
        array = np.ascontiguousarray(weights[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def save_settings(folder: Path, name: str, settings: Mapping[str, JSON]) -> None:
    """Write the settings of an encoder beside its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"encoder": name, **settings}, indent=2, sort_keys=True)
    (folder / SETTINGS).write_text(text + "\n")


def load_settings(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Read what ``save_settings`` wrote.

    Raises:
        DamagedCollection: The file is not ours.
        InvalidArgument: There is none, or it is of another encoder than ``name``.
    """
    if not (folder / SETTINGS).is_file():
        raise InvalidArgument(
            f"{folder} holds no saved encoder: there is no {SETTINGS} in it. Name a folder that "
            "train made, or that of a collection's encoder, as INDEX/encoder/…"
        )
    try:
        settings: dict[str, Any] = json.loads((folder / SETTINGS).read_bytes())
        found = settings["encoder"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedCollection(f"{folder / SETTINGS} does not describe an encoder.") from error
    if name is not None and found != name:
        raise InvalidArgument(f"{folder} holds the encoder {found!r}, not {name!r}.")
    return settings


@contextmanager
def reading(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The settings of a saved encoder, while it is read; what does not fit them is damage.

    Raises:
        DamagedCollection: They or something else cannot be read.
        InvalidArgument: They are of another encoder than ``name``.
    """
    from safetensors import SafetensorError

    settings = load_settings(folder, name)
    try:
        yield settings
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        InvalidArgument,
        SafetensorError,
    ) as error:
        raise DamagedCollection(f"The encoder in {folder} cannot be read: {error}.") from error
