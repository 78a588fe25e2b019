"""How good clusters are: by themselves, and beside labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.errors import InvalidArgument
from vecsearch.index import as_metric, check_vectors
from vecsearch.types import Metric, Rows

# All distances between these are 72 MB.
SILHOUETTE_ITEMS = 3_000


def agreement(codes: Sequence[int] | Rows, labels: Sequence[str | None]) -> dict[str, float]:
    """How well clusters agree with labels; items without a label do not count.

    Args:
        codes: The cluster of each item, ``(n,)``.
        labels: The label of each, or None.

    Returns:
        ``nmi``: the mutual information of the two as a share of the mean of their entropies, from 0
        to 1. ``ari``: the share of pairs that both put together or both apart, such that chance
        gives 0 and equality 1 (Hubert and Arabie, 1985). Both are scikit-learn's. ``purity``: the
        share of items that have the commonest label of their cluster (Manning, Raghavan and
        Schütze, 2008, 16.3); clusters of one item have a purity of 1.

    Raises:
        InvalidArgument: There are not as many of both, or no label at all.

    Example:
        >>> agreement([0, 0, 0, 1, 1, 1], ["hat", "hat", "bag", "bag", "bag", None])["purity"]
        0.8
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    if len(codes) != len(labels):
        raise InvalidArgument(
            f"There are {len(codes)} items in clusters, and {len(labels)} labels."
        )
    rows = [row for row, label in enumerate(labels) if label is not None]
    if not rows:
        raise InvalidArgument("No item has a label to compare clusters with.")
    _, own = np.unique(np.asarray(codes, np.int64)[rows], return_inverse=True)
    _, true = np.unique(np.array([str(labels[row]) for row in rows]), return_inverse=True)
    together = np.zeros((own.max() + 1, true.max() + 1), np.int64)
    np.add.at(together, (own, true), 1)
    return {
        "nmi": float(normalized_mutual_info_score(true, own)),
        "ari": float(adjusted_rand_score(true, own)),
        "purity": float(together.max(axis=1).sum() / len(rows)),
    }


def silhouette(
    vectors: ArrayLike,
    codes: Sequence[int] | Rows,
    metric: Metric | str = Metric.EUCLIDEAN,
    *,
    most: int = SILHOUETTE_ITEMS,
    seed: int = 0,
) -> float | None:
    """How much nearer items are to their own cluster than to the next, from −1 to 1.

    The mean of (b − a) / max(a, b), a being the mean distance of an item from the others of its
    cluster, b from those of the nearest other cluster; 0 for an item that is alone (Rousseeuw,
    1987). It is scikit-learn's.

    Args:
        vectors: ``(n, dim)``.
        codes: The cluster of each, ``(n,)``.
        metric: How to compare.
        most: Of more items than this a sample of so many is taken.
        seed: For the sample.

    Returns:
        None if it means nothing: with one cluster, or if each item is one.

    Raises:
        InvalidArgument: The vectors cannot be taken, or there are not as many codes.

    Example:
        >>> silhouette([[0], [1], [10], [11]], [0, 0, 1, 1])
        0.899...
    """
    from sklearn.metrics import silhouette_score

    wanted = as_metric(metric)
    array, known = check_vectors(vectors, None, wanted), np.asarray(codes, np.int64)
    if len(array) != len(known):
        raise InvalidArgument(f"There are {len(array)} vectors, and {len(known)} in clusters.")
    rows = sampled(len(array), most, seed)
    if not 1 < len(np.unique(known[rows])) < len(rows):
        return None
    return float(silhouette_score(array[rows].astype(np.float64), known[rows], metric=wanted.value))


def sampled(count: int, most: int, seed: int) -> Rows:
    """Which of ``count`` rows are taken if there may be ``most``: all, or a sample, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
