"""Vectors as k-means compares them, and what finds the nearest centre in double precision."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index.metrics import distances, normalized
from vecsearch.types import Metric, Rows, Vectors

BLOCK_BYTES = 16 << 20
# Vectors are kept as they are compared, in double precision, if that takes no more than this.
KEPT_BYTES = 256 << 20
# Vectors nearer than this are taken for the same: under Euclidean as a share of the largest number
# in a centre, under cosine because a centre is rounded to float32.
SAME = 1e-12

Doubles: TypeAlias = NDArray[np.float64]
Compare: TypeAlias = Callable[[slice | Rows], tuple[Rows, Doubles, Doubles]]


def blocks(count: int, width: int) -> Iterator[slice]:
    """Parts of so many rows, each of ``width`` doubles, that are 16 MiB."""
    step = max(1, BLOCK_BYTES // (8 * width))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


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


class Space:
    """Vectors as they are compared: moved to their middle, or under cosine brought to length 1.

    So that |x|² + |c|² − 2 x·c loses few digits, and that the nearest by cosine is the nearest.

    Args:
        vectors: ``(n, dim)``.
        metric: How to compare.
    """

    def __init__(self, vectors: Vectors, metric: Metric) -> None:
        self.vectors, self.metric = vectors, metric
        self._cosine = metric is Metric.COSINE
        self._middle = np.zeros(vectors.shape[1])
        if not self._cosine and len(vectors):
            self._middle = vectors.mean(axis=0, dtype=np.float64)
        self._kept: Doubles | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def keep(self) -> None:
        """Keep the vectors as they are compared, for those who take them again and again."""
        if 8 * self.vectors.size <= KEPT_BYTES:
            self._kept = self.prepared(self.vectors)

    def taken(self, rows: slice | Rows) -> Doubles:
        """Some of the vectors as they are compared, not to be written to."""
        return self.prepared(self.vectors[rows]) if self._kept is None else self._kept[rows]

    def prepared(self, block: NDArray[np.float32]) -> Doubles:
        """Vectors as they are compared, ``(n, dim)`` float64."""
        double = block.astype(np.float64)
        if not self._cosine:
            double -= self._middle
            return double
        lengths = np.sqrt(np.einsum("ij,ij->i", double, double))
        lengths[lengths == 0] = 1
        double /= lengths[:, None]
        return double

    def as_centers(self, points: Doubles) -> Vectors:
        """Centres of what is compared, as vectors: ``(k, dim)`` float32."""
        if not self._cosine:
            return (points + self._middle).astype(np.float32)
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        centers: Vectors = (points / lengths).astype(np.float32)
        return centers

    def comparing(self, centers: Vectors) -> Compare:
        """What finds the nearest centre of some of the vectors, given their rows ``(m,)``.

        It gives the codes ``(m,)``; more than how far the centre is, or as much; and less than
        how far any other is, or as much: Euclidean distances of what is compared.
        """
        points = self.prepared(centers)
        squares = np.einsum("ij,ij->i", points, points)
        reach = float(np.sqrt(squares.max()))
        # More than what rounding may do to a square or to its square root, here and in distances.
        unit = 8 * float(np.finfo(np.float64).eps) * (points.shape[1] + 8)

        def compare(chosen: slice | Rows) -> tuple[Rows, Doubles, Doubles]:
            moved = self.taken(chosen)
            own = np.einsum("ij,ij->i", moved, moved)
            slack = unit * np.square(np.sqrt(own) + reach)
            apart = moved @ points.T
            apart *= -2
            apart += squares
            codes, rows = apart.argmin(axis=1), np.arange(len(moved))
            near = apart[rows, codes]
            apart[rows, codes] = np.inf
            other = apart.min(axis=1)
            close = np.flatnonzero(other - near <= slack)
            block = self.vectors[chosen][close] if len(close) else self.vectors[:0]
            for part in blocks(len(close), centers.size):
                exact = distances(block[part][:, None], centers[None], self.metric)
                codes[close[part]] = exact.argmin(axis=1)
            upper = np.sqrt(np.maximum(near + own, 0) + 2 * slack)
            lower = np.sqrt(np.maximum(other + own - 2 * slack, 0))
            return codes, upper, lower

        return compare

    def sums(self, codes: Rows, count: int, rows: Rows | None = None) -> Doubles:
        """The sum of the vectors of each cluster, as they are compared: ``(count, dim)``.

        Args:
            codes: The clusters, ``(n,)``.
            count: How many there are.
            rows: Of which vectors; of all by default.
        """
        sums = np.zeros((count, self.vectors.shape[1]))
        for part in blocks(len(codes), self.vectors.shape[1]):
            order = np.argsort(codes[part], kind="stable")
            own = codes[part][order]
            firsts = np.flatnonzero(np.diff(own, prepend=-1))
            chosen = part.start + order if rows is None else rows[part][order]
            sums[own[firsts]] += np.add.reduceat(self.taken(chosen), firsts, axis=0)
        return sums

    def means(self, sums: Doubles, counts: Rows, codes: Rows, centers: Vectors) -> Vectors:
        """Where centres go, ``(k, dim)`` float32.

        Args:
            sums: Of the vectors of each cluster, ``(k, dim)``.
            counts: How many these are, ``(k,)``.
            codes: The cluster of each vector, ``(n,)``.
            centers: Where they are.

        Raises:
            TooFewDifferent: There are fewer different vectors than centres.
        """
        moved = self.as_centers(sums / np.maximum(counts, 1)[:, None])
        if self._cosine:
            # Vectors that point opposite ways have no mean direction, and any is as near to them.
            for code in np.flatnonzero(~moved.any(axis=1) & (counts > 0)).tolist():
                moved[code] = normalized(self.vectors[codes == code][:1])[0]
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            moved[empty] = centers[empty]
            far = self._farthest(codes, moved, len(empty))
            if not len(far):
                raise TooFewDifferent(len(counts) - len(empty), len(codes), len(counts))
            moved[empty[: len(far)]] = far
        return moved

    def _farthest(self, codes: Rows, centers: Vectors, count: int) -> Vectors:
        """The vectors that are farthest from their centres and differ from one another."""
        apart = np.empty(len(codes))
        for part in blocks(len(codes), self.vectors.shape[1]):
            apart[part] = distances(self.vectors[part], centers[codes[part]], self.metric)
        order = np.argsort(-apart, kind="stable")
        same = SAME if self._cosine else SAME * float(np.abs(centers).max())
        found: dict[bytes, Vectors] = {}
        for row in order[apart[order] > same].tolist():
            one = self.vectors[row : row + 1]
            vector = normalized(one) if self._cosine else one
            found.setdefault(vector.tobytes(), vector)
            if len(found) == count:
                break
        return np.concatenate([np.empty((0, centers.shape[1]), np.float32), *found.values()])
