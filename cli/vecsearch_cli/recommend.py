"""``vecsearch recommend``."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.answers import ranked
from vecsearch_cli import options
from vecsearch_cli.query import COLUMNS, ROW, rows
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch recommend indexes/shop --like dress/17.jpg --unlike hat/3.jpg
  vecsearch recommend indexes/shop --like my.jpg --diversity 0.3
  vecsearch recommend indexes/shop --like my.jpg --boost sold:0.2
  vecsearch recommend indexes/shop --for-each -o similar.parquet
"""
# What only makes sense for a list of its own.
OF_ONE = ("like", "unlike", "strategy", "diversity", "max_per", "collapse", "boost", "offset")


class Boost(click.ParamType[tuple[str, float]]):
    """KEY:WEIGHT."""

    name = "KEY:WEIGHT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """To key and weight."""
        if isinstance(value, tuple):
            return value
        key, _, weight = value.rpartition(":")
        try:
            number = float(weight)
        except ValueError:
            key = ""
        if not key:
            self.fail(f"{value!r} is not KEY:WEIGHT, as sold:0.2.", param, ctx)
        return key, number


@click.command(
    cls=Verb,
    epilog=EPILOG,
    interrupted="With --for-each, the same command goes on where it was.",
    there="",  # what is fetched from there is not known to be the same: it begins anew
)
@click.argument("index", type=COLLECTION)
@click.option(
    "--like",
    metavar="ID|IMAGE",
    multiple=True,
    shell_complete=options.files,
    help="What is liked: the id of an item, an image, or a .npy file of vectors; may be repeated. "
    "- reads them from stdin.",
)
@click.option(
    "--unlike",
    metavar="ID|IMAGE",
    multiple=True,
    shell_complete=options.files,
    help="What is not; may be repeated.",
)
@click.option(
    "-k",
    type=click.IntRange(1, options.MOST),
    default=10,
    show_default=True,
    help="How many to find.",
)
@click.option(
    "--strategy",
    type=click.Choice(["mean", "best", "sum"]),
    default="mean",
    show_default=True,
    help="Near the mean of what is liked and away from that of what is not; near any one of what "
    "is liked; or near all of it.",
)
@click.option(
    "--diversity",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="How much it counts that an item is unlike those before it.",
)
@click.option(
    "--max-per",
    type=(str, click.IntRange(1)),
    metavar="KEY N",
    multiple=True,
    help="At most N items with the same value of KEY: label, or one of the metadata.",
)
@click.option(
    "--collapse",
    type=click.FloatRange(0),
    metavar="DISTANCE",
    help="Leave out what is as near as this to an item before it, or to an example.",
)
@click.option(
    "--boost",
    type=Boost(),
    multiple=True,
    help="Let a number or date of the metadata count too: 1 for as much as likeness, less than 0 "
    "if small values are better.",
)
@click.option(
    "--offset", type=click.IntRange(0), default=0, show_default=True, help="How many to pass over."
)
@options.where
@options.metric
@options.exact
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw examples and items as a PNG.",
)
@click.option("--for-each", is_flag=True, help="For every item the K most similar, into a file.")
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where they go: a .parquet or .csv file.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    index: Path | str,
    like: Sequence[str],
    unlike: Sequence[str],
    k: int,
    where: Sequence[str],
    metric: str | None,
    exact: bool,
    sheet: Path | None,
    for_each: bool,
    out: Path | None,
    max_per: Sequence[tuple[str, int]],
    boost: Sequence[tuple[str, float]],
    **others: Any,
) -> None:
    """Find items of INDEX that are like some examples and unlike others.

    Items that are given as examples never come back.
    """
    screen: Screen = ctx.obj
    if for_each != (out is not None):
        raise click.UsageError("--for-each goes into a file, with -o; nothing else does.")
    search: dict[str, Any] = {"where": where, "metric": metric, "exact": exact}
    if for_each and out is not None:
        if strange := [name for name in (*OF_ONE, "sheet") if options.was_given(ctx, name)]:
            raise click.UsageError(f"--for-each takes no --{strange[0].replace('_', '-')}.")
        _for_each(screen, vecsearch.Collection.open(index), out, k, search)
        return
    options.check_stdin([*like, *unlike])
    options.check_once([key for key, _ in max_per], "--max-per")
    options.check_once([key for key, _ in boost], "--boost")
    collection = vecsearch.Collection.open(index)
    if sheet is not None:
        from vecsearch_cli.sheet import check_sheet

        check_sheet(sheet, collection, [*like, *unlike])
    liked, unliked = list(options.given(like)), list(options.given(unlike))
    hits = vecsearch.recommend(
        collection, liked, unliked, k, max_per=dict(max_per), boost=dict(boost), **search, **others
    )
    query = ", ".join([*liked, *(f"not {name}" for name in unliked)])
    found = ranked(hits)
    answer: dict[str, Any] = {"query": query, "hits": found, "like": liked, "unlike": unliked}
    try:
        show(
            screen.format,
            [answer],
            rows(answer),
            [(query, [{column: hit[column] for column in COLUMNS} for hit in found])],
            columns=ROW,
        )
    finally:  # also if nobody reads the answer to its end
        if sheet is not None:
            _draw(screen, collection, liked, unliked, hits, sheet)


def _for_each(
    screen: Screen, collection: vecsearch.Collection, out: Path, k: int, search: dict[str, Any]
) -> None:
    started = time.perf_counter()
    with screen.progress() as progress:
        written = vecsearch.recommend_for_each(collection, out, k, progress=progress, **search)
    if written.resumed:
        screen.note(f"Taken over from a run that was interrupted: {written.resumed} items.")
    answer: dict[str, Any] = {
        "items": written.items,
        "recommendations": written.recommendations,
        "file": str(out),
        "seconds": round(time.perf_counter() - started, 3),
    }
    show(screen.format, [answer], [answer])


def _draw(
    screen: Screen,
    collection: vecsearch.Collection,
    liked: Sequence[str],
    unliked: Sequence[str],
    hits: Sequence[vecsearch.Hit],
    sheet: Path,
) -> None:
    from vecsearch_cli.sheet import contact_sheet

    pictures = [
        (collection.get(name).path or Path(name)) if name in collection else Path(name)
        for name in (*liked, *unliked)
    ]
    rows = [(pictures[0], hits), *((one, []) for one in pictures[1:])]
    names = [path.name for path in pictures]
    captions = [*names[: len(liked)], *(f"not {name}" for name in names[len(liked) :])]
    contact_sheet(rows, sheet, order="recommended", captions=captions)
    screen.note(f"Drawn: {sheet}")
