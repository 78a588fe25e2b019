"""How good the answers are."""

from vecsearch.evaluation.comparison import Comparison, compare, hold_out, milliseconds_per_image
from vecsearch.evaluation.protocol import (
    Evaluation,
    Labelled,
    evaluate,
    evaluate_vectors,
    measure_names,
)
from vecsearch.evaluation.report import write_report
from vecsearch.evaluation.tables import Classification, ClassScores

__all__ = [
    "ClassScores",
    "Classification",
    "Comparison",
    "Evaluation",
    "Labelled",
    "compare",
    "evaluate",
    "evaluate_vectors",
    "hold_out",
    "measure_names",
    "milliseconds_per_image",
    "write_report",
]
