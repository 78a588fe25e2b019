"""``vecsearch update``."""

import time
from pathlib import Path

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.changes import show_changes
from vecsearch_cli.verb import FOLDER, INDEX, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch update indexes/photos
  vecsearch update indexes/photos --dry-run
  vecsearch update indexes/photos /new/place/of/photos
  vecsearch update indexes/photos --refit
"""


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="INDEX is as it was. Run the same command again: it goes on where it was.",
)
@click.argument("index", type=INDEX)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@click.option(
    "--refit",
    is_flag=True,
    help="Fit the encoder anew, and encode every image anew; not with --dry-run.",
)
@click.option(
    "--labels",
    metavar="folder|none|FILE.csv",
    shell_complete=options.files,
    help="As for build.  [default: as before]",
)
@click.option(
    "--metadata",
    metavar="none|FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="As for build; none forgets the table.  [default: as before]",
)
@options.jobs
@options.strict
@click.pass_obj
def command(
    screen: Screen,
    index: Path,
    folder: Path | None,
    dry_run: bool,
    refit: bool,
    labels: str | None,
    metadata: Path | None,
    jobs: int | None,
    strict: bool,
) -> None:
    """Make INDEX follow its folder of images, or FOLDER, at the cost of what changed.

    New files are added (+), changed ones encoded anew (*), renamed ones keep their vectors (→),
    others get another label or other metadata (#), and those that are gone are dropped (-).
    """
    started = time.monotonic()
    collection = vecsearch.Collection.open(index)
    with screen.progress() as progress:
        changes = collection.update(
            folder,
            labels=labels,
            metadata=metadata,
            refit=refit,
            dry_run=dry_run,
            jobs=jobs,
            progress=progress,
        )
    if dry_run:
        screen.note("Nothing was changed; this would be done:")
    show_changes(screen, collection, changes, started, strict)
