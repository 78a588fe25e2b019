"""From a folder of images to a trained encoder that is kept in a folder of its own."""

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch.encoders import lacking
from vecsearch.encoders.base import SETTINGS, WEIGHTS, check_seed, load_settings
from vecsearch.encoders.plain import OWN_BACKBONES
from vecsearch.encoders.runtimes import Trained
from vecsearch.encoders.siamese import NETWORK, SiameseEncoder
from vecsearch.encoding import tell_skipped
from vecsearch.errors import (
    CollectionLocked,
    DamagedCollection,
    InvalidArgument,
    MissingPackage,
)
from vecsearch.images import parts_of_a_set, scan, subset
from vecsearch.images.decoding import Color, Fit
from vecsearch.store import put_whole
from vecsearch.training.data import (
    MEMORY_BYTES,
    TrainingImages,
    coded,
    load_images,
    suited_preprocess,
)
from vecsearch.training.settings import CHECKPOINT, SKIPPED, TrainSettings
from vecsearch.types import Pixels, Progress

DIM = 32
LOCK = ".lock"
log = logging.getLogger(__name__)


def train(
    folder: str | Path,
    out: str | Path,
    *,
    dim: int = DIM,
    labels: str | Path = "folder",
    size: tuple[int, int] | None = None,
    fit: Fit = "stretch",
    color: Color | None = None,
    seed: int = 0,
    overwrite: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> SiameseEncoder:
    """Train a network so that images of one label lie close together, and keep it in a folder.

    How far it has come is written down after each epoch: if it is interrupted, the same call goes
    on from there.

    Args:
        folder: The images.
        out: Where the encoder goes, with a model card, its history, and pictures of both.
        dim: How long the embeddings are.
        labels: ``folder``: the first sub-folder is the label. ``none``, for an objective that
            needs none. Else a CSV file with the columns path and label.
        size: Width and height that images are brought to; by default their own, with 64 pixels at
            the longer side at most, or 224 for a backbone of torchvision.
        fit: ``stretch``, ``crop`` or ``pad`` them to that size.
        color: ``rgb`` or ``grey``; by default ``grey`` if none of a hundred images has colours.
        seed: For everything random.
        overwrite: Replace what is in ``out`` once the new one is trained.
        jobs: How many processes decode.
        progress: Called as the work goes on.
        **settings: Names and values of ``TrainSettings``, as ``preset="fast"`` or ``loss="proxy"``.
            Without a preset it is ``thorough`` where the processor computes in bfloat16, and
            ``default`` elsewhere.

    Returns:
        The encoder, as it is in ``out``.

    Raises:
        InvalidArgument: A value makes no sense, there is nothing to learn from, ``out`` holds
            something already, or the training diverged before an epoch was done.
        CollectionLocked: Another process is training there.
        DamagedCollection: What an interrupted training left there cannot be read.
        MissingPackage: torch is not installed.
        OSError: The disk is full, or ``out`` cannot be written to.

    Example:
        >>> encoder = train("tests/data/photos", tmp / "model", preset="fast", epochs=1)
        >>> encoder.dim
        32
    """
    begun = time.monotonic()
    check_packages()
    from vecsearch.training.beginning import new_network, suited_settings
    from vecsearch.training.card import write_card
    from vecsearch.training.run import run

    wanted = suited_settings(**settings)
    check_seed(seed)
    inside, around = Path(out).resolve(), Path(folder).resolve()
    if inside.is_relative_to(around):
        raise InvalidArgument(f"{out} lies among the images, where its pictures would be taken in.")
    found = scan(folder, labels)
    if wanted.needs_labels and found.labels:
        coded(list(found.labels.values()), needed=True)  # before an image is read
    if wanted.needs_labels and (parts := parts_of_a_set(found.labels.values())):
        log.warning(
            "The labels (%s) look like the parts of a data set rather than like what is in the "
            "pictures. Then train on one part, as %s.",
            ", ".join(parts),
            Path(folder) / parts[0],
        )
    large = wanted.backbone not in OWN_BACKBONES
    preprocess = suited_preprocess(found, size, fit, color, large)
    encoder = SiameseEncoder(dim, preprocess, seed, wanted.to_json())
    network = new_network(wanted, encoder.requested_dim or DIM, preprocess.shape, seed)
    with _place(Path(out), overwrite) as place:
        images = load_images(found, preprocess, wanted.needs_labels, place, jobs, progress)
        tell_skipped(images.skipped, f": all will be listed in {Path(out) / SKIPPED}")
        if images.unlabelled:
            log.info("%d images have no label and were left out.", images.unlabelled)
        outcome = run(network, images, seed, wanted, place, overwrite, progress, begun)
        _keep(encoder.take(outcome.trained), place)
        write_card(place, found, images, encoder, outcome)
        (place / CHECKPOINT).unlink(missing_ok=True)
    return encoder


def fit(images: Pixels, labels: Sequence[str | None] | None, encoder: SiameseEncoder) -> Trained:
    """Train the network of an encoder on images that are decoded already.

    Args:
        images: ``(n, height, width, channels)`` uint8.
        labels: The class of each; those without one are left out if the objective needs labels.
        encoder: Says how long the embeddings are, and what the training shall be like.

    Raises:
        InvalidArgument: A setting makes no sense, or there is nothing to learn from.
    """
    check_packages()
    from vecsearch.training.beginning import new_network
    from vecsearch.training.run import run

    wanted = TrainSettings.of(**encoder.settings)
    check_seed(encoder.seed)
    given = list(labels) if labels is not None else [None] * len(images)
    if len(given) != len(images):
        raise InvalidArgument(f"There are {len(given)} labels for {len(images)} images.")
    dim = encoder.requested_dim or DIM
    network = new_network(wanted, dim, encoder.preprocess.shape, encoder.seed)
    with tempfile.TemporaryDirectory(prefix="vecsearch-") as scratch:
        if wanted.needs_labels:
            rows = np.array([row for row, label in enumerate(given) if label is not None], np.int64)
            in_memory = len(rows) * images[:1].nbytes <= MEMORY_BYTES
            images = images[rows] if in_memory else subset(images, rows, Path(scratch))
            given = [given[row] for row in rows.tolist()]
        names, codes = coded(given, wanted.needs_labels)
        if not len(codes):
            raise InvalidArgument("There are no images to learn from.")
        return run(network, TrainingImages(images, codes, names, ""), encoder.seed, wanted).trained


def _keep(encoder: SiameseEncoder, place: Path) -> None:
    """Write an encoder over what was there: each file whole and on the disk, its settings last."""
    with tempfile.TemporaryDirectory(prefix="vecsearch-") as scratch:
        made = Path(scratch)
        encoder.save(made)
        for path in sorted(made.iterdir(), key=lambda path: path.name == SETTINGS):
            with put_whole(place / path.name) as file:
                file.write(path.read_bytes())


def check_packages() -> None:
    """See that all is installed that training needs.

    Raises:
        MissingPackage: Something is not.
    """
    if lack := lacking(SiameseEncoder, "requires_to_fit"):
        raise MissingPackage(f"Training {lack}")


def _drafts(out: Path) -> list[Path]:
    """What was being written when a training was killed."""
    names = CHECKPOINT, SETTINGS, WEIGHTS, NETWORK
    return [path for name in names for path in out.glob(f".{name}.*.tmp")]


def _is_encoder(folder: Path) -> bool:
    """Whether a trained network lies there, and nothing of somebody else's would be replaced."""
    try:
        load_settings(folder, SiameseEncoder.name)
    except InvalidArgument:
        return False
    except DamagedCollection:
        return (folder / WEIGHTS).exists()
    return True


def _is_checkpoint(path: Path) -> bool:
    """Whether a training wrote it, damaged or not, by how it begins."""
    with open(path, "rb") as file:
        return b'{"__metadata__":{"training":' in file.read(100)


@contextmanager
def _place(out: Path, overwrite: bool) -> Iterator[Path]:
    """The folder that an encoder goes to, held against others; not left behind if it is empty."""
    from filelock import FileLock, Timeout

    if out.exists() and not out.is_dir():
        raise InvalidArgument(f"{out} is a file, not a folder for an encoder.")
    made = [one for one in (out, *out.parents) if not one.exists()]
    drafts = _drafts(out)
    there = {path.name for path in out.iterdir() if path not in drafts} if not made else set()
    there = {name for name in there if not name.startswith(".")}  # not that of a file browser
    begun = CHECKPOINT in there and _is_checkpoint(out / CHECKPOINT)
    if there and not begun:
        if CHECKPOINT in there or not _is_encoder(out):
            other = CHECKPOINT if CHECKPOINT in there else min(there)
            raise InvalidArgument(f"{out} holds other things ({other} …): choose another place.")
        if not overwrite:
            raise InvalidArgument(
                f"{out} holds an encoder already: choose another place, or ask to overwrite it "
                "(--overwrite)."
            )
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CollectionLocked(f"Another process is training in {out}.") from error
    try:
        for path in drafts:
            path.unlink(missing_ok=True)
        yield out
    finally:
        with suppress(OSError):  # where an open file cannot be unlinked, it stays
            (out / LOCK).unlink()
        lock.release()
        with suppress(OSError):  # they are not empty
            for one in made:
                one.rmdir()
