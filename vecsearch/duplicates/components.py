"""Groups of what is near each other: connected components, split where they are chains."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import distances
from vecsearch.types import Distances, Metric, Rows, Vectors

# The distances of so many different items among each other are 134 MB.
MOST_TOGETHER = 4096
WORK_BYTES = 64 << 20


class Components:
    """The connected components of a graph whose edges come in parts and are not kept.

    Args:
        count: How many nodes there are.

    Example:
        >>> parts = Components(5)
        >>> parts.join(np.array([0]), np.array([3])), parts.join(np.array([3]), np.array([4]))
        (True, True)
        >>> [rows.tolist() for rows in parts.sets()]
        [[0, 3, 4]]
    """

    def __init__(self, count: int) -> None:
        self.labels: Rows = np.arange(count)

    def join(self, left: Rows, right: Rows) -> bool:
        """Add edges between nodes, ``(n,)`` each; returns whether that joined anything."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends = self.labels[left], self.labels[right]
        if np.array_equal(*ends):
            return False
        shape = (len(self.labels), len(self.labels))
        graph = coo_array((np.ones(len(left), np.int8), ends), shape=shape)
        _, merged = connected_components(graph, directed=False)
        self.labels = merged[self.labels].astype(np.int64)
        return True

    def first(self) -> Rows:
        """The first node of each node's component, ``(n,)``."""
        _, firsts, codes = np.unique(self.labels, return_index=True, return_inverse=True)
        return firsts[codes]

    def sets(self) -> Iterator[Rows]:
        """The nodes of each component of two or more, ascending; by their first nodes."""
        yield from sets_of(self.first())


def sets_of(labels: Rows) -> Iterator[Rows]:
    """The places of each label that stands in two or more, ascending; by label."""
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    for rows in np.split(order, cuts):
        if len(rows) > 1:
            yield rows


def check_size(labels: Rows, threshold: float) -> None:
    """Refuse a component that cannot be looked at as a whole.

    Args:
        labels: The component of each different item.
        threshold: How near neighbours in it are.

    Raises:
        InvalidArgument: It has more than ``MOST_TOGETHER`` items.
    """
    most = int(np.bincount(labels).max(initial=0)) if len(labels) else 0
    if most > MOST_TOGETHER:
        raise InvalidArgument(
            f"Under the threshold {threshold:.6g}, {most:,} or more different items hang "
            f"together: more than {MOST_TOGETHER:,} are no group of duplicates. Give a lower one."
        )


def split(vectors: Vectors, metric: Metric, threshold: float, most: float) -> Sequence[Rows]:
    """Take a component apart if it spreads too far.

    Components are chains: each is near the next, and the ends may have nothing in common. One that
    spreads farther than ``most`` is cut by complete linkage, so that no part does; what then does
    not hang together under the threshold is cut once more.

    Args:
        vectors: Those of the component, ``(n, dim)``, n up to ``MOST_TOGETHER``.
        metric: How to compare.
        threshold: Those up to here are near each other.
        most: How far apart two of a part may be.

    Returns:
        The rows of each part of two or more, ascending; by their first rows.
    """
    apart = all_distances(vectors, metric)
    if apart.max() <= most:
        return [np.arange(len(vectors))]
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(apart, checks=False), "complete")
    parts = []
    for rows in sets_of(fcluster(tree, most, "distance")):
        linked = Components(len(rows))
        linked.join(*np.nonzero(apart[np.ix_(rows, rows)] <= threshold))
        parts += [rows[inner] for inner in linked.sets()]
    return sorted(parts, key=lambda rows: int(rows[0]))


def all_distances(vectors: Vectors, metric: Metric) -> Distances:
    """The distances among all of some vectors, ``(n, n)``, in double precision."""
    count = len(vectors)
    apart: Distances = np.zeros((count, count))
    for row in range(count - 1):
        apart[row, row + 1 :] = distances_to(vectors[row], vectors[row + 1 :], metric)
    apart += apart.T
    return apart


def spread(vectors: Vectors, metric: Metric) -> float:
    """The largest distance among some vectors; 0 of one alone."""
    return max(
        (
            float(distances_to(vectors[row], vectors[row + 1 :], metric).max())
            for row in range(len(vectors) - 1)
        ),
        default=0.0,
    )


def distances_to(query: Vectors, vectors: Vectors, metric: Metric) -> NDArray[np.float64]:
    """The distances of one vector from others, ``(n,)``, in blocks."""
    step = max(1, WORK_BYTES // (32 * len(query)))
    blocks = [
        distances(query, vectors[start : start + step], metric)
        for start in range(0, len(vectors), step)
    ]
    return np.concatenate([np.empty(0), *blocks])
