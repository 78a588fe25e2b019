"""Put the items of a collection, or vectors, in clusters."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.clustering.choosing import K_MAX, choose_k
from vecsearch.clustering.hierarchy import Linkage, check_linkage, merged
from vecsearch.clustering.plots import Trace, check_trace
from vecsearch.collection import Collection
from vecsearch.encoders.base import check_seed
from vecsearch.errors import InvalidArgument
from vecsearch.index import (
    RESTARTS,
    Partition,
    as_metric,
    by_size,
    centers_of,
    check_vectors,
    inertia_of,
    lloyd_steps,
    member_distances,
    normalized,
    run_kmeans,
    zero_rows,
)
from vecsearch.types import JSON, Clustering, Distances, Metric, Progress, Rows, Vectors
from vecsearch.view import as_count

Method: TypeAlias = Literal["kmeans", "hierarchical"]
K: TypeAlias = 'int | Literal["auto"] | None'

log = logging.getLogger(__name__)

DEFAULT_K = 10
DEFAULT_LINKAGE: Linkage = "average"


def cluster(
    collection: Collection,
    k: K = None,
    *,
    method: Method = "kmeans",
    distance_threshold: float | None = None,
    linkage: Linkage | None = None,
    metric: Metric | str | None = None,
    restarts: int | None = None,
    k_max: int = K_MAX,
    seed: int = 0,
    trace: str | Path | None = None,
    progress: Progress | None = None,
) -> Clustering:
    """Put the items of a collection in clusters.

    Args:
        collection: The items.
        k: How many clusters; 10 unless there is a threshold. ``auto``, for k-means: as many as
            have the highest silhouette; see ``choose_k``.
        method: ``kmeans``: each item is in the cluster of the nearest centre, and each centre is
            the mean of its cluster. ``hierarchical``: the two nearest clusters are merged again and
            again, each item being one at first; of more than 10,000 items 1,000 centres of k-means
            are merged.
        distance_threshold: For hierarchical clusters, in the place of k: those as far apart as
            this or farther are not merged.
        linkage: How far apart two hierarchical clusters are: the ``average`` distance of their
            items, which is the default, the largest (``complete``), the smallest (``single``), or
            ``ward``: how much the inertia grows when they are merged, as √(2 · growth); Euclidean
            only.
        metric: Another metric than the collection's own.
        restarts: How many beginnings k-means tries; 10 by default.
        k_max: The largest number that ``auto`` tries.
        seed: For everything random.
        trace: A folder to draw the steps of k-means into, as PNGs, all on all items, from what the
            best of the beginnings began with. The clusters are the same without; of more than
            4,096 items they came by way of a sample, so the last picture may differ from them.
        progress: Called as the work goes on.

    Returns:
        The clusters, in the order of the collection's items. The same for the same seed.

    Raises:
        InvalidArgument: A value makes no sense, or does not go with the method; or there are fewer
            items, or different ones, than clusters.
        MissingPackage: matplotlib is not installed, which draws.

    Example:
        >>> books = Collection.from_vectors(
        ...     [[5, 1], [4, 2], [1, 5], [0, 4], [5, 0]],
        ...     ids=["The Moonstone", "Gaudy Night", "Emma", "Persuasion", "The Hollow Man"],
        ... )
        >>> found = cluster(books, 2)
        >>> dict(zip(found.ids, found.codes.tolist()))
        {'The Moonstone': 0, 'Gaudy Night': 0, 'Emma': 1, 'Persuasion': 1, 'The Hollow Man': 0}
    """
    plan = Plan(
        k=k,
        method=method,
        distance_threshold=distance_threshold,
        linkage=linkage,
        metric=collection.metric if metric is None else as_metric(metric),
        restarts=restarts,
        k_max=k_max,
        seed=seed,
        trace=trace,
    )
    view = collection.view
    if not len(view.store):
        raise InvalidArgument(f"{collection.place} has no items to cluster.")
    made_of: dict[str, JSON] = {"fingerprint": collection.fingerprint}
    return _clustered(view.vectors(), view.store.ids(), plan, made_of, progress)


def check_plan(collection: Collection, k: K = None, **options: Any) -> None:
    """Refuse what ``cluster`` would, before a number of clusters is looked for.

    Raises:
        InvalidArgument: A value makes no sense, or does not go with another.
        MissingPackage: matplotlib is not installed, which draws.
    """
    metric = options.pop("metric", None)
    plan = Plan(k=k, metric=collection.metric if metric is None else as_metric(metric), **options)
    if plan.k != "auto" and plan.distance_threshold is None:
        plan.count(len(collection))
    if plan.trace is not None:
        check_trace(plan.trace)


def cluster_vectors(
    vectors: ArrayLike,
    k: K = None,
    *,
    ids: Sequence[str] | None = None,
    metric: Metric | str = Metric.EUCLIDEAN,
    progress: Progress | None = None,
    **options: Any,
) -> Clustering:
    """Put vectors in clusters.

    Args:
        vectors: ``(n, dim)`` numbers, n ≥ 1.
        k: How many clusters, as for ``cluster``.
        ids: What they are called; "0", "1" and so on by default.
        metric: ``euclidean`` or ``cosine``.
        progress: Called as the work goes on.
        **options: As for ``cluster``.

    Raises:
        InvalidArgument: As for ``cluster``; or a vector cannot be taken.

    Example:
        >>> found = cluster_vectors([[0, 0], [0, 1], [9, 9], [8, 9], [9, 8]], 2)
        >>> found.codes, found.sizes, found.centers[1], found.medoids
        (array([1, 1, 0, 0, 0]), array([3, 2]), array([0. , 0.5], dtype=float32), array([2, 0]))
        >>> cluster_vectors(
        ...     [[0], [1], [5], [9]], method="hierarchical", distance_threshold=3
        ... ).codes
        array([0, 0, 1, 2])
    """
    plan = Plan(k=k, metric=as_metric(metric), **options)
    array = check_vectors(vectors, None, plan.metric)
    if not len(array):
        raise InvalidArgument("There are no vectors to cluster.")
    names = [str(row) for row in range(len(array))] if ids is None else list(ids)
    if len(names) != len(array):
        raise InvalidArgument(f"There are {len(array)} vectors, and {len(names)} ids.")
    return _clustered(array, names, plan, {}, progress)


@dataclass(frozen=True)
class Plan:
    """What is asked for; see ``cluster``.

    Raises:
        InvalidArgument: A value makes no sense, or does not go with another.
    """

    k: K = None
    method: Method = "kmeans"
    distance_threshold: float | None = None
    linkage: Linkage | None = None
    metric: Metric = Metric.EUCLIDEAN
    restarts: int | None = None
    k_max: int = K_MAX
    seed: int = 0
    trace: str | Path | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.method not in get_args(Method):
            known = " or ".join(get_args(Method))
            raise InvalidArgument(f"{self.method!r} is no method of clustering: {known}.")
        if self.k not in (None, "auto") and (not isinstance(self.k, str) and as_count(self.k) < 1):
            raise InvalidArgument(f"k is how many clusters to make: 1 or more, not {self.k}.")
        if isinstance(self.k, str) and self.k != "auto":
            raise InvalidArgument(f"k is a whole number or auto, not {self.k!r}.")
        if self.method == "kmeans":
            given = {"A distance threshold": self.distance_threshold, "A linkage": self.linkage}
            for name, value in given.items():
                if value is not None:
                    raise InvalidArgument(
                        f"{name} is for hierarchical clusters: leave it out, or ask for the method "
                        "hierarchical."
                    )
            return
        if self.k == "auto":
            raise InvalidArgument(
                "auto finds a k for kmeans: give hierarchical a k or a distance threshold."
            )
        for name in ("restarts", "trace"):
            if getattr(self, name) is not None:
                raise InvalidArgument(f"{name} is for kmeans, not for hierarchical: leave it out.")
        check_linkage(self.linkage or DEFAULT_LINKAGE, self.metric)
        threshold = self.distance_threshold
        if threshold is not None and self.k is not None:
            raise InvalidArgument("Either k or a distance threshold says when to stop, not both.")
        if threshold is not None and not (threshold >= 0 and math.isfinite(threshold)):
            raise InvalidArgument(f"A distance threshold is 0 or more, not {threshold}.")

    def count(self, items: int) -> int:
        """How many clusters of so many items, if that is said.

        Raises:
            InvalidArgument: There are fewer items.
        """
        k = DEFAULT_K if self.k in (None, "auto") else as_count(self.k)
        if k > items:
            asked = f"k is {k}" + (" unless you say another" if self.k is None else "")
            raise InvalidArgument(
                f"{asked}, but there {'is' if items == 1 else 'are'} only {items} "
                f"item{'' if items == 1 else 's'}: ask for {items} clusters or fewer."
            )
        return k


def _clustered(
    vectors: Vectors,
    ids: Sequence[str],
    plan: Plan,
    made_of: Mapping[str, JSON],
    progress: Progress | None,
) -> Clustering:
    if plan.metric is Metric.COSINE and len(zero := zero_rows(vectors)):
        raise InvalidArgument(
            f"The vector of {ids[int(zero[0])]!r} is zero: cosine cannot compare what has no "
            "direction. Ask for the Euclidean metric."
        )
    settings: dict[str, JSON]
    if plan.method == "kmeans":
        found = _partition(vectors, plan, progress)
        if not found.settled:
            log.warning("k-means was stopped after %s steps, before it came to rest.", found.steps)
        settings = {"restarts": plan.restarts or RESTARTS, "settled": found.settled}
    else:
        found, settings = _hierarchy(vectors, plan, progress)
    return Clustering(
        ids=ids,
        codes=found.codes,
        distances=found.distances,
        centers=found.centers,
        medoids=medoids_of(found.codes, found.distances, len(found.centers)),
        inertia=found.inertia,
        method=plan.method,
        metric=plan.metric,
        settings={"k": len(found.centers), **settings, "seed": plan.seed, **made_of},
        iterations=found.steps if plan.method == "kmeans" else None,
    )


def _partition(vectors: Vectors, plan: Plan, progress: Progress | None) -> Partition:
    restarts, seed = plan.restarts or RESTARTS, plan.seed
    if plan.restarts is not None and plan.restarts < 1:
        raise InvalidArgument(f"restarts is how often to begin: 1 or more, not {plan.restarts}.")
    if plan.k == "auto":
        k = choose_k(vectors, plan.metric, k_max=plan.k_max, seed=seed, progress=progress).best
    else:
        k = plan.count(len(vectors))
    # Under cosine the centres have length 1.
    seen = normalized(vectors) if plan.trace and plan.metric is Metric.COSINE else vectors
    trace = None if plan.trace is None else Trace(seen, plan.trace)
    found = run_kmeans(vectors, k, plan.metric, restarts=restarts, seed=seed, progress=progress)
    if trace is not None and found.seeds is not None:
        for step in lloyd_steps(vectors, found.seeds, plan.metric):
            trace.draw(step)
    return found


def _hierarchy(
    vectors: Vectors, plan: Plan, progress: Progress | None
) -> tuple[Partition, dict[str, JSON]]:
    threshold, metric = plan.distance_threshold, plan.metric
    linkage: Linkage = plan.linkage or DEFAULT_LINKAGE
    k = plan.count(len(vectors)) if threshold is None else None
    codes, through = merged(vectors, k, threshold, linkage, metric, plan.seed, progress)
    count = int(codes.max()) + 1
    codes = np.argsort(by_size(codes, count))[codes]
    centers = centers_of(vectors, codes, count, metric)
    apart = member_distances(vectors, codes, centers, metric)
    found = Partition(centers, codes, apart, inertia_of(apart, metric))
    settings: dict[str, JSON] = {"linkage": linkage, "distance_threshold": threshold}
    return found, {**settings, "through": through}


def medoids_of(codes: Rows, apart: Distances, count: int) -> Rows:
    """The item of each cluster that is nearest to its centre, the first of equals, ``(k,)``.

    Args:
        codes: The cluster of each item, ``(n,)``.
        apart: How far each is from the centre, ``(n,)``.
        count: How many clusters there are; −1 is the medoid of one that is empty.

    Example:
        >>> medoids_of(np.array([1, 0, 0, 1]), np.array([0.5, 2.0, 1.0, 0.5]), 3)
        array([ 2,  0, -1])
    """
    order = np.lexsort((apart, codes))
    medoids = np.full(count, -1, np.int64)
    there, firsts = np.unique(codes[order], return_index=True)
    medoids[there] = order[firsts]
    return medoids
