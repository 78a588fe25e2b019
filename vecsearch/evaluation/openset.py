"""How well known classes are told from strangers: figures of biometrics and of open-set papers.

All are of distances, where smaller is closer, and something is accepted that is nearer than a
threshold. They are computed from distances that were sorted once, so that a bootstrap need only
count anew.
"""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.errors import InvalidArgument

Values = NDArray[np.float64]
# So that 0.29 of 100 strangers are 29, as they are not in floats.
ROUNDING = 1e-9


class Curve:
    """How many of two kinds of things are nearer than each threshold.

    Args:
        near: Distances of what should be accepted, ``(n,)``.
        far: Distances of what should not, ``(m,)``.
        right: Which of ``near`` count as found when they are accepted, ``(n,)``; all by default.

    Raises:
        InvalidArgument: There are none of a kind.

    Example:
        >>> curve = Curve([1.0, 2.0, 5.0], [3.0, 4.0, 6.0, 7.0])
        >>> round(curve.auroc(), 3), round(curve.missed_at(0.25), 3)
        (0.833, 0.333)
    """

    def __init__(self, near: ArrayLike, far: ArrayLike, right: ArrayLike | None = None) -> None:
        self._near, self._far = np.asarray(near, np.float64), np.asarray(far, np.float64)
        if not len(self._near) or not len(self._far):
            raise InvalidArgument("There is nothing to tell apart: one of the two kinds is empty.")
        self._right = np.ones(len(self._near), np.bool_)
        if right is not None:
            self._right = np.asarray(right, np.bool_)
        self._near_order = np.argsort(self._near, kind="stable")
        self._far_order = np.argsort(self._far, kind="stable")
        self.reweighted(np.ones(len(self._near)), np.ones(len(self._far)))

    def reweighted(self, near: Values, far: Values) -> None:
        """Let each count so much: how often it is in a bootstrap sample."""
        near, far = near[self._near_order], far[self._far_order]
        self._near_sum = _running(near)
        self._right_sum = _running(near * self._right[self._near_order])
        self._far_sum = _running(far)

    @property
    def thresholds(self) -> Values:
        """All distances, ascending, each once."""
        return self._positions[0]

    @property
    def false_accepts(self) -> Values:
        """The share of ``far`` that is accepted up to each of ``thresholds``."""
        share: Values = self._far_sum[self._positions[2]] / self._far_sum[-1]
        return share

    @property
    def accepts(self) -> Values:
        """The share of ``near`` that is accepted, and right, up to each of ``thresholds``."""
        share: Values = self._right_sum[self._positions[1]] / self._near_sum[-1]
        return share

    def auroc(self) -> float:
        """How probable it is that one of ``near`` is nearer than one of ``far``.

        The area under the ROC curve; equal distances count half.
        """
        near = self._near_sum / self._near_sum[-1]
        far = np.diff(self._far_sum / self._far_sum[-1])
        below, upto = self._around
        return float((far * (near[below] + near[upto]) / 2).sum())

    def equal_error_rate(self) -> float:
        """Where as many of ``near`` are refused as of ``far`` accepted.

        Between two thresholds, on the straight line between their rates.
        """
        refused = np.concatenate([[1.0], 1 - self.accepts])
        accepted = np.concatenate([[0.0], self.false_accepts])
        at = int(np.argmax(accepted >= refused))
        gap, before = accepted[at] - refused[at], refused[at - 1] - accepted[at - 1]
        share = before / (before + gap) if before + gap > 0 else 0.0
        return float(accepted[at - 1] + share * (accepted[at] - accepted[at - 1]))

    def missed_at(self, rate: float) -> float:
        """The share of ``near`` refused where at most ``rate`` of ``far`` are accepted.

        FNMR at a given FMR: ISO/IEC 19795-1. With ``right``, one less the detection and
        identification rate (DIR) at a given FPIR.
        """
        allowed = self._far_sum[1:] <= rate * self._far_sum[-1] + ROUNDING
        count = int(np.count_nonzero(allowed))
        if count == len(self._far):
            return float(1 - self._right_sum[-1] / self._near_sum[-1])
        # All that is nearer than the first that may not be accepted.
        limit = self._far[self._far_order[count]]
        accepted = np.searchsorted(self._sorted_near, limit, side="left")
        return float(1 - self._right_sum[accepted] / self._near_sum[-1])

    def oscr(self) -> float:
        """The area under the share of ``near`` accepted and right, over that of ``far`` accepted.

        Dhamija, Günther and Boult, Reducing Network Agnostophobia, 2018.
        """
        correct = np.concatenate([[0.0], self.accepts])
        false = np.concatenate([[0.0], self.false_accepts])
        return float(np.trapezoid(correct, false))

    @cached_property
    def _sorted_near(self) -> Values:
        return self._near[self._near_order]

    @cached_property
    def _around(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many of ``near`` lie below each of ``far``, and up to it."""
        far = self._far[self._far_order]
        return (
            np.searchsorted(self._sorted_near, far, side="left"),
            np.searchsorted(self._sorted_near, far, side="right"),
        )

    @cached_property
    def _positions(self) -> tuple[Values, NDArray[np.int64], NDArray[np.int64]]:
        """All thresholds, and how many of each kind lie up to them."""
        far = self._far[self._far_order]
        every = np.unique(np.concatenate([self._sorted_near, far]))
        return (
            every,
            np.searchsorted(self._sorted_near, every, side="right"),
            np.searchsorted(far, every, side="right"),
        )


def _running(weights: Values) -> Values:
    return np.concatenate([[0.0], np.cumsum(weights)])
