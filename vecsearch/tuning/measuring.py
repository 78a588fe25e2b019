"""How often an index finds what is nearest, how fast, and in how much memory."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from vecsearch.index import (
    EXACT,
    ExactIndex,
    Finding,
    PartialIndex,
    SearchSettings,
    apart_from_next,
    interval,
    train_index,
)
from vecsearch.types import JSON, Metric, Vectors

# A recall that nothing more is put into.
ENOUGH = 0.9995
# So many queries are timed, one after the other; of the best kinds so often, in turn.
TIMED = 50
ROUNDS = 10
# Exact search is timed again with them unless it was so many times slower than the fastest.
FAR_SLOWER = 4

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
        budget: How many bytes of memory the making of an index may take.
    """

    def __init__(
        self,
        vectors: Vectors,
        queries: Vectors,
        metric: Metric,
        k: int,
        seed: int,
        budget: int | None = None,
    ) -> None:
        self._vectors, self._metric, self._k = vectors, metric, k
        self._exact = ExactIndex([vectors], metric)
        apart, rows = self._exact.search(queries, k + 1)
        clear = apart_from_next(apart, k)
        self._queries, self._nearest = queries[clear], rows[clear, :k]
        self._seed, self._budget = seed, budget
        self._made: dict[str, PartialIndex] = {}

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
        made = train_index([self._vectors], self._metric, kind, self._budget)
        seconds = time.perf_counter() - started
        size = made.nbytes / 1e6
        rows = np.arange(len(self._vectors))
        self._made[kind] = index = PartialIndex(self._exact, made, rows, self._metric)
        finding = Finding(made, self._queries, self._nearest, None)
        # What goes farther than one that finds as much, or takes too long, is worth nothing.
        done: list[tuple[SearchSettings, float]] = []
        for settings in finding.ladder:
            quicker = [found for other, found in done if settings.goes_as_far_as(other)]
            if max(quicker, default=0.0) >= ENOUGH:
                continue
            if finding.exhausted and not finding.searched(settings):
                continue
            shares = finding.shares(settings)
            recall = float(shares.mean())
            if recall <= max(quicker, default=0.0):
                continue
            took = self._timed(index.at(settings))
            if took > slowest:
                done.append((settings, 1.0))
                continue
            done.append((settings, recall))
            ends = interval(shares, self._nearest.shape[1], self._seed)
            yield Measured(kind, settings, recall, ends, took, size, seconds)

    def forget(self, *, but: Sequence[str]) -> None:
        """Let go of all indexes but those of some kinds."""
        self._made = {kind: index for kind, index in self._made.items() if kind in but}

    def side_by_side(
        self, measured: Sequence[Measured], best: Sequence[Measured]
    ) -> tuple[list[Measured], list[Measured]]:
        """The same, as queries take when the best of them are asked in turn.

        A machine may be half as fast a minute later, so that only what is timed in turn can be
        compared. What else was measured of their kinds is taken to have become as much slower.

        Args:
            measured: All that was measured.
            best: Some of it, whose indexes are still there.

        Returns:
            All of it; and exact search and the best, which can be compared.
        """
        (exact,) = (one for one in measured if one.kind == EXACT)
        if best and exact.milliseconds < FAR_SLOWER * min(one.milliseconds for one in best):
            best = [exact, *best]
        indexes = [
            self._exact if one.settings is None else self._made[one.kind].at(one.settings)
            for one in best
        ]
        rounds = [[self._timed(index) for index in indexes] for _ in range(ROUNDS)]
        slower: dict[str, list[float]] = {}
        anew: dict[int, Measured] = {}
        for one, times in zip(best, zip(*rounds, strict=True), strict=True):
            took = float(np.median(times))
            anew[id(one)] = replace(one, milliseconds=took)
            slower.setdefault(one.kind, []).append(took / one.milliseconds)
        factors = {kind: float(np.median(ones)) for kind, ones in slower.items()}
        told = [
            anew.get(id(one))
            or replace(one, milliseconds=one.milliseconds * factors.get(one.kind, 1.0))
            for one in measured
        ]
        return told, [
            anew.get(id(exact), exact),
            *(anew[id(one)] for one in best if one is not exact),
        ]

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
