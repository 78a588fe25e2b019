"""Nearest vectors: the only place that knows how distances are computed and imports FAISS."""

from vecsearch.index.exact import ExactIndex
from vecsearch.index.metrics import (
    as_array,
    check_vectors,
    distances,
    normalized,
    scores,
    zero_rows,
)
from vecsearch.index.ranking import rankings
from vecsearch.index.selftest import faiss_facts, selftest

__all__ = [
    "ExactIndex",
    "as_array",
    "check_vectors",
    "distances",
    "faiss_facts",
    "normalized",
    "rankings",
    "scores",
    "selftest",
    "zero_rows",
]
