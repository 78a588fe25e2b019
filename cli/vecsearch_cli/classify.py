"""``vecsearch classify``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.answers import classified
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Failure, Screen, Verb, printable

# What a table shows of an answer.
COLUMNS = ("query", "label", "confidence", "distance", "nearest")
CLUSTER_COLUMNS = ("query", "cluster", "distance", "label", "confidence", "medoid")
# What means nothing to the nearest centre of a cluster.
DECIDING = ("method", "k", "weights", "centroids", "center", "reject", "metric", "exact")

EPILOG = """\b
Examples:
  vecsearch classify indexes/clothes new.jpg
  vecsearch classify indexes/clothes new/ --method centroid --format csv
  vecsearch classify indexes/friends door.jpg --reject auto
  vecsearch classify indexes/clothes new.jpg --clusters kinds
  find new -name '*.jpg' | vecsearch classify indexes/clothes -
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=COLLECTION)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, shell_complete=options.files)
@options.classification
@click.option(
    "--reject",
    type=options.WordOr("none|auto|DISTANCE", ("none", "auto"), float, "none, auto or a distance"),
    default="none",
    show_default=True,
    help="Who is a stranger, with no label: nobody; by what calibrate has found; or who is farther "
    "than this from the class that is nearest.",
)
@options.metric
@options.exact
@click.option(
    "--clusters",
    metavar="NAME",
    help="Say instead to which of the clusters each belongs that cluster --save NAME has kept: to "
    "that of the nearest centre. The label is the commonest of its items.",
)
@options.strict
@options.jobs
@click.pass_context
def command(
    ctx: click.Context,
    index: Path | str,
    images: Sequence[str],
    method: Any,
    k: int | None,
    weights: Any,
    centroids: int | None,
    center: Any,
    reject: Any,
    metric: str | None,
    exact: bool,
    clusters: str | None,
    strict: bool,
    jobs: int | None,
) -> None:
    """Say what each IMAGE is, by the labelled items of INDEX.

    An IMAGE may be a folder, of which all images are taken; - reads paths from stdin.
    """
    screen: Screen = ctx.obj
    if clusters is not None:
        options.refuse_others(ctx, "--clusters", DECIDING)
    else:
        options.check_method(ctx)
    collection = vecsearch.Collection.open(index)
    classify: Callable[..., Any]
    classify_folder: Callable[..., Any]
    if clusters is not None:
        assigner = vecsearch.Assigner(collection, clusters)
        classify, classify_folder = assigner.assign, assigner.assign_folder
    else:
        classifier = vecsearch.Classifier(
            collection,
            method=method,
            k=k,
            weights=weights,
            centroids=centroids,
            center=center,
            reject=reject,
            metric=metric,
            exact=exact,
        )
        classify, classify_folder = classifier.classify, classifier.classify_folder
    columns = COLUMNS if clusters is None else CLUSTER_COLUMNS
    answers: list[dict[str, Any]] = []
    failed = left_out = 0
    for image in options.given(images):
        if Path(image).is_dir():
            with screen.progress() as progress:
                found, skipped = classify_folder(image, jobs=jobs, progress=progress)
            answers += [classified(str(path), one) for path, one in found.items()]
            if not found and not skipped:
                click.echo(f"Error: There are no images in {printable(image)}.", err=True)
                failed += 1
            screen.skipped(skipped, "The others are left out too.")
            left_out += len(skipped)
            continue
        try:
            answers.append(classified(image, classify([image])[0]))
        except vecsearch.ImageError as error:
            click.echo(f"Error: {printable(error)}", err=True)
            failed += 1
    rows = [{column: answer[column] for column in columns} for answer in answers]
    show(screen.format, answers, rows, columns=columns)
    if failed:
        raise Failure(f"{failed} of {failed + len(answers)} images could not be read.")
    if left_out and strict:
        raise Failure(f"{left_out} files were skipped.", 3)
