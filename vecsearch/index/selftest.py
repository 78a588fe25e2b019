"""Does FAISS compute on this machine what NumPy does?"""

import faiss
import numpy as np

from vecsearch.index.exact import ExactIndex
from vecsearch.index.metrics import distances
from vecsearch.types import JSON, Metric


def faiss_facts() -> dict[str, JSON]:
    """The version of FAISS, what it was compiled for, and how many threads it uses."""
    return {
        "version": faiss.__version__,
        "compiled_for": faiss.get_compile_options().strip(),
        "threads": faiss.omp_get_max_threads(),
        "gpus": getattr(faiss, "get_num_gpus", lambda: 0)(),
    }


def selftest() -> dict[str, JSON]:
    """Search 10,000 random vectors and compare with brute force in double precision.

    Returns:
        ``ok``, and the largest difference in distance, by metric.
    """
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(10_000, 64)).astype(np.float32)
    queries = rng.normal(size=(50, 64)).astype(np.float32)
    worst = {}
    for metric in Metric:
        found, _ = ExactIndex([gallery], metric).search(queries, 10)
        brute = [np.sort(distances(query, gallery, metric))[:10] for query in queries]
        worst[metric.value] = float(np.abs(found - brute).max())
    return {"ok": max(worst.values()) < 1e-6, "largest_difference": dict(worst)}
