"""What stands for a class: its mean, several means, or the item nearest to a mean."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import as_metric, distances, normalized
from vecsearch.types import Distances, Metric, Rows, Vectors

BLOCK_BYTES = 64 << 20

Center: TypeAlias = Literal["mean", "medoid"]
CENTERS: tuple[Center, ...] = ("mean", "medoid")


def as_center(name: str) -> Center:
    """What stands for a class, by its name.

    Raises:
        InvalidArgument: There is none of that name.
    """
    if name not in CENTERS:
        raise InvalidArgument(f"No center is called {name!r}: {', '.join(CENTERS)}.")
    return name


class Centroids:
    """The mean vector of each class, or several of them, or the items nearest to them.

    Under cosine the vectors are brought to length 1 first, as in spherical k-means (Dhillon and
    Modha, 2001), so that each counts by its direction alone.

    Args:
        vectors: ``(n, dim)``.
        codes: The class of each, as a number from 0, ``(n,)``.
        classes: How many classes there are.
        metric: How to compare.
        each: How many centroids a class has at most: those of its k-means.
        center: ``mean``; or ``medoid``, the item with the least sum of squared distances to those
            that it stands for, which is the one nearest to their mean.
        seed: For k-means.

    Attributes:
        points: All centroids, ``(m, dim)`` float64.
        owners: The class of each, ``(m,)`` int64.

    Raises:
        InvalidArgument: A value makes no sense.
    """

    def __init__(
        self,
        vectors: Vectors,
        codes: Rows,
        classes: int,
        metric: Metric | str,
        *,
        each: int = 1,
        center: Center = "mean",
        seed: int = 0,
    ) -> None:
        if each < 1:
            raise InvalidArgument(f"A class has 1 centroid or more, not {each}.")
        as_center(center)
        self._metric, self._classes = as_metric(metric), classes
        parts = np.asarray(codes, np.int64)
        if each > 1:
            parts, self.owners = self._clusters(vectors, parts, each, seed)
        else:
            self.owners = np.arange(classes)
        self._counts = np.bincount(parts, minlength=len(self.owners))
        self._sums = self._summed(vectors, parts)
        self.points = self._means(self._sums, self._counts)
        self._medoids = center == "medoid"
        if self._medoids:
            self.points = self._nearest_items(vectors, parts)

    def distances(self, queries: Vectors, members: Rows | None = None) -> Distances:
        """How far the nearest centroid of each class is, ``(n, classes)`` float64.

        It is infinite where a class has none, or none but the query itself.

        Args:
            queries: ``(n, dim)``.
            members: The class that each query was itself counted in, or −1: it is taken out of
                the mean of that class first. None if none was.

        Raises:
            InvalidArgument: A query is to be taken out of something else than a single mean.
        """
        found = np.full((len(queries), self._classes), np.inf)
        for part, apart in self._blocks(queries, members):
            found[part] = apart
        return found

    def nearest(self, queries: Vectors, members: Rows | None = None) -> Rows:
        """The class whose centroid is nearest, ``(n,)`` int64; −1 where no class is left.

        Args and Raises: As for ``distances``.
        """
        found = np.empty(len(queries), np.int64)
        for part, apart in self._blocks(queries, members):
            found[part] = np.where(np.isfinite(apart).any(axis=1), apart.argmin(axis=1), -1)
        return found

    def memberships(self, apart: Distances) -> NDArray[np.float64]:
        """How much each query belongs to each class, ``(n, classes)``; together 1 for each query.

        The inverse of the squared distance to its nearest centroid, as a share of the sum over
        all classes: membership as in fuzzy c-means with m = 2 (Bezdek, 1981). Under cosine 1 − cos
        stands for the square, since it is half of that between vectors of length 1.

        Args:
            apart: What ``distances`` gave.
        """
        squares = apart if self._metric is Metric.COSINE else np.square(apart)
        nearest = squares.min(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.where(nearest > 0, nearest / squares, squares == 0)
        shares: NDArray[np.float64] = near / near.sum(axis=1, keepdims=True)
        return shares

    def _blocks(self, queries: Vectors, members: Rows | None) -> Iterator[tuple[slice, Distances]]:
        if members is not None and (self._medoids or len(self.owners) != self._classes):
            raise InvalidArgument("A query can be taken out of a single mean only.")
        step = max(1, BLOCK_BYTES // (8 * self.points.size))
        there = np.flatnonzero(self._counts)
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            block = queries[part].astype(np.float64)
            found = np.full((len(block), self._classes), np.inf)
            apart = distances(block[:, None, :], self.points[there], self._metric)
            np.minimum.at(found.T, self.owners[there], apart.T)
            if members is not None:
                self._without_self(block, members[part], found)
            yield part, found

    def _summed(self, vectors: Vectors, parts: Rows) -> NDArray[np.float64]:
        sums = np.zeros((len(self.owners), vectors.shape[1]))
        step = max(1, BLOCK_BYTES // (8 * vectors.shape[1]))
        for start in range(0, len(vectors), step):
            part = parts[start : start + step]
            order = np.argsort(part, kind="stable")
            block = self._as_counted(vectors[start : start + step])[order]
            present, firsts = np.unique(part[order], return_index=True)
            sums[present] += np.add.reduceat(block, firsts, axis=0, dtype=np.float64)
        return sums

    def _clusters(self, vectors: Vectors, codes: Rows, each: int, seed: int) -> tuple[Rows, Rows]:
        """The cluster of each vector within its class, and the class of each cluster."""
        from sklearn.cluster import KMeans

        parts = np.empty(len(codes), np.int64)
        owners: list[int] = []
        for code in range(self._classes):
            rows = np.flatnonzero(codes == code)
            members = self._as_counted(vectors[rows])
            count = min(each, len(np.unique(members, axis=0)))
            found = np.zeros(len(rows), np.int64)
            if count > 1:
                found = KMeans(count, n_init=4, random_state=seed).fit_predict(members)
            parts[rows] = len(owners) + found
            owners += [code] * max(1, count)
        return parts, np.array(owners, np.int64)

    def _nearest_items(self, vectors: Vectors, parts: Rows) -> NDArray[np.float64]:
        """The item of each part that is nearest to its mean, the first of equals."""
        chosen = np.zeros((len(self.owners), vectors.shape[1]))
        least = np.full(len(self.owners), np.inf)
        step = max(1, BLOCK_BYTES // (8 * vectors.shape[1]))
        for start in range(0, len(vectors), step):
            block, part = vectors[start : start + step], parts[start : start + step]
            apart = distances(block, self.points[part], self._metric)
            order = np.lexsort((apart, part))
            present, firsts = np.unique(part[order], return_index=True)
            first = order[firsts]
            nearer = apart[first] < least[present]
            least[present[nearer]] = apart[first][nearer]
            chosen[present[nearer]] = block[first[nearer]]
        return chosen

    def _without_self(self, queries: NDArray[Any], members: Rows, apart: Distances) -> None:
        inside = np.flatnonzero(members >= 0)
        own = members[inside]
        sums = self._sums[own] - self._as_counted(queries[inside])
        counts = self._counts[own] - 1
        again = distances(queries[inside], self._means(sums, counts), self._metric)
        apart[inside, own] = np.where(counts > 0, again, np.inf)

    def _as_counted(self, vectors: NDArray[Any]) -> NDArray[Any]:
        return normalized(vectors) if self._metric is Metric.COSINE else vectors

    @staticmethod
    def _means(sums: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = sums / np.maximum(counts, 1)[:, None]
        return means
