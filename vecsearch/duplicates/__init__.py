"""Find items that are the same picture, or nearly; say which to keep; clear away the rest."""

from vecsearch.duplicates.applying import Action, Left, Outcome, Step, apply_duplicates
from vecsearch.duplicates.finding import Duplicates, find_duplicates
from vecsearch.duplicates.groups import Group, Member
from vecsearch.duplicates.keeping import Keep, sharpness
from vecsearch.duplicates.plots import draw_histogram
from vecsearch.duplicates.sameness import rows_by_hash
from vecsearch.duplicates.threshold import Suggestion, suggest_threshold

__all__ = [
    "Action",
    "Duplicates",
    "Group",
    "Keep",
    "Left",
    "Member",
    "Outcome",
    "Step",
    "Suggestion",
    "apply_duplicates",
    "draw_histogram",
    "find_duplicates",
    "rows_by_hash",
    "sharpness",
    "suggest_threshold",
]
