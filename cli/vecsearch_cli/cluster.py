"""``vecsearch cluster``."""

import shlex
from pathlib import Path
from typing import Any

import click

import vecsearch
from vecsearch_cli import options
from vecsearch_cli.render import show
from vecsearch_cli.verb import COLLECTION, Failure, Screen, Verb

# What says how clusters are made.
MAKING = (
    "method", "k", "k_max", "distance_threshold", "linkage", "metric", "restarts", "curve", "trace",
)  # fmt: skip
SHEET_ROWS = 100
SHEET_ITEMS = 13

EPILOG = """\b
Examples:
  vecsearch cluster indexes/photos --k 8 --sheet clusters.png
  vecsearch cluster indexes/photos --k auto --curve k.png --save kinds
  vecsearch cluster indexes/photos --method hierarchical --k 5 --linkage ward
  vecsearch cluster indexes/photos -o clusters.csv
  vecsearch classify indexes/photos new.jpg --clusters kinds
"""


@click.command(cls=Verb, epilog=EPILOG, interrupted="INDEX is as it was.")
@click.argument("index", type=COLLECTION)
@click.option(
    "--method",
    type=click.Choice(["kmeans", "hierarchical"]),
    default="kmeans",
    show_default=True,
    help="Each item to the nearest of k means; or the two nearest clusters merged, again and "
    "again. Of more than 10,000 items hierarchical merges 1,000 centres of kmeans.",
)
@click.option(
    "--k",
    "-k",
    type=options.WordOr("N|auto", ("auto",), int, "a number of clusters, or auto"),
    help="How many clusters; auto: as many as have the highest silhouette.  [default: 10]",
)
@click.option(
    "--k-max",
    type=click.IntRange(2, options.MOST),
    default=20,
    show_default=True,
    help="The largest k that auto and --curve try.",
)
@click.option(
    "--distance-threshold",
    type=float,
    help="For hierarchical, in the place of k: clusters as far apart as this are not merged.",
)
@click.option(
    "--linkage",
    type=click.Choice(["average", "complete", "single", "ward"]),
    help="For hierarchical: what of the distances between the items of two clusters counts. ward, "
    "which is Euclidean only: how much their inertia grows.  [default: average]",
)
@options.metric
@click.option(
    "--restarts", type=click.IntRange(1), help="How many beginnings kmeans tries.  [default: 10]"
)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the items with their clusters to a .csv, .jsonl or .parquet file, and print a "
    "summary.",
)
@click.option("--save", metavar="NAME", help="Keep the clusters in INDEX under a name.")
@click.option(
    "--apply",
    metavar="NAME",
    help="No new clusters: each item, those added since too, to the nearest centre of those kept "
    "under a name.",
)
@click.option("--forget", metavar="NAME", help="Drop the clusters kept under a name; no new ones.")
@click.option(
    "--curve",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw silhouette and inertia by k as a PNG.",
)
@click.option(
    "--trace",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to draw the steps of kmeans into, from the best beginning.",
)
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the medoid of each cluster and the items next nearest to its centre as a PNG.",
)
@click.pass_context
def command(
    ctx: click.Context,
    index: Path | str,
    method: Any,
    k: Any,
    k_max: int,
    distance_threshold: float | None,
    linkage: Any,
    metric: str | None,
    restarts: int | None,
    out: Path | None,
    save: str | None,
    apply: str | None,
    forget: str | None,
    curve: Path | None,
    trace: Path | None,
    sheet: Path | None,
    seed: int,
) -> None:
    """Put the items of INDEX in clusters: one line an item, or on a terminal one a cluster.

    Clusters are numbered from 0, the largest first. The distance is that from the centre of the
    cluster, its mean.
    """
    screen: Screen = ctx.obj
    collection = vecsearch.Collection.open(index)
    if forget is not None:
        options.refuse_others(ctx, "--forget", [*MAKING, "apply", "save", "out", "sheet"])
        vecsearch.forget_clustering(collection, forget)
        show(screen.format, [{"forgotten": forget}], [{"forgotten": forget}])
        return
    _check_files(collection, out, sheet, curve, trace)
    if save is not None:
        from vecsearch.keeping import check_clustering_name

        check_clustering_name(save)
        _ = collection.path  # they are kept in a folder
    choice = None
    if apply is not None:
        options.refuse_others(ctx, "--apply", MAKING)
        found = vecsearch.assign_clusters(collection, apply)
    else:
        if options.was_given(ctx, "k_max") and k != "auto" and curve is None:
            raise click.UsageError("--k-max is for --k auto and --curve.", ctx)
        if curve is not None and method != "kmeans":
            raise click.UsageError("--curve is of --method kmeans.", ctx)
        choosing = (k == "auto" and method == "kmeans") or curve is not None
        found, choice = _made(
            screen,
            collection,
            k,
            k_max if choosing else None,
            method=method,
            distance_threshold=distance_threshold,
            linkage=linkage,
            metric=metric,
            restarts=restarts,
            seed=seed,
            trace=trace,
        )
    try:
        _tell(screen, collection, found, out, save, seed)
    finally:  # also if nobody reads the answer to its end
        if curve is not None and choice is not None:
            vecsearch.draw_choice(choice, curve, found.k)
            screen.note(f"Drawn: {curve}")
        if sheet is not None:
            _draw(screen, collection, found, sheet)


