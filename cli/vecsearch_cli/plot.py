"""``vecsearch plot``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Failure, Screen, Verb

# What a table shows of the answer.
COLUMNS = ("out", "items", "of", "classes", "pictures", "missing", "bytes")

EPILOG = """\b
Examples:
  vecsearch plot indexes/photos -o map.html
  vecsearch plot indexes/photos -o map.png --method tsne
  vecsearch plot indexes/shop -o prices.html --color-by price
  vecsearch plot indexes/photos -o density.png --method lda --style density
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=COLLECTION)
@click.option(
    "--out",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    help="Where the map goes: a .png picture, or an .html page to move about in.",
)
@click.option(
    "--method",
    type=click.Choice(["pca", "lda", "tsne", "umap"]),
    default="pca",
    show_default=True,
    help="Show where items vary most (pca), where their labels differ most (lda), or keep "
    "neighbours together (tsne, umap).",
)
@click.option(
    "--style",
    type=click.Choice(["scatter", "density", "hexbin"]),
    default="scatter",
    show_default=True,
    help="Points, or how many lie where, smoothed or in hexagons; of a page, what it shows first.",
)
@click.option(
    "--color-by",
    metavar="KEY|cluster:NAME",
    default="label",
    show_default=True,
    help="The label; a key of the metadata, numbers on a scale, anything else as classes; or the "
    "clusters that cluster --save has kept.",
)
@click.option(
    "--centers/--no-centers", default=True, show_default=True, help="Mark the mean of each class."
)
@click.option(
    "--sample",
    type=click.IntRange(2),
    help="How many items to show at most, drawn by label.  [default: 20000 for tsne and umap, "
    "else all]",
)
@click.option(
    "--neighbours",
    type=click.FloatRange(2),
    help="How many others tsne (its perplexity) and umap see an item with.  [default: 30, 15]",
)
@options.where
@click.option("--title", help="What stands above it.  [default: what INDEX is called]")
@click.option(
    "--thumbnails",
    type=options.WordOr(
        "auto|none|SIDE", ("auto", "none"), int, "auto, none or a number of pixels"
    ),
    default="auto",
    show_default=True,
    help="How wide and high the pictures of a page are, in pixels; by default as large as 25 MB "
    "have room for.",
)
@options.strict
@options.jobs
@click.pass_obj
def command(
    screen: Screen,
    index: Path | str,
    out: Path,
    method: Any,
    style: Any,
    color_by: str,
    centers: bool,
    sample: int | None,
    neighbours: float | None,
    where: Sequence[str],
    title: str | None,
    thumbnails: Any,
    strict: bool,
    jobs: int | None,
    seed: int,
) -> None:
    """Draw the items of INDEX in two dimensions.

    tsne is quicker with openTSNE, and umap needs umap-learn: pip install 'vecsearch[maps]'.
    """
    if out.suffix.lower() == ".png":
        others = ("thumbnails", "strict", "jobs")
        options.refuse_others(click.get_current_context(), "a .png picture", others)
    from vecsearch_cli.sheet import check_free

    collection = vecsearch.Collection.open(index)
    check_free(out, collection)
    with screen.progress() as progress:
        drawn = vecsearch.plot(
            collection,
            out,
            method,
            style=style,
            centers=centers,
            title=title,
            thumbnails=thumbnails,
            jobs=jobs,
            progress=progress,
            color_by=color_by,
            where=where,
            sample=sample,
            neighbours=neighbours,
            seed=seed,
        )
    shown = drawn.projection
    answer: dict[str, Any] = {
        "out": str(drawn.out),
        "items": len(shown),
        "of": shown.total,
        "method": shown.method,
        "style": style,
        "color_by": shown.color_by,
        "classes": len(shown.classes.names),
        "pictures": drawn.pictures,
        "missing": len(drawn.skipped),
        "bytes": drawn.bytes,
    }
    more: dict[str, Any] = {
        "explained": None if shown.explained is None else list(shown.explained),
        "settings": dict(shown.settings),
    }
    # A table has no room for what was asked for.
    brief = {name: answer[name] for name in COLUMNS}
    show(screen.format, [{**answer, **more}], [answer], [("", [brief])])
    screen.skipped(drawn.skipped, "The others have no picture either.")
    if drawn.skipped and strict:
        raise Failure(f"{len(drawn.skipped)} pictures could not be read.", 3)
