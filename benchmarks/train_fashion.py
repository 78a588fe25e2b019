"""What training is worth on all of Fashion-MNIST, by the command line, over several seeds.

    python benchmarks/train_fashion.py FOLDER [--rows fast,default] [--seeds 3] [--keep MODELS]

FOLDER is what benchmarks/fashion_mnist.py export wrote. Each line is a `vecsearch train` on the
60,000 training images, a `build` of them with what came of it, and an `evaluate` with the 10,000
test images, which nothing before has seen. --keep leaves the models in a folder of yours, where an
interrupted training goes on. Rows: those of ROWS below, or any options of `vecsearch train` in
quotes.
"""

import argparse
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

from fashion_quality import run

ROWS = {
    "fast": "--preset fast",
    "default": "",
    "thorough": "--preset thorough",
    "best": "--preset best --time-budget 150m",
    "founding": "--backbone conv3 --loss pairs --no-augment --time-budget 10m",
    "siamese-10m": "--time-budget 10m",
    "classifier-10m": "--objective classifier --time-budget 10m",
    "simclr-10m": "--objective simclr --labels none --time-budget 10m",
    "autoencoder-10m": "--objective autoencoder --labels none --time-budget 10m",
}
SHOWN = ("accuracy", "recall@1", "map@r", "map", "centroid_accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", default="fast,default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--classes", action="store_true", help="Print figures of each class too.")
    arguments = parser.parse_args()
    train, test = (str(arguments.folder / part) for part in ("train", "test"))
    with tempfile.TemporaryDirectory() as scratch:
        models = arguments.keep or Path(scratch)
        for row in arguments.rows.split(","):
            found = []
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
                model = models / f"{row.strip('-').replace(' ', '_')}-{seed}"
                options = shlex.split(ROWS.get(row, row))
                cost = "trained before"
                if not (model / "settings.json").exists():
                    begun = " more" if (model / "checkpoint.safetensors").exists() else ""
                    _, seconds, peak = run(
                        "train", train, "-o", str(model), "--seed", str(seed), "--quiet", *options
                    )
                    cost = f"{seconds:6.0f} s{begun}  {peak:5.0f} MiB"
                index = str(Path(scratch) / "index")
                run("build", train, "-o", index, "--model", str(model), "--quiet", "--overwrite")
                ask = ["-k", "1", "--neighbours", "5", "--quiet"]
                told, _, _ = run("evaluate", index, test, *ask)
                measures = {**told["measures"], "recall@1": told["measures"]["hit@1"]}
                found.append([measures[name] for name in SHOWN])
                print(
                    f"{row:16} seed {seed}  "
                    + "  ".join(f"{name} {measures[name]:.4f}" for name in SHOWN)
                    + f"  {cost}",
                    flush=True,
                )
                if arguments.classes:
                    for name, scores in told["per_class"].items():
                        print(
                            f"    {name:14} precision {scores['precision']:.4f}  "
                            f"recall {scores['recall']:.4f}"
                        )
            if len(found) > 1:
                middles = "  ".join(
                    f"{name} {statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
                    for name, values in zip(SHOWN, zip(*found, strict=True), strict=True)
                )
                print(f"{row:16} mean    {middles}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
