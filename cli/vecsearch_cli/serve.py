"""``vecsearch serve``."""

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

import click

from vecsearch_cli import options
from vecsearch_cli.verb import COLLECTION, Failure, Verb

EPILOG = """\b
Examples:
  vecsearch serve indexes/photos
  vecsearch serve indexes/photos indexes/shop --port 8080
  vecsearch serve indexes/photos --host 0.0.0.0
  vecsearch serve indexes/photos --writable --token "$(cat token)"
  vecsearch serve indexes/photos --report reports/photos
  vecsearch serve milvus://localhost:19530/shop
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("indexes", metavar="INDEX...", type=COLLECTION, nargs=-1, required=True)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 for all, so that other machines reach it.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on; 0 for any that is free.",
)
@click.option(
    "--token",
    help="What clients must know.  [default: none on this machine alone, else one is made up]",
)
@click.option("--writable", is_flag=True, help="Let clients add, change and remove items.")
@click.option(
    "--report",
    "reports",
    metavar="[NAME=]DIR",
    multiple=True,
    help="A folder that evaluate --report wrote, of the collection NAME; may be repeated.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Another name that it is called by, as behind a proxy; may be repeated.",
)
@click.option(
    "--max-upload",
    type=click.FloatRange(0, 1024, min_open=True),
    default=10,
    show_default=True,
    help="How large a picture may be, in MiB.",
)
@options.device
def command(
    indexes: Sequence[Path | str],
    host: str,
    port: int,
    token: str | None,
    writable: bool,
    reports: Sequence[str],
    hosts: Sequence[str],
    max_upload: float,
) -> None:
    """Serve a web page and an HTTP API over each INDEX, until Ctrl-C.

    A collection is called what its folder is called, and one on Milvus as at its address. Nothing
    can be changed without --writable, and on Milvus nothing at all.
    """
    from vecsearch.server import Settings, is_loopback, new_token, serve

    if not math.isfinite(max_upload):
        raise click.UsageError(f"--max-upload is a number, not {max_upload}.")
    if token is None and (writable or not is_loopback(host)):
        token = new_token()
    settings = Settings(
        indexes=indexes,
        host=host,
        port=port,
        token=token,
        writable=writable,
        reports=_reports(reports, indexes),
        hosts=hosts,
        upload_bytes=round(max_upload * (1 << 20)),
    )
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        serve(settings, lambda address: click.echo(f"Listening on {address}", err=True))
    click.echo("\nStopped.", err=True)


def _reports(given: Sequence[str], indexes: Sequence[Path | str]) -> dict[str, Path]:
    """The folder of each collection that has a report."""
    from vecsearch.server import name_of

    found: dict[str, Path] = {}
    for one in given:
        name, separator, folder = one.partition("=")
        if Path(one).is_dir():  # whose name may have a = in it
            separator = ""
        if not separator:
            if len(indexes) > 1:
                raise Failure(f"Which collection is {one} of? Say --report NAME={one}.", 2)
            name, folder = name_of(indexes[0]), one
        if not Path(folder).is_dir():
            raise Failure(f"There is no folder {folder}.", 2)
        if name in found:
            raise Failure(f"--report names {name} twice.", 2)
        found[name] = Path(folder)
    return found
