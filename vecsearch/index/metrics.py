"""The two metrics: what their numbers are, and which vectors they take."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.types import Distances, Metric, Vectors

BLOCK_BYTES = 16 << 20
# From so many numbers on, OpenBLAS adds up in several threads, and rounds by how many they are.
ADDED_IN_THREADS = 10_000


def as_metric(name: Metric | str) -> Metric:
    """The metric of that name.

    Raises:
        InvalidArgument: There is none.
    """
    try:
        return Metric(name)
    except ValueError as error:
        raise InvalidArgument(
            f"No metric is called {name!r}; there are: {', '.join(Metric)}."
        ) from error


def check_vectors(
    vectors: ArrayLike, dim: int | None = None, metric: Metric | None = None, first: int = 0
) -> Vectors:
    """Make vectors of what was given, or refuse it.

    Args:
        vectors: ``(n, dim)`` of any real type.
        dim: The length each must have, if that is fixed already.
        metric: The metric that they are to be compared by.
        first: What the first one counts as in a message.

    Returns:
        ``(n, dim)`` float32, C-contiguous, finite.

    Raises:
        InvalidArgument: They are not numbers, not two-dimensional, of another length, or not
            finite; or one is zero, which has no direction, and the metric is cosine.

    Example:
        >>> check_vectors([[1, 2], [3, 4]])
        array([[1., 2.],
               [3., 4.]], dtype=float32)
    """
    given = as_array(vectors)
    if given.dtype.kind not in "fiub":
        raise InvalidArgument(f"Vectors are real numbers, not {given.dtype}.")
    if given.ndim != 2:
        raise InvalidArgument(
            f"Vectors come as an array of shape (n, dim), not {given.shape}: "
            "put a single one into a list."
        )
    if given.shape[1] == 0 or (dim is not None and given.shape[1] != dim):
        wanted = f"{dim}" if dim is not None else "1 or more"
        raise InvalidArgument(f"The vectors have {given.shape[1]} dims, not {wanted}.")
    if given.dtype == np.float32:
        array = np.ascontiguousarray(given)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.ascontiguousarray(given, np.float32)
    # The product is quick to take, and finite if all are, unless it overflows.
    square = float(np.vdot(array, array))
    if not math.isfinite(square) and not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InvalidArgument(
            f"Vector {first + row} holds NaN, infinity or more than float32 can hold."
        )
    is_one = len(array) == 1 and square > 0
    if metric is Metric.COSINE and not is_one and len(zeros := zero_rows(array)):
        row = first + int(zeros[0])
        raise InvalidArgument(f"Vector {row} is zero: cosine cannot compare what has no direction.")
    return array


def as_array(vectors: ArrayLike) -> NDArray[Any]:
    """The vectors as an array, not checked any further.

    Raises:
        InvalidArgument: They are of different lengths.
    """
    try:
        return np.asarray(vectors)
    except ValueError as error:
        raise InvalidArgument(f"The vectors are not all of one length: {error}.") from error


def zero_rows(vectors: Vectors) -> NDArray[np.int64]:
    """Which vectors have no direction."""
    return np.flatnonzero(~vectors.any(axis=1))


def normalized(vectors: Vectors) -> Vectors:
    """Copies of length 1; a zero vector stays zero."""
    unit = np.empty(vectors.shape, np.float32)
    step = max(1, BLOCK_BYTES // (8 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step].astype(np.float64)
        lengths = np.sqrt(_products(block, block))[:, None]
        lengths[lengths == 0] = 1
        unit[start : start + step] = block / lengths
    return unit


def distances(queries: NDArray[Any], others: NDArray[Any], metric: Metric) -> Distances:
    """Distances between corresponding vectors, in double precision.

    Args:
        queries: ``(..., dim)``.
        others: ``(..., dim)``, of a shape that broadcasts with ``queries``.
        metric: Euclidean: the L2 distance. Cosine: 1 − cos, from 0 to 2; 1 for a zero vector.

    Returns:
        ``(...)`` float64.
    """
    if metric is Metric.EUCLIDEAN:
        between = np.subtract(queries, others, dtype=np.float64)
        squares = _products(between, between)
        apart: Distances = np.sqrt(squares, out=squares)
        return apart
    left, right = queries.astype(np.float64), others.astype(np.float64)
    products = _products(left, right)
    lengths = np.sqrt(_products(left, left) * _products(right, right))
    cosines = products / np.where(lengths > 0, lengths, np.inf)
    return np.minimum(np.maximum(1 - cosines, 0), 2)  # np.clip takes five times as long for few


def _products(left: NDArray[Any], right: NDArray[Any]) -> Distances:
    """Inner products, the same by any number of threads.

    Neither function makes an array of all the terms; vecdot, by BLAS, is twice as quick or more.
    """
    products: Distances
    if left.shape[-1] < ADDED_IN_THREADS:
        products = np.vecdot(left, right)
    else:
        products = np.einsum("...i,...i->...", left, right)
    return products


def scores(distances: Distances, metric: Metric) -> Distances:
    """Scores in [0, 1], larger is closer: ``1 / (1 + distance)``, or ``(1 + cos) / 2``.

    Example:
        >>> scores(np.array([0.0, 1.0]), Metric.EUCLIDEAN)
        array([1. , 0.5])
    """
    return 1 / (1 + distances) if metric is Metric.EUCLIDEAN else 1 - distances / 2
