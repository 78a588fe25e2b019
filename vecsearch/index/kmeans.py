"""K-means: scikit-learn tries many beginnings, and exact steps bring the best of them to rest."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index.lloyd import STEPS, Partition, Space, settle
from vecsearch.types import Metric, Progress, Vectors

RESTARTS = 10
# Beginnings are tried on a sample of this many vectors, or of so many a centre if that is more;
# the best few of them that differ make some steps on everything, since the best on a sample need
# not be the best there; and what is then best is brought to rest: benchmarks/clustering.py.
SAMPLE = 4096
PER_CENTER = 64
SAMPLE_STEPS = 30
FINALISTS = 4
TRIAL_STEPS = 10
# The steps of scikit-learn take so many bytes a number of all vectors. Where that is more than
# WHOLE_BYTES, the beginning that is best on the sample makes exact steps alone, in blocks. The
# sample is no larger than SAMPLE_BYTES, but for one vector a centre.
TAKEN, WHOLE_BYTES, SAMPLE_BYTES = 8, 256 << 20, 256 << 20
# Inertias that differ by no more than this share are taken to be of the same clusters.
ALIKE = 1e-4


@dataclass(frozen=True)
class Beginning:
    """Centres to begin with.

    Attributes:
        seeds: What k-means++ chose, ``(k, dim)`` float32.
        centers: Where they were after some steps on a sample, ``(k, dim)`` float32.
        inertia: How good these are on the sample, to be compared with others: smaller is better.
    """

    seeds: Vectors
    centers: Vectors
    inertia: float


def run_kmeans(
    vectors: Vectors,
    k: int,
    metric: Metric,
    *,
    restarts: int = RESTARTS,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Partition:
    """Find k clusters of small inertia.

    scikit-learn's greedy k-means++ (Arthur and Vassilvitskii, 2007) and Lloyd's steps find centres
    in a sample, ``restarts`` times; the best four make ten steps on all vectors, unless these are
    too many, and the best of these is brought to rest. The last steps are exact, and under cosine
    they are those of spherical k-means (Dhillon and Modha, 2001), which scikit-learn has not.

    Args:
        vectors: ``(n, dim)``, finite; under cosine none is zero.
        k: How many clusters.
        metric: How to compare.
        restarts: How many beginnings are tried.
        steps: How many steps over all vectors are made at most.
        seed: For everything random.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: There are fewer vectors than clusters, or fewer different ones.

    Example:
        >>> found = run_kmeans(np.array([[0], [9], [8], [10]], np.float32), 2, Metric.EUCLIDEAN)
        >>> found.codes, found.centers.ravel(), found.inertia
        (array([1, 0, 0, 0]), array([9., 0.], dtype=float32), 2.0)
    """
    chosen: list[Beginning] = []
    for one in beginnings(vectors, k, metric, restarts=restarts, seed=seed, progress=progress):
        if all(abs(one.inertia - other.inertia) > ALIKE * abs(one.inertia) for other in chosen):
            chosen.append(one)
    if vectors.size * TAKEN > WHOLE_BYTES:
        return replace(
            settle(vectors, chosen[0].centers, metric, steps=steps), seeds=chosen[0].seeds
        )
    space = Space(vectors, metric)
    points = space.points(vectors)
    tried = []
    for number, one in enumerate(chosen[:FINALISTS], 1):
        tried.append(_walked(points, space.points(one.centers), min(steps, TRIAL_STEPS)))
        if progress is not None:
            progress("settling", number, len(chosen[:FINALISTS]))
    best, begun = min(zip(tried, chosen, strict=False), key=lambda pair: float(pair[0].inertia_))
    last = _walked(points, best.cluster_centers_, steps)
    del points
    found = settle(vectors, space.back(last.cluster_centers_), metric, steps=steps)
    return replace(found, steps=best.n_iter_ + last.n_iter_ + found.steps, seeds=begun.seeds)


def beginnings(
    vectors: Vectors,
    k: int,
    metric: Metric,
    *,
    restarts: int = RESTARTS,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Beginning]:
    """Centres that k-means++ and some steps find on a sample, the best first.

    Args and Raises: As for ``run_kmeans``.
    """
    from sklearn.cluster import kmeans_plusplus

    if not 1 <= k <= len(vectors):
        raise InvalidArgument(f"{k} clusters cannot be made of {len(vectors)} items.")
    if restarts < 1:
        raise InvalidArgument(f"restarts is how often to begin: 1 or more, not {restarts}.")
    rng = np.random.default_rng(seed)
    fitting = SAMPLE_BYTES // (TAKEN * vectors.shape[1])
    most = max(k, min(max(SAMPLE, PER_CENTER * k), fitting))
    rows = np.arange(len(vectors))
    if len(vectors) > most:
        rows = np.sort(rng.choice(len(vectors), most, replace=False))
    space = Space(vectors, metric)
    points = space.points(vectors[rows])
    found = []
    for number in range(1, restarts + 1):
        seeds, _ = kmeans_plusplus(points, k, random_state=int(rng.integers(2**31)))
        model = _walked(points, seeds, SAMPLE_STEPS)
        begun = space.back(seeds), space.back(model.cluster_centers_)
        found.append(Beginning(*begun, float(model.inertia_)))
        if progress is not None:
            progress("beginning", number, restarts)
    return sorted(found, key=lambda one: one.inertia)


def _walked(points: NDArray[Any], centers: NDArray[Any], steps: int) -> Any:
    """What scikit-learn makes of some centres in so many steps."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # That steps or different vectors are few is seen, and told, elsewhere.
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = np.asarray(centers, points.dtype)
        return KMeans(len(start), init=start, n_init=1, max_iter=steps, tol=0).fit(points)
