"""Nearest vectors: the only place that knows how distances are computed and imports FAISS."""

from vecsearch.index.approximate import ApproximateIndex, SearchSettings, train_index
from vecsearch.index.budget import as_bytes, check_budget, fits, made_bytes, within_budget
from vecsearch.index.exact import ExactIndex
from vecsearch.index.kinds import AUTO, EXACT, check_kind, kinds_to_try
from vecsearch.index.kmeans import RESTARTS, run_kmeans
from vecsearch.index.lloyd import (
    Partition,
    Step,
    TooFewDifferent,
    by_size,
    centers_of,
    inertia_of,
    lloyd_steps,
    member_distances,
    nearest_centers,
    settle,
)
from vecsearch.index.metrics import (
    as_array,
    as_metric,
    check_vectors,
    distances,
    normalized,
    scores,
    zero_rows,
)
from vecsearch.index.others import nearest_others
from vecsearch.index.partial import PartialIndex
from vecsearch.index.promise import (
    NEIGHBOURS,
    RECALL,
    Finding,
    apart_from_next,
    climb,
    interval,
)
from vecsearch.index.ranges import Pairs, as_radius
from vecsearch.index.ranking import distance_blocks, rankings
from vecsearch.index.selftest import faiss_facts, selftest
from vecsearch.index.shards import Shard, Shards

__all__ = [
    "AUTO",
    "EXACT",
    "NEIGHBOURS",
    "RECALL",
    "RESTARTS",
    "ApproximateIndex",
    "ExactIndex",
    "Finding",
    "Pairs",
    "PartialIndex",
    "Partition",
    "SearchSettings",
    "Shard",
    "Shards",
    "Step",
    "TooFewDifferent",
    "apart_from_next",
    "as_array",
    "as_bytes",
    "as_metric",
    "as_radius",
    "by_size",
    "centers_of",
    "check_budget",
    "check_kind",
    "check_vectors",
    "climb",
    "distance_blocks",
    "distances",
    "faiss_facts",
    "fits",
    "inertia_of",
    "interval",
    "kinds_to_try",
    "lloyd_steps",
    "made_bytes",
    "member_distances",
    "nearest_centers",
    "nearest_others",
    "normalized",
    "rankings",
    "run_kmeans",
    "scores",
    "selftest",
    "settle",
    "train_index",
    "within_budget",
    "zero_rows",
]
