"""What counts beside likeness: popularity, freshness, price."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON, Rows
from vecsearch.view import View

LARGEST = float(np.finfo(np.float64).max)


class Boosts:
    """How much keys of the metadata count.

    A weight w adds w · (p − ½) to the relevance of an item, p being its place among all items of
    the collection by that key, from 0 for the least value to 1 for the largest. So with weight 1,
    the way from the least to the most popular item counts as much as that from the least to the
    most similar of the candidates; with a negative weight, small values are better. An item
    without the key is in the middle.

    Args:
        view: The collection.
        weights: The weight of each key. Its values are numbers, or dates as 2026-11-05.

    Raises:
        InvalidArgument: A weight is no number, no item has the key, or a value cannot be ordered.
    """

    def __init__(self, view: View, weights: Mapping[str, float]) -> None:
        self._added: NDArray[np.float64] | None = None
        for key, weight in weights.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise InvalidArgument(f"The weight of {key} is a number, not {weight!r}.")
            if not abs(weight) <= LARGEST:
                raise InvalidArgument(f"The weight of {key} is a finite number, not {weight}.")
            if self._added is None:
                self._added = np.zeros(view.store.starts[-1])
            self._added[view.store.rows()] += weight * (
                _places(view.attributes.column(key), key) - 0.5
            )

    def of(self, rows: Rows) -> NDArray[np.float64]:
        """What is added to the relevance of the items at some rows, ``(n,)``."""
        return np.zeros(len(rows)) if self._added is None else self._added[rows]


def _places(values: list[JSON], key: str) -> NDArray[np.float64]:
    """The place of each value among all of them, from 0 to 1; ½ where there is none."""
    from scipy.stats import rankdata

    numbers = np.array([_as_number(value, key) for value in values])
    known = np.isfinite(numbers)
    places = np.full(len(numbers), 0.5)
    if np.count_nonzero(known) > 1:
        places[known] = (rankdata(numbers[known]) - 1) / (np.count_nonzero(known) - 1)
    return places


def _as_number(value: JSON, key: str) -> float:
    if value is None:
        return np.nan
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str):
            when = datetime.fromisoformat(value)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise InvalidArgument(
        f"{key} is {value!r} of an item: only numbers up to 1e308, and dates as 2026-11-05, can "
        "be a boost."
    )
