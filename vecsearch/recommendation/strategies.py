"""How examples make a score for every item."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import distance_blocks, distances, normalized, scores
from vecsearch.types import Distances, Metric, Rows, Vectors
from vecsearch.view import View

Strategy: TypeAlias = Literal["mean", "best", "sum"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

# So many candidates are looked at together: for diversity, and for what counts beside likeness.
POOL = 1000


@dataclass(frozen=True)
class Pool:
    """Candidates, the best first.

    Attributes:
        rows: Where they are, ``(n,)``.
        distances: How far they are from what was asked for, ``(n,)``.
        scores: What the strategy gives them, ``(n,)``; larger is better.
    """

    rows: Rows
    distances: Distances
    scores: NDArray[np.float64]


def pools(
    view: View,
    liked: Vectors,
    unliked: Vectors,
    strategy: Strategy,
    allowed: NDArray[np.bool_],
    metric: Metric,
    exact: bool,
) -> Iterator[Pool]:
    """The items in order of what a strategy gives them, 1,000 at a time.

    Args:
        view: What is searched.
        liked: Examples, ``(n, dim)``.
        unliked: Examples, ``(n, dim)``.
        strategy: ``mean``: how near an item is to the mean of the liked ones, moved away from the
            mean of the others by as much as it is from it: mean(liked) + mean(liked) −
            mean(unliked). ``best``: the score of the nearest liked example; for an item that is
            nearer to an unliked one, minus the square of its score with that. ``sum``: the sum of
            its scores with all liked examples, less that with the unliked ones. These are Qdrant's
            average_vector, best_score and sum_scores.
        allowed: Which rows may come, ``(rows,)``.
        metric: How to compare; under cosine, the mean is that of vectors of length 1.
        exact: Compare with every item; so it is in any case for ``best`` and ``sum``.

    Raises:
        InvalidArgument: There is no such strategy, or nothing that it could go by.
    """
    if strategy not in STRATEGIES:
        raise InvalidArgument(f"{strategy!r} is no strategy: {', '.join(STRATEGIES)}.")
    if not len(liked) and (strategy == "mean" or not len(unliked)):
        raise InvalidArgument(
            "Say what is liked (--like ID or IMAGE): the mean needs an example; with best or sum, "
            "one that is not liked is enough."
        )
    if strategy == "mean":
        return _near_mean(view, mean_of(liked, unliked, metric), allowed, metric, exact)
    return _by_examples(view, liked, unliked, strategy, allowed, metric)


def mean_of(liked: Vectors, unliked: Vectors, metric: Metric) -> Vectors:
    """Where the strategy ``mean`` looks, ``(1, dim)``."""
    near, far = (_middle(one, metric) for one in (liked, unliked))
    query = near if far is None else 2 * near - far  # type: ignore[operator]
    wanted: Vectors = np.asarray(query, np.float32)[None]
    if metric is Metric.COSINE and not np.linalg.norm(wanted) > np.finfo(np.float32).eps:
        raise InvalidArgument(
            "The examples cancel each other: their mean has no direction. Give others, or take "
            "the strategy best."
        )
    return wanted


def _middle(vectors: Vectors, metric: Metric) -> NDArray[np.float64] | None:
    if not len(vectors):
        return None
    counted = normalized(vectors) if metric is Metric.COSINE else vectors
    mean: NDArray[np.float64] = counted.mean(axis=0, dtype=np.float64)
    return mean


def _near_mean(
    view: View, query: Vectors, allowed: NDArray[np.bool_], metric: Metric, exact: bool
) -> Iterator[Pool]:
    index, left = view.index(metric, exact), allowed
    while left.any():
        apart, rows = (part[0] for part in index.search(query, POOL, left))
        yield Pool(rows, apart, scores(apart, metric))
        left = left.copy()
        left[rows] = False
        # All that is near is gone by now, which an approximate index would look through first.
        index = view.index(metric, True)


def _by_examples(
    view: View,
    liked: Vectors,
    unliked: Vectors,
    strategy: Strategy,
    allowed: NDArray[np.bool_],
    metric: Metric,
) -> Iterator[Pool]:
    values = np.concatenate(
        [
            np.empty(0),
            *(
                _given(block, liked, unliked, strategy, metric, _quickly)
                for block in view.store.vectors()
            ),
        ]
    )
    order = np.flatnonzero(allowed)
    order = order[np.argsort(-values[order], kind="stable")]
    examples = liked if len(liked) else unliked
    for start in range(0, len(order), POOL):
        rows = order[start : start + POOL]
        vectors = view.store.take(rows)
        # Anew: what is quick loses the last digits, by which equals are known as such.
        settled = _given(vectors, liked, unliked, strategy, metric, _exactly)
        apart = np.min([distances(one, vectors, metric) for one in examples], axis=0)
        best = np.lexsort((rows, -settled))
        yield Pool(rows[best], apart[best], settled[best])


def _given(
    vectors: Vectors,
    liked: Vectors,
    unliked: Vectors,
    strategy: Strategy,
    metric: Metric,
    compared: Callable[[Vectors, Vectors, Metric], Iterable[Distances]],
) -> NDArray[np.float64]:
    """What a strategy gives each of some vectors, ``(n,)``."""
    fold = np.add if strategy == "sum" else np.maximum
    near, far = np.zeros(len(vectors)), np.zeros(len(vectors))
    for total, examples in (near, liked), (far, unliked):
        for apart in compared(examples, vectors, metric):
            fold(total, fold.reduce(scores(apart, metric), axis=0), out=total)
    return near - far if strategy == "sum" else np.where(near > far, near, -np.square(far))


def _quickly(examples: Vectors, vectors: Vectors, metric: Metric) -> Iterator[Distances]:
    return (apart for _, apart in distance_blocks(examples, vectors, metric))


def _exactly(examples: Vectors, vectors: Vectors, metric: Metric) -> Iterator[Distances]:
    return (distances(one, vectors, metric)[None] for one in examples)
