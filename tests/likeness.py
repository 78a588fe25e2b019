"""Answers that are equal, but for the last digits of numbers."""

from typing import Any

import pytest


def close(found: Any, expected: Any) -> bool:
    """Whether two answers are equal, but for the last digits of numbers."""
    if isinstance(expected, dict):
        same = isinstance(found, dict) and list(found) == list(expected)
        return same and all(close(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected, abs=2e-4))
    return bool(found == expected)
