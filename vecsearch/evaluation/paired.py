"""Whether one encoder is better than another, or the difference is noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vecsearch.evaluation.intervals import mean_intervals
from vecsearch.evaluation.measures import Values

RESAMPLES = 9999
# The least p that so many draws give, which is too much where hundreds are compared.
LEAST = 2 / (RESAMPLES + 1)
# Differences that scatter by less than this are the same.
EQUAL = 1e-9
# Of so many queries the two tests give the same p: Smucker, Allan and Carterette, A Comparison of
# Statistical Significance Tests for Information Retrieval Evaluation, 2007.
MANY = 1000
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """How much better or worse than another something is on the same queries.

    Attributes:
        measure: By which measure.
        value: The mean difference.
        low: The lower end of its 95 % interval.
        high: The upper end.
        p: How probable a difference at least as large would be if the two were the same, corrected
            for the number of comparisons.
    """

    measure: str
    value: float
    low: float
    high: float
    p: float

    @property
    def is_noise(self) -> bool:
        """Whether such a difference comes up by chance more than once in twenty times."""
        return self.p >= SIGNIFICANT


def difference(measure: str, one: Values, other: Values, seed: int = 0) -> Difference:
    """Compare the values of two on the same queries, ``(n,)`` each.

    The test is Fisher's randomisation test: each query's difference has its sign drawn anew. Of
    1,000 queries or more it is the paired t-test, and where no draw comes near the difference.
    """
    apart = one - other
    low, high = mean_intervals({measure: apart}, seed)[measure]
    p = 1.0
    if len(apart) > 1 and apart.any():
        p = LEAST if len(apart) >= MANY else _by_signs(apart, seed)
        if p <= LEAST:
            p = _by_t(apart)
    return Difference(measure, float(apart.mean()), low, high, p)


def _by_signs(apart: Values, seed: int) -> float:
    from scipy import stats

    found = stats.permutation_test(
        (apart,),
        lambda drawn, axis: drawn.mean(axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def _by_t(apart: Values) -> float:
    from scipy import stats

    # Less than this no test of signs can give.
    least = 2.0 ** (1 - len(apart))
    if apart.std() <= EQUAL * abs(apart.mean()):
        return least
    return max(least, float(stats.ttest_1samp(apart, 0).pvalue))


def corrected(values: Sequence[float], comparisons: int | None = None) -> list[float]:
    """P-values of several comparisons, by Holm's method (1979).

    Args:
        values: Of those that were made.
        comparisons: How many could have been made; as many as were, by default.

    Example:
        >>> corrected([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    order = np.argsort(values, kind="stable")
    found = np.empty(len(order))
    factors = (comparisons or len(order)) - np.arange(len(order))
    found[order] = np.minimum(1, np.maximum.accumulate(np.array(values)[order] * factors))
    return [float(value) for value in found]
