"""Lloyd's algorithm, exactly: who is nearest is decided in double precision, of ties the first."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vecsearch.index.metrics import distances
from vecsearch.index.space import Doubles, Space, blocks
from vecsearch.types import Distances, Metric, Rows, Vectors

STEPS = 300


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
        steps: How many of Lloyd's steps led there.
        settled: Whether the next would change nothing.
    """

    centers: Vectors
    codes: Rows
    distances: Distances
    inertia: float
    steps: int = 0
    settled: bool = True


@dataclass(frozen=True)
class Step:
    """One of Lloyd's steps.

    Attributes:
        centers: Where the centres are, ``(k, dim)`` float32.
        codes: The nearest of them to each vector, ``(n,)`` int64.
        inertia: As for ``Partition``.
        moved: Where the centres go, ``(k, dim)`` float32.
    """

    centers: Vectors
    codes: Rows
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
    space = Space(vectors, metric)
    for _ in range(steps):
        codes, apart = nearest_centers(vectors, centers, metric)
        counts = np.bincount(codes, minlength=len(centers))
        moved = space.means(space.sums(codes, len(centers)), counts, codes, centers)
        yield Step(centers, codes, inertia_of(apart, metric), moved)
        if np.array_equal(moved, centers):
            return
        centers = moved


def settle(vectors: Vectors, centers: Vectors, metric: Metric, *, steps: int = STEPS) -> Partition:
    """Make Lloyd's steps until nothing changes, and number the clusters by their sizes.

    Every vector is then in the cluster of its nearest centre, and every centre is the mean of its
    cluster, rounded to float32. Most vectors need not be compared in most steps: Hamerly, Making
    k-means even faster, 2010.

    Args and Raises: As for ``lloyd_steps``.
    """
    return at_rest(Walk(Space(vectors, metric), centers), steps)


def at_rest(walk: "Walk", steps: int = STEPS) -> Partition:
    """Go on with a walk until nothing changes, or until it has made so many steps."""
    while True:
        settled = walk.run(steps)
        same = walk.number()
        if (same or not settled) and walk.counts.all():
            vectors, metric = walk.space.vectors, walk.space.metric
            apart = member_distances(vectors, walk.codes, walk.centers, metric)
            inertia = inertia_of(apart, metric)
            return Partition(walk.centers, walk.codes, apart, inertia, walk.steps, same and settled)


def nearest_centers(vectors: Vectors, centers: Vectors, metric: Metric) -> tuple[Rows, Distances]:
    """The nearest centre of each vector, of equally near ones the first, and how far it is.

    Args:
        vectors: ``(n, dim)``; they are compared in blocks.
        centers: ``(k, dim)``.
        metric: How to compare.

    Returns:
        ``(n,)`` int64 and ``(n,)`` float64, as ``distances`` gives them in double precision.

    Example:
        >>> points = np.array([[0, 0], [3, 4], [1, 0]], np.float32)
        >>> nearest_centers(points, points[:2], Metric.EUCLIDEAN)
        (array([0, 1, 0]), array([0., 0., 1.]))
    """
    codes = np.empty(len(vectors), np.int64)
    compare = Space(vectors, metric).comparing(centers)
    for part in blocks(len(vectors), max(vectors.shape[1], len(centers))):
        codes[part] = compare(part)[0]
    return codes, member_distances(vectors, codes, centers, metric)


def member_distances(vectors: Vectors, codes: Rows, centers: Vectors, metric: Metric) -> Distances:
    """How far each vector ``(n, dim)`` is from the centre of its cluster, ``(n,)`` float64."""
    apart = np.empty(len(vectors))
    for part in blocks(len(vectors), vectors.shape[1]):
        apart[part] = distances(vectors[part], centers[codes[part]], metric)
    return apart


def centers_of(vectors: Vectors, codes: Rows, count: int, metric: Metric) -> Vectors:
    """The centres of clusters that are known, ``(count, dim)`` float32; see ``Partition``.

    Args:
        vectors: ``(n, dim)``.
        codes: The cluster of each, ``(n,)``; every one has a vector.
        count: How many clusters there are.
        metric: How to compare.
    """
    space = Space(vectors, metric)
    counts = np.bincount(codes, minlength=count)
    nowhere = np.zeros((count, vectors.shape[1]), np.float32)
    return space.means(space.sums(codes, count), counts, codes, nowhere)


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


