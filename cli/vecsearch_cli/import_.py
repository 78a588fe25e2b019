"""``vecsearch import``."""

import time
from pathlib import Path

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.changes import show_changes
from vecsearch_cli.verb import FILE, INDEX, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch import v.npy -o indexes/books
  vecsearch import v.npy -o indexes/books --items books.csv --metric cosine
  vecsearch import more.npy -o indexes/books --items more.csv --append
  vecsearch import photos.parquet -o indexes/copy
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("vectors", type=FILE)
@click.option("--out", "-o", "index", required=True, type=INDEX, help="Where the collection goes.")
@click.option(
    "--items",
    type=FILE,
    help="What the vectors of a .npy file are, in their order: CSV or JSON lines with id, label "
    "and whatever else; with --append it needs them.  [default: they are called 0, 1, 2 …]",
)
@click.option(
    "--metric",
    type=click.Choice(options.METRICS),
    default="euclidean",
    show_default=True,
    help="How vectors are compared.",
)
@options.index
@options.device
@click.option("--append", is_flag=True, help="Add them to the collection that is there.")
@click.option("--overwrite", is_flag=True, help="Replace the collection that is there.")
@click.pass_context
def command(
    ctx: click.Context,
    vectors: Path,
    index: Path,
    items: Path | None,
    metric: str,
    kind: str,
    memory_budget: str | None,
    append: bool,
    overwrite: bool,
) -> None:
    """Make a collection of VECTORS, a .npy file of shape (n, dim), or of what export wrote.

    A .npy file is memory-mapped, so that it may be larger than memory. A .parquet, .npz or .csv
    file as export writes it is read into memory, and says itself what its items are.
    """
    screen: Screen = ctx.obj
    started = time.monotonic()
    own = ("overwrite", "metric", "kind", "memory_budget")
    if append and any(options.was_given(ctx, name) for name in own):
        raise click.UsageError(
            "--append takes none of --overwrite, --metric, --index and --memory-budget."
        )
    collection, changes = vecsearch.import_vectors(
        vectors,
        index,
        items=items,
        metric=None if append else metric,
        index=None if append else kind,
        memory_budget=None if append else memory_budget,
        append=append,
        overwrite=overwrite,
    )
    show_changes(screen, collection, changes, started)
