"""What ``--index auto`` chooses, beside kinds of index chosen by hand, as a collection grows.

    python benchmarks/speed/kinds.py [--quick]

Clustered vectors, 64 dims. Each kind by hand is tuned to the recall of 0.99 that ``auto``
promises, and asked, one query after the other, k = 10, as ``auto`` is.
"""

import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from outcome import arguments, keep, plotted
from recalled import K, rate, recall
from sets import _tenth, clustered

from vecsearch import Collection, tune

DIM, RECALL = 64, 0.99
SIZES, QUICK = (10**4, 10**5, 10**6), (2000, 10**4)
# A graph of a million takes minutes to make, twice with tuning.
GRAPHS_UP_TO = 10**5


def kinds(count: int) -> list[str]:
    lists = 2 ** round(np.log2(4 * count**0.5))
    by_hand = ["exact", f"IVF{lists},Flat", f"IVF{lists},PQ{DIM // 2}x4fs", f"IVF{lists},SQ8"]
    return [*by_hand, *(["hnsw"] if count <= GRAPHS_UP_TO else []), "auto"]


def measured(count: int, quick: bool) -> dict:
    base, queries = clustered(count, DIM)(False)
    queries = queries[: 200 if quick else 1000]
    data = {"base": base, "queries": queries, "tenth": _tenth(base, queries, False)}
    rows = []
    for kind in kinds(count):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "index"
            started = time.perf_counter()
            first = "auto" if kind == "auto" else "exact"
            collection = Collection.from_vectors(base, path=path, index=first)
            reached = True
            if kind not in ("auto", "exact"):
                chosen = tune(collection, recall=RECALL, kinds=[kind]).chosen
                reached = chosen is not None and chosen.settings is not None
            seconds = time.perf_counter() - started
            faiss.omp_set_num_threads(1)
            found = collection.query_vectors(queries, K)
            single = rate(lambda some, these=collection: these.query_vectors(some, K), queries)
            faiss.omp_set_num_threads(2)
            rows.append(
                {
                    "kind": kind,
                    "is": str(collection.info()["index"]),
                    "reached": reached,
                    "recall": recall(
                        data,
                        np.array([[int(hit.item.id) for hit in one] for one in found]),
                        False,
                    ),
                    "us": 1e6 / single,
                    "build_s": seconds,
                    "mb": sum(one.stat().st_size for one in path.glob("ann/*")) / 1e6,
                }
            )
        row = rows[-1]
        print(
            f"{count:9,} {kind:18} {row['us']:8.0f} µs, recall {row['recall']:.3f}, "
            f"{row['build_s']:.1f} s to make{'' if reached else ' (exact is quicker)'}",
            flush=True,
        )
    by_hand = [row for row in rows if row["kind"] != "auto" and row["recall"] >= RECALL - 0.01]
    best = min(by_hand, key=lambda row: row["us"])
    ratio = rows[-1]["us"] / best["us"]
    print(f"{count:9,} auto / {best['kind']}: {ratio:.2f}", flush=True)
    return {"count": count, "rows": rows, "best": best["kind"], "ratio": ratio}


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
