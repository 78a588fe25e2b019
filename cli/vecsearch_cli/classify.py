"""``vecsearch classify``."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.answers import classified
from vecsearch_cli import options
from vecsearch_cli.asking import Asking
from vecsearch_cli.render import show_each
from vecsearch_cli.verb import COLLECTION, Failure, Screen, Verb

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
    left_out: list[vecsearch.Skipped] = []

    def ask(image: str) -> list[dict[str, Any]]:
        if not os.path.isdir(image):
            return [classified(image, classify([image])[0])]
        if not os.access(image, os.R_OK | os.X_OK):
            raise vecsearch.ImageError(f"{image}: the folder may not be opened")
        with screen.progress() as progress:
            found, skipped = classify_folder(image, jobs=jobs, progress=progress)
        if not found and not skipped:
            raise vecsearch.ImageError(f"There are no images in {image}.")
        screen.skipped(skipped, "The others are left out too.")
        left_out.extend(skipped)
        return [classified(str(path), one) for path, one in found.items()]

    def rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{column: answer[column] for column in columns}]

    asking = Asking()
    show_each(screen.format, asking.each(options.given(images), ask), rows, columns)
    asking.check()
    if left_out and strict:
        raise Failure(f"{len(left_out)} files were skipped.", 3)
