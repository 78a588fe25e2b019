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
    help="Which, with commas between, or semicolons where one is a concat:; =DIM behind one sets "
    "its dim; or folders that train made.",
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
    "--protocol",
    default="holdout",
    show_default=True,
    metavar="holdout|kfold|unseen|FILE.csv",
    help="Without QUERIES, what is asked about: some images of each class; each image in its turn; "
    "classes that nothing was learned from; or as a table says, with path, label, split, is_query, "
    "is_gallery.",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Of kfold and unseen, how many.",
)
@click.option(
    "--holdout",
    type=float,
    default=0.2,
    show_default=True,
    help="Of holdout, the fraction of each class that is asked about.",
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
    size: tuple[int, int] | None,
    fit: Any,
    color: Any,
    weights: str | None,
    device: str | None,
    batch_size: int | None,
    labels: str,
    protocol: str,
    folds: int,
    holdout: float,
    ks: Sequence[int],
    neighbours: int,
    jobs: int | None,
    seed: int,
) -> None:
    """Fit encoders to the images of FOLDER and see how well each answers QUERIES."""
    ctx = click.get_current_context()
    if queries is not None:
        options.refuse_others(ctx, "QUERIES", ("protocol", "folds", "holdout"))
    elif protocol == "holdout":
        options.refuse_others(ctx, "--protocol holdout", ("folds",))
    elif protocol in ("kfold", "unseen"):
        options.refuse_others(ctx, f"--protocol {protocol}", ("holdout",))
    elif Path(protocol).is_file():
        options.refuse_others(ctx, f"--protocol {protocol}", ("folds", "holdout", "labels"))
    with screen.progress() as progress:
        lines = vecsearch.compare(
            folder,
            queries,
            encoders=_names(encoders),
            metrics=metrics or options.METRICS,
            size=size,
            fit=fit,
            color=color,
            weights=weights,
            device=device,
            batch_size=batch_size,
            labels=labels,
            protocol=protocol,
            folds=folds,
            holdout=holdout,
            ks=ks or (1, 5, 10),
            neighbours=neighbours,
            seed=seed,
            jobs=jobs,
            progress=progress,
        )
    show_comparison(screen, lines)


def _names(text: str) -> list[str]:
    """With commas between; or, where concat has commas of its own, semicolons."""
    names = text.split(";" if ";" in text or "concat:" in text else ",")
    return [name.strip() for name in names if name.strip()]


def show_comparison(screen: Screen, lines: Sequence[vecsearch.Comparison]) -> None:
    """Print the table."""
    answers = [line.to_json() for line in lines]
    rows = [
        {
            **{name: value for name, value in answer.items() if not isinstance(value, dict | list)},
            **line.evaluation.measures,
        }
        for line, answer in zip(lines, answers, strict=True)
    ]
    first = lines[0].evaluation
    title = f"{first.queries} queries, {first.gallery} in the gallery"
    show(screen.format, answers, rows, [(title, [_line(line) for line in lines])])
    if len(lines) > 1:
        screen.note(
            "* is the best; what differs from it by no more than noise has ≈ (p 0.05 or\n"
            "more, paired by query, corrected for the number of pairs of lines)."
        )


def _line(line: vecsearch.Comparison) -> dict[str, Any]:
    """What a terminal of 80 columns has room for; the other formats have all measures."""
    measures = line.evaluation.measures
    noise = {one.measure: one.is_noise for one in line.differences}
    marks = {name: "≈" if noise.get(name) else " " for name in ("map", "accuracy")}
    marks |= {name: "*" for name in marks if name not in noise}
    return {
        "encoder": line.encoder,
        "metric": line.metric.value,
        "dim": line.dim,
        "bytes": line.bytes_per_item,
        "ms": f"{line.ms_per_image:.2f}",
        "map": f"{measures['map']:.3f}{marks['map']}",
        "knn": f"{measures['accuracy']:.3f}{marks['accuracy']}",
        "centroid": f"{measures['centroid_accuracy']:.3f}",
    }
