"""A collection in two dimensions."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.collection import Collection
from vecsearch.encoders.base import check_seed
from vecsearch.errors import InvalidArgument
from vecsearch.index import as_metric, check_vectors
from vecsearch.projection.cloud import Cloud, stratified
from vecsearch.projection.colouring import Classes, numbers_of
from vecsearch.projection.linear import lda_plane, pca_plane
from vecsearch.projection.neighbourly import check_umap, tsne_points, umap_points
from vecsearch.spelling import did_you_mean
from vecsearch.store import Record
from vecsearch.types import JSON, Metric, Rows
from vecsearch.view import View
from vecsearch.where import Where, as_conditions

log = logging.getLogger(__name__)

Method: TypeAlias = Literal["pca", "lda", "tsne", "umap"]
METHODS: tuple[Method, ...] = get_args(Method)
NAMES: Mapping[str, str] = {"pca": "PCA", "lda": "LDA", "tsne": "t-SNE", "umap": "UMAP"}

# How many items t-SNE and UMAP take unless they are told to take more: some minutes.
SAMPLE = 20_000
# Stands before the name of clusters that are kept.
OF_CLUSTERS = "cluster:"


@dataclass(frozen=True)
class Projection:
    """Items in two dimensions.

    Attributes:
        method: ``pca``, ``lda``, ``tsne`` or ``umap``.
        points: Where they are, ``(n, 2)`` float32.
        ids: What they are called.
        labels: Their labels, or None.
        values: What they are coloured by: their labels, or another of their values.
        color_by: What those are called.
        paths: Where their pictures lie, or None.
        total: How many items there were; more than n if some were drawn.
        explained: For PCA and LDA, what share of the variance lies along each axis: of all of it,
            or of that between the classes.
        settings: How it was made.
        largest: The longest side of any of their pictures, in pixels, if that is known.
    """

    method: Method
    points: NDArray[np.float32]
    ids: Sequence[str]
    labels: Sequence[str | None]
    values: Sequence[JSON]
    color_by: str
    paths: Sequence[Path | None]
    total: int
    explained: tuple[float, ...] | None
    settings: Mapping[str, JSON]
    largest: int | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """What they are coloured by, if that is numbers, ``(n,)``; NaN where there is none."""
        return None if self.color_by == "label" else numbers_of(self.values)

    @cached_property
    def classes(self) -> Classes:
        """The classes they are coloured by, or, where these are numbers, those of the labels."""
        return Classes.of(self.values if self.numbers is None else self.labels)


def project(
    collection: Collection,
    method: Method = "pca",
    *,
    color_by: str = "label",
    where: Where = None,
    sample: int | None = None,
    neighbours: float | None = None,
    seed: int = 0,
) -> Projection:
    """Bring the items of a collection into two dimensions.

    Under cosine the vectors are brought to length 1 first.

    Args:
        collection: Whose items.
        method: ``pca``: where they vary most. ``lda``: where their labels differ most. ``tsne``,
            ``umap``: neighbours stay together; ``umap`` needs umap-learn, and ``tsne`` is quicker
            with openTSNE.
        color_by: ``label``, a key of the metadata, or ``cluster:NAME`` for the clusters that are
            kept under that name; to be kept with the points.
        where: Only items of which all of this holds; as for ``Collection.query``.
        sample: How many items at most, drawn so that each label keeps its share. By default
            20,000 for t-SNE and UMAP, and all for PCA and LDA.
        neighbours: How many others an item is seen with: the perplexity of t-SNE, 30 by default,
            or the n_neighbors of UMAP, 15.
        seed: For everything random.

    Raises:
        InvalidArgument: A value makes no sense, there are fewer than two items, or than four for
            t-SNE and UMAP, or LDA has no two labels to tell apart.
        MissingPackage: umap-learn is not installed.
        DamagedCollection: A file is not as it was written.

    Example:
        >>> photos = Collection.open("tests/golden/v1")
        >>> project(photos).points.shape == (len(photos), 2)
        True
    """
    check_settings(method, sample, neighbours)
    check_seed(seed)
    view = collection.view
    allowed = view.attributes.allowed(as_conditions(where))
    rows = view.store.rows() if allowed is None else np.flatnonzero(allowed)
    codes = view.store.labels()[1][rows]
    total = len(rows)
    chosen = _sampled(codes, method, sample, seed)
    _check_enough(len(chosen), method, codes)
    rows, codes = rows[chosen], codes[chosen]
    items = _read(view, rows, color_by)
    cloud = Cloud(len(rows), collection.dim, lambda inside: view.store.take(rows[inside]))
    points, explained, settings = _plane(cloud, method, collection.metric, codes, neighbours, seed)
    return Projection(
        method,
        points,
        items.ids,
        items.labels,
        items.values,
        color_by,
        items.paths,
        total,
        explained,
        {"metric": collection.metric.value, "seed": seed, **settings},
        items.largest,
    )


def project_vectors(
    vectors: ArrayLike,
    labels: Sequence[str | None] | None = None,
    ids: Sequence[str] | None = None,
    *,
    method: Method = "pca",
    metric: Metric | str = Metric.EUCLIDEAN,
    sample: int | None = None,
    neighbours: float | None = None,
    seed: int = 0,
) -> Projection:
    """Bring vectors into two dimensions; as ``project`` otherwise.

    Args:
        vectors: ``(n, dim)``.
        labels: The label of each, or None.
        ids: What they are called; by default 0, 1 and so on.
        method: As for ``project``.
        metric: Under ``cosine`` they are brought to length 1 first.
        sample: As for ``project``.
        neighbours: As for ``project``.
        seed: For everything random.

    Raises:
        InvalidArgument: As for ``project``, or there are more or fewer labels or ids.
        MissingPackage: umap-learn is not installed.

    Example:
        >>> books = [[5, 1], [4, 2], [1, 5], [0, 4]]
        >>> project_vectors(books, ["crime", "crime", "love", "love"]).classes.names
        ['crime', 'love']
    """
    check_settings(method, sample, neighbours)
    check_seed(seed)
    seen_as = as_metric(metric)
    array = check_vectors(vectors, None, seen_as)
    known = [None] * len(array) if labels is None else list(labels)
    names = [str(row) for row in range(len(array))] if ids is None else list(ids)
    if not len(array) == len(known) == len(names):
        raise InvalidArgument(
            f"There are {len(array)} vectors, {len(known)} labels and {len(names)} ids: each "
            "vector has one of each."
        )
    codes = Classes.of(known).codes
    rows = _sampled(codes, method, sample, seed)
    _check_enough(len(rows), method, codes)
    cloud = Cloud.of(array).part(rows)
    points, explained, settings = _plane(cloud, method, seen_as, codes[rows], neighbours, seed)
    shown = [known[row] for row in rows.tolist()]
    return Projection(
        method,
        points,
        [names[row] for row in rows.tolist()],
        shown,
        shown,
        "label",
        [None] * len(rows),
        len(array),
        explained,
        {"metric": seen_as.value, "seed": seed, **settings},
    )


def check_settings(method: str, sample: int | None, neighbours: float | None) -> None:
    """Refuse what makes no sense, and what cannot be done here, before anything is read.

    Raises:
        InvalidArgument: There is no such method, or a number is too small.
        MissingPackage: umap-learn is not installed.
    """
    if method not in METHODS:
        raise InvalidArgument(f"{method!r} is no method: {', '.join(METHODS)}.")
    if sample is not None and sample < 2:
        raise InvalidArgument(f"A map is of 2 items or more, not of a sample of {sample}.")
    if neighbours is not None and not (neighbours >= 2 and math.isfinite(neighbours)):
        raise InvalidArgument(f"An item is seen with 2 neighbours or more, not {neighbours}.")
    if neighbours is not None and method not in ("tsne", "umap"):
        raise InvalidArgument(f"{NAMES[method]} knows no neighbours: leave them out.")
    if method == "umap":
        check_umap()


def _check_enough(items: int, method: Method, codes: Rows) -> None:
    least = 4 if method in ("tsne", "umap") else 2
    if items < least:
        raise InvalidArgument(
            f"A map by {NAMES[method]} needs {least} items or more, and there are {items}."
        )
    if method == "lda":
        classes = len(np.unique(codes[codes >= 0]))
        if classes < 2:
            found = "they are all the same" if classes else "no item has one"
            raise InvalidArgument(
                f"LDA shows what tells labels apart, but {found}: use --method pca."
            )


def _sampled(codes: Rows, method: Method, sample: int | None, seed: int) -> Rows:
    limit = SAMPLE if method in ("tsne", "umap") else len(codes)
    chosen = stratified(codes, limit if sample is None else sample, seed)
    if len(chosen) < len(codes):
        log.info(
            "The map is of %s of the %s items, drawn by label.%s",
            f"{len(chosen):,}",
            f"{len(codes):,}",
            " --sample N takes more, and longer." if sample is None else "",
        )
    return chosen


@dataclass
class _Items:
    """What a map keeps of its items, column by column."""

    ids: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    values: list[JSON] = field(default_factory=list)
    paths: list[Path | None] = field(default_factory=list)
    largest: int | None = None


def _read(view: View, rows: Rows, color_by: str) -> _Items:
    """The items at some rows, ascending.

    Raises:
        InvalidArgument: No item has what they are to be coloured by.
    """
    wanted = np.zeros(view.store.starts[-1], np.bool_)
    wanted[rows] = True
    found, known = _Items(), {"label"}
    value_of = _coloured_by(view, color_by)
    for row, record in zip(view.store.rows().tolist(), view.store.records(), strict=True):
        known |= record.metadata.keys()
        if not wanted[row]:
            continue
        found.ids.append(record.id)
        found.labels.append(record.label)
        found.values.append(value_of(record))
        found.paths.append(view.item(record).path)
        for side in ("width", "height"):
            if isinstance(size := (record.file or {}).get(side), int):
                found.largest = max(size, found.largest or 0)
    if color_by not in known and not color_by.startswith(OF_CLUSTERS):
        raise InvalidArgument(
            f"No item has {color_by!r} to be coloured by.{did_you_mean(color_by, known)} "
            f"There are: {', '.join(sorted(known))}."
        )
    return found


def _coloured_by(view: View, color_by: str) -> Callable[[Record], JSON]:
    """What gives the value of an item that it is coloured by.

    Raises:
        InvalidArgument: There is no clustering of that name.
    """
    if color_by == "label":
        return lambda record: record.label
    if not color_by.startswith(OF_CLUSTERS):
        return lambda record: record.metadata.get(color_by)
    kept = view.store.clustering(color_by.removeprefix(OF_CLUSTERS))
    names = [f"cluster {code}" for code in kept.codes.tolist()]
    cluster_of = dict(zip(kept.ids, names, strict=True))
    return lambda record: cluster_of.get(record.id)


def _plane(
    cloud: Cloud,
    method: Method,
    metric: Metric,
    codes: Rows,
    neighbours: float | None,
    seed: int,
) -> tuple[NDArray[np.float32], tuple[float, ...] | None, dict[str, JSON]]:
    """The points, what the axes explain, and how they were found."""
    seen = cloud.under(metric)
    if method in ("pca", "lda"):
        plane = pca_plane(seen, 2, seed) if method == "pca" else lda_plane(seen, codes, seed)
        fitted_on: dict[str, JSON] = {"fitted_on": plane.fitted_on}
        return plane.points.astype(np.float32), plane.explained, fitted_on
    embed = tsne_points if method == "tsne" else umap_points
    points, facts = embed(seen, neighbours, seed)
    return points.astype(np.float32), None, facts
