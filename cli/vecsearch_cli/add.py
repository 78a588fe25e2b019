"""``vecsearch add``."""

import time
from collections.abc import Sequence
from pathlib import Path

import click

import vecsearch
from vecsearch.images import typed
from vecsearch_cli import options
from vecsearch_cli.changes import show_changes
from vecsearch_cli.verb import COLLECTION, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch add indexes/photos new.jpg --label dress
  vecsearch add indexes/photos more/ -m price=30 -m colour=red
  find new -name '*.jpg' | vecsearch add indexes/photos -
"""


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="INDEX is as it was.",
    there="What was sent stays. Run the same command again with --replace.",
)
@click.argument("index", type=COLLECTION)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, shell_complete=options.files)
@click.option("--label", help="The class of all of them.  [default: the first sub-folder]")
@click.option(
    "--meta",
    "-m",
    type=options.Pair("KEY=VALUE"),
    multiple=True,
    help="What else is known of all of them; may be repeated.",
)
@click.option("--replace", is_flag=True, help="Encode those anew that are there already.")
@options.jobs
@options.strict
@click.pass_obj
def command(
    screen: Screen,
    index: Path | str,
    paths: Sequence[str],
    label: str | None,
    meta: Sequence[tuple[str, str]],
    replace: bool,
    jobs: int | None,
    strict: bool,
) -> None:
    """Add images, and all those in folders, to INDEX by hand; - reads their paths from stdin.

    The id of a file is its path below the folder that INDEX follows, or its whole path if it lies
    elsewhere; update leaves the latter alone.
    """
    started = time.monotonic()
    options.check_once([key for key, _ in meta], "--meta")
    if own := [key for key, _ in meta if key in ("id", "path", "label")]:
        raise click.UsageError(f"--meta {own[0]}: that is what the item itself has; see --label.")
    if label == "":
        raise click.UsageError("--label: a class has a name; leave it out for none.")
    collection = vecsearch.Collection.open(index)
    more = {key: typed([value])[0] for key, value in meta} if meta else None
    with screen.progress() as progress:
        changes = collection.add(
            list(options.given(paths)),
            label=label,
            metadata=more,
            replace=replace,
            jobs=jobs,
            progress=progress,
        )
    show_changes(screen, collection, changes, started, strict)
