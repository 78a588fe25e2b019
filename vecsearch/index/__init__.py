"""Nearest vectors: the only place that knows how distances are computed and imports FAISS."""

from vecsearch.index.approximate import ApproximateIndex, check_kind, factory_of, train_index
from vecsearch.index.exact import ExactIndex
from vecsearch.index.metrics import (
    as_array,
    as_metric,
    check_vectors,
    distances,
    normalized,
    scores,
    zero_rows,
)
from vecsearch.index.partial import PartialIndex
from vecsearch.index.ranking import distance_blocks, rankings
from vecsearch.index.selftest import faiss_facts, selftest

__all__ = [
    "ApproximateIndex",
    "ExactIndex",
    "PartialIndex",
    "as_array",
    "as_metric",
    "check_kind",
    "check_vectors",
    "distance_blocks",
    "distances",
    "factory_of",
    "faiss_facts",
    "normalized",
    "rankings",
    "scores",
    "selftest",
    "train_index",
    "zero_rows",
]
