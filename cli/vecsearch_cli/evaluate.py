"""``vecsearch evaluate``."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch.encoders import knows_labels
from vecsearch.spelling import did_you_mean
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, FILE, FOLDER, SHOWN, Failure, Screen, Verb

EPILOG = """\b
Examples:
  vecsearch evaluate indexes/clothes photos/test
  vecsearch evaluate indexes/clothes --leave-one-out -k 1 -k 20
  vecsearch evaluate indexes/clothes photos/test --fail-under map=0.5
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("index", type=COLLECTION)
@click.argument("queries", type=FOLDER, required=False)
@click.option("--leave-one-out", is_flag=True, help="Ask with each item of INDEX about all others.")
@options.cutoffs
@click.option(
    "--neighbours",
    type=click.IntRange(1),
    help="How many neighbours vote in classification.  [default: -k if there is just one, else 5]",
)
@click.option(
    "--task",
    type=click.Choice(["both", "retrieval", "classification"]),
    help="What to measure.  [default: both; with --qrels, retrieval]",
)
@options.metric
@options.labels
@click.option(
    "--qrels",
    type=FILE,
    help="What is relevant to which query, instead of what has its label: 'QUERY 0 ITEM GRADE' a "
    "line, as of TREC. Queries are called by their paths below QUERIES, items by their ids.",
)
@click.option(
    "--run",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the first 1,000 items of each query into this file, in TREC's form.",
)
@click.option(
    "--audit",
    "audited",
    is_flag=True,
    help="Look first for pictures that are among queries and gallery alike, and for labels that "
    "may be wrong; measure without them too.",
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write all figures into this folder: a page with pictures, JSON, and CSV by class and by "
    "query.",
)
@click.option(
    "--fail-under",
    "gates",
    type=options.Pair("MEASURE=X"),
    multiple=True,
    help="Exit with 4 if a measure is below X; may be repeated.",
)
@options.device
@options.jobs
@options.strict
@click.pass_obj
def command(
    screen: Screen,
    index: Path | str,
    queries: Path | None,
    leave_one_out: bool,
    ks: Sequence[int],
    neighbours: int | None,
    task: Any,
    metric: str | None,
    labels: str,
    qrels: Path | None,
    run: Path | None,
    audited: bool,
    report: Path | None,
    gates: Sequence[tuple[str, str]],
    jobs: int | None,
    strict: bool,
) -> None:
    """Measure how good INDEX answers QUERIES, a folder labelled like its own images."""
    if leave_one_out == (queries is not None):
        raise click.UsageError("Give either a folder of QUERIES or --leave-one-out.")
    cutoffs = ks or (1, 5, 10)
    if leave_one_out and labels != "folder":
        raise click.UsageError(
            "With --leave-one-out the labels are those of the items: no --labels."
        )
    if qrels is not None and task not in (None, "retrieval"):
        raise click.UsageError("--qrels says what is relevant, not what is of which class.")
    chosen = task or ("both" if qrels is None else "retrieval")
    if chosen == "retrieval":
        why = "--task retrieval" if qrels is None else "--qrels"
        options.refuse_others(click.get_current_context(), why, ("neighbours",))
    floors = [_floor(name, value, cutoffs, chosen) for name, value in gates]
    if report is not None:
        from vecsearch.evaluation.report import check_report

        check_report(report)
    collection = vecsearch.Collection.open(index)
    with screen.progress() as progress:
        result = vecsearch.evaluate(
            collection,
            queries,
            leave_one_out=leave_one_out,
            labels=labels,
            qrels=qrels,
            run=run,
            audited=audited,
            detailed=report is not None,
            ks=cutoffs,
            neighbours=neighbours or (ks[0] if len(ks) == 1 else 5),
            task=task,
            metric=metric,
            jobs=jobs,
            progress=progress,
        )
    measures = [
        {"measure": name, "value": value, "low": low, "high": high}
        for (name, value), (low, high) in zip(
            result.measures.items(), result.intervals.values(), strict=True
        )
    ]
    asked = f"{result.queries} queries, {result.gallery} in the gallery"
    tables: list[tuple[str, Sequence[dict[str, Any]]]] = [(asked, measures)]
    for title, table in (
        ("k nearest neighbours, by class", result.knn),
        ("Nearest centroid, by class", result.centroid),
    ):
        if table is not None:
            tables.append(
                (title, [{"class": name, **vars(row)} for name, row in table.per_class.items()])
            )
    if result.audit is not None:
        tables += _audited(result.audit, measures)
    try:
        show(screen.format, [result.to_json()], measures, tables)
    finally:  # also if nobody reads the answer to its end
        if report is not None:
            _report(screen, result, report)
    flattered = result.own > 0 and _learned_labels(collection)
    _tell(screen, result, judged=qrels is not None, flattered=flattered)
    _gate(result, floors)
    if result.skipped and strict:
        raise Failure(f"{len(result.skipped)} files were skipped.", 3)


