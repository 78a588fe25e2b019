"""How far a training is, how high its rate is there, and how much its time still allows."""

import math
from dataclasses import dataclass, field

WARM_SHARE = 0.2
# What is kept of the time for writing the network down.
RESERVE = 0.03
# A rest of an epoch that is shorter than this is not begun.
LEAST = 0.1


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
    part of one, so that the rate comes down to 0 just when the time is over.

    Attributes:
        left: How many epochs are left, the last perhaps a part of one.
        budget: Seconds that all may take; None for as many as they take.
        done: Epochs that were begun and ended.
        progress: From 0 to 1, where the rate is read from.
        seen: How many times the images were seen.
        spent: Seconds that were spent so far.
    """

    left: float
    budget: float | None = None
    done: int = 0
    progress: float = 0.0
    seen: float = field(default=0.0)
    spent: float = 0.0

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
        """Let the rest of the budget be filled, by how long an epoch takes."""
        if self.budget is not None:
            self.left = max(0.0, self.budget * (1 - RESERVE) - self.spent) / epoch_seconds

    def within(self, share: float) -> float:
        """How far the training is at a share of the next epoch."""
        return self.progress + share * (1 - self.progress) * self.share / self.left

    def advance(self, seconds: float) -> None:
        """An epoch is done, and took so long."""
        last = self.left <= 1
        self.progress = 1.0 if last else self.within(1)
        self.seen += self.share
        self.left = 0.0 if last else self.left - 1
        self.done += 1
        self.spent += seconds
        if not last:
            self.fit(self.spent / self.seen)
