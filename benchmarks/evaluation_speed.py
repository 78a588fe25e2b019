"""What an evaluation costs: 10,000 queries over 60,000 items of 32 numbers, ranked in full.

    python benchmarks/evaluation_speed.py FOLDER [--queries 10000] [--gallery 60000]

FOLDER is Fashion-MNIST as benchmarks/fashion_mnist.py export wrote it; PCA makes the vectors.
Each line runs in a process of its own and prints seconds and the peak of its memory above that of
the vectors alone: our evaluation with all measures; the bare search of FAISS for the same
neighbours, all 60,000 of each query; and, on the first 1,000 queries and 10,000 items, which is
what their memory bears, ours beside pytorch-metric-learning's AccuracyCalculator and torchmetrics'
retrieval measures (pip install torchmetrics), with the figures of each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SMALL = (1_000, 10_000)


def vectors(folder: Path, queries: int, gallery: int) -> dict[str, np.ndarray[Any, Any]]:
    """PCA-32 of training and test images, and their classes."""
    from vecsearch import Preprocess, make_encoder
    from vecsearch.encoding import read_folder
    from vecsearch.images import scan

    look = Preprocess((28, 28), "stretch", "grey")
    parts = {}
    for name, count in (("train", gallery), ("test", queries)):
        found = scan(folder / name)
        paths = np.random.default_rng(0).permutation(found.paths)[:count].tolist()
        batches = list(read_folder(found, paths, look, None, None))
        files = [file.path for batch in batches for file in batch.files]
        pixels = np.concatenate([batch.pixels for batch in batches])
        parts[name] = pixels, [found.labels[path] for path in files]
    encoder = make_encoder("pca", dim=32, preprocess=look).fit(parts["train"][0])
    names = sorted(set(parts["train"][1]))
    return {
        "gallery": encoder.encode(parts["train"][0]),
        "gallery_codes": np.array([names.index(label) for label in parts["train"][1]]),
        "queries": encoder.encode(parts["test"][0]),
        "query_codes": np.array([names.index(label) for label in parts["test"][1]]),
    }


def ours(given: dict[str, Any]) -> dict[str, float]:
    from vecsearch import Labelled, evaluate_vectors

    gallery, queries = (
        Labelled(
            given[part],
            [f"{part} {row}" for row in range(len(given[part]))],
            [str(code) for code in given[codes]],
        )
        for part, codes in (("gallery", "gallery_codes"), ("queries", "query_codes"))
    )
    return evaluate_vectors(gallery, queries).measures


def faiss(given: dict[str, Any]) -> dict[str, float]:
    import faiss

    step = 256  # so that the answers, 12 bytes each, need not all be kept
    for start in range(0, len(given["queries"]), step):
        faiss.knn(given["queries"][start : start + step], given["gallery"], len(given["gallery"]))
    return {}


def accuracy_calculator(given: dict[str, Any]) -> dict[str, float]:
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    wanted = (
        "precision_at_1",
        "r_precision",
        "mean_average_precision_at_r",
        "mean_average_precision",
    )
    counted = AccuracyCalculator(include=wanted, k=len(given["gallery"])).get_accuracy(
        *(
            torch.from_numpy(given[name])
            for name in ("queries", "query_codes", "gallery", "gallery_codes")
        )
    )
    return {
        "precision@1": counted["precision_at_1"],
        "r_precision": counted["r_precision"],
        "map@r": counted["mean_average_precision_at_r"],
        "map": counted["mean_average_precision"],
    }


def torchmetrics(given: dict[str, Any]) -> dict[str, float]:
    import torch

    from vecsearch.encoders.vision import torchvision

    torchvision()  # which torchmetrics imports: in a way that bears builds that miss parts
    from torchmetrics import retrieval

    kinds = {
        "map": retrieval.RetrievalMAP(),
        "mrr": retrieval.RetrievalMRR(),
        "precision@10": retrieval.RetrievalPrecision(top_k=10),
        "recall@10": retrieval.RetrievalRecall(top_k=10),
        "ndcg@10": retrieval.RetrievalNormalizedDCG(top_k=10),
        "r_precision": retrieval.RetrievalRPrecision(),
    }
    queries, gallery = (torch.from_numpy(given[name]) for name in ("queries", "gallery"))
    # It takes scores from 0 up; those below are as good as none to it.
    scores = torch.exp(-torch.cdist(queries.double(), gallery.double())).flatten()
    right = torch.from_numpy(given["query_codes"][:, None] == given["gallery_codes"]).flatten()
    indexes = torch.arange(len(queries)).repeat_interleave(len(gallery))
    return {name: float(kind(scores, right, indexes=indexes)) for name, kind in kinds.items()}


LINES = {one.__name__: one for one in (ours, faiss, accuracy_calculator, torchmetrics)}


def run(name: str, arrays: Path) -> dict[str, Any]:
    """One line, in a process of its own."""
    command = [sys.executable, __file__, "--line", name, str(arrays)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        last = found.stderr.strip().splitlines()[-1:] or [f"exit code {found.returncode}"]
        print(f"{name:20} {last[0]}")
        return {}
    told: dict[str, Any] = json.loads(found.stdout)
    print(f"{name:20} {told['seconds']:8.1f} s  {told['mib']:7.0f} MiB", flush=True)
    return told


def line(name: str, arrays: Path) -> None:
    given = dict(np.load(arrays))
    LINES[name]({key: value[:64] for key, value in given.items()})  # what is imported, is by now
    before = peak_mib()
    started = time.perf_counter()
    measures = LINES[name](given)
    seconds = time.perf_counter() - started
    told = {"seconds": seconds, "mib": peak_mib() - before, "measures": measures}
    print(json.dumps(told))


def peak_mib() -> float:
    """The most memory that this process has had; ru_maxrss would count its parent's too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit("The peak of memory is known on Linux only.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--gallery", type=int, default=60_000)
    parser.add_argument("--line")
    arguments = parser.parse_args()
    if arguments.line:
        line(arguments.line, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        whole = vectors(arguments.folder, arguments.queries, arguments.gallery)
        arrays, part = Path(scratch) / "whole.npz", Path(scratch) / "part.npz"
        np.savez(arrays, **whole)
        shares = {
            "queries": SMALL[0],
            "query_codes": SMALL[0],
            "gallery": SMALL[1],
            "gallery_codes": SMALL[1],
        }
        np.savez(part, **{name: whole[name][:count] for name, count in shares.items()})
        print(f"{len(whole['queries']):,} queries, {len(whole['gallery']):,} items")
        mine, bare = run("ours", arrays), run("faiss", arrays)
        if mine and bare:
            print(f"{'ratio':20} {mine['seconds'] / bare['seconds']:8.2f}")
        print(f"\n{SMALL[0]:,} queries, {SMALL[1]:,} items")
        found = {name: run(name, part) for name in ("ours", "accuracy_calculator", "torchmetrics")}
        for name in found["ours"]["measures"]:
            values = [told.get("measures", {}).get(name) for told in found.values()]
            if any(value is not None for value in values[1:]):
                print(
                    f"{name:14}"
                    + "".join(
                        f"{value:14.8f}" if value is not None else " " * 14 for value in values
                    )
                )


if __name__ == "__main__":
    main()
