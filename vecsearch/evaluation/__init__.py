"""How good the answers are."""

from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.calibration import Calibration, Figure, calibrate
from vecsearch.evaluation.comparison import Comparison, compare, hold_out, milliseconds_per_image
from vecsearch.evaluation.plots import draw_calibration
from vecsearch.evaluation.protocol import (
    Evaluation,
    evaluate,
    evaluate_vectors,
    measure_names,
)
from vecsearch.evaluation.report import write_report
from vecsearch.evaluation.tables import Classification, ClassScores

__all__ = [
    "Calibration",
    "ClassScores",
    "Classification",
    "Comparison",
    "Evaluation",
    "Figure",
    "Labelled",
    "calibrate",
    "compare",
    "draw_calibration",
    "evaluate",
    "evaluate_vectors",
    "hold_out",
    "measure_names",
    "milliseconds_per_image",
    "write_report",
]
