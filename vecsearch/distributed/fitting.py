"""Fit an encoder to a sample of the images that many machines decode."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np

from vecsearch.distributed.engine import Engine
from vecsearch.distributed.listing import Listing
from vecsearch.distributed.tasks import Task, cut, name_of
from vecsearch.encoders import (
    FIT_BYTES,
    AffineEncoder,
    Encoder,
    Trainable,
    fitted_on,
    is_fitted,
    is_trainable,
    lacking,
    load_encoder,
)
from vecsearch.errors import DamagedCollection, InvalidArgument, MissingPackage
from vecsearch.images import File
from vecsearch.store import Parts
from vecsearch.types import JSON, Progress, Rows

# How many bytes of pixels others than PCA and LDA are fitted on, which hold them in memory.
SAMPLE_BYTES = 1 << 30
log = logging.getLogger(__name__)


def learns(encoder: Encoder) -> bool:
    """Whether an encoder has to be fitted before it encodes.

    Raises:
        InvalidArgument: It takes too long for that, and is trained on its own.
        MissingPackage: It cannot learn without a package that is not installed.
    """
    if not is_trainable(encoder) or is_fitted(encoder):
        return False
    if getattr(encoder, "slow_to_fit", False):
        raise InvalidArgument(
            f"The encoder {encoder.name!r} is trained on one machine, with its GPU if it has one: "
            "vecsearch train FOLDER -o MODEL, and then build with --model MODEL."
        )
    if lack := lacking(encoder, "requires_to_fit"):
        raise MissingPackage(f"To learn, the encoder {encoder.name!r} {lack}")
    return True


def ready(
    encoder: Encoder,
    listing: Listing,
    engine: Engine,
    parts: Parts,
    progress: Progress | None,
) -> tuple[Encoder, str]:
    """An encoder that is fitted, and where below ``parts`` it is saved for the workers.

    What an interrupted run has fitted to the same images is taken from there.
    """
    if not learns(encoder):
        name = f"encoder-{encoder.fingerprint[:32]}"
        if not (parts.place / name).is_dir():
            _save(encoder, parts.place, name)
        return encoder, name
    sample = _sampled(encoder, listing)
    params: dict[str, JSON] = {"encoder": encoder.name, "params": encoder.get_params()}
    tasks = list(cut(sample, params, 1))
    name = f"encoder-{name_of({'tasks': [task.name for task in tasks]})}"
    if (parts.place / name).is_dir():
        try:
            return load_encoder(encoder.name, parts.place / name), name
        except (OSError, DamagedCollection):
            shutil.rmtree(parts.place / name)
    # Where it learns from all images, the parts are made of the same pixels.
    whole = len(sample.images.paths) == len(listing.images.paths)
    if is_trainable(encoder):
        _fit(encoder, sample, tasks, engine, parts.place if whole else None, progress)
    _save(encoder, parts.place, name)
    return encoder, name


def _sampled(encoder: Encoder, listing: Listing) -> Listing:
    """The images to fit on: those that a local build takes, if all images can be read."""
    images = listing.images
    usable: Rows = np.arange(len(images.paths))
    if getattr(encoder, "needs_labels", False):
        known = [images.labels.get(path) is not None for path in images.paths]
        usable = np.flatnonzero(known)
    numbers = FIT_BYTES // 4 if isinstance(encoder, AffineEncoder) else SAMPLE_BYTES
    seed = int(getattr(encoder, "seed", 0))
    rows = fitted_on(usable, numbers, encoder.preprocess, seed)
    paths = [images.paths[row] for row in rows.tolist()]
    return replace(listing, images=replace(images, paths=paths), facts=listing.facts[rows])


def _fit(
    encoder: Trainable,
    sample: Listing,
    tasks: list[Task],
    engine: Engine,
    keep: Path | None,
    progress: Progress | None,
) -> None:
    total = len(sample.images.paths)
    pixels = np.empty((total, *encoder.preprocess.shape), np.uint8)
    files: list[File] = []
    done = 0
    decoded = engine.decode(tasks, encoder.preprocess, keep)
    for task, batch in zip(tasks, decoded, strict=True):
        pixels[len(files) : len(files) + len(batch.files)] = batch.pixels
        files += batch.files
        done += len(task.paths)
        if progress is not None:
            progress("reading a sample", done, total)
    if not files:
        raise InvalidArgument(
            f"None of the {total} images that the encoder {encoder.name!r} would learn from could "
            "be read."
        )
    labels = sample.images.labels
    named = [labels.get(file.path) for file in files] if labels else None
    log.info("Fitting %s to %d images.", encoder.name, len(files))
    encoder.fit(pixels[: len(files)], named)


def _save(encoder: Encoder, place: Path, name: str) -> None:
    """Save an encoder; the folder appears whole, or not at all."""
    draft = place / f"{name}.{uuid4().hex}"
    draft.mkdir()
    encoder.save(draft)
    draft.rename(place / name)
