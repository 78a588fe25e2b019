"""``vecsearch compare``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import FOLDER, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch compare photos
  vecsearch compare photos/train photos/test --encoders pca=32,pca=128,lda
  vecsearch compare photos/train photos/test --encoders pca,models/photos
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("folder", type=FOLDER)
@click.argument("queries", type=FOLDER, required=False)
@click.option(
    "--encoders",
    default="pixels,pca,lda",
    show_default=True,
    help="Which, with commas between; =DIM behind one sets its dim; or folders that train made.",
)
@click.option(
    "--metric",
    "metrics",
    type=click.Choice(options.METRICS),
    multiple=True,
    help="May be repeated.  [default: both]",
)
@options.preprocessing
@options.labels
@click.option(
    "--holdout",
    type=float,
    default=0.2,
    show_default=True,
    help="Without QUERIES, the fraction of each class that is held out to ask with.",
)
@options.cutoffs
@click.option(
    "--neighbours",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many neighbours vote in classification.",
)
@options.jobs
@click.pass_obj
def command(
    screen: Screen,
    folder: Path,
    queries: Path | None,
    encoders: str,
    metrics: Sequence[str],
    size: tuple[int, int],
    fit: Any,
    color: Any,
    labels: str,
    holdout: float,
    ks: Sequence[int],
    neighbours: int,
    jobs: int | None,
    seed: int,
) -> None:
    """Fit encoders to the images of FOLDER and see how well each answers QUERIES."""
    with screen.progress() as progress:
        lines = vecsearch.compare(
            folder,
            queries,
            encoders=[name.strip() for name in encoders.split(",")],
            metrics=metrics or options.METRICS,
            size=size,
            fit=fit,
            color=color,
            labels=labels,
            holdout=holdout,
            ks=ks or (1, 5, 10),
            neighbours=neighbours,
            seed=seed,
            jobs=jobs,
            progress=progress,
        )
    show_comparison(screen, lines)


def show_comparison(screen: Screen, lines: Sequence[vecsearch.Comparison]) -> None:
    """Print the table."""
    answers = [line.to_json() for line in lines]
    rows = []
    for answer in answers:
        measures: Any = answer.pop("measures")
        rows.append({**answer, **measures})
        answer["measures"] = measures
    first = lines[0].evaluation
    title = f"{first.queries} queries, {first.gallery} in the gallery"
    show(screen.format, answers, rows, [(title, [_line(line) for line in lines])])


def _line(line: vecsearch.Comparison) -> dict[str, Any]:
    measures = line.evaluation.measures
    return {
        "encoder": line.encoder,
        "metric": line.metric.value,
        "dim": line.dim,
        "bytes": line.bytes_per_item,
        "ms": f"{line.ms_per_image:.2f}",
        "map": f"{measures['map']:.3f}",
        "mrr": f"{measures['mrr']:.3f}",
        "knn": f"{measures['accuracy']:.3f}",
        "f1": f"{measures['macro_f1']:.3f}",
        "centroid": f"{measures['centroid_accuracy']:.3f}",
    }
