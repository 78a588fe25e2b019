"""How many clusters there are: the number with the highest silhouette."""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from vecsearch.clustering.quality import sampled, silhouette
from vecsearch.collection import Collection
from vecsearch.encoders.base import check_seed
from vecsearch.errors import InvalidArgument
from vecsearch.index import TooFewDifferent, as_metric, check_vectors, run_kmeans
from vecsearch.types import Metric, Progress

K_MAX = 20
# So many items tell the number of clusters as well as a million do.
ITEMS = 20_000
RESTARTS = 5


@dataclass(frozen=True)
class Choice:
    """What speaks for a number of clusters.

    Attributes:
        ks: The numbers that were tried.
        silhouettes: The mean silhouette with each; see ``silhouette``.
        inertias: The mean inertia of an item with each: the mean of the squared distances from
            centres, or under cosine twice the mean distance.
        best: The number with the highest silhouette, of equals the smallest.
        items: How many items they were found by.
    """

    ks: Sequence[int]
    silhouettes: Sequence[float]
    inertias: Sequence[float]
    best: int
    items: int


def choose_k(
    vectors: ArrayLike | Collection,
    metric: Metric | str | None = None,
    *,
    k_max: int = K_MAX,
    seed: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Try k-means with 2 clusters and more, and find the number with the highest mean silhouette.

    Of more than 20,000 items a sample of so many is clustered, with five restarts each; the
    silhouette is that of 3,000 of them.

    Args:
        vectors: ``(n, dim)``; or a collection, whose vectors are taken.
        metric: How to compare; by default a collection's own, else Euclidean.
        k_max: The largest number that is tried, if there are more items than that.
        seed: For everything random.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense, or there are too few items, or too few different
            ones, to choose.

    Example:
        >>> groups = [[0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [8, 9]]
        >>> choose_k(groups).best
        2
    """
    check_seed(seed)
    own = Metric.EUCLIDEAN
    if isinstance(vectors, Collection):
        own, vectors = vectors.metric, vectors.vectors()
    wanted = own if metric is None else as_metric(metric)
    array = check_vectors(vectors, None, wanted)
    if k_max < 2:
        raise InvalidArgument(
            f"k_max is the largest number of clusters tried: 2 or more, not {k_max}."
        )
    if len(array) < 3:
        raise InvalidArgument(f"Of {len(array)} items no number of clusters can be chosen: say k.")
    sample = array[sampled(len(array), ITEMS, seed)]
    ks: list[int] = []
    silhouettes, inertias = [], []
    most = min(k_max, len(sample) - 1)
    for k in range(2, most + 1):
        try:
            found = run_kmeans(sample, k, wanted, restarts=RESTARTS, seed=seed)
        except TooFewDifferent:
            if not ks:
                raise
            break  # there are fewer different items
        value = silhouette(sample, found.codes, wanted, seed=seed)
        ks.append(k)
        silhouettes.append(-1.0 if value is None else value)
        inertias.append(found.inertia / len(sample))
        if progress is not None:
            progress("choosing k", k - 1, most - 1)
    best = ks[max(range(len(ks)), key=lambda at: silhouettes[at])]
    return Choice(ks, silhouettes, inertias, best, len(sample))
