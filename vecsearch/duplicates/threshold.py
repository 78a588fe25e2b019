"""How near two items are that are nearly the same: a threshold, from the distances themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vecsearch.collection import Collection
from vecsearch.duplicates.sameness import contents, same_items
from vecsearch.index import ExactIndex, as_metric, nearest_others
from vecsearch.types import Distances, Metric, Progress, Rows
from vecsearch.where import Where

# The tenth nearest is something else, unless there are ten copies.
NEIGHBOUR = 10
# Of fewer than a hundred items, that of their square root; of fewer than these, none.
FEWEST = 5
# Tukey's far-out fence: Exploratory Data Analysis, 1977.
FENCE = 3.0
PERCENT = 1.0
SHARE = 0.5
# More than so many are a sample, drawn with the seed.
SAMPLE = 2000
DIGITS = 3


@dataclass(frozen=True)
class Suggestion:
    """From how near on two items are nearly the same, and what says so.

    Attributes:
        threshold: The distance.
        metric: How it is measured.
        items: How many different items there are.
        neighbour: Which nearest other is taken for something else: the tenth, of 100 items or more.
        nearest: Of some items, the distance to the nearest other, ``(m,)``.
        unrelated: Of the same, the distance to that neighbour, ``(m,)``.
    """

    threshold: float
    metric: Metric
    items: int
    neighbour: int
    nearest: Distances
    unrelated: Distances

    @property
    def ordinal(self) -> str:
        """Which neighbour that is, in words: 10th."""
        return {1: "1st", 2: "2nd", 3: "3rd"}.get(self.neighbour, f"{self.neighbour}th")


def suggest_threshold(
    collection: Collection,
    *,
    metric: Metric | str | None = None,
    where: Where = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Suggestion:
    """Suggest from how near on two items are nearly the same.

    Of each item, or of 2,000 drawn at random, the tenth nearest other is taken for something else.
    The threshold is half of the first percentile of these distances: two groups that spread no
    farther than twice the threshold then stay apart. Items that have ten copies, whose distance is
    below the far-out fence of Tukey on a scale of logarithms, Q1 − 3 (Q3 − Q1), do not count, and
    the threshold is never above that fence. Under cosine all this is done with √(2 · distance), the
    Euclidean distance of vectors of length 1. The result is rounded down to three digits.

    Of n < 100 items, the ⌊√n⌋-th nearest takes the place of the tenth; of fewer than 5, nothing
    can be told, and the threshold is 0.

    Args:
        collection: Its different items; of many of one content the first.
        metric: Another metric than the collection's own.
        where: Only items of which this holds.
        seed: For the sample.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense.
        DamagedCollection: A file is not as it was written.

    Example:
        >>> grid = [[10 * x, 10 * y] for x in range(6) for y in range(6)]
        >>> suggest_threshold(Collection.from_vectors([*grid, [0.1, 0]])).threshold
        4.99
    """
    view = collection.view
    wanted = collection.metric if metric is None else as_metric(metric)
    found = contents(view, where)
    different = same_items(view, found, wanted).different
    index = ExactIndex(view.store.vectors(), wanted)
    return suggest(index, found.rows[different], wanted, seed, progress)


def suggest(
    index: ExactIndex, rows: Rows, metric: Metric, seed: int = 0, progress: Progress | None = None
) -> Suggestion:
    """Suggest a threshold for the different items at some rows; as ``suggest_threshold``."""
    neighbour = min(NEIGHBOUR, math.isqrt(len(rows)))
    if len(rows) < FEWEST:
        nothing = np.empty(0)
        return Suggestion(0.0, metric, len(rows), neighbour, nothing, nothing)
    asked = rows
    if len(rows) > SAMPLE:
        drawn = np.random.default_rng(seed).choice(len(rows), SAMPLE, replace=False)
        asked = rows[np.sort(drawn)]
    allowed = np.zeros(len(index), np.bool_)
    allowed[rows] = True

    def advance(done: int) -> None:
        if progress is not None:
            progress("looking for a threshold", done, len(asked))

    apart, _ = nearest_others(
        index,
        lambda part: index.take(asked[part]),
        asked,
        neighbour,
        None if allowed.all() else allowed,
        advance,
    )
    nearest, unrelated = apart[:, 0], apart[:, -1]
    threshold = from_distances(unrelated, metric)
    return Suggestion(threshold, metric, len(rows), neighbour, nearest, unrelated)


def from_distances(unrelated: Sequence[float] | Distances, metric: Metric) -> float:
    """The threshold, from how far items are from something else; see ``suggest_threshold``.

    Args:
        unrelated: Of each item, the distance to its tenth nearest other, ``(m,)``.
        metric: How they are measured.
    """
    chords = np.asarray(unrelated, np.float64)
    if metric is Metric.COSINE:
        chords = np.sqrt(2 * chords)
    chords = chords[chords > 0]
    if not len(chords):
        return 0.0
    logs = np.log(chords)
    low, high = np.percentile(logs, [25, 75])
    fence = low - FENCE * (high - low)
    usual = float(np.percentile(chords[logs >= fence], PERCENT))
    chord = min(math.exp(fence), SHARE * usual)
    return _rounded(chord**2 / 2 if metric is Metric.COSINE else chord)


def _rounded(value: float) -> float:
    """Down to three digits, so that it can be given by hand as it is printed."""
    if value <= 0:
        return 0.0
    digits = DIGITS - 1 - math.floor(math.log10(value))
    shown = float(f"{value:.{DIGITS - 1}e}")
    return shown if shown <= value else round(shown - 10.0**-digits, max(0, digits))
