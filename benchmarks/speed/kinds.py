"""What ``--index auto`` chooses, beside kinds of index chosen by hand, as a collection grows.

    python benchmarks/speed/kinds.py [--quick]

Clustered vectors, 64 dims. Each kind by hand is tuned to the recall of 0.99 that ``auto``
promises, and asked, one query after the other, k = 10, as ``auto`` is.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from outcome import arguments, keep, plotted
from recalled import K, rate, recall
from sets import _tenth, clustered

from vecsearch import Collection, tune

DIM, RECALL, EXACT = 64, 0.99, "exact"
ROUNDS, THREADS = 9, 2
# What takes so many times as long as the quickest is not asked again.
OUT_OF_REACH = 4
SIZES, QUICK = (10**4, 10**5, 10**6), (2000, 10**4)
# A graph of a million takes minutes to make, twice with tuning; and lists of bytes are auto itself.
ALL_UP_TO = 10**5


def kinds(count: int) -> list[str]:
    lists = 2 ** round(np.log2(4 * count**0.5))
    by_hand = [EXACT, f"IVF{lists},Flat", f"IVF{lists},PQ{DIM // 2}x4fs"]
    return [*by_hand, *([f"IVF{lists},SQ8", "hnsw"] if count <= ALL_UP_TO else []), "auto"]


def made(kind: str, base: np.ndarray, path: Path) -> Collection:
    """A collection with such an index; by hand, tuned."""
    collection = Collection.from_vectors(base, path=path, index="auto" if kind == "auto" else EXACT)
    if kind not in ("auto", EXACT):
        tune(collection, recall=RECALL, kinds=[kind])
    return collection


def measured(count: int, quick: bool) -> dict:
    base, queries = clustered(count, DIM)(False)
    queries = queries[: 200 if quick else 1000]
    data = {"base": base, "queries": queries, "tenth": _tenth(base, queries, False)}
    rows: dict[str, dict] = {}
    collections: dict[str, Collection] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind in kinds(count):
            path = Path(scratch) / kind
            started = time.perf_counter()
            collections[kind] = made(kind, base, path)
            seconds = time.perf_counter() - started
            rows[kind] = {
                "kind": kind,
                # Where exact search is quicker, tuning keeps that.
                "taken": kind in (EXACT, "auto") or collections[kind].info()["index"] != EXACT,
                "recall": recall(data, collections[kind].nearest(queries, K)[1], False),
                "build_s": seconds,
                "mb": sum(one.stat().st_size for one in path.glob("ann/*")) / 1e6,
                "us": np.inf,
            }
        faiss.omp_set_num_threads(1)
        for _ in range(ROUNDS):  # in turn, since a machine is not always as quick
            quickest = min(row["us"] for row in rows.values())
            for kind, collection in collections.items():
                if np.isfinite(before := rows[kind]["us"]) and before > OUT_OF_REACH * quickest:
                    continue
                taken = 1e6 / rate(partial(collection.nearest, k=K), queries)
                rows[kind]["us"] = min(before, taken)
        faiss.omp_set_num_threads(THREADS)
    for kind, row in rows.items():
        print(
            f"{count:9,} {kind:18} {row['us']:8.0f} µs, recall {row['recall']:.3f}, "
            f"{row['build_s']:.1f} s to make{'' if row['taken'] else ' (exact is quicker)'}",
            flush=True,
        )
    auto = rows["auto"]
    by_hand = [
        row
        for row in rows.values()
        if row is not auto and row["taken"] and row["recall"] >= RECALL - 0.01
    ]
    best = min(by_hand, key=lambda row: row["us"])
    ratio = auto["us"] / best["us"]
    print(f"{count:9,} auto / {best['kind']}: {ratio:.2f}", flush=True)
    return {"count": count, "rows": [*rows.values()], "best": best["kind"], "ratio": ratio}


def main() -> None:
    quick = arguments(__doc__).parse_args().quick
    sizes = []
    for count in QUICK if quick else SIZES:
        sizes.append(measured(count, quick))
    keep("kinds", {"dim": DIM, "target": RECALL, "sizes": sizes}, quick)
    (axis,), save = plotted("kinds", quick, width=7)
    for size in sizes:
        for row in size["rows"]:
            auto = row["kind"] == "auto"
            axis.plot(
                size["count"], row["us"], "k*" if auto else "C0.", markersize=13 if auto else 7
            )
            if not auto:
                axis.annotate(row["kind"], (size["count"], row["us"]), fontsize=7)
    counts = [size["count"] for size in sizes]
    axis.set(xlim=(counts[0] / 2, counts[-1] * 4))  # room for the names
    axis.set(xscale="log", yscale="log", xlabel="vectors", ylabel="µs a query", title="★: auto")
    axis.grid(alpha=0.3)
    save()


if __name__ == "__main__":
    main()
