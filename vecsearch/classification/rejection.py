"""From how far on something is a stranger, as calibration found it and a collection keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import DamagedCollection
from vecsearch.types import JSON, Distances, Metric


@dataclass(frozen=True)
class Rejection:
    """A rejection threshold, and the way of classifying that it is for.

    Attributes:
        method: ``knn`` or ``centroid``.
        metric: How distances are measured.
        settings: What else the distances depend on, as k.
        far: The share of strangers that may be taken for somebody.
        threshold: Farther than this from the class that is nearest, something is a stranger.
        per_class: Thresholds of their own, of classes for which there were strangers enough.
        interval: What share of new strangers is taken for somebody, in 95 of 100 such trials.
        known: How many queries of known classes it was found by.
        strangers: How many strangers it was found by.
        groups: How many different strangers these were: how many labels they had; or, of queries
            with fewer than 5, how many images they are, as of a folder of all kinds of strangers.
    """

    method: str
    metric: Metric
    settings: Mapping[str, JSON]
    far: float
    threshold: float
    per_class: Mapping[str, float] = field(default_factory=dict)
    interval: tuple[float, float] = (0.0, 1.0)
    known: int = 0
    strangers: int = 0
    groups: int = 0

    def accepts(self, labels: Sequence[str], distances: Distances) -> NDArray[np.bool_]:
        """Whether things are what they are nearest to, rather than strangers, ``(n,)``.

        Args:
            labels: The class that each is nearest to.
            distances: How far they are from it, ``(n,)``.
        """
        limits = [self.per_class.get(label, self.threshold) for label in labels]
        accepted: NDArray[np.bool_] = distances <= np.array(limits, np.float64)
        return accepted

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {**asdict(self), "metric": self.metric.value, "interval": list(self.interval)}

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """From what ``to_json`` gave.

        Raises:
            DamagedCollection: It is something else.
        """
        try:
            low, high = body["interval"]
            return cls(
                **{
                    **body,
                    "metric": Metric(body["metric"]),
                    "threshold": float(body["threshold"]),
                    "per_class": {str(k): float(v) for k, v in body["per_class"].items()},
                    "interval": (float(low), float(high)),
                }
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise DamagedCollection("The stored calibration is not one of ours.") from error
