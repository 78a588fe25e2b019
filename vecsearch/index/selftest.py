"""Does FAISS compute on this machine what NumPy does?"""

import faiss
import numpy as np

from vecsearch.index.exact import ExactIndex
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
    """Search 10,000 random vectors and compare with brute force, written out in NumPy.

    Returns:
        ``ok``, and the largest difference in distance, by metric.
    """
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(10_000, 64)).astype(np.float32)
    queries = rng.normal(size=(50, 64)).astype(np.float32)
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    apart = {
        Metric.EUCLIDEAN: [np.linalg.norm(gallery - query, axis=1) for query in queries],
        Metric.COSINE: [1 - unit @ (query / np.linalg.norm(query)) for query in queries],
    }
    worst = {}
    for metric, expected in apart.items():
        found, _ = ExactIndex([gallery], metric).search(queries, 10)
        worst[metric.value] = float(np.abs(found - np.sort(expected, axis=1)[:, :10]).max())
    return {"ok": max(worst.values()) < 1e-5, "largest_difference": dict(worst)}