def _made(
    screen: Screen, collection: vecsearch.Collection, k: Any, k_max: int | None, **how: Any
) -> tuple[vecsearch.Clustering, vecsearch.Choice | None]:
    """New clusters; and what each k up to the largest is worth, if there is to be one."""
    from vecsearch.clustering import check_plan

    check_plan(collection, k, **how)
    choice = None
    with screen.progress() as progress:
        if k_max is not None:
            choice = vecsearch.choose_k(
                collection, how["metric"], k_max=k_max, seed=how["seed"], progress=progress
            )
            k = choice.best if k == "auto" else k
            screen.note(f"The highest silhouette is that of k = {choice.best}.")
        found = vecsearch.cluster(collection, k, progress=progress, **how)
    if how["trace"] is not None:
        screen.note(f"Drawn: {how['trace']}")
    return found, choice


def _check_files(
    collection: vecsearch.Collection,
    out: Path | None,
    sheet: Path | None,
    curve: Path | None,
    trace: Path | None,
) -> None:
    from vecsearch_cli.sheet import check_figure, check_folder, check_sheet

    if curve is not None:
        check_figure(curve, collection)
    if sheet is not None:
        check_sheet(sheet, collection)
    if trace is not None:
        check_folder(trace, collection)
    if sheet is not None and collection.root is None:
        raise Failure(f"There are no images in {collection.place} to draw.", 2)
    if out is not None:
        from vecsearch.clustering import check_table

        check_table(out)


def _tell(
    screen: Screen,
    collection: vecsearch.Collection,
    found: vecsearch.Clustering,
    out: Path | None,
    save: str | None,
    seed: int,
) -> None:
    from vecsearch.clustering import cluster_rows, labels_of

    facts = vecsearch.describe_clustering(collection, found, seed)
    parts = [vars(one) for one in vecsearch.summarize_clusters(collection, found)]
    labels = labels_of(collection, found)
    if out is not None:
        vecsearch.write_clusters(found, labels, out)
    if save is not None:  # last, so that an interruption leaves the collection as it was
        vecsearch.keep_clustering(collection, save, found)
    if out is not None:
        answer = {**facts, "file": str(out), "saved": save}
        show(screen.format, [answer], parts)
    else:
        rows = list(cluster_rows(found, labels))
        show(screen.format, rows, rows, [("", parts)])
    named = ("inertia", "silhouette", "nmi", "ari", "purity")
    said = ", ".join(f"{name} {facts[name]:.4g}" for name in named if facts[name] is not None)
    screen.note(
        f"{found.k} clusters of {len(found.ids):,} items by {found.method}, {found.metric}:\n{said}"
    )
    if out is not None:
        screen.note(f"Written: {out}")
    if save is not None:
        place, name = shlex.quote(collection.place), shlex.quote(save)
        screen.note(f"Kept as {save!r}: vecsearch classify {place} IMAGE --clusters {name}")


def _draw(
    screen: Screen, collection: vecsearch.Collection, found: vecsearch.Clustering, sheet: Path
) -> None:
    from vecsearch_cli.sheet import contact_sheet

    shown = [
        (code, hits)
        for code, hits in enumerate(vecsearch.cluster_members(collection, found, SHEET_ITEMS))
        if hits
    ]
    contact_sheet(
        [(hits[0].item.path or Path(), hits[1:]) for _, hits in shown[:SHEET_ROWS]],
        sheet,
        order="nearest to the centre first",
        title="medoid",
        captions=[f"cluster {code}: {found.sizes[code]:,}" for code, _ in shown],
    )
    screen.note(f"Drawn: {sheet}")
    if len(shown) > SHEET_ROWS:
        screen.note(f"The {SHEET_ROWS} largest of {len(shown)} clusters are drawn.")
