"""``vecsearch calibrate``."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import FOLDER, INDEX, Failure, Screen, Verb, printable

EPILOG = """\b
Examples:
  vecsearch calibrate indexes/friends
  vecsearch calibrate indexes/friends photos/test --far 0.05
  vecsearch classify indexes/friends door.jpg --reject auto
"""


@click.command(cls=Verb, epilog=EPILOG, interrupted="INDEX is as it was.")
@click.argument("index", type=INDEX)
@click.argument("queries", type=FOLDER, required=False)
@click.option(
    "--far",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="The share of strangers that may be taken for somebody.",
)
@options.classification
@options.metric
@options.labels
@click.option(
    "--roc",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the ROC curve and the distances of known and strangers as a PNG.",
)
@options.strict
@options.jobs
@click.pass_context
def command(
    ctx: click.Context,
    index: Path,
    queries: Path | None,
    far: float,
    method: Any,
    k: int | None,
    weights: Any,
    centroids: int | None,
    center: Any,
    metric: str | None,
    labels: str,
    roc: Path | None,
    strict: bool,
    jobs: int | None,
    seed: int,
) -> None:
    """Find the distance from which on something is a stranger to INDEX, and store it there.

    QUERIES are labelled images, some of them with labels that INDEX has not got: these are the
    strangers. If there are none, the items of INDEX take their part, each asked of items of other
    classes. classify --reject auto goes by what was found.
    """
    screen: Screen = ctx.obj
    options.check_method(ctx)
    if method == "centroid":
        options.refuse_others(ctx, "--method centroid", ("k",))
    if queries is None and options.was_given(ctx, "labels"):
        raise click.UsageError("--labels is for QUERIES, and there are none.", ctx)
    collection = vecsearch.Collection.open(index)
    if roc is not None:
        from vecsearch_cli.sheet import check_figure

        check_figure(roc, collection)
    with screen.progress() as progress:
        found = vecsearch.calibrate(
            collection,
            queries,
            far=far,
            method=method,
            k=k or 5,
            weights=weights or "uniform",
            centroids=centroids or 1,
            center=center or "mean",
            metric=metric,
            labels=labels,
            jobs=jobs,
            seed=seed,
            progress=progress,
        )
    thresholds = {"(all others)": found.rejection.threshold, **found.rejection.per_class}
    try:
        _show(screen, found, thresholds)
        by = " --method centroid" if method == "centroid" else ""
        place = shlex.quote(str(index))
        screen.note(f"Kept in {index}. Next: vecsearch classify {place} IMAGE --reject auto{by}")
    finally:  # also if nobody reads the answer to its end
        if roc is not None:
            vecsearch.draw_calibration(found, roc)
            screen.note(f"Drawn: {roc}")
    _warn(screen, found, thresholds)
    if found.skipped and strict:
        raise Failure(f"{len(found.skipped)} files were skipped.", 3)


def _show(screen: Screen, found: vecsearch.Calibration, thresholds: Mapping[str, float]) -> None:
    rejection = found.rejection
    limits = [{"class": name, "threshold": value} for name, value in thresholds.items()]
    rows = [{"figure": name, **vars(figure)} for name, figure in found.figures.items()]
    title = f"{rejection.known} known, {rejection.strangers} strangers"
    show(
        screen.format,
        [found.to_json()],
        rows,
        [("Farther than this is a stranger", limits), (title, rows)],
    )
    low, high = rejection.interval
    screen.note(
        f"Of new strangers, {low:.1%} to {high:.1%} will be taken for somebody, in 95 of 100 such "
        "trials."
    )
    if rejection.groups == rejection.strangers:
        screen.note(f"Each of the {rejection.groups} pictures counts as another stranger there.")


def _warn(screen: Screen, found: vecsearch.Calibration, thresholds: Mapping[str, float]) -> None:
    if found.left_out:
        screen.note("There were no strangers: items took their part, asked of other classes.")
    if found.flattered:
        screen.note(
            "The encoder may have learned from these very images: then real strangers come nearer, "
            "and more of them are accepted. Bring strangers that it has not seen."
        )
    if found.known_learned:
        screen.note(
            "The known ones are items that the encoder may have learned from: new pictures of them "
            "are farther off, and more of them are refused. Bring some to know how many."
        )
    if refused := [name for name, value in thresholds.items() if value < 0]:
        whom = "" if len(refused) == len(thresholds) else f" as {', '.join(refused)}"
        screen.note(
            f"Strangers are where known ones are, so nobody can be accepted{printable(whom)}."
        )
    if found.unlabelled:
        screen.note(f"{found.unlabelled} images have no label and were left out.")
    screen.skipped(found.skipped, "The others are left out too.")
