"""The images that a network learns from, and what they are brought to."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoding import read_folder
from vecsearch.errors import LABEL_THEM, InvalidArgument
from vecsearch.images import NO_IMAGES, ImageFolder, Preprocess, gather, read
from vecsearch.images.decoding import Color, Fit
from vecsearch.types import Pixels, Progress, Skipped

# Pixels are in memory up to this, and beyond it in a file that is read batch by batch.
MEMORY_BYTES = 1 << 30
LOOKED_AT = 100
SMALL_SIDE, LARGE_SIDE = 64, 224
LEAST_SIDE = 16
THUMBNAIL = Preprocess((32, 32))
# What JPEG may make of grey.
LEAST_COLOUR = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingImages:
    """Images with their classes.

    Attributes:
        pixels: ``(n, height, width, channels)`` uint8, which may be memory-mapped.
        codes: The class of each, from 0, int64; −1 for none.
        names: What the classes are called.
        key: A sha256 over files and labels, in hex.
        skipped: What could not be read.
        unlabelled: How many images were left out because they have no label.
    """

    pixels: Pixels
    codes: NDArray[np.int64]
    names: Sequence[str]
    key: str
    skipped: Sequence[Skipped] = ()
    unlabelled: int = 0


def load_images(
    folder: ImageFolder,
    preprocess: Preprocess,
    needs_labels: bool,
    scratch: Path,
    jobs: int | None,
    progress: Progress | None,
) -> TrainingImages:
    """Decode the images of a folder, each once.

    Args:
        folder: The images.
        preprocess: What they are brought to.
        needs_labels: Whether those without a label are left out.
        scratch: A folder with room for their pixels; nothing is left there, whatever happens.
        jobs: How many processes decode.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: Nothing is left, or there are no two labels though they are needed.
    """
    paths = [path for path in folder.paths if not needs_labels or path in folder.labels]
    if not paths:
        if not folder.paths:
            raise InvalidArgument(f"There are no images in {folder.root}{NO_IMAGES}")
        raise InvalidArgument(
            f"There are no images with a label in {folder.root}: {LABEL_THEM}; or train without "
            "them (--objective simclr)."
        )
    batches = read_folder(folder, paths, preprocess, jobs, progress)
    found = gather(batches, preprocess, scratch)
    if not found.files:
        first = found.skipped[0]
        raise InvalidArgument(
            f"None of the {len(paths)} image files in {folder.root} could be used, as "
            f"{first.path.name} ({first.reason})."
        )
    if copies := len(found.files) - len({file.sha256 for file in found.files}):
        log.warning(
            "Of the images, %d are copies of others: where one is learned from and the other held "
            "out, figures are too good. Find them: vecsearch duplicates.",
            copies,
        )
    labels = [folder.labels.get(file.path) for file in found.files]
    digest = hashlib.sha256(json.dumps(preprocess.to_json(), sort_keys=True).encode())
    for file, label in zip(found.files, labels, strict=True):
        digest.update(f"{file.path}\0{file.sha256}\0{label}\n".encode())
    pixels = np.array(found.pixels) if found.pixels.nbytes <= MEMORY_BYTES else found.pixels
    names, codes = coded(labels, needs_labels)
    skipped = [*folder.skipped, *found.skipped]
    unlabelled = len(folder.paths) - len(paths)
    return TrainingImages(pixels, codes, names, digest.hexdigest(), skipped, unlabelled)


def coded(labels: Sequence[str | None], needed: bool) -> tuple[list[str], NDArray[np.int64]]:
    """The names of classes, sorted, and the number of each image's class.

    Raises:
        InvalidArgument: Labels are needed, and there are no two; or there is one image alone.
    """
    if len(labels) == 1 and not needed:
        raise InvalidArgument("There is one image alone, and nothing to tell it from.")
    names = sorted({label for label in labels if label is not None})
    if needed and len(names) < 2:
        raise InvalidArgument(
            f"There is only the label {names[0]!r}, and nothing to tell it from: bring images of "
            "another, or train without labels (--objective simclr)."
            if names
            else f"There are no labels: {LABEL_THEM}; --objective simclr and autoencoder need none."
        )
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(names)}
    return names, np.array([numbers.get(label, -1) for label in labels], np.int64)


def suited_preprocess(
    folder: ImageFolder,
    size: tuple[int, int] | None,
    fit: Fit,
    color: Color | None,
    large: bool,
) -> Preprocess:
    """What images are brought to: as given, and else what suits a hundred of them.

    Images of 16 to 64 pixels stay as large as they are, larger ones come to 64 pixels at the longer
    side; for a backbone of torchvision all come to 224 × 224. Colours are kept if there are any.

    Args:
        folder: The images.
        size: Width and height, if given.
        fit: How they come to that size.
        color: ``rgb`` or ``grey``, if given.
        large: Whether the backbone is one of torchvision.
    """
    if size is not None and color is not None:
        return Preprocess(size, fit, color)
    sizes, colours = _looked_at(folder)
    if size is None:
        size = (LARGE_SIDE, LARGE_SIDE) if large else _suited_size(sizes)
    return Preprocess(size, fit, color or ("rgb" if colours else "grey"))


def _suited_size(sizes: NDArray[np.int64]) -> tuple[int, int]:
    if not len(sizes):
        return SMALL_SIDE, SMALL_SIDE
    width, height = (float(side) for side in np.median(sizes, axis=0))
    scale = min(1.0, SMALL_SIDE / max(width, height))
    across, down = (max(LEAST_SIDE, round(scale * side)) for side in (width, height))
    return across, down


def _looked_at(folder: ImageFolder) -> tuple[NDArray[np.int64], bool]:
    """The sizes of some images, ``(n, 2)``, and whether one has colours."""
    step = max(1, -(-len(folder.paths) // LOOKED_AT))
    sizes: list[tuple[int, int]] = []
    colours = False
    for batch in read(folder.root, folder.paths[::step], THUMBNAIL, jobs=1):
        sizes += [(file.width, file.height) for file in batch.files]
        values = batch.pixels.astype(np.int16)
        colours = colours or bool(len(values) and np.ptp(values, axis=3).max() > LEAST_COLOUR)
    return np.array(sizes, np.int64).reshape(-1, 2), colours
