"""What part of the nearest an index finds, and how far it has to go to find enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vecsearch.index.approximate import ApproximateIndex, SearchSettings
from vecsearch.index.exact import Allowed, ExactIndex
from vecsearch.types import Metric, Rows, Vectors

# What an index surely finds of the 10 nearest, unless it was tuned to something else: 300 of the
# vectors themselves are asked with, and searched for in the others.
RECALL = 0.99
NEIGHBOURS = 10
ASKED = 300
# So few queries are sure of nothing, nor need they be: of so few items most are compared anyway.
LEAST_ASKED = 50
PART_BYTES = 16 << 20
# A search is as good as its candidates: when so many in a row, each farther than the one before,
# come across no more of the nearest than this, still farther ones are in vain.
UNCHANGED, LEAST_GAIN = 3, 0.0005
REPLICATES = 1000
NOWHERE = np.iinfo(np.int64).max
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Reached:
    """What settings were found to find.

    Attributes:
        settings: How far the search went.
        recall: Which part of the nearest it found, the mean over the queries.
        low: The lower end of its 95 % interval.
    """

    settings: SearchSettings
    recall: float
    low: float


class Finding:
    """Which part of the nearest an index finds, with whichever settings.

    What is nearest is found if it is among the candidates, since they are measured anew. So
    settings that differ only in how many candidates there are take one search together.

    Args:
        index: What is searched.
        queries: What is asked, ``(n, dim)``.
        nearest: The rows that are nearest to each query, ``(n, k)``.
        allowed: Which rows may be found; all by default.
    """

    def __init__(
        self, index: ApproximateIndex, queries: Vectors, nearest: Rows, allowed: Allowed | None
    ) -> None:
        self._index, self._queries, self._nearest = index, queries, nearest
        self._allowed = allowed
        self.ladder = index.ladder(nearest.shape[1])
        self._places: dict[tuple[float, ...], tuple[Rows, Rows]] = {}
        self._found: list[float] = []

    def shares(self, settings: SearchSettings) -> NDArray[np.float64]:
        """Which part of its nearest each query finds, ``(n,)``, by settings of ``ladder``."""
        way = self._way(settings)
        if way not in self._places:
            self._places[way] = self._search(way)
        places, counts = self._places[way]
        k = self._nearest.shape[1]
        taken = settings.candidates(k)
        shares: NDArray[np.float64] = (places < taken).mean(axis=1)
        # Who gets fewer than k is answered by comparing everything.
        shares[np.minimum(counts, taken) < k] = 1
        return shares

    @property
    def exhausted(self) -> bool:
        """Whether the last ways searched found no more than those before, with all candidates.

        Then farther ones find no more with fewer: what is not among all is not among some. Few
        queries do not tell, nor do ways that differ in how much an index measures anew itself.
        """
        last = self._found[-UNCHANGED:]
        tells = self._nearest.size * LEAST_GAIN >= 1 and not self._index.refines
        return tells and len(last) == UNCHANGED and last[-1] - last[0] < LEAST_GAIN

    def searched(self, settings: SearchSettings) -> bool:
        """Whether what settings find is known without another search."""
        return self._way(settings) in self._places

    def _way(self, settings: SearchSettings) -> tuple[float, ...]:
        """What settings have in common that differ only in how many candidates they take."""
        asked = settings.k_factor if self._index.refines else 0.0
        return settings.nprobe, settings.ef_search, asked

    def _search(self, way: tuple[float, ...]) -> tuple[Rows, Rows]:
        """At which place each of the nearest comes, and how many come, with the most candidates."""
        farthest = max(
            (one for one in self.ladder if self._way(one) == way),
            key=lambda one: one.k_factor,
        )
        k = self._nearest.shape[1]
        found = self._index.at(farthest).candidates(self._queries, k, self._allowed)
        places = np.empty(self._nearest.shape, np.int64)
        for column, rows in enumerate(self._nearest.T):
            same = found == rows[:, None]
            places[:, column] = np.where(same.any(axis=1), same.argmax(axis=1), NOWHERE)
        self._found.append(float((places < found.shape[1]).mean()))
        return places, np.count_nonzero(found >= 0, axis=1)


def interval(shares: NDArray[np.float64], k: int, seed: int = 0) -> tuple[float, float]:
    """Where the mean over as many other queries lies, in 95 of 100 cases: a bootstrap.

    It is never surer than n queries can be that all found all of their k: 1 − 0.025^(1/n) of all
    may have a flaw then (Clopper & Pearson, 1934), which is taken to be one of the k.
    """
    low, high = _bootstrapped(shares, seed)
    return min(low, 1 - (1 - ENDS[0] ** (1 / len(shares))) / k), high


def _bootstrapped(shares: NDArray[np.float64], seed: int) -> tuple[float, float]:
    low, high = np.quantile(_drawn(len(shares), seed) @ shares / len(shares), ENDS)
    return float(low), float(high)


def apart_from_next(apart: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
    """Which queries have one set of k nearest, ``(n,)``: the next one is farther than the kth.

    Of more that are equally far, as of many blank pages, an index may find others than exact
    search, which are as good. Where too few are left to tell anything, all of them.

    Args:
        apart: The distances of the k + 1 nearest, or of fewer if there are none, ``(n, m)``.
        k: How many are asked for.
    """
    everything = np.ones(len(apart), np.bool_)
    if apart.shape[1] <= k:
        return everything
    clear = apart[:, k] > apart[:, k - 1]
    return clear if np.count_nonzero(clear) >= LEAST_ASKED else everything


@lru_cache(maxsize=1)
def _drawn(count: int, seed: int) -> NDArray[np.float64]:
    """How often each of so many is drawn in each replicate: the same for all settings."""
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(0, count, count) for _ in range(REPLICATES))
    return np.array([np.bincount(one, minlength=count) for one in drawn], np.float64)


def climb(
    blocks: Sequence[Vectors],
    index: ApproximateIndex,
    metric: Metric,
    allowed: Allowed | None = None,
    seed: int = 0,
) -> list[Reached]:
    """Try settings from the quickest to the farthest, until one surely finds ``RECALL``.

    Of a graph, settings with a longer walk are taken.

    Args:
        blocks: What the index was made of.
        index: What is tried.
        metric: How to compare.
        allowed: Which rows may be found and asked with; all by default.
        seed: For which are asked with.

    Returns:
        What was reached, in the order of the trials; the last one is enough if any is.
    """
    there = np.ones(len(index), np.bool_) if allowed is None else allowed.copy()
    rows = np.flatnonzero(there)
    rng = np.random.default_rng(seed)
    asked = np.sort(rng.choice(rows, min(ASKED, len(rows) // 2), replace=False))
    there[asked] = False  # so that none finds itself, which is easy
    exact = ExactIndex(blocks, metric)
    queries = exact.take(asked)
    queries = queries[queries.any(axis=1)]
    k = min(NEIGHBOURS, int(np.count_nonzero(there)))
    if not len(queries) or not k:
        return []
    apart, nearest = _nearest(exact, blocks, queries, k + 1, metric, there)
    clear = apart_from_next(apart, k)
    queries, nearest = queries[clear], nearest[clear, :k]
    finding = Finding(index, queries, nearest, there)
    reached: list[Reached] = []
    enough: SearchSettings | None = None
    for settings in finding.ladder:
        shares = finding.shares(settings)
        few = len(shares) < LEAST_ASKED
        low, _ = _bootstrapped(shares, seed) if few else interval(shares, k, seed)
        reached.append(Reached(settings, float(shares.mean()), low))
        if reached[-1].low >= RECALL:
            # A graph leads to what it holds: 60,000 × 784 vectors found 0.994 of theirs, others
            # 0.986. So it has to be walked through farther.
            if not index.is_graph:
                break
            if enough is None:
                enough = settings
            elif settings.walks_farther(enough):
                break
    return reached


def _nearest(
    exact: ExactIndex,
    blocks: Sequence[Vectors],
    queries: Vectors,
    k: int,
    metric: Metric,
    allowed: Allowed,
) -> tuple[NDArray[np.float64], Rows]:
    """The nearest rows, found part by part: under cosine each is copied to be searched."""
    found, start = [], 0
    step = max(1, PART_BYTES // (4 * queries.shape[1]))
    for part in (block[top : top + step] for block in blocks for top in range(0, len(block), step)):
        inside = allowed[start : start + len(part)]
        found.append(start + ExactIndex([part], metric).search(queries, k, inside)[1])
        start += len(part)
    rows = np.concatenate(found, axis=1)
    return exact.nearest_of(queries, rows, min(k, rows.shape[1]))
