"""Other libraries for nearest neighbours, each in a process of its own; started by recall.py.

    .venv-peers/bin/python benchmarks/speed/peers.py build LIBRARY SIZE SET FILE
    .venv-peers/bin/python benchmarks/speed/peers.py search LIBRARY SIZE SET FILE

SIZE is what its index is made with, as the links of a graph. ``build`` prints its seconds;
``search`` opens the file in a new process, so that memory is that of the index alone, and prints
a line for each setting. Of a library that has no files, SET may be several, with commas between.
"""

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from recalled import K, batch_rate, load, rate, recall, resident

EFS = (10, 14, 20, 28, 40, 56, 80, 113, 160, 226, 320, 453, 640, 905, 1280)
CONSTRUCTION = 200
ENOUGH = 0.9995
THREADS = 2


class Hnswlib:
    """hnswlib: graphs."""

    ladder = EFS

    def __init__(self, dim: int, cosine: bool, size: int) -> None:
        import hnswlib

        self.links = size
        self.index = hnswlib.Index(space="cosine" if cosine else "l2", dim=dim)

    def build(self, base: np.ndarray) -> None:
        self.index.init_index(len(base), ef_construction=CONSTRUCTION, M=self.links)
        self.index.add_items(base, num_threads=THREADS)

    def save(self, path: str) -> None:
        self.index.save_index(path)

    def open(self, path: str) -> None:
        self.index.load_index(path)

    def set(self, setting: float) -> None:
        self.index.set_ef(int(setting))

    def search(self, queries: np.ndarray, threads: int) -> np.ndarray:
        return self.index.knn_query(queries, k=K, num_threads=threads)[0]


class Usearch:
    """usearch: graphs."""

    ladder = EFS

    def __init__(self, dim: int, cosine: bool, size: int) -> None:
        from usearch.index import Index

        self.index = Index(
            ndim=dim,
            metric="cos" if cosine else "l2sq",
            dtype="f32",
            connectivity=size,
            expansion_add=CONSTRUCTION,
        )

    def build(self, base: np.ndarray) -> None:
        self.index.add(np.arange(len(base)), np.ascontiguousarray(base), threads=THREADS)

    def save(self, path: str) -> None:
        self.index.save(path)

    def open(self, path: str) -> None:
        self.index.load(path)

    def set(self, setting: float) -> None:
        self.index.expansion_search = int(setting)

    def search(self, queries: np.ndarray, threads: int) -> np.ndarray:
        found = self.index.search(queries if len(queries) > 1 else queries[0], K, threads=threads)
        return np.asarray(found.keys).reshape(len(queries), K)


class Voyager:
    """voyager: graphs."""

    ladder = EFS

    def __init__(self, dim: int, cosine: bool, size: int) -> None:
        import voyager

        space = voyager.Space.Cosine if cosine else voyager.Space.Euclidean
        self.index = voyager.Index(space, dim, M=size, ef_construction=CONSTRUCTION)
        self.ef = 10

    def build(self, base: np.ndarray) -> None:
        # A copy, since it takes no array that cannot be written to.
        self.index.add_items(np.array(base), num_threads=THREADS)

    def save(self, path: str) -> None:
        self.index.save(path)

    def open(self, path: str) -> None:
        import voyager

        self.index = voyager.Index.load(path)

    def set(self, setting: float) -> None:
        self.ef = int(setting)

    def search(self, queries: np.ndarray, threads: int) -> np.ndarray:
        return self.index.query(queries, k=K, num_threads=threads, query_ef=self.ef)[0]


class PyNNDescent:
    """pynndescent: a graph of neighbours; it has no file, so that it is made where it is asked."""

    ladder = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)

    def __init__(self, dim: int, cosine: bool, size: int) -> None:
        self.metric, self.neighbours = "cosine" if cosine else "euclidean", size
        self.epsilon = 0.1

    def build(self, base: np.ndarray) -> None:
        from pynndescent import NNDescent

        options = {"metric": self.metric, "n_neighbors": self.neighbours, "n_jobs": THREADS}
        # numba compiles with the first index.
        NNDescent(np.ascontiguousarray(base[:1000]), **options).prepare()
        started = time.perf_counter()
        self.index = NNDescent(np.ascontiguousarray(base), random_state=0, **options)
        self.index.prepare()
        self.seconds = time.perf_counter() - started

    def set(self, setting: float) -> None:
        self.epsilon = setting

    def search(self, queries: np.ndarray, threads: int) -> np.ndarray:
        import numba

        numba.set_num_threads(threads)
        return self.index.query(queries, k=K, epsilon=self.epsilon)[0]

    def memory(self) -> int:
        """Of vectors, graph and trees: its process holds what made them, too."""
        graph = self.index._search_graph
        arrays = [self.index._raw_data, graph.data, graph.indices, graph.indptr]
        for tree in self.index._search_forest:
            arrays += [part for part in tree if isinstance(part, np.ndarray)]
        return sum(array.nbytes for array in arrays)


