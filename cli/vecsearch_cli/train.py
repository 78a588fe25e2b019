"""``vecsearch train``."""

import os
import shlex
import time
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.training.settings import DEVICES, LOSSES, OBJECTIVES, PRECISIONS, PRESETS
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import FILE, FOLDER, INDEX, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch train photos -o models/photos
  vecsearch build photos -o indexes/photos --model models/photos
  vecsearch train photos -o models/quick --preset fast --time-budget 5m
  vecsearch train photos -o models/plain --objective simclr --labels none
"""


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="Run the same command again: it goes on after the last epoch.",
)
@click.argument("folder", type=FOLDER)
@click.option("--out", "-o", "model", required=True, type=INDEX, help="Where the encoder goes.")
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    help="How large a network, and how long.  [default: thorough where the processor computes in "
    "bfloat16, else default]",
)
@click.option(
    "--objective",
    type=click.Choice(OBJECTIVES),
    default="siamese",
    show_default=True,
    help="What it learns; simclr and autoencoder need no labels.",
)
@click.option(
    "--loss", type=click.Choice(LOSSES), help="What siamese is measured by.  [default: proxy]"
)
@click.option(
    "--dim", type=click.IntRange(1), default=32, show_default=True, help="Length of the vectors."
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="How often all images are seen.  [default: by preset and number of images]",
)
@click.option(
    "--time-budget",
    "budget",
    type=options.Duration(),
    help="How long it may take, as 90s, 10m or 1h30m: it takes as many epochs as fit.",
)
@click.option(
    "--backbone",
    default="small",
    show_default=True,
    help="small, for 28 to 64 pixels; conv3; or one of torchvision, as resnet18.",
)
@click.option(
    "--width",
    type=click.IntRange(1),
    help="Channels of the first layer of small and conv3.  [default: by preset, 16 to 64]",
)
@click.option(
    "--weights",
    type=FILE,
    help="What a torchvision backbone begins with: .safetensors or .pth.",
)
@click.option(
    "--batch",
    type=click.IntRange(2),
    help="How many images make a step.  [default: 256, of torchvision 64; fewer of few images]",
)
@click.option(
    "--rate",
    type=float,
    help="The highest learning rate.  [default: 0.2; of a classifier or torchvision 0.05, with "
    "weights 0.02]",
)
@click.option(
    "--augment",
    default="auto",
    show_default=True,
    metavar="auto|NAMES",
    help="What images are varied by: some of flip,shift,crop,colour,erase.",
)
@click.option("--no-augment", is_flag=True, help="Leave images as they are.")
@click.option(
    "--holdout", type=float, help="The share held out to find the best epoch.  [default: 0.1]"
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    help="Stop when no epoch was better for so many.  [default: never]",
)
@click.option(
    "--device",
    type=click.Choice(DEVICES),
    default="auto",
    show_default=True,
    help="What computes.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="bfloat16 is quicker where the processor has it.",
)
@click.option("--size", type=options.Size(), help="Width and height.  [default: by the images]")
@click.option(
    "--fit",
    type=click.Choice(["stretch", "crop", "pad"]),
    default="stretch",
    show_default=True,
    help="How images of other proportions come to that size.",
)
@click.option(
    "--color",
    type=click.Choice(["rgb", "grey"]),
    help="Keep the colours or not.  [default: by the images]",
)
@options.labels
@options.jobs
@click.option("--overwrite", is_flag=True, help="Replace the encoder that is there.")
@click.pass_obj
def command(
    screen: Screen,
    /,
    folder: Path,
    model: Path,
    weights: Path | None,
    augment: str,
    no_augment: bool,
    seed: int,
    **given: Any,
) -> None:
    """Train a network on the images of FOLDER, so that those of one label lie close together.

    After each epoch it is measured on images that were held out, and the best epoch is kept, the
    latest of those that cannot be told apart. A training that was interrupted goes on where it was
    when the same command is run again.
    """
    if no_augment:
        options.refuse_others(click.get_current_context(), "--no-augment", ("augment",))
    started = time.monotonic()
    with screen.progress() as progress:
        encoder = vecsearch.train(
            folder,
            model,
            weights=None if weights is None else str(weights),
            augment="none" if no_augment else augment,
            seed=seed,
            progress=progress,
            **given,
        )
    answer: dict[str, Any] = {
        "model": str(model),
        **encoder.facts(),
        "dim": encoder.dim,
        "seconds": round(time.monotonic() - started, 3),
    }
    show(screen.format, [answer], [answer])
    images, learned = shlex.quote(str(folder)), shlex.quote(str(model))
    labels = "" if given["labels"] == "folder" else f" --labels {shlex.quote(given['labels'])}"
    screen.note(f"Next: vecsearch build {images} -o INDEX --model {learned}{labels}")
    # Names of encoders go before those of folders, and commas stand between them.
    named = learned if os.sep in learned else f"./{learned}"
    if not labels and "," not in named:
        screen.note(f"Is it any better? vecsearch compare {images} OTHERS --encoders lda,{named}")
