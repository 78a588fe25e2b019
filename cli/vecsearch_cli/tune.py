"""``vecsearch tune``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import FOLDER, INDEX, Failure, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch tune indexes/photos --recall 0.99
  vecsearch tune indexes/photos --latency-ms 2 --memory-mb 500 --plot t.png
  vecsearch tune indexes/photos --kind HNSW32,Flat --dry-run
  vecsearch query indexes/photos dress.jpg --recall 0.9
"""


@click.command(cls=Verb, epilog=EPILOG, interrupted="INDEX is as it was.")
@click.argument("index", type=INDEX)
@click.option(
    "--recall",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help="Which part of the k nearest items must be found.",
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(0, min_open=True),
    help="How long a query may take alone, in milliseconds.",
)
@click.option(
    "--memory-mb",
    type=click.FloatRange(0, min_open=True),
    help="How much the index may take, in millions of bytes.",
)
@click.option(
    "--queries",
    type=FOLDER,
    help="Images to ask with.  [default: 1,000 of the items, left out meanwhile]",
)
@click.option(
    "-k",
    type=click.IntRange(1, options.MOST),
    default=10,
    show_default=True,
    help="How many neighbours.",
)
@click.option(
    "--kind",
    "kinds",
    metavar="FACTORY",
    multiple=True,
    help="A kind of index to try, as FAISS calls it; may be repeated. Exact search is always "
    "tried.  [default: by the number of items and dims]",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw recall against speed as a PNG.",
)
@click.option("--dry-run", is_flag=True, help="Measure, and leave INDEX as it is.")
@options.device
@options.jobs
@click.pass_obj
def command(
    screen: Screen,
    index: Path,
    recall: float,
    latency_ms: float | None,
    memory_mb: float | None,
    queries: Path | None,
    k: int,
    kinds: Sequence[str],
    plot: Path | None,
    dry_run: bool,
    jobs: int | None,
    seed: int,
) -> None:
    """Find the fastest kind of index that finds enough, and give it to INDEX.

    Kinds and settings are measured on INDEX itself, beside exact search. What is shown no other
    beats in recall, time and memory alike. A recall counts as reached if the lower end of its 95 %
    interval reaches it.
    """
    options.check_once(kinds, "--kind")
    collection = vecsearch.Collection.open(index)
    if plot is not None:
        from vecsearch_cli.sheet import check_figure

        check_figure(plot, collection)
    with screen.progress() as progress:
        found = vecsearch.tune(
            collection,
            recall=recall,
            latency_ms=latency_ms,
            memory_mb=memory_mb,
            queries=queries,
            k=k,
            kinds=kinds or None,
            seed=seed,
            keep=not dry_run,
            jobs=jobs,
            progress=progress,
        )
    rows = [_row(one, one == found.chosen) for one in found.best]
    try:
        show(screen.format, [found.to_json()], rows, [("", [_brief(row) for row in rows])])
    finally:  # also if nobody reads the answer to its end
        if plot is not None:
            vecsearch.draw_tuning(found, plot)
            screen.note(f"Drawn: {plot}")
    if found.chosen is None:
        raise Failure(
            "Nothing that was measured keeps all that was asked for: ask for less recall, or for "
            f"more time or memory. {index} is as it was."
        )
    done = "would be chosen" if dry_run else f"is now how {index} is searched"
    screen.note(f"{found.chosen.kind} {done}.")


def _row(one: vecsearch.Measured, chosen: bool) -> dict[str, Any]:
    low, high = one.interval
    return {
        "kind": one.kind,
        "settings": "" if one.settings is None else one.settings.told(one.kind),
        "recall": one.recall,
        "low": low,
        "high": high,
        "ms": one.milliseconds,
        "MB": one.megabytes,
        "chosen": "*" if chosen else "",
    }


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    """The same for a table."""
    return {**row, "ms": f"{row['ms']:.3f}", "MB": f"{row['MB']:.1f}"}
