"""How good the answers are."""

from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.audit import Audit, Suspect, Twins
from vecsearch.evaluation.calibration import Calibration, Figure, calibrate
from vecsearch.evaluation.comparison import (
    Comparison,
    compare,
    milliseconds_per_image,
    with_differences,
)
from vecsearch.evaluation.paired import Difference
from vecsearch.evaluation.plots import draw_calibration
from vecsearch.evaluation.protocol import (
    evaluate,
    evaluate_vectors,
    measure_names,
)
from vecsearch.evaluation.report import write_report
from vecsearch.evaluation.result import Evaluation
from vecsearch.evaluation.splitting import hold_out
from vecsearch.evaluation.tables import Classification, ClassScores

__all__ = [
    "Audit",
    "Calibration",
    "ClassScores",
    "Classification",
    "Comparison",
    "Difference",
    "Evaluation",
    "Figure",
    "Labelled",
    "Suspect",
    "Twins",
    "calibrate",
    "compare",
    "draw_calibration",
    "evaluate",
    "evaluate_vectors",
    "hold_out",
    "measure_names",
    "milliseconds_per_image",
    "with_differences",
    "write_report",
]