class Walk:
    """Lloyd's steps over all vectors, with bounds that say who cannot have changed.

    Args:
        space: The vectors.
        centers: Where to begin, ``(k, dim)``.

    Attributes:
        centers: Where they are.
        codes: The nearest of them to each vector, ``(n,)``; of equally near ones the first.
        counts: How many vectors each has, ``(k,)``.
        steps: How many were made.
    """

    def __init__(self, space: Space, centers: Vectors) -> None:
        space.keep()
        self.space, self.centers = space, centers
        count = len(space.vectors)
        self.codes = np.empty(count, np.int64)
        self._upper, self._lower = np.empty(count), np.empty(count)
        self.steps = 0
        self._sums: Doubles = np.empty((0, 0))
        self.counts: Rows = np.empty(0, np.int64)
        self._exact = False  # whether the sums are as they would be if added up anew
        self._compare(np.arange(count))
        self._add_up()

    def run(self, most: int) -> bool:
        """Make steps until nothing changes, or so many; whether nothing changes any more."""
        while self.steps < most or not self.counts.all():
            moved = self.space.means(self._sums, self.counts, self.codes, self.centers)
            if not np.array_equal(moved, self.centers):
                self.steps += 1
                self._move(moved)
            elif self._exact:
                self.steps += 1
                return True
            else:
                self._add_up()
        return False

    def number(self) -> bool:
        """Number the clusters by their sizes; whether each vector stays where it is.

        Of equally near centres the first counts, and which one is first may change.
        """
        order = by_size(self.codes, len(self.centers))
        self.centers, self._sums = self.centers[order], self._sums[order]
        self.counts = self.counts[order]
        self.codes = np.argsort(order)[self.codes]
        return not self._compare_close()

    @property
    def inertia(self) -> float:
        """As for ``Partition``, but for the rounding."""
        apart = np.empty(len(self.codes))
        points = self.space.prepared(self.centers)
        for part in blocks(len(apart), points.shape[1]):
            way = self.space.taken(part) - points[self.codes[part]]
            apart[part] = np.einsum("ij,ij->i", way, way)
        return float(apart.sum())

    def _move(self, moved: Vectors) -> None:
        way = self.space.prepared(moved) - self.space.prepared(self.centers)
        shift = np.linalg.norm(way, axis=1) * (1 + 1e-12)
        self.centers = moved
        self._upper += shift[self.codes]
        first = int(shift.argmax())
        others = float(np.delete(shift, first).max(initial=0))
        self._lower -= np.where(self.codes == first, others, shift[first])
        self._compare_close()

    def _compare_close(self) -> bool:
        """Compare those that may be nearer to another centre; whether any of them is."""
        rows = np.flatnonzero(self._upper >= self._lower)
        before = self.codes[rows]
        self._compare(rows)
        changed = before != self.codes[rows]
        rows, before = rows[changed], before[changed]
        if len(rows):
            count = len(self.centers)
            # What comes to a cluster, and behind these what leaves it.
            moving = np.concatenate([self.codes[rows], count + before])
            sums = self.space.sums(moving, 2 * count, np.concatenate([rows, rows]))
            self._sums += sums[:count] - sums[count:]
            self.counts = np.bincount(self.codes, minlength=count)
            self._exact = False
        return len(rows) > 0

    def _compare(self, rows: Rows) -> None:
        vectors = self.space.vectors
        compare = self.space.comparing(self.centers)
        for part in blocks(len(rows), max(vectors.shape[1], len(self.centers))):
            some = rows[part]
            self.codes[some], self._upper[some], self._lower[some] = compare(some)

    def _add_up(self) -> None:
        """The sums anew, since adding and taking away leaves the rounding behind."""
        self._sums = self.space.sums(self.codes, len(self.centers))
        self.counts = np.bincount(self.codes, minlength=len(self.centers))
        self._exact = True