def _report(screen: Screen, result: vecsearch.Evaluation, report: Path) -> None:
    written = vecsearch.write_report(result, report)
    if page := next((path for path in written if path.suffix == ".html"), None):
        screen.note(f"The report: open {page}")
    screen.note(f"All figures, as JSON and CSV: {report}")


def _audited(
    found: vecsearch.Audit, measures: Sequence[dict[str, Any]]
) -> list[tuple[str, Sequence[dict[str, Any]]]]:
    """What an audit found, as tables; the measures get what they are without it."""
    for row in measures:
        row["no twins"] = found.without_twins.get(row["measure"])
        row["nor suspects"] = found.without_suspects.get(row["measure"])
    twins = [
        {
            "query": one.query,
            "item": one.item,
            "distance": one.distance,
            "": "the same file" if one.same_file else "",
            "labels": " / ".join(str(label) for label in one.labels) if one.contradict else "",
        }
        for one in sorted(found.twins, key=lambda one: not one.contradict)
    ]
    suspects = [
        {
            "image": one.name,
            "label": one.label,
            "neighbours say": one.neighbours,
            "of 10": round(10 * one.share),
        }
        for one in found.suspects
    ]
    same = sum(one.same_file for one in found.twins)
    wrong = sum(one.contradict for one in found.twins)
    title = f"{len(twins)} twins, {same} of them the same file, {wrong} with two labels"
    return [
        (title, twins[:SHOWN]),
        (f"{len(suspects)} labels that may be wrong", suspects[:SHOWN]),
    ]


def _floor(name: str, value: str, ks: Sequence[int], task: Any) -> tuple[str, float]:
    """A gate, checked before any work is done for it."""
    known = vecsearch.measure_names(ks, task)
    if name not in known:
        hint = did_you_mean(name, known)
        raise click.UsageError(
            f"--fail-under: {name!r} is not measured here.{hint} There are: {', '.join(known)}."
        )
    try:
        floor = float(value)
    except ValueError:
        floor = math.nan
    if not math.isfinite(floor):
        raise click.UsageError(f"--fail-under {name}={value}: {value!r} is not a number.")
    return name, floor


def _learned_labels(collection: vecsearch.Collection) -> bool:
    try:
        return collection.root is not None and knows_labels(collection.encoder)
    except vecsearch.VecsearchError:  # it cannot be loaded here, as without torch
        return False


def _tell(screen: Screen, result: vecsearch.Evaluation, *, judged: bool, flattered: bool) -> None:
    if result.unmatched:
        screen.note(
            f"For {result.unmatched} queries nothing in the gallery is relevant."
            if judged
            else f"{result.unmatched} queries have a label that nothing else in the gallery has."
        )
    if result.unlabelled_queries:
        screen.note(f"{result.unlabelled_queries} queries have no label and were left out.")
    if result.unlabelled_gallery:
        screen.note(f"{result.unlabelled_gallery} items have no label and were left out.")
    screen.skipped(result.skipped, "The others are among the queries too.")
    if flattered:
        screen.note(
            f"The encoder learned from the labels of {result.own} of these queries, so these "
            "figures flatter it: evaluate on images that it has not seen."
        )


def _gate(result: vecsearch.Evaluation, floors: Sequence[tuple[str, float]]) -> None:
    low = [
        f"{name} is {result.measures[name]:.4f}, under {floor:g}"
        for name, floor in floors
        if result.measures[name] < floor
    ]
    if low:
        raise Failure(f"{'; '.join(low)}.", 4)
