"""``vecsearch push``."""

import time
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, INDEX, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch push indexes/shop milvus://localhost:19530/shop
  vecsearch push indexes/shop milvus://milvus/shop --shards 2 --replicas 2
  vecsearch query milvus://localhost:19530/shop dress.jpg
"""


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="Run the same command again: it goes on where it was.",
)
@click.argument("index", type=INDEX)
@click.argument("address", type=COLLECTION)
@click.option(
    "--shards",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="How many parts take in writes.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many copies answer, each on query nodes of its own; with fewer than 2, the loss of a "
    "query node costs answers until it is replaced.",
)
@click.option(
    "--index",
    "kind",
    type=click.Choice(["auto", "exact", "hnsw"]),
    default="auto",
    show_default=True,
    help="How it is searched there: every item compared, or by a graph; auto: as INDEX is.",
)
@click.option("--overwrite", is_flag=True, help="Replace the collection that is there.")
@click.pass_obj
def command(
    screen: Screen,
    index: Path,
    address: Path | str,
    shards: int,
    replicas: int,
    kind: str,
    overwrite: bool,
) -> None:
    """Copy INDEX to ADDRESS on Milvus: milvus://HOST:19530/NAME.

    Vectors, ids, labels, metadata and the encoder go there, so that images can be asked about from
    anywhere. A push that was interrupted goes on when it is run again.
    """
    from vecsearch.distributed.milvus import Address

    started = time.monotonic()
    collection = vecsearch.Collection.open(index)
    with screen.progress() as progress:
        pushed = vecsearch.push(
            collection,
            str(address),
            shards=shards,
            replicas=replicas,
            index=kind,
            overwrite=overwrite,
            progress=progress,
        )
    answer: dict[str, Any] = {
        "address": str(Address.parse(str(address))),
        **vars(pushed),
        "seconds": round(time.monotonic() - started, 3),
    }
    show(screen.format, [answer], [answer])
