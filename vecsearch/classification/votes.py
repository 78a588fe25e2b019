"""The vote of the nearest neighbours."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.types import Distances, Rows

BLOCK_BYTES = 64 << 20
MANY = 256

Weights: TypeAlias = Literal["uniform", "distance"]
WEIGHTS: tuple[Weights, ...] = ("uniform", "distance")


def knn_vote(
    codes: Rows, distances: Distances, weights: Weights = "uniform"
) -> tuple[Rows, NDArray[np.float64]]:
    """The class with the most votes among the nearest neighbours of each query.

    Of classes with equally many votes, the one whose neighbours are nearer together wins, by the
    sum of their distances; the order of the neighbours decides only if that is equal too.

    Args:
        codes: The class of each neighbour, as a number from 0, ``(n, k)``, k ≥ 1; −1 is nobody
            and has no vote.
        distances: Their distances ``(n, k)``.
        weights: What a vote counts: ``uniform``, all the same; ``distance``, the inverse of the
            distance, and if some neighbours are at 0, these alone.

    Returns:
        The class ``(n,)`` int64, −1 where nobody votes; and its share of all votes ``(n,)``
        float64, in [0, 1].

    Raises:
        InvalidArgument: No weights are called so.

    Example:
        >>> apart = np.array([[1.0, 2.0, 3.0, 5.0, 6.0]])
        >>> knn_vote(np.array([[0, 1, 1, 0, 2]]), apart)
        (array([1]), array([0.4]))
    """
    as_weights(weights)
    if codes.shape[1] > MANY:
        return _one_by_one(codes, distances, weights)
    counts = vote_weights(codes, distances, weights)
    whole = counts.sum(axis=1)
    chosen, share = np.empty(len(codes), np.int64), np.zeros(len(codes))
    step = max(1, BLOCK_BYTES // (17 * codes.shape[1] ** 2))
    for start in range(0, len(codes), step):
        block = slice(start, start + step)
        part = codes[block]
        same = (part[:, :, None] == part[:, None, :]) & (part[:, :, None] >= 0)
        votes = np.where(same, counts[block, None, :], 0).sum(axis=2)
        total = np.where(same, distances[block, None, :], 0).sum(axis=2)
        total[votes < votes.max(axis=1, keepdims=True)] = np.inf
        best = total.argmin(axis=1)[:, None]
        chosen[block] = np.take_along_axis(part, best, 1)[:, 0]
        share[block] = np.take_along_axis(votes, best, 1)[:, 0]
    return chosen, np.divide(share, whole, out=share, where=whole > 0)


def _one_by_one(
    codes: Rows, distances: Distances, weights: Weights
) -> tuple[Rows, NDArray[np.float64]]:
    """The same for so many neighbours that pairs of them would be too many."""
    counts = vote_weights(codes, distances, weights)
    chosen, share = np.full(len(codes), -1, np.int64), np.zeros(len(codes))
    for query in range(len(codes)):
        voting = np.flatnonzero(codes[query] >= 0)
        if not len(voting):
            continue
        names, first, code = np.unique(codes[query, voting], return_index=True, return_inverse=True)
        votes = np.bincount(code, counts[query, voting])
        total = np.bincount(code, distances[query, voting])
        best = np.lexsort((first, total, -votes))[0]
        chosen[query], share[query] = names[best], votes[best] / votes.sum()
    return chosen, share


def decide(
    codes: Rows, distances: Distances, weights: Weights
) -> tuple[Rows, Distances, NDArray[np.float64]]:
    """The class with the most votes, how far its nearest neighbour is, and its share of the votes.

    Args: As for ``knn_vote``.

    Returns:
        Three times ``(n,)``; where nobody votes, −1, infinity and 0.
    """
    chosen, share = knn_vote(codes, distances, weights)
    own = (codes == chosen[:, None]) & (codes >= 0)
    return chosen, np.where(own, distances, np.inf).min(axis=1), share


def vote_weights(codes: Rows, distances: Distances, weights: Weights) -> NDArray[np.float64]:
    """What each neighbour's vote counts, ``(n, k)`` from 0 to 1."""
    voting = codes >= 0
    if weights == "uniform":
        return voting.astype(np.float64)
    apart = np.where(voting, distances, np.inf)
    # As multiples of the nearest's, so that no inverse is infinite.
    nearest = apart.min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        counts: NDArray[np.float64] = np.where(nearest > 0, nearest / apart, apart == 0) * voting
    return counts


def as_weights(name: str) -> Weights:
    """The weights of that name.

    Raises:
        InvalidArgument: There are none.
    """
    for one in WEIGHTS:
        if name == one:
            return one
    raise InvalidArgument(f"No weights are called {name!r}; there are: {', '.join(WEIGHTS)}.")
