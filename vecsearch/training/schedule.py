"""How far a training is, how high its rate is there, and how much its time still allows."""

import math
from dataclasses import dataclass

WARM_SHARE = 0.2
# What is kept of the time for writing the network down: ten seconds, if that is no more than a
# quarter of it; and a share at least.
RESERVE, RESERVE_SECONDS, MOST_RESERVE = 0.03, 10.0, 0.25
# A rest of an epoch that is shorter than this is not begun.
LEAST = 0.1
MOST = 1_000_000


def rate_at(progress: float) -> float:
    """The share of the highest learning rate at a point from 0 to 1: up for a fifth, then down.

    Example:
        >>> rate_at(0.1), rate_at(0.2), rate_at(0.6)
        (0.5, 1.0, 0.5)
    """
    if progress < WARM_SHARE:
        return progress / WARM_SHARE
    return (1 - progress) / (1 - WARM_SHARE)


@dataclass
class Plan:
    """How many epochs there are, and how far they have come.

    With a time budget, what is left is reckoned anew after each epoch, and the last one may be a
    part of one, so that the rate comes down to 0 just when the time is over. After each, also after
    a part of one, held-out images are measured, which takes its own time.

    Attributes:
        left: How many epochs are left, the last perhaps a part of one.
        budget: Seconds that all may take; None for as many as they take.
        done: Epochs that were begun and ended.
        progress: From 0 to 1, where the rate is read from.
        seen: How many times the images were seen.
        spent: Seconds that were spent so far.
        apart: Seconds that the last measuring took, and writing down before it.
        written: Seconds that writing the last checkpoint took.
        epoch_seconds: Seconds that an epoch of all images takes beside its measuring, as far as is
            known.
        after: Seconds that are kept for what is done after the last epoch.
        work: What share of the images the next epochs learn from.
        timed: How many epochs tell that, and ``learned`` how many seconds they took.
        most: How many epochs there may be in any case.
    """

    left: float
    budget: float | None = None
    done: int = 0
    progress: float = 0.0
    seen: float = 0.0
    spent: float = 0.0
    apart: float = 0.0
    written: float = 0.0
    epoch_seconds: float = 0.0
    after: float = 0.0
    work: float = 1.0
    timed: float = 0.0
    learned: float = 0.0
    most: float = MOST

    @property
    def epochs(self) -> int:
        """How many epochs there will have been."""
        return self.done + math.ceil(self.left)

    @property
    def share(self) -> float:
        """How much of the images the next epoch sees."""
        return min(1.0, self.left)

    @property
    def finished(self) -> bool:
        """Whether there is no epoch left."""
        return self.left < LEAST or self.progress >= 1

    def fit(self, epoch_seconds: float) -> None:
        """Let the rest of the budget be filled, by how long an epoch of all images takes.

        Example:
            >>> plan = Plan(0, budget=100, apart=10)
            >>> plan.fit(20)
            >>> round(plan.left, 2)  # of 90 s two take 60, and measuring the third 10
            3.0
        """
        self.epoch_seconds = epoch_seconds
        if self.budget is not None:
            reserve = max(RESERVE * self.budget, min(RESERVE_SECONDS, MOST_RESERVE * self.budget))
            rest = max(0.0, self.budget - reserve - self.after - self.spent)
            each = epoch_seconds * self.work
            whole, rest = divmod(rest, each + self.apart)
            part = max(0.0, rest - self.apart) / each
            least = 0.0 if self.done else LEAST
            self.left = min(max(least, whole + part), self.most - self.done)

    def within(self, share: float) -> float:
        """How far the training is at a share of the next epoch."""
        return self.progress + share * (1 - self.progress) * self.share / self.left

    def wrote(self, seconds: float) -> None:
        """A checkpoint was written, as there will be one after each epoch."""
        self.written = seconds
        self.spent += seconds

    def advance(
        self, seconds: float, apart: float = 0.0, whole: bool = True, work: float = 1.0
    ) -> None:
        """An epoch is done.

        Args:
            seconds: How long it took.
            apart: What of that went to measuring.
            whole: Whether all weights learned: else it does not tell how long another takes.
            work: What share of the images the next one learns from.
        """
        if whole:
            self.timed += self.share * self.work
            self.learned += seconds - apart
        last = self.left <= 1
        self.progress = 1.0 if last else self.within(1)
        self.seen += self.share
        self.left = 0.0 if last else self.left - 1
        self.done += 1
        self.spent += seconds
        self.apart = apart + self.written
        self.work = work
        if not last:
            self.fit(self.learned / self.timed if self.timed else self.epoch_seconds)
