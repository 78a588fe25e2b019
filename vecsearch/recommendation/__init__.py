"""More like these, less like those: items chosen by examples."""

from vecsearch.recommendation.each import Written, recommend_for_each
from vecsearch.recommendation.examples import Example
from vecsearch.recommendation.strategies import Strategy
from vecsearch.recommendation.task import recommend

__all__ = ["Example", "Strategy", "Written", "recommend", "recommend_for_each"]
