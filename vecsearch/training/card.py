"""What is told of a trained encoder, for those who are to use it."""

import csv
import importlib.util
import io
import logging
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vecsearch.encoders.siamese import SiameseEncoder
from vecsearch.images import ImageFolder
from vecsearch.store import printable, put_whole
from vecsearch.training.choice import HELD_OUT_LOSS, MEASURED
from vecsearch.training.data import TrainingImages
from vecsearch.training.plots import draw_curves, draw_embedding, draw_reconstructions
from vecsearch.training.run import Outcome
from vecsearch.training.settings import SKIPPED, TrainSettings
from vecsearch.types import JSON

log = logging.getLogger(__name__)

CARD, HISTORY = "card.md", "history.csv"
PICTURES = "curves.png", "embedding.png", "reconstructions.png"
CLASSES_NAMED = 50
# What has a say in which weights come out.
PACKAGES = "vecsearch", "torch", "torchvision", "pytorch-metric-learning", "numpy", "pillow"


def write_card(
    folder: Path,
    source: ImageFolder,
    images: TrainingImages,
    encoder: SiameseEncoder,
    outcome: Outcome,
) -> None:
    """Write the model card, the history as CSV, and pictures if matplotlib is installed.

    Args:
        folder: Where to.
        source: Where the images came from.
        images: What was learned from.
        encoder: What came of it.
        outcome: How it came about.
    """
    names = list(dict.fromkeys(name for line in outcome.history for name in line))
    with put_whole(folder / HISTORY) as file:
        values = ([str(line.get(name, "")) for name in names] for line in outcome.history)
        file.write("".join(f"{','.join(line)}\n" for line in (names, *values)).encode())
    with put_whole(folder / SKIPPED) as file:
        told = csv.writer(text := io.StringIO(), lineterminator="\n")
        told.writerow(["path", "reason"])
        told.writerows([printable(one.path), one.reason] for one in images.skipped)
        file.write(text.getvalue().encode())
    for name in PICTURES:
        (folder / name).unlink(missing_ok=True)
    pictures = _pictures(folder, images, encoder, outcome)
    with put_whole(folder / CARD) as file:
        text_of = _card(source, images, encoder, outcome, pictures)
        file.write(text_of.encode("utf-8", "backslashreplace"))


def _pictures(
    folder: Path, images: TrainingImages, encoder: SiameseEncoder, outcome: Outcome
) -> dict[str, str]:
    """Draw what can be drawn; returns the names of the files, with what they show."""
    if not importlib.util.find_spec("matplotlib"):
        log.info("No curves are drawn without matplotlib: pip install 'vecsearch[plot]'")
        return {}
    facts = outcome.trained.facts
    rows = outcome.split.held if len(outcome.split.held) else outcome.split.train
    classed = rows[images.codes[rows] >= 0]
    curves, embedding, reconstructions = (folder / name for name in PICTURES)
    wanted: dict[Path, tuple[str, Callable[[], None]]] = {
        curves: (
            "Loss and held-out figures of each epoch",
            lambda: draw_curves(curves, outcome.history, facts),
        )
    }
    if len(images.names) > 1 and len(classed) > 2:
        wanted[embedding] = (
            "The embedding in two dimensions, beside that of PCA",
            lambda: draw_embedding(embedding, images, classed, outcome.split.train, encoder),
        )
    if facts["objective"] == "autoencoder":
        wanted[reconstructions] = (
            "Held-out images, and what is drawn from their embeddings",
            lambda: draw_reconstructions(reconstructions, images, rows, encoder, outcome),
        )
    drawn = {}
    for path, (shows, draw) in wanted.items():
        try:
            draw()
        except Exception as error:  # noqa: BLE001  (the encoder is there; this is about a picture)
            log.warning("%s could not be drawn: %r.", path.name, error)
        else:
            drawn[path.name] = shows
    return drawn


def _card(
    source: ImageFolder,
    images: TrainingImages,
    encoder: SiameseEncoder,
    outcome: Outcome,
    pictures: dict[str, str],
) -> str:
    facts, split = outcome.trained.facts, outcome.split
    wanted = TrainSettings.of(**encoder.settings)
    height, width, channels = images.pixels.shape[1:]
    kind = "grey" if channels == 1 else "RGB"
    if split.whole_classes:
        held = f"{len(split.held)} images, all of some classes, held out"
    elif len(split.held):
        held = f"{len(split.held)} images held out, of each class about the same share"
    elif not wanted.holdout:
        held = "nothing held out, as was asked for"
    else:
        held = "nothing held out, since each class has too few images"
    settings = {
        **{name: value for name, value in encoder.get_params().items() if name != "settings"},
        "architecture": dict(outcome.trained.architecture),
        **asdict(wanted),
        "batch": wanted.batch_for(len(split.train)),
        "epochs": facts["epochs"],
    }
    lines = [
        f"# {facts['objective']} network, {encoder.dim} numbers an image",
        "",
        "## Data",
        "",
        f"- Folder: `{source.root.resolve().as_posix()}`",
        f"- {len(images.pixels)} images of {len(images.names)} classes, brought to "
        f"{width} × {height} {kind}; {held}; {len(images.skipped)} files left out ({SKIPPED})"
        + (f"; {images.unlabelled} without a label as well" if images.unlabelled else ""),
        f"- sha256 over files and labels: `{images.key}`",
        f"- Classes: {', '.join(' '.join(name.split()) for name in images.names[:CLASSES_NAMED])}"
        + (" …" if len(images.names) > CLASSES_NAMED else ""),
        "",
        *_kept(facts, bool(len(split.held)), outcome.diverged),
        *(f"- {name.replace('_', ' ')}: {facts[name]}" for name in MEASURED if name in facts),
        "",
        *(line for name, what in pictures.items() for line in (f"![{what}]({name})", "")),
        "## Settings",
        "",
        *(f"- {name}: `{value}`" for name, value in settings.items()),
        "",
        "## Made with",
        "",
        f"- {', '.join(_versions())}",
        f"- On {facts['device']} in {facts['precision']}, {facts['seconds']} seconds",
        "",
    ]
    return "\n".join(lines)


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()}"
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def _kept(facts: Mapping[str, JSON], measured: bool, diverged: bool) -> list[str]:
    """Which epoch it is, and how good its figures are."""
    kept = f"Epoch {facts['best_epoch']} of {facts['epochs']} is kept."
    if diverged:
        kept += f" Epoch {int(str(facts['epochs'])) + 1} diverged: its loss was no finite number."
    if facts["whitened"]:
        kept += " Then its embeddings were whitened within classes."
    if not measured:
        return ["## Figures", "", f"{kept} It was not measured: do so with `vecsearch evaluate`."]
    caution = "Its figures are a little too good, since it was chosen by them"
    if HELD_OUT_LOSS in facts:
        caution = "It was chosen by its loss on these alone, which is a little too good"
    caution += ": measure on images that took no part, with `vecsearch evaluate`."
    return ["## Figures on held-out images", "", f"{kept} {caution}", ""]
