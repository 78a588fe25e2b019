"""``vecsearch build``."""

import contextlib
import shlex
import textwrap
import time
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.encoders import only_taken
from vecsearch.images import parts_of_a_set
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import FOLDER, INDEX, SHOWN, Failure, Screen, Verb, printable

WIDTH = 80

EPILOG = """\b
Examples:
  vecsearch build photos -o indexes/photos
  vecsearch build photos -o indexes/photos --encoder lda --metric cosine
  vecsearch build photos -o indexes/photos --encoder efficientnet-lite0
  vecsearch build shop -o indexes/shop --encoder chain:efficientnet-lite0+lda
  vecsearch build shop -o indexes/shop --labels shop.csv --metadata shop.csv
  vecsearch build s3://shop/pics -o /mnt/shop --engine ray --ray-address auto
"""


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="Run the same command again: it goes on where it was.",
)
@click.argument("folder", type=options.Images())
@click.option(
    "--encoder", default="pca", show_default=True, help="What makes the vectors: see encoders."
)
@click.option("--out", "-o", "index", required=True, type=INDEX, help="Where the collection goes.")
@click.option(
    "--dim", type=float, help="How long the vectors are; for pca also a fraction, as 0.95."
)
@options.preprocessing
@click.option(
    "--metric",
    type=click.Choice(options.METRICS),
    default="euclidean",
    show_default=True,
    help="How vectors are compared.",
)
@options.labels
@options.metadata
@click.option(
    "--model",
    type=FOLDER,
    help="An encoder that is fitted already: a folder that it was saved in, as INDEX/encoder/….",
)
@options.index
@options.jobs
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What does the work: this process and its own, or workers of Ray, on many machines.",
)
@click.option(
    "--ray-address",
    metavar="auto|HOST:PORT",
    help="The Ray cluster.  [default: one that is started here, for this build]",
)
@click.option("--overwrite", is_flag=True, help="Replace the collection that is there.")
@options.strict
@click.pass_context
def command(
    ctx: click.Context,
    folder: str,
    index: Path,
    encoder: str,
    dim: float | None,
    size: tuple[int, int] | None,
    fit: Any,
    color: Any,
    weights: str | None,
    device: str | None,
    batch_size: int | None,
    metric: str,
    labels: str,
    metadata: Path | None,
    model: Path | None,
    kind: str,
    memory_budget: str | None,
    jobs: int | None,
    seed: int,
    engine: Any,
    ray_address: str | None,
    overwrite: bool,
    strict: bool,
) -> None:
    """Turn a FOLDER of images into a collection.

    Takes JPEG, PNG, GIF, WEBP, BMP and TIFF at any depth. What cannot be read is left out and
    listed with its reason. A build that was interrupted goes on where it was when the same
    command is run again; update follows the folder later.

    With --engine ray, FOLDER may also be a URL, as s3://bucket/folder, or a Parquet file that names
    images in its column path; and --jobs is how many workers there are.
    """
    if engine != "ray":
        options.refuse_others(ctx, f"--engine {engine}", ["ray_address"])
    if device == "cuda":
        with contextlib.suppress(vecsearch.InvalidArgument):  # the network may have one, FAISS not
            vecsearch.use_device(device)
            device = only_taken(encoder, {"device": device}).get("device")
    screen: Screen = ctx.obj
    started = time.monotonic()
    saved = None if model is None else _saved(ctx, model, encoder)
    with screen.progress() as progress:
        collection = vecsearch.Collection.build(
            folder,
            index,
            encoder=saved or encoder,
            metric=metric,
            dim=dim,
            size=size,
            fit=fit,
            color=color,
            weights=weights,
            device=device,
            batch_size=batch_size,
            labels=labels,
            metadata=metadata,
            index=kind,
            memory_budget=memory_budget,
            jobs=jobs,
            seed=seed,
            engine=engine,
            ray_address=ray_address,
            overwrite=overwrite,
            progress=progress,
        )
    skipped = collection.skipped
    answer: dict[str, Any] = {
        "indexed": len(collection),
        "added": len(collection),
        "changed": 0,
        "removed": 0,
        "skipped": len(skipped),
        "dim": collection.dim,
        "metric": collection.metric.value,
        "encoder": collection.encoder.name,
        "seconds": round(time.monotonic() - started, 3),
    }
    show(screen.format, [answer], [answer])
    screen.skipped(skipped, f"All of them: vecsearch info {index} --skipped")
    facts = collection.encoder.facts()
    if facts:
        said = ", ".join(f"{fact.replace('_', ' ')} {value}" for fact, value in facts.items())
        screen.note(textwrap.fill(f"{collection.encoder.name}: {said}", WIDTH))
    _tell_labels(screen, folder, collection.info()["labels"])
    screen.note(f"Next: vecsearch query {shlex.quote(str(index))} IMAGE")
    if skipped and strict:
        raise Failure(f"{len(skipped)} files were skipped.", 3)


def _tell_labels(screen: Screen, folder: str, counts: Any) -> None:
    """Which labels there are; and that they are none, where somebody built a whole data set."""
    if not counts:
        return
    shown = ", ".join(f"{printable(name)} {count}" for name, count in [*counts.items()][:SHOWN])
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    screen.note(textwrap.fill(f"{len(counts)} labels: {shown}{more}", WIDTH))
    if parts := parts_of_a_set(counts):
        screen.note(
            "These look like the parts of a data set rather than like what is in the pictures.\n"
            f"Then build one part, {folder.rstrip('/')}/{parts[0]}, and evaluate with another."
        )


def _saved(ctx: click.Context, model: Path, encoder: str) -> Any:
    saved = vecsearch.open_encoder(model)
    given = [
        name
        for name in ("encoder", "dim", "size", "fit", "color", "weights", "device", "batch_size")
        if options.was_given(ctx, name)
    ]
    if others := [f"--{name.replace('_', '-')}" for name in given if name != "encoder"]:
        raise click.UsageError(f"The encoder of --model has its own {', '.join(others)}.")
    if given and saved.name != encoder:
        raise vecsearch.InvalidArgument(
            f"{model} holds the encoder {saved.name!r}, not {encoder!r}."
        )
    return saved
