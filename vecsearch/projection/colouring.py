"""What items are coloured by: classes, or numbers."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.types import JSON, Rows


@dataclass(frozen=True)
class Classes:
    """Which class each of some items is of.

    Attributes:
        names: What they are called, in alphabetical order, numbers in them by their size.
        codes: The number of each item's class, ``(n,)`` int64; −1 is none.
    """

    names: Sequence[str]
    codes: Rows

    @classmethod
    def of(cls, values: Sequence[JSON]) -> "Classes":
        """Classes of values: text as it is, anything else as it is written.

        Example:
            >>> Classes.of(["b", None, "a"]).codes.tolist()
            [1, -1, 0]
        """
        texts = [None if value is None else _text(value) for value in values]
        names = sorted({text for text in texts if text is not None}, key=_in_order)
        at = {name: code for code, name in enumerate(names)}
        codes = [-1 if text is None else at[text] for text in texts]
        return cls(names, np.array(codes, np.int64))

    @property
    def counts(self) -> Rows:
        """How many items each class has."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))

    def centres(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """The mean of the points ``(n, 2)`` of each class, ``(classes, 2)``."""
        inside = self.codes >= 0
        sums = [
            np.bincount(self.codes[inside], column[inside], len(self.names)) for column in points.T
        ]
        return np.stack(sums, axis=1) / np.maximum(self.counts, 1)[:, None]


def numbers_of(values: Sequence[JSON]) -> NDArray[np.float64] | None:
    """The values as numbers, NaN for None; None if they are anything else.

    Example:
        >>> numbers_of([3, None, 4.5])
        array([3. , nan, 4.5])
    """
    present = [value for value in values if value is not None]
    if not present or not all(_is_number(value) for value in present):
        return None
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _in_order(text: str) -> tuple[list[str | int], str]:
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], text


def _text(value: JSON) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, ensure_ascii=False)


def _is_number(value: JSON) -> bool:
    # A whole number may be more than a float can hold; it is then a name like any other.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300
