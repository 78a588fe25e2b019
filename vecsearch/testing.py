"""Whether an encoder keeps what encoders promise, for those who write one."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vecsearch.encoders import Encoder, is_fitted, is_trainable
from vecsearch.errors import InvalidArgument, NotFitted, VecsearchError
from vecsearch.images import Preprocess
from vecsearch.types import Pixels

COUNT = 24
CLASSES = 4
TOLERANCE = 1e-5
UNSAFE = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy")


class EncoderFault(VecsearchError):
    """An encoder does not keep what encoders promise. The text lists all that is wrong."""


def check_encoder(
    make: Callable[[], Encoder],
    images: Pixels | None = None,
    labels: Sequence[str] | None = None,
) -> None:
    """See whether an encoder keeps what all encoders promise, and tell all that is wrong.

    Args:
        make: Makes the encoder, not yet fitted if it learns; is called several times and must
            give an equal one each time.
        images: What to try it on, ``(n, height, width, channels)`` uint8 as its ``preprocess``
            says; by default 24 coloured patterns of four kinds.
        labels: The class of each image.

    Raises:
        EncoderFault: Something is not as it must be.

    Example:
        >>> from vecsearch import make_encoder
        >>> check_encoder(lambda: make_encoder("pixels"))
    """
    faults = list(_faults(make, images, labels))
    if faults:
        raise EncoderFault("The encoder has faults:\n" + "\n".join(f"- {one}" for one in faults))


def patterns(preprocess: Preprocess) -> tuple[Pixels, list[str]]:
    """24 images of four kinds: stripes of four widths, moved and recoloured, with some noise."""
    rng = np.random.default_rng(0)
    height, width, channels = preprocess.shape
    across = np.arange(width)[None, :, None] + np.arange(height)[:, None, None]
    images = np.empty((COUNT, height, width, channels), np.uint8)
    for row in range(COUNT):
        wave = np.sin((across + rng.integers(9)) * 2 / (1 + row % CLASSES))
        colour = rng.uniform(60, 195, channels)
        noise = rng.normal(0, 4, images[row].shape)
        images[row] = np.clip(colour + 55 * wave + noise, 0, 255)
    return images, [f"kind {row % CLASSES}" for row in range(COUNT)]


def _faults(
    make: Callable[[], Encoder], images: Pixels | None, labels: Sequence[str] | None
) -> Iterator[str]:
    try:
        encoder = make()
        yield from _described(encoder)
        if images is None:
            images, labels = patterns(encoder.preprocess)
        yield from _unfitted(encoder, images)
        fitted = _fitted(make, images, labels)
    except Exception as error:  # noqa: BLE001
        # Whatever it raises is what its author must be told.
        yield f"it cannot be made and fitted: {error!r}"
        return
    for check in (_leaves_images, _encodes, _stands_alone, _refuses):
        yield from _tried(check, fitted, images)
    yield from _tried(lambda one, seen: _again(one, seen, make, labels), fitted, images)
    yield from _tried(_kept, fitted, images)


def _tried(check: Callable[[Encoder, Pixels], Iterator[str]], *given: Any) -> Iterator[str]:
    try:
        yield from check(*given)
    except Exception as error:  # noqa: BLE001
        # As above: the others are still worth trying.
        yield f"it raises {error!r}"


def _described(encoder: Encoder) -> Iterator[str]:
    if not isinstance(getattr(type(encoder), "name", None), str):
        yield "its class has no name: the text that it is registered by"
    if not isinstance(encoder.preprocess, Preprocess):
        yield f"preprocess is a vecsearch.Preprocess, not {encoder.preprocess!r}"
    if is_trainable(encoder) and not isinstance(encoder.needs_labels, bool):
        yield "an encoder with fit says by needs_labels whether it needs labels"


def _unfitted(encoder: Encoder, images: Pixels) -> Iterator[str]:
    if not is_trainable(encoder) or is_fitted(encoder):
        return
    tries: dict[str, Callable[[], Any]] = {
        "fingerprint": lambda: encoder.fingerprint,
        "dim": lambda: encoder.dim,
        "encode": lambda: encoder.encode(images),
    }
    for name, tried in tries.items():
        try:
            tried()
        except NotFitted:
            continue
        yield f"{name} must raise NotFitted before fit was called"


def _fitted(make: Callable[[], Encoder], images: Pixels, labels: Sequence[str] | None) -> Encoder:
    encoder = make()
    if is_trainable(encoder) and not is_fitted(encoder):
        encoder.fit(images, labels)
    return encoder


def _encodes(encoder: Encoder, images: Pixels) -> Iterator[str]:
    vectors = encoder.encode(images)
    if vectors.shape != (len(images), encoder.dim):
        yield f"encode gives {vectors.shape}, not (n, dim), which is {(len(images), encoder.dim)}"
    if vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
        yield f"encode gives {vectors.dtype}, where C-contiguous float32 is promised"
    if not np.isfinite(vectors).all():
        yield "encode gives NaN or infinity"
    if len(vectors) == len(images) and not np.ptp(vectors, axis=0).any():
        yield "all images have the same vector"
    if encoder.encode(images[:0]).shape != (0, encoder.dim):
        yield "encode of no images must give an array of shape (0, dim)"


def _stands_alone(encoder: Encoder, images: Pixels) -> Iterator[str]:
    together = encoder.encode(images)
    alone = np.concatenate([encoder.encode(image[None]) for image in images])
    apart = float(np.abs(alone - together).max() / max(1.0, float(np.abs(together).max())))
    if not apart <= TOLERANCE:
        yield (
            f"an image alone has another vector than in a batch, by {apart:.1e} (a network that "
            "was not set to evaluate?)"
        )


def _refuses(encoder: Encoder, images: Pixels) -> Iterator[str]:
    wrong: dict[str, Any] = {
        "images of another size": np.zeros((1, *np.add(images.shape[1:3], 1), images.shape[3])),
        "images of another type": images.astype(np.float32),
        "an image that is not in a list": images[0],
    }
    wrong["images of another size"] = wrong["images of another size"].astype(np.uint8)
    for what, given in wrong.items():
        try:
            encoder.encode(given)
        except InvalidArgument:
            continue
        except Exception as error:  # noqa: BLE001
            # Any other is what its users would see as a traceback.
            yield f"{what} must raise InvalidArgument, not {error!r}"
            continue
        yield f"{what} must raise InvalidArgument"


def _leaves_images(encoder: Encoder, images: Pixels) -> Iterator[str]:
    before = images.copy()
    locked = images.copy()
    locked.setflags(write=False)  # as memory-mapped ones are
    encoder.encode(locked)
    encoder.encode(images)
    if not np.array_equal(before, images):
        yield "encode changes the images that it is given"


def _again(
    encoder: Encoder,
    images: Pixels,
    make: Callable[[], Encoder],
    labels: Sequence[str] | None,
) -> Iterator[str]:
    other = _fitted(make, images, labels)
    if other.fingerprint != encoder.fingerprint:
        yield "made and fitted twice alike, it has two fingerprints"
    if not np.allclose(other.encode(images), encoder.encode(images), atol=TOLERANCE):
        yield "made and fitted twice alike, it gives other vectors"
    told = {"get_params": encoder.get_params(), "facts": encoder.facts()}
    for name, values in told.items():
        try:
            json.dumps(values, allow_nan=False)
        except (TypeError, ValueError) as error:
            yield f"{name} gives what JSON cannot hold: {error}"


def _kept(encoder: Encoder, images: Pixels) -> Iterator[str]:
    with TemporaryDirectory(prefix="vecsearch-") as scratch:
        folder = Path(scratch) / "saved"
        encoder.save(folder)
        settings = folder / "settings.json"
        if (
            not settings.is_file()
            or json.loads(settings.read_bytes()).get("encoder") != encoder.name
        ):
            yield "save must write settings.json with its name as encoder: use save_settings"
        unsafe = [path.name for path in folder.rglob("*") if path.suffix in UNSAFE]
        if unsafe:
            yield f"save wrote {unsafe[0]}, which may hold a pickle: use safetensors or JSON"
        loaded = type(encoder).load(folder)
        if loaded.fingerprint != encoder.fingerprint:
            yield "saved and loaded, it has another fingerprint"
        if loaded.get_params() != encoder.get_params():
            yield "saved and loaded, it has other parameters"
        if loaded.preprocess != encoder.preprocess:
            yield "saved and loaded, it wants other images"
        if not np.array_equal(loaded.encode(images), encoder.encode(images)):
            yield "saved and loaded, it gives other vectors"
