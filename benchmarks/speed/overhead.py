"""What vecsearch adds to FAISS: nearest and query_vectors beside the bare search of one index.

    python benchmarks/speed/overhead.py [--quick]

All answer in turn, round after round, with the same settings and threads. FAISS gives rows and
distances, as ``nearest`` does; ``query_vectors`` gives items. Where an index holds no whole
vectors, FAISS measures its findings anew too (IndexRefineFlat), as vecsearch does.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from outcome import arguments, keep, plotted
from recalled import K
from sets import ready

from vecsearch import Collection, tune

ASKED = ("nearest", "query_vectors")
KINDS = ("exact", "HNSW32,Flat", "IVF256,PQ{half}x4fs")
SINGLES, ROUNDS = 500, 9
THREADS = 2


def bare_search(path: Path, vectors: np.ndarray, settings: dict) -> Callable[[np.ndarray], object]:
    """FAISS's own search of what a collection's folder holds."""
    files = list(path.glob("ann/*.faiss"))
    if not files:
        return lambda queries: faiss.knn(queries, vectors, K)
    index = faiss.read_index(str(files[0]), faiss.IO_FLAG_MMAP_IFC)
    if lists := faiss.try_extract_index_ivf(index):
        lists.nprobe = settings["nprobe"]
    graph = faiss.downcast_index(index)
    if isinstance(graph, faiss.IndexHNSW):
        graph.hnsw.efSearch = settings["ef_search"]
        return lambda queries: index.search(queries, K)
    refined = faiss.IndexRefineFlat(index, faiss.swig_ptr(vectors))
    refined.k_factor = settings["k_factor"]
    return lambda queries: (refined, index)[0].search(queries, K)


def seconds(ask: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    started = time.perf_counter()
    ask(queries)
    return time.perf_counter() - started


def measured(name: str, kind: str, quick: bool) -> dict:
    data = ready(name, quick)
    # From a file, as a collection has them: pages of 4 kB take longer to read through than memory.
    vectors = np.asarray(np.load(data / "base.npy", mmap_mode="r"))
    queries = np.load(data / "queries.npy")
    kind = kind.format(half=vectors.shape[1] // 2)
    if quick:
        kind = kind.replace("IVF256", "IVF64")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "index"
        names = [f"class {row % 10}/{row:06}.png" for row in range(len(vectors))]
        labels = [one.partition("/")[0] for one in names]
        collection = Collection.from_vectors(vectors, names, labels, path=path, index="exact")
        settings = {}
        if kind != "exact":
            chosen = tune(collection, recall=0.95, kinds=[kind]).chosen
            if chosen is None or chosen.settings is None:
                return {"set": name, "kind": kind, "left_out": "exact search is quicker"}
            settings = dict(vars(chosen.settings))
        bare = bare_search(path, vectors, settings)
        asked = [bare, *(partial(getattr(collection, name), k=K) for name in ASKED)]
        faiss.omp_set_num_threads(THREADS)
        fresh = seconds(asked[-1], queries)
        batches = np.array(
            [[seconds(ask, queries) for ask in asked] for _ in range(3 if quick else ROUNDS)]
        )
        faiss.omp_set_num_threads(1)
        singles = []
        third = len(queries) // 3
        for row in range(len(queries) if quick else SINGLES):
            # Each is asked another query, or the second would find in the cache what it needs.
            some = [queries[(row + shift * third) % len(queries)][None] for shift in range(3)]
            singles.append([seconds(ask, one) for ask, one in zip(asked, some, strict=True)])
    ratios = np.median(batches / batches[:, :1], axis=0)
    return {
        "set": name,
        "count": len(vectors),
        "dim": vectors.shape[1],
        "kind": kind,
        "queries": len(queries),
        "batch_first_ms": 1e3 * fresh,
        **_named("batch", "ms", 1e3 * np.median(batches, axis=0)),
        **_named("batch", "ratio", ratios),
        **_named("single", "us", 1e6 * np.median(singles, axis=0)),
    }


def _named(how: str, unit: str, figures: np.ndarray) -> dict[str, float]:
    names = ("bare", *ASKED)
    return {f"{how}_{one}_{unit}": float(f) for one, f in zip(names, figures, strict=True)}


def draw(rows: list[dict], quick: bool) -> None:
    (left, right), save = plotted("overhead", quick, 2)
    from matplotlib.ticker import LogLocator

    rows = [row for row in rows if "left_out" not in row]
    places = np.arange(len(rows))
    names = [f"{row['kind']}\n{row['count']:,} × {row['dim']}" for row in rows]
    for axis, key, title in (
        (left, "batch_{}_ms", "all queries at once, ms"),
        (right, "single_{}_us", "one query, µs"),
    ):
        pairs = [[row[key.format(which)] for row in rows] for which in ("bare", *ASKED)]
        axis.hlines(places, pairs[0], pairs[-1], color="lightgrey", linewidth=4, zorder=0)
        for figures, mark, label in zip(pairs, "oDs", ("FAISS", *ASKED), strict=True):
            axis.plot(figures, places, mark, label=label)
        axis.set(title=title, yticks=places, yticklabels=names, xscale="log")
        axis.set(xlim=(min(map(min, pairs)) / 2, max(map(max, pairs)) * 2))
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:,g}")
        axis.xaxis.set_minor_formatter("")
        axis.grid(axis="x", alpha=0.3)
        axis.set_ylim(-0.6, len(rows) - 0.4)
        axis.legend(fontsize=8)
    save()


def main() -> None:
    quick = arguments(__doc__).parse_args().quick
    rows = []
    for name in ("fashion-pca32",) if quick else ("fashion-pca32", "fashion-784"):
        for kind in KINDS:
            row = measured(name, kind, quick)
            rows.append(row)
            if "left_out" in row:
                print(f"{name} {row['kind']}: left out, {row['left_out']}", flush=True)
                continue
            print(
                f"{name} {row['kind']}: {row['queries']:,} queries {row['batch_bare_ms']:.1f} ms "
                f"bare, one {row['single_bare_us']:.0f} µs",
                *(
                    f"; {what} {row[f'batch_{what}_ratio']:.2f} × and "
                    f"{row[f'single_{what}_us'] - row['single_bare_us']:+.0f} µs"
                    for what in ASKED
                ),
                flush=True,
            )
    keep("overhead", {"rows": rows}, quick)
    draw(rows, quick)


if __name__ == "__main__":
    main()