class Sklearn:
    """scikit-learn: trees for few dims, else every vector; it is exact."""

    ladder = (0,)

    def __init__(self, dim: int, cosine: bool, size: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        metric = "cosine" if cosine else "euclidean"
        self.index = NearestNeighbors(n_neighbors=K, metric=metric, n_jobs=THREADS)

    def build(self, base: np.ndarray) -> None:
        started = time.perf_counter()
        self.index.fit(base)
        self.seconds = time.perf_counter() - started

    def set(self, setting: float) -> None:
        pass

    def search(self, queries: np.ndarray, threads: int) -> np.ndarray:
        from threadpoolctl import threadpool_limits

        self.index.n_jobs = threads
        with threadpool_limits(threads):
            return self.index.kneighbors(queries, return_distance=False)

    def memory(self) -> int:
        tree = self.index._tree
        kept = 0 if tree is None else sum(np.asarray(part).nbytes for part in tree.get_arrays()[1:])
        return self.index._fit_X.nbytes + kept


class Autofaiss:
    """autofaiss: one of FAISS's kinds, chosen by size and memory; asked with several efforts."""

    ladder = (0, *EFS)

    def __init__(self, dim: int, cosine: bool, size: int) -> None:
        self.cosine = cosine

    def build(self, base: np.ndarray) -> None:
        import autofaiss

        vectors = np.array(base, np.float32)
        if self.cosine:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.index, _ = autofaiss.build_index(
            vectors,
            save_on_disk=False,
            metric_type="ip" if self.cosine else "l2",
            current_memory_available="12GB",
            max_index_memory_usage="8GB",
            nb_cores=THREADS,
            verbose=logging.CRITICAL,
        )

    def save(self, path: str) -> None:
        import faiss

        faiss.write_index(self.index, path)

    def open(self, path: str) -> None:
        import faiss

        self.index = faiss.read_index(path)

    def set(self, setting: float) -> None:
        import faiss

        if setting:
            space = faiss.ParameterSpace()
            for name in ("efSearch", "nprobe"):
                try:
                    space.set_index_parameter(self.index, name, setting)
                except RuntimeError:
                    continue

    def search(self, queries: np.ndarray, threads: int) -> np.ndarray:
        import faiss

        faiss.omp_set_num_threads(threads)
        if self.cosine:
            queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        return self.index.search(queries, K)[1]


LIBRARIES: dict[str, Any] = {
    "hnswlib": Hnswlib,
    "usearch": Usearch,
    "voyager": Voyager,
    "pynndescent": PyNNDescent,
    "scikit-learn": Sklearn,
    "autofaiss": Autofaiss,
}


def main(step: str, library: str, size: int, folders: str, path: str) -> None:
    for folder in folders.split(","):
        measure(step, library, size, folder, path)


def measure(step: str, library: str, size: int, folder: str, path: str) -> None:
    data = load(folder)
    base, queries = np.asarray(data["base"]), data["queries"]
    cosine = (Path(folder) / "cosine").exists()
    peer = LIBRARIES[library](base.shape[1], cosine, size)
    fileless = not hasattr(peer, "save")
    if step == "build":
        if not fileless:
            started = time.perf_counter()
            peer.build(base)
            print(json.dumps({"build": time.perf_counter() - started}))
            peer.save(path)
        return
    before = resident()
    if fileless:
        peer.build(base)
    else:
        peer.open(path)
    lines = []
    for setting in peer.ladder:
        peer.set(setting)
        found = peer.search(queries, THREADS)
        line = {
            "settings": setting,
            "recall": recall(data, found, cosine),
            "single": rate(lambda some: peer.search(some, 1), queries),
            "batch": batch_rate(lambda some: peer.search(some, THREADS), queries),
        }
        lines.append(line)
        if line["recall"] >= ENOUGH and setting:
            break
    # What is counted of the process before it asks for distances of its own: see recalled.
    memory = peer.memory() if fileless else resident() - before - _touched(data)
    for line in lines:
        facts = {"memory": memory, "build": getattr(peer, "seconds", None)}
        told = {**line, **{name: one for name, one in facts.items() if one is not None}}
        print(json.dumps({"set": Path(folder).name, **told}))


def _touched(data: dict[str, np.ndarray]) -> int:
    """Nothing of the mapped vectors counts, which only the measuring of recall looks at."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    inside, total = False, 0
    name = str(Path(data["base"].filename))
    for line in lines:
        if "-" in line.split(" ")[0] and ":" not in line.split(" ")[0]:
            inside = line.endswith(name)
        elif inside and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
