"""Lloyd's algorithm, exactly: who is nearest is decided in double precision, of ties the first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index.exact import ExactIndex
from vecsearch.index.metrics import distances, normalized
from vecsearch.types import Distances, Metric, Rows, Vectors

STEPS = 300
BLOCK_ITEMS = 1 << 16
# Vectors nearer than this, as a share of the largest number in a centre, are taken for the same.
SAME = 1e-12

Doubles: TypeAlias = NDArray[np.float64]


class TooFewDifferent(InvalidArgument):
    """There are fewer different vectors than clusters are asked for.

    Attributes:
        there: How many there are.
    """

    def __init__(self, there: int, vectors: int, asked: int) -> None:
        super().__init__(
            f"There are only {there} different vectors among the {vectors}: ask for {there} "
            f"clusters or fewer, not {asked}."
        )
        self.there = there


@dataclass(frozen=True)
class Partition:
    """Vectors in clusters.

    Attributes:
        centers: ``(k, dim)`` float32: the mean of each cluster; under cosine, the direction of
            the mean of its vectors brought to length 1, which has length 1 itself.
        codes: The cluster of each vector, ``(n,)`` int64. The largest cluster is 0; of equally
            large ones that with the earlier vector comes first.
        distances: How far each is from its centre, ``(n,)`` float64.
        inertia: The sum of the squares of these; under cosine twice their sum, which is the sum of
            the squared distances between vectors of length 1.
        steps: How many steps led there.
        settled: Whether the next would change nothing.
        seeds: What k-means++ chose to begin with, ``(k, dim)`` float32, if it was k-means that
            found them.
    """

    centers: Vectors
    codes: Rows
    distances: Distances
    inertia: float
    steps: int = 0
    settled: bool = True
    seeds: Vectors | None = None


@dataclass(frozen=True)
class Step:
    """One of Lloyd's steps.

    Attributes:
        centers: Where the centres are, ``(k, dim)`` float32.
        codes: The nearest of them to each vector, ``(n,)`` int64.
        distances: How far it is, ``(n,)`` float64.
        inertia: As for ``Partition``.
        moved: Where the centres go, ``(k, dim)`` float32.
    """

    centers: Vectors
    codes: Rows
    distances: Distances
    inertia: float
    moved: Vectors


def lloyd_steps(
    vectors: Vectors, centers: Vectors, metric: Metric, *, steps: int = STEPS
) -> Iterator[Step]:
    """Lloyd's algorithm, step by step: each vector to its nearest centre, each centre to its mean.

    The last step is the one that moves nothing. A centre without vectors goes to the vector that is
    farthest from its own.

    Args:
        vectors: ``(n, dim)``.
        centers: Where to begin, ``(k, dim)``.
        metric: How to compare.
        steps: How many to make at most.

    Raises:
        InvalidArgument: There are fewer different vectors than centres.

    Example:
        >>> points = np.array([[0], [1], [9]], np.float32)
        >>> steps = lloyd_steps(points, points[:2], Metric.EUCLIDEAN)
        >>> [step.centers.ravel().tolist() for step in steps]
        [[0.0, 1.0], [0.0, 5.0], [0.5, 9.0]]
    """
    for _ in range(steps):
        codes, apart = nearest_centers(vectors, centers, metric)
        moved = centers_of(vectors, codes, len(centers), metric)
        if len(empty := np.setdiff1d(np.arange(len(centers)), codes)):
            moved[empty] = _farthest(vectors, codes, moved, metric, len(empty))
        yield Step(centers, codes, apart, inertia_of(apart, metric), moved)
        if np.array_equal(moved, centers):
            return
        centers = moved


def settle(vectors: Vectors, centers: Vectors, metric: Metric, *, steps: int = STEPS) -> Partition:
    """Make Lloyd's steps until nothing changes, and number the clusters by their sizes.

    Every vector is then in the cluster of its nearest centre, and every centre is the mean of its
    cluster, rounded to float32.

    Args and Raises: As for ``lloyd_steps``.
    """
    made = 0
    while True:
        for step in lloyd_steps(vectors, centers, metric, steps=max(1, steps - made)):
            made, last = made + 1, step
        settled = np.array_equal(last.moved, last.centers)
        order = by_size(last.codes, len(centers))
        centers, ranks = last.centers[order], np.argsort(order)
        # Of equally near centres the first counts, and which one that is may have changed.
        codes, apart = nearest_centers(vectors, centers, metric)
        same = np.array_equal(codes, ranks[last.codes])
        if same or made >= steps:
            inertia = inertia_of(apart, metric)
            return Partition(centers, codes, apart, inertia, made, same and settled)


def nearest_centers(vectors: Vectors, centers: Vectors, metric: Metric) -> tuple[Rows, Distances]:
    """The nearest centre of each vector, of equally near ones the first, and how far it is.

    Args:
        vectors: ``(n, dim)``; they are compared in blocks.
        centers: ``(k, dim)``.
        metric: How to compare.

    Returns:
        ``(n,)`` int64 and ``(n,)`` float64, in double precision.

    Example:
        >>> points = np.array([[0, 0], [3, 4], [1, 0]], np.float32)
        >>> nearest_centers(points, points[:2], Metric.EUCLIDEAN)
        (array([0, 1, 0]), array([0., 0., 1.]))
    """
    codes, apart = np.empty(len(vectors), np.int64), np.empty(len(vectors))
    index = ExactIndex([centers], metric)
    for part in _blocks(len(vectors)):
        near, rows = index.search(vectors[part], 1)
        codes[part], apart[part] = rows[:, 0], near[:, 0]
    return codes, apart


def member_distances(vectors: Vectors, codes: Rows, centers: Vectors, metric: Metric) -> Distances:
    """How far each vector ``(n, dim)`` is from the centre of its cluster, ``(n,)`` float64."""
    apart = np.empty(len(vectors))
    for part in _blocks(len(vectors)):
        apart[part] = distances(vectors[part], centers[codes[part]], metric)
    return apart


def centers_of(vectors: Vectors, codes: Rows, count: int, metric: Metric) -> Vectors:
    """The centres of clusters, ``(count, dim)`` float32; zero where one is empty.

    Args:
        vectors: ``(n, dim)``.
        codes: The cluster of each, ``(n,)``.
        count: How many clusters there are.
        metric: How to compare.
    """
    space = Space(vectors, metric)
    sums = np.zeros((count, vectors.shape[1]))
    for part in _blocks(len(vectors)):
        order = np.argsort(codes[part], kind="stable")
        present, firsts = np.unique(codes[part][order], return_index=True)
        sums[present] += np.add.reduceat(space.doubles(vectors[part])[order], firsts, axis=0)
    counts = np.bincount(codes, minlength=count)
    centers = space.vectors(sums / np.maximum(counts, 1)[:, None])
    if metric is Metric.COSINE:
        # Vectors that point opposite ways have no mean direction, and any is as near to them.
        for code in np.flatnonzero(~centers.any(axis=1) & (counts > 0)).tolist():
            centers[code] = normalized(vectors[codes == code][:1])[0]
    return centers


def inertia_of(apart: Distances, metric: Metric) -> float:
    """The sum of squares of distances to centres, ``(n,)``; see ``Partition``."""
    return float(2 * apart.sum() if metric is Metric.COSINE else np.square(apart).sum())


def by_size(codes: Rows, count: int) -> Rows:
    """The clusters from the largest to the smallest, of equals that with the earlier item first.

    Args:
        codes: The cluster of each item, ``(n,)``.
        count: How many clusters there are.

    Example:
        >>> by_size(np.array([2, 0, 1, 1, 0, 1]), 3)
        array([1, 0, 2])
    """
    firsts = np.full(count, len(codes))
    np.minimum.at(firsts, codes, np.arange(len(codes)))
    return np.lexsort((firsts, -np.bincount(codes, minlength=count)))


class Space:
    """Vectors as they are compared: moved to their middle, or under cosine brought to length 1."""

    def __init__(self, vectors: Vectors, metric: Metric) -> None:
        self._cosine = metric is Metric.COSINE
        self._middle: Doubles = np.zeros(vectors.shape[1])
        self._scale = 1.0
        if not self._cosine:
            self._middle = vectors.mean(axis=0, dtype=np.float64)
            ends = np.stack([vectors.min(axis=0), vectors.max(axis=0)])
            self._scale = float(np.abs(ends - self._middle).max()) or 1.0

    def doubles(self, vectors: Vectors) -> Doubles:
        """As they are compared, ``(n, dim)`` float64."""
        double = vectors.astype(np.float64)
        if not self._cosine:
            double -= self._middle
            return double
        lengths = np.linalg.norm(double, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        double /= lengths
        return double

    def points(self, vectors: Vectors) -> Vectors:
        """As scikit-learn takes them, ``(n, dim)`` float32: the largest numbers near 1."""
        points = np.empty(vectors.shape, np.float32)
        for part in _blocks(len(vectors)):
            points[part] = self.doubles(vectors[part]) / self._scale
        return points

    def back(self, points: Vectors) -> Vectors:
        """Centres that scikit-learn found, as vectors ``(k, dim)`` float32."""
        return self.vectors(points.astype(np.float64) * self._scale)

    def vectors(self, points: NDArray[Any]) -> Vectors:
        """Centres of what is compared, as vectors ``(k, dim)`` float32."""
        if not self._cosine:
            return (points + self._middle).astype(np.float32)
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        centers: Vectors = (points / lengths).astype(np.float32)
        return centers


def _farthest(
    vectors: Vectors, codes: Rows, centers: Vectors, metric: Metric, count: int
) -> Vectors:
    """The vectors that are farthest from their centres and differ from one another, ``(count,)``.

    Raises:
        TooFewDifferent: There are fewer.
    """
    apart = member_distances(vectors, codes, centers, metric)
    order = np.argsort(-apart, kind="stable")
    same = SAME if metric is Metric.COSINE else SAME * float(np.abs(centers).max())
    found: dict[bytes, Vectors] = {}
    for row in order[apart[order] > same].tolist():
        one = vectors[row : row + 1]
        vector = normalized(one) if metric is Metric.COSINE else one
        found.setdefault(vector.tobytes(), vector)
        if len(found) == count:
            return np.concatenate(list(found.values()))
    raise TooFewDifferent(len(centers) - count + len(found), len(vectors), len(centers))


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, BLOCK_ITEMS):
        yield slice(start, min(start + BLOCK_ITEMS, count))
