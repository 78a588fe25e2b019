"""Clusters that were merged from smaller ones, two at a time."""

import logging
from typing import Literal, TypeAlias, get_args

import numpy as np

from vecsearch.errors import InvalidArgument
from vecsearch.index import TooFewDifferent, run_kmeans
from vecsearch.types import Metric, Progress, Rows, Vectors

# All distances between these are 400 MB of doubles, of which scikit-learn keeps two copies.
MOST_ITEMS = 10_000
# More items than that are brought to so many centres first, by so many steps of k-means.
CENTERS = 1_000
STEPS = 30

Linkage: TypeAlias = Literal["average", "complete", "single", "ward"]
log = logging.getLogger(__name__)


def check_linkage(linkage: str, metric: Metric) -> None:
    """See that there is such a linkage for a metric.

    Raises:
        InvalidArgument: There is none.
    """
    known = get_args(Linkage)
    if linkage not in known:
        raise InvalidArgument(f"No linkage is called {linkage!r}; there are: {', '.join(known)}.")
    if linkage == "ward" and metric is Metric.COSINE:
        raise InvalidArgument(
            "Ward's linkage is of Euclidean distances, not cosine: take average or complete, or "
            "the Euclidean metric."
        )


def merged(
    vectors: Vectors,
    k: int | None,
    threshold: float | None,
    linkage: Linkage,
    metric: Metric,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Rows, int | None]:
    """Merge the two nearest clusters again and again, each item being one at first.

    As scikit-learn's ``AgglomerativeClustering`` does. More than 10,000 items are brought to 1,000
    centres by k-means first, these are merged, and each item goes where its centre goes.

    Args:
        vectors: ``(n, dim)``.
        k: How many clusters are to be left; None to go by the threshold.
        threshold: Clusters as far apart as this or farther are not merged.
        linkage: What is near: see ``cluster``.
        metric: How to compare.
        seed: For k-means.
        progress: Called as the work goes on.

    Returns:
        The cluster of each item ``(n,)`` int64; and how many centres there were, if there were.
    """
    if len(vectors) <= MOST_ITEMS:
        return _agglomerated(vectors, k, threshold, linkage, metric), None
    if k is not None and k > CENTERS:
        raise InvalidArgument(
            f"Of {len(vectors):,} items, more than {MOST_ITEMS:,}, {CENTERS:,} centres are "
            f"merged: ask for fewer than {k} clusters, or for kmeans."
        )
    log.info(
        "%s items are too many to be merged one by one: kmeans brings them to %s centres, and "
        "these are merged.",
        f"{len(vectors):,}",
        f"{CENTERS:,}",
    )
    count = CENTERS
    while True:
        try:
            found = run_kmeans(
                vectors, count, metric, restarts=1, steps=STEPS, seed=seed, progress=progress
            )
            break
        except TooFewDifferent as few:
            count = few.there
    if k is not None and k > count:
        raise TooFewDifferent(count, len(vectors), k)
    return _agglomerated(found.centers, k, threshold, linkage, metric)[found.codes], count


def _agglomerated(
    vectors: Vectors, k: int | None, threshold: float | None, linkage: Linkage, metric: Metric
) -> Rows:
    from sklearn.cluster import AgglomerativeClustering

    if len(vectors) == 1:
        return np.zeros(1, np.int64)
    model = AgglomerativeClustering(
        k, metric=metric.value, linkage=linkage, distance_threshold=threshold
    )
    codes: Rows = model.fit_predict(vectors.astype(np.float64)).astype(np.int64)
    return codes
