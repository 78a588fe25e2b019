"""What the clusters of a collection hold."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vecsearch.clustering.quality import SILHOUETTE_ITEMS, agreement, sampled, silhouette
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.index import scores
from vecsearch.types import JSON, Clustering, Hit, Rows


@dataclass(frozen=True)
class ClusterSummary:
    """One cluster.

    Attributes:
        cluster: Its number.
        size: How many items it has.
        share: Of all items, from 0 to 1.
        medoid: The id of the item that stands for it; empty if it has none.
        label: The commonest label of its items that are still there, of equals the first in the
            alphabet; None if none has one.
        label_share: Of those with a label, from 0 to 1; 0 if none has one.
    """

    cluster: int
    size: int
    share: float
    medoid: str
    label: str | None
    label_share: float


def summarize_clusters(collection: Collection, clustering: Clustering) -> list[ClusterSummary]:
    """Each cluster: its size, its medoid and its commonest label.

    Args:
        collection: The items, which know their labels.
        clustering: Of these items; those that are gone since have no label.

    Example:
        >>> from vecsearch import cluster
        >>> books = Collection.from_vectors([[5], [4], [1]], labels=["crime", "crime", "love"])
        >>> [(one.size, one.label) for one in summarize_clusters(books, cluster(books, 2))]
        [(2, 'crime'), (1, 'love')]
    """
    labels = labels_of(collection, clustering)
    counts: list[Counter[str]] = [Counter() for _ in range(clustering.k)]
    for code, label in zip(clustering.codes.tolist(), labels, strict=True):
        if label is not None:
            counts[code][label] += 1
    found = []
    for code, (size, medoid) in enumerate(
        zip(clustering.sizes.tolist(), clustering.medoids.tolist(), strict=True)
    ):
        labelled = counts[code].total()
        label = min(counts[code], key=lambda name: (-counts[code][name], name), default=None)
        share = counts[code][label] / labelled if label is not None else 0.0
        name = clustering.ids[medoid] if medoid >= 0 else ""
        items = len(clustering.ids)
        found.append(ClusterSummary(code, size, size / items, name, label, share))
    return found


def describe_clustering(
    collection: Collection, clustering: Clustering, seed: int = 0
) -> dict[str, JSON]:
    """A clustering as a whole, as plain values.

    Args:
        collection: The items; those that are gone since do not count for the silhouette.
        clustering: Of these items.
        seed: For the sample that the silhouette is taken of.

    Returns:
        ``items``, ``clusters``, ``sizes``, ``method``, ``metric``, ``inertia``, ``iterations``;
        ``silhouette``; and beside the labels ``nmi``, ``ari`` and ``purity``: each None where it
        has no meaning.

    Example:
        >>> from vecsearch import cluster
        >>> books = Collection.from_vectors([[5], [4], [1]], labels=["crime", "crime", "love"])
        >>> found = describe_clustering(books, cluster(books, 2))
        >>> found["sizes"], found["inertia"], found["purity"]
        ([2, 1], 0.5, 1.0)
    """
    rows = _rows(collection, clustering)
    there = np.flatnonzero(rows >= 0)
    taken = there[sampled(len(there), SILHOUETTE_ITEMS, seed)]
    vectors = collection.view.store.take(rows[taken])
    labels = labels_of(collection, clustering)
    quality: dict[str, JSON] = dict.fromkeys(("nmi", "ari", "purity"))
    if any(label is not None for label in labels):
        quality |= agreement(clustering.codes, labels)
    return {
        "items": len(clustering.ids),
        "clusters": clustering.k,
        "sizes": clustering.sizes.tolist(),
        "method": clustering.method,
        "metric": clustering.metric.value,
        "inertia": clustering.inertia,
        "iterations": clustering.iterations,
        "silhouette": silhouette(vectors, clustering.codes[taken], clustering.metric),
        **quality,
    }


def labels_of(collection: Collection, clustering: Clustering) -> list[str | None]:
    """The label of each item of a clustering; None for one that is gone, or has none."""
    view = collection.view
    names, codes = view.store.labels()
    rows = _rows(collection, clustering)
    known = [*names, None]  # the last is at −1 too
    return [known[codes[row]] if row >= 0 else None for row in rows.tolist()]


def cluster_members(
    collection: Collection, clustering: Clustering, most: int = 10
) -> list[list[Hit]]:
    """The first items of each cluster: its medoid, and then those next nearest to the centre.

    Args:
        collection: The items; those that are gone since are left out.
        clustering: Of these items.
        most: How many of each cluster.

    Returns:
        For each cluster its hits, with their distance from its centre.

    Raises:
        InvalidArgument: ``most`` is negative.

    Example:
        >>> from vecsearch import cluster
        >>> books = Collection.from_vectors([[5], [4], [1]], ids=["Emma", "Persuasion", "Carmilla"])
        >>> found = cluster_members(books, cluster(books, 2))
        >>> [[hit.item.id for hit in hits] for hits in found]
        [['Emma', 'Persuasion'], ['Carmilla']]
    """
    if most < 0:
        raise InvalidArgument(f"most is 0 or more, not {most}.")
    view, rows = collection.view, _rows(collection, clustering)
    order = np.lexsort((clustering.distances, clustering.codes))
    order = order[rows[order] >= 0]
    starts = np.searchsorted(clustering.codes[order], np.arange(clustering.k + 1))
    found = []
    for first, last in pairwise(starts.tolist()):
        some = order[first : min(first + most, last)]
        apart = clustering.distances[some]
        found.append(view.hits(rows[some], apart, scores(apart, clustering.metric)))
    return found


def _rows(collection: Collection, clustering: Clustering) -> Rows:
    """The row of each item of a clustering in the store; −1 for one that is gone."""
    store = collection.view.store
    here = dict(zip(store.ids(), store.rows().tolist(), strict=True))
    return np.array([here.get(name, -1) for name in clustering.ids], np.int64)
