"""Where the time of a single query goes: checking it, FAISS, measuring what it found, items.

    python benchmarks/speed/steps.py [--quick]

The steps of ``query_vectors`` one by one, over 1,000 queries, as medians in µs; beside them FAISS's
own search of the same index asked for nothing else, which finds more of what it needs in the cache.
"""

import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from outcome import arguments
from recalled import K
from sets import ready

from vecsearch import Collection, tune
from vecsearch.index import check_vectors, scores

SETS = {"fashion-pca32": ("HNSW32,Flat", "IVF256,PQ16x4fs"), "fashion-784": ("PCA64,IVF1024,SQ8",)}
ROUNDS = 5
STEPS = ("checked", "FAISS", "measured anew", "items")


def steps(collection: Collection, queries: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """The median of each step, and of the bare search, in µs."""
    view = collection.view
    index = view.index(view.metric, exact=False)
    approximate, exact = index._approximate, index._exact
    taken, bare = [], []
    for _ in range(ROUNDS):
        for query in queries:
            marks = [time.perf_counter()]
            some = check_vectors(query, view.dim, view.metric)
            marks.append(time.perf_counter())
            candidates = approximate.candidates(some, K)
            marks.append(time.perf_counter())
            distances, rows = exact.nearest_of(some, candidates, K)
            marks.append(time.perf_counter())
            view.hits(rows[0], distances[0], scores(distances[0], view.metric))
            marks.append(time.perf_counter())
            taken.append(np.diff(marks))
        most = approximate.settings.candidates(K)
        for query in queries:
            started = time.perf_counter()
            approximate._index.search(query, most, params=approximate._parameters)
            bare.append(time.perf_counter() - started)
    return 1e6 * np.median(taken, axis=0), 1e6 * float(np.median(bare))


def main() -> None:
    quick = arguments(__doc__).parse_args().quick
    for name, kinds in list(SETS.items())[: 1 if quick else None]:
        folder = ready(name, quick)
        vectors = np.load(folder / "base.npy")
        queries = [query[None] for query in np.load(folder / "queries.npy")]
        for kind in kinds:
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch) / "index"
                collection = Collection.from_vectors(vectors, path=path, index="exact")
                tune(collection, recall=0.95, kinds=[kind], seed=0)
                if collection.info()["index"] == "exact":
                    print(f"{name} {kind}: exact search is quicker, of so few", flush=True)
                    continue
                faiss.omp_set_num_threads(1)
                collection.query_vectors(np.concatenate(queries), K)  # reads the items
                found, bare = steps(collection, queries)
                told = ", ".join(f"{one} {us:.0f}" for one, us in zip(STEPS, found, strict=True))
                settings = collection.view.store.manifest.index["chosen"]
                print(f"{name} {kind} {settings}: {told}; FAISS alone {bare:.0f} µs", flush=True)


if __name__ == "__main__":
    main()
