"""How often an index finds what is nearest, how fast, and in how much memory."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vecsearch.index import (
    EXACT,
    ExactIndex,
    PartialIndex,
    SearchSettings,
    interval,
    shares_found,
    train_index,
)
from vecsearch.types import JSON, Metric, Vectors

# A recall that nothing more is put into.
ENOUGH = 0.9995
# So many queries are timed, one after the other.
TIMED = 200

Searched: TypeAlias = ExactIndex | PartialIndex


@dataclass(frozen=True)
class Measured:
    """An index with settings, as it was measured.

    Attributes:
        kind: What FAISS calls it; ``exact``, which compares with every vector.
        settings: How far a search goes; None for ``exact``.
        recall: Which part of the k nearest is found, the mean over all queries.
        interval: Where the mean of as many other queries lies, in 95 of 100 cases: a bootstrap
            over the queries.
        milliseconds: What a query takes alone, the median.
        megabytes: What the index takes, in 10⁶ bytes; of ``exact`` the vectors.
        seconds: What it took to make.
    """

    kind: str
    settings: SearchSettings | None
    recall: float
    interval: tuple[float, float]
    milliseconds: float
    megabytes: float
    seconds: float

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        settings = None if self.settings is None else dict(vars(self.settings))
        return {**vars(self), "settings": settings, "interval": list(self.interval)}


class Bench:
    """Vectors and queries that every kind of index is tried on.

    Args:
        vectors: What is searched, ``(n, dim)``.
        queries: What is asked, ``(m, dim)``.
        metric: How to compare.
        k: How many neighbours.
        seed: For the intervals.
    """

    def __init__(
        self, vectors: Vectors, queries: Vectors, metric: Metric, k: int, seed: int
    ) -> None:
        self._vectors, self._queries, self._metric, self._k = vectors, queries, metric, k
        self._exact = ExactIndex([vectors], metric)
        self._nearest = np.sort(self._exact.search(queries, k)[1], axis=1)
        self._seed = seed

    def exact(self) -> Measured:
        """Comparing with every vector."""
        took, size = self._timed(self._exact), self._vectors.nbytes / 1e6
        return Measured(EXACT, None, 1.0, (1.0, 1.0), took, size, 0.0)

    def measure(self, kind: str, slowest: float) -> Iterator[Measured]:
        """A kind of index, with each of its settings that is worth it.

        Args:
            kind: What FAISS calls it.
            slowest: How many milliseconds a query may take; what goes farther than settings that
                take longer is left out.

        Raises:
            InvalidArgument: FAISS cannot make it of these vectors.
        """
        started = time.perf_counter()
        made = train_index([self._vectors], self._metric, kind)
        seconds = time.perf_counter() - started
        size = made.nbytes / 1e6
        rows = np.arange(len(self._vectors))
        index = PartialIndex(self._exact, made, rows, self._metric)
        done: list[SearchSettings] = []
        for settings in made.ladder(self._k):
            if any(settings.goes_as_far_as(other) for other in done):
                continue
            hits = self._hits(index.at(settings))
            took = self._timed(index.at(settings))
            if hits.mean() >= ENOUGH or took > slowest:
                done.append(settings)
            if took <= slowest:
                recall = float(hits.mean())
                yield Measured(
                    kind, settings, recall, interval(hits, self._seed), took, size, seconds
                )

    def _hits(self, index: Searched) -> NDArray[np.float64]:
        """Which part of the k nearest each query finds."""
        return shares_found(index.search(self._queries, self._k)[1], self._nearest)

    def _timed(self, index: Searched) -> float:
        times = []
        for row in range(min(TIMED, len(self._queries))):
            query = self._queries[row : row + 1]
            started = time.perf_counter()
            index.search(query, self._k)
            times.append(time.perf_counter() - started)
        return 1000 * float(np.median(times))


def pareto(measured: Sequence[Measured]) -> list[Measured]:
    """Those that no other beats in recall, time and memory alike, by recall."""

    def beaten(one: Measured) -> bool:
        mine = (-one.recall, one.milliseconds, one.megabytes)
        others = ((-other.recall, other.milliseconds, other.megabytes) for other in measured)
        return any(
            other != mine and all(b <= a for a, b in zip(mine, other, strict=True))
            for other in others
        )

    return sorted((one for one in measured if not beaten(one)), key=lambda one: one.recall)
