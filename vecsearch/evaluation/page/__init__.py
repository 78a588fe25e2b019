"""An evaluation as one page that opens anywhere, with nothing but itself."""

import base64
import io
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vecsearch.classification import Rejection
from vecsearch.errors import MissingPackage, VecsearchError
from vecsearch.evaluation import plots
from vecsearch.evaluation.details import Details
from vecsearch.evaluation.result import Evaluation, PerQuery
from vecsearch.evaluation.tables import Classification
from vecsearch.figures import as_png, as_svg, new_figure
from vecsearch.images import Preprocess, to_pixels
from vecsearch.types import JSON

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADLINES = (
    "map",
    "precision@1",
    "r_precision",
    "mrr",
    "accuracy",
    "macro_f1",
    "centroid_accuracy",
)
METHOD_NAMES = {"knn": "k nearest neighbours", "centroid": "Nearest centroid"}
SHOWN_QUERIES = 10
SHOWN_HITS = 8
THUMB = 96
QUALITY = 82
PACKAGES = ("vecsearch", "faiss-cpu", "numpy", "pillow", "scikit-learn", "scipy", "matplotlib")


def render(evaluation: Evaluation, details: Details) -> str:
    """The page, as HTML.

    Raises:
        MissingPackage: Jinja2 or matplotlib is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackage("A report needs Jinja2: pip install 'vecsearch[plot]'") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vecsearch.evaluation.page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("report.html.j2").render(_context(evaluation, details))


def _context(evaluation: Evaluation, details: Details) -> dict[str, Any]:
    settings = evaluation.settings
    collection: Any = settings.get("collection") or {}
    tables = {"knn": evaluation.knn, "centroid": evaluation.centroid}
    measured = {name: table for name, table in tables.items() if table is not None}
    examples = _examples(evaluation, details)
    gallery_map = _picture(
        lambda axes: plots.draw_map(axes, details.gallery), "", (9, 6), drawn=False
    )
    contents = [
        ("classes", "By class", measured),
        ("mistakes", "Mistakes", measured),
        ("categories", "By category", evaluation.per_category),
        ("curves", "Curves", True),
        ("map", "Map", gallery_map),
        *((anchor, heading, rows) for anchor, heading, _, rows in examples),
        ("audit", "Twins and suspects", evaluation.audit),
        ("skipped", "Left out", evaluation.skipped),
        ("settings", "Settings", True),
    ]
    return {
        "title": f"How well {Path(str(collection.get('path', 'the gallery'))).name} answers",
        "lead": f"{evaluation.queries:,} queries ({settings.get('queries', 'given')}), "
        f"{evaluation.gallery:,} items in the gallery",
        "contents": [(anchor, name) for anchor, name, there in contents if there],
        "headlines": [
            (name, evaluation.measures[name], *evaluation.intervals[name])
            for name in HEADLINES
            if name in evaluation.measures
        ],
        "notes": _notes(evaluation),
        "measures": _measures(evaluation),
        "classes": [
            (METHOD_NAMES[name], table.per_class.items()) for name, table in measured.items()
        ],
        "confusions": [
            _picture(
                partial(plots.draw_confusion, table=table),
                METHOD_NAMES[name],
                _confusion_size(table),
            )
            for name, table in measured.items()
            if table.confusion is not None
        ],
        "mistaken": _mistaken(evaluation.knn),
        "categories": _categories(evaluation),
        "curves": _curves(evaluation, details, collection),
        "map": gallery_map,
        "examples": examples,
        "audit": _audit(evaluation),
        "skipped": evaluation.skipped,
        "settings": [*_flat(settings), *_versions()],
    }


def _notes(evaluation: Evaluation) -> list[str]:
    return [
        text
        for count, text in (
            (
                evaluation.unmatched,
                f"For {evaluation.unmatched} queries nothing in the gallery is relevant; the "
                "measures of retrieval leave them out.",
            ),
            (
                evaluation.unlabelled_queries,
                f"{evaluation.unlabelled_queries} queries have no label.",
            ),
            (
                evaluation.unlabelled_gallery,
                f"{evaluation.unlabelled_gallery} items have no label.",
            ),
            (evaluation.own, f"{evaluation.own} queries are items too; none is its own answer."),
        )
        if count
    ]


def _measures(evaluation: Evaluation) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for name, value in evaluation.measures.items():
        row: list[Any] = [name, value, *evaluation.intervals[name]]
        if evaluation.audit is not None:
            both = evaluation.audit.without_twins, evaluation.audit.without_suspects
            row += [less.get(name, "") for less in both]
        rows.append(row)
    return rows


def _mistaken(table: Classification | None) -> list[tuple[str, str, int, int]]:
    """The most frequent mistakes: true class, what it was taken for, how often, of how many."""
    if table is None:
        return []
    return [(own, said, times, table.per_class[own].support) for own, said, times in table.mistakes]


def _categories(evaluation: Evaluation) -> dict[str, Any] | None:
    if not evaluation.per_category:
        return None
    known = set().union(*evaluation.per_category.values())
    columns = [name for name in ("queries", *HEADLINES) if name in known]
    rows = [
        (name, [row.get(column, "") for column in columns])
        for name, row in evaluation.per_category.items()
    ]
    return {"columns": columns, "rows": rows}


def _curves(evaluation: Evaluation, details: Details, collection: Mapping[str, Any]) -> list[Any]:
    threshold = None
    if body := evaluation.settings.get("rejection"):
        rejection = Rejection.from_json(body)
        if rejection.metric is details.metric and rejection.threshold >= 0:
            threshold = rejection.threshold
    kinds = {"same label": details.same, "different label": details.different}
    curves = [
        _picture(lambda axes: plots.draw_precision(axes, details), "Precision over recall"),
        _picture(lambda axes: plots.draw_recall(axes, details), "Recall of the first k"),
        _picture(
            lambda axes: plots.draw_distances(
                axes, kinds, threshold, f"{details.metric.value} distance"
            ),
            "Distances between queries and items, drawn at random",
        ),
    ]
    encoder = collection.get("encoder") or {}
    if encoder.get("name") == "pca" and "variance_kept" in encoder:
        curves.append(
            _picture(
                lambda axes: plots.draw_variance(
                    axes, details.gallery.vectors, float(encoder["variance_kept"])
                ),
                "What PCA keeps",
            )
        )
    return curves


def _examples(evaluation: Evaluation, details: Details) -> list[tuple[str, str, str, list[Any]]]:
    """The worst and the best queries, with their hits."""
    columns = evaluation.per_query
    matched = np.flatnonzero(np.asarray(columns["relevant"]) > 0)
    by = "map" if "map" in columns else None
    if by is None:
        right = np.array(columns["knn"]) == np.array(columns["label"])
        values = right[matched].astype(np.float64)
    else:
        values = np.asarray(columns[by], np.float64)[matched]
    order = matched[np.argsort(values, kind="stable")]
    note = (
        f"By {'average precision' if by else 'their label'}. Green has the label of the query, red "
        "another; below each hit its distance."
    )
    worst = [_example(details, columns, int(query)) for query in order[:SHOWN_QUERIES]]
    best = [_example(details, columns, int(query)) for query in order[::-1][:SHOWN_QUERIES]]
    return [
        ("worst", "The worst queries", note, worst),
        ("best", "The best queries", note, best),
    ]


def _example(
    details: Details, columns: PerQuery, query: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    name, label = str(columns["id"][query]), str(columns["label"][query])
    asked = {
        "kind": "asked",
        "name": name,
        "picture": _thumbnail(details.query_files.get(name)),
        "caption": label or name,
    }
    hits = []
    rows = [row for row in details.hits[query].tolist() if row >= 0][:SHOWN_HITS]
    for row, distance in zip(rows, details.distances_of(query), strict=False):
        found, own = details.gallery.ids[row], details.gallery.labels[row]
        kind = "" if not label else "right" if own == label else "wrong"
        hits.append(
            {
                "kind": kind,
                "name": found,
                "picture": _thumbnail(details.item_files.get(found)),
                "caption": f"{own or found} {distance:.3g}",
            }
        )
    return asked, hits


def _audit(evaluation: Evaluation) -> dict[str, Any] | None:
    found = evaluation.audit
    if found is None:
        return None
    twins = found.twins
    twinned = len({one.query for one in twins})
    same = len({one.query for one in twins if one.same_file})
    wrong = len({one.query for one in twins if one.contradict})
    return {
        "title": f"{twinned} queries have a twin among the items, {same} of them the same "
        f"file, {wrong} with two labels; {len(found.suspects)} labels may be wrong.",
        "twins": sorted(twins, key=lambda one: not one.contradict)[:200],
        "suspects": found.suspects[:200],
    }


def _flat(settings: Mapping[str, JSON], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            if name != "labels":  # the classes have a table of their own
                rows += _flat(value, f"{prefix}{name} · ")
        elif value is not None:
            rows.append(
                (
                    prefix + name,
                    ", ".join(map(str, value)) if isinstance(value, list) else str(value),
                )
            )
    return rows


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # FAISS for a GPU is another package
            found.append((name, version(name)))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [*found, ("Python", platform.python_version()), ("made", now)]


def _confusion_size(table: Classification) -> tuple[float, float]:
    side = min(9.0, max(4.0, 1.6 + 0.34 * len(table.labels)))
    return side, side


def _picture(
    draw: Callable[["Axes"], None],
    caption: str,
    size: tuple[float, float] = (5.2, 3.8),
    drawn: bool = True,
) -> Any:
    from markupsafe import Markup

    figure = new_figure(*size)
    draw(figure.subplots())
    kind = "svg+xml" if drawn else "png"
    data = as_svg(figure) if drawn else as_png(figure)
    return Markup("<figure><img src='{}' alt='{}'><figcaption>{}</figcaption></figure>").format(
        _uri(data, f"image/{kind}"), caption or "picture", caption
    )


def _thumbnail(path: Path | None) -> str | None:
    from PIL import Image

    if path is None:
        return None
    try:
        pixels = to_pixels(path, Preprocess((THUMB, THUMB), "pad"))
    except (VecsearchError, OSError):
        return None  # it is gone since
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return _uri(file.getvalue(), "image/jpeg")


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
