"""K-means: many beginnings are tried on a sample, and the best brought to rest on everything."""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from vecsearch.errors import InvalidArgument
from vecsearch.index.lloyd import STEPS, Partition, Walk, at_rest
from vecsearch.index.space import Space, TooFewDifferent
from vecsearch.types import Metric, Progress, Vectors

RESTARTS = 20
# Beginnings are tried on a sample of this many vectors, or of so many a centre if that is more;
# the best few of them, if they differ by more than this share, on everything for some steps, since
# the best on a sample need not be the best there; and what is then best is brought to rest. With
# these numbers k-means of the 60,000 PCA-32 vectors of Fashion-MNIST came, for eight seeds, within
# 0.7 % (k = 10) and 0.3 % (k = 30) of the least inertia of scikit-learn's ten restarts; a larger
# sample with fewer restarts did worse. benchmarks/clustering.py puts both side by side.
SAMPLE = 4096
PER_CENTER = 64
SAMPLE_STEPS = 30
FINALISTS = 4
TRIAL_STEPS = 10
ALIKE = 1e-4


@dataclass(frozen=True)
class Beginning:
    """Centres to begin with.

    Attributes:
        seeds: What k-means++ chose, ``(k, dim)`` float32.
        centers: Where they were after some steps on a sample, ``(k, dim)`` float32.
        inertia: How good these are on the sample, to be compared with others: smaller is better.
        steps: How many these steps were.
    """

    seeds: Vectors
    centers: Vectors
    inertia: float
    steps: int


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

    Greedy k-means++ (Arthur and Vassilvitskii, 2007, by scikit-learn) chooses centres in a sample,
    ``restarts`` times, and Lloyd's steps move them there; the best four make ten steps on all
    vectors, and the best of these is brought to rest. Under cosine all of it is spherical k-means
    (Dhillon and Modha, 2001).

    The steps are our own. scikit-learn's k-means is not spherical, FAISS's computes in float32 and
    has another k-means++, which ends at a larger inertia; neither says of every vector exactly
    which centre is nearest.

    Args:
        vectors: ``(n, dim)``, finite; under cosine none is zero.
        k: How many clusters.
        metric: How to compare.
        restarts: How many beginnings are tried.
        steps: How many steps over all vectors are made at most from each.
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
    space = Space(vectors, metric)
    walks = []
    for number, one in enumerate(chosen[:FINALISTS], 1):
        walk = Walk(space, one.centers)
        walk.run(min(steps, TRIAL_STEPS))
        walks.append((walk.inertia, number, one.steps, walk))
        if progress is not None:
            progress("settling", number, len(chosen[:FINALISTS]))
    _, _, before, walk = min(walks)
    found = at_rest(walk, steps)
    return replace(found, steps=before + found.steps)


def beginnings(
    vectors: Vectors,
    k: int,
    metric: Metric,
    *,
    restarts: int = RESTARTS,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Beginning]:
    """Centres that k-means++ and some steps of FAISS find on a sample, the best first.

    Args and Raises: As for ``run_kmeans``.
    """
    if not 1 <= k <= len(vectors):
        raise InvalidArgument(f"{k} clusters cannot be made of {len(vectors)} items.")
    if restarts < 1:
        raise InvalidArgument(f"restarts is how often to begin: 1 or more, not {restarts}.")
    rng = np.random.default_rng(seed)
    most = max(SAMPLE, PER_CENTER * k)
    if len(vectors) > most:
        rows = np.sort(rng.choice(len(vectors), most, replace=False))
        # Too few of a sample may differ from one another, though enough of all do.
        with suppress(TooFewDifferent):
            return _begun(vectors[rows], k, metric, restarts, rng, progress)
    return _begun(vectors, k, metric, restarts, rng, progress)


def _begun(
    sample: Vectors,
    k: int,
    metric: Metric,
    restarts: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> list[Beginning]:
    from sklearn.cluster import kmeans_plusplus

    space = Space(sample, metric)
    prepared = space.prepared(sample)
    found = []
    for number in range(1, restarts + 1):
        _, rows = kmeans_plusplus(prepared, k, random_state=int(rng.integers(2**31)))
        seeds = space.as_centers(prepared[rows])
        walk = Walk(space, seeds)
        walk.run(SAMPLE_STEPS)
        found.append(Beginning(seeds, walk.centers, walk.inertia, walk.steps))
        if progress is not None:
            progress("beginning", number, restarts)
    return sorted(found, key=lambda one: one.inertia)
