"""Find the kind of index and its settings that suit a collection, by measuring them."""

from vecsearch.tuning.measuring import Measured
from vecsearch.tuning.plots import draw_tuning
from vecsearch.tuning.task import Tuning, tune

__all__ = ["Measured", "Tuning", "draw_tuning", "tune"]
