"""Which of the candidates are shown: not ten of the same, and what counts beside likeness."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import distance_blocks, distances
from vecsearch.recommendation.boosts import Boosts
from vecsearch.recommendation.strategies import Pool
from vecsearch.types import Metric, Rows, Vectors
from vecsearch.view import View


@dataclass(frozen=True)
class Wishes:
    """What is wished of the items that are chosen, beside their likeness.

    Attributes:
        diversity: From 0 to 1: how much it counts that an item is unlike those before it.
        max_per: How many may have the same label, or the same value of a key of the metadata.
        collapse: As near as this to an item before it, or to an example, one is the same again.
    """

    diversity: float = 0.0
    max_per: Mapping[str, int] = field(default_factory=dict)
    collapse: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.diversity <= 1:
            raise InvalidArgument(f"The diversity is from 0 to 1, not {self.diversity}.")
        if self.collapse is not None and not self.collapse >= 0:
            raise InvalidArgument(f"Items collapse below a distance, not {self.collapse!r}.")
        for key, most in self.max_per.items():
            if isinstance(most, bool) or not isinstance(most, int) or most < 1:
                raise InvalidArgument(
                    f"At most a whole number of items per {key}, 1 or more, not {most!r}."
                )


@dataclass(frozen=True)
class Choice:
    """Items in the order in which they are shown; see ``Pool``."""

    rows: Rows
    distances: NDArray[np.float64]
    scores: NDArray[np.float64]


def choose(
    view: View,
    pools: Iterable[Pool],
    examples: Vectors,
    count: int,
    wishes: Wishes,
    boosts: Boosts,
    metric: Metric,
) -> Choice:
    """Take one item after another, by maximal marginal relevance.

    Next comes the candidate of the largest (1 − diversity) · relevance − diversity · likeness
    (Carbonell and Goldstein, 1998). Relevance is what the strategy and the boosts give it, from 0
    for the least to 1 for the best of its pool; likeness that to the most similar item before it,
    from 0 for the two items of the pool that are farthest apart to 1 for equal ones. A pool is used
    up before the next is looked at, so the first items are the same however many are asked for.

    Args:
        view: What is searched.
        pools: Candidates.
        examples: What they shall not be the same as, ``(n, dim)``.
        count: How many items to take.
        wishes: What is wished of them.
        boosts: What counts beside likeness.
        metric: How to compare.
    """
    chosen = _Chosen(view, examples, wishes, metric)
    parts: list[Pool] = []
    left = count
    for pool in pools:
        taken = chosen.take_from(pool, boosts, left)
        parts.append(Pool(pool.rows[taken], pool.distances[taken], pool.scores[taken]))
        left -= len(taken)
        if left <= 0:
            break
    return Choice(
        np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)]),
        np.concatenate([np.empty(0), *(part.distances for part in parts)]),
        np.concatenate([np.empty(0), *(part.scores for part in parts)]),
    )


class _Chosen:
    """What was taken so far, and what of it keeps others from being taken."""

    def __init__(self, view: View, examples: Vectors, wishes: Wishes, metric: Metric) -> None:
        self._view, self._wishes, self._metric = view, wishes, metric
        self._examples = examples
        self._vectors: list[NDArray[Any]] = []
        self._counts: dict[str, Counter[str]] = {key: Counter() for key in wishes.max_per}

    def take_from(self, pool: Pool, boosts: Boosts, count: int) -> list[int]:
        """Take up to so many of a pool; returns their positions in it."""
        wishes = self._wishes
        relevance = scaled(pool.scores) + boosts.of(pool.rows)
        if not (wishes.diversity or self._counts or wishes.collapse is not None):
            order: list[int] = np.argsort(-relevance, kind="stable")[:count].tolist()
            return order
        groups = self._groups(pool.rows)
        vectors = self._view.store.take(pool.rows)
        reach = _farthest(vectors, self._metric) if wishes.diversity else 1.0
        open_ = np.ones(len(vectors), np.bool_)
        likeness = np.zeros(len(vectors))
        if wishes.collapse is not None:
            for one in self._examples:
                open_ &= distances(one, vectors, self._metric) > wishes.collapse
        for one in self._vectors:
            self._compare(one, vectors, reach, open_, likeness)
        for key, values in groups.items():
            for value, seen in self._counts[key].items():
                if seen >= wishes.max_per[key]:
                    open_ &= values != value
        taken: list[int] = []
        while len(taken) < count and open_.any():
            worth = (1 - wishes.diversity) * relevance - wishes.diversity * likeness
            at = int(np.where(open_, worth, -np.inf).argmax())
            taken.append(at)
            open_[at] = False
            self._vectors.append(vectors[at])
            self._compare(vectors[at], vectors, reach, open_, likeness)
            self._count(at, groups, open_)
        return taken

    def _compare(
        self,
        one: NDArray[Any],
        vectors: Vectors,
        reach: float,
        open_: NDArray[np.bool_],
        likeness: NDArray[np.float64],
    ) -> None:
        if not self._wishes.diversity and self._wishes.collapse is None:
            return
        apart = distances(one, vectors, self._metric)
        if self._wishes.collapse is not None:
            open_ &= apart > self._wishes.collapse
        np.maximum(likeness, 1 - apart / reach, out=likeness)

    def _groups(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Of each key that is limited, the value of each row as text; None where it has none."""
        items = [self._view.attributes.values(row) for row in rows.tolist()] if self._counts else []
        groups: dict[str, NDArray[Any]] = {}
        for key in self._counts:
            values: Sequence[Any] = [item.get(key) for item in items]
            groups[key] = np.array([None if one is None else repr(one) for one in values], object)
        return groups

    def _count(self, at: int, groups: Mapping[str, NDArray[Any]], open_: NDArray[np.bool_]) -> None:
        for key, values in groups.items():
            if (value := values[at]) is None:
                continue
            self._counts[key][value] += 1
            if self._counts[key][value] >= self._wishes.max_per[key]:
                open_ &= values != value


def scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 for the least to 1 for the largest; 1 if all are equal.

    Example:
        >>> scaled(np.array([2.0, 4.0, 3.0]))
        array([0. , 1. , 0.5])
    """
    low, high = values.min(), values.max()
    if high == low:
        return np.ones(len(values))
    between: NDArray[np.float64] = (values - low) / (high - low)
    return between


def _farthest(vectors: Vectors, metric: Metric) -> float:
    """The largest distance between two of them; 1 if all are equal."""
    return max(float(apart.max()) for _, apart in distance_blocks(vectors, vectors, metric)) or 1.0
