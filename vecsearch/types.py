"""The words that the rest of the package is written in. Imports nothing of ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

Pixels: TypeAlias = NDArray[np.uint8]
"""Decoded images, ``(n, height, width, channels)`` uint8; channels is 3 (RGB) or 1 (grey)."""

Vectors: TypeAlias = NDArray[np.float32]
"""Embeddings, ``(n, dim)`` float32, C-contiguous, finite."""

Distances: TypeAlias = NDArray[np.float64]
"""``(n, k)`` float64; smaller is closer."""

Rows: TypeAlias = NDArray[np.int64]
"""Positions of items in a collection, int64. They never leave the library."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many: 0 if nobody knows."""


class Metric(StrEnum):
    """How far two vectors are from each other. Smaller is closer."""

    EUCLIDEAN = "euclidean"
    """The L2 distance itself, not its square: 0 and up."""
    COSINE = "cosine"
    """1 − cos of the angle: 0 (same direction) to 2 (opposite)."""


@dataclass(frozen=True)
class Item:
    """One thing in a collection.

    Attributes:
        id: The name its user knows it by: the path below the indexed folder, in POSIX form,
            unless another was given.
        path: The image file, or None for vectors that came without one.
        label: Its class, or None.
        metadata: Whatever else is known about it; not to be changed, since answers share items.
    """

    id: str
    path: Path | None = None
    label: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)


class Hit(NamedTuple):
    """One answer of a query. A tuple, since a search makes ten of them for each query.

    Attributes:
        item: What was found.
        distance: By the metric that was asked by; smaller is closer.
        score: Larger is closer. Of a search in [0, 1]: ``1 / (1 + distance)`` for Euclidean,
            ``(1 + cos) / 2`` for cosine; of ``recommend`` what its strategy gives.
    """

    item: Item
    distance: float
    score: float


@dataclass(frozen=True, eq=False)
class Clustering:
    """Items in clusters.

    Attributes:
        ids: The items.
        codes: The cluster of each, ``(n,)`` int64. The largest cluster is 0; of equally large ones
            that with the earlier item comes first.
        distances: How far each is from the centre of its cluster, ``(n,)`` float64.
        centers: The mean vector of each cluster, ``(k, dim)`` float32; under cosine, the direction
            of the mean of its vectors brought to length 1, as a vector of length 1.
        medoids: Which item stands for each cluster, ``(k,)`` int64, a position in ``ids``: the one
            nearest to the centre, which has the least sum of squared distances to the others; −1
            for a cluster that later items have left without any.
        inertia: The sum of the squares of ``distances``; under cosine twice their sum, which is
            the sum of the squared distances between vectors of length 1.
        method: ``kmeans`` or ``hierarchical``.
        metric: How distances are measured.
        settings: What else it was made with.
        iterations: How many steps of k-means led there, on a sample and on all items; None for
            other methods.
    """

    ids: Sequence[str]
    codes: Rows
    distances: Distances
    centers: Vectors = field(repr=False)
    medoids: Rows
    inertia: float
    method: str
    metric: Metric
    settings: Mapping[str, JSON] = field(default_factory=dict)
    iterations: int | None = None

    @property
    def k(self) -> int:
        """How many clusters there are."""
        return len(self.centers)

    @property
    def sizes(self) -> Rows:
        """How many items each cluster has, ``(k,)`` int64."""
        return np.bincount(self.codes, minlength=self.k)


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why.

    Attributes:
        path: Where it is.
        reason: What is wrong with it.
        size: Its length in bytes when it was read; None if it was not.
        mtime_ns: When it had last been changed then, in nanoseconds since 1970.
    """

    path: Path
    reason: str
    size: int | None = field(default=None, compare=False, repr=False)
    mtime_ns: int | None = field(default=None, compare=False, repr=False)
