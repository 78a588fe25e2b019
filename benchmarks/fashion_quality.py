"""Accuracy on all of Fashion-MNIST, by the command line: 60,000 images indexed, 10,000 asked.

    python benchmarks/fashion_quality.py FOLDER

FOLDER is what benchmarks/fashion_mnist.py export wrote. Prints accuracy by 5 nearest neighbours
and by nearest centroid, mAP, the time of build and evaluation, and the peak memory of each.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENCODERS = (("pixels", []), ("pca", ["--dim", "32"]), ("lda", []))


def run(*arguments: str) -> tuple[dict, float, float]:
    """The answer, the seconds, and the mebibytes of the largest process so far."""
    command = str(Path(sys.executable).with_name("vecsearch"))
    started = time.perf_counter()
    done = subprocess.run([command, *arguments], check=True, stdout=subprocess.PIPE)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return json.loads(done.stdout), seconds, peak


def main(folder: Path) -> None:
    print("encoder  dim  knn     centroid  map     build    evaluate  build peak  largest so far")
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in ENCODERS:
            index = str(Path(scratch) / name)
            shape = ["--size", "28x28", "--color", "grey", "--quiet"]
            built, building, peak = run(
                "build", str(folder / "train"), "-o", index, "--encoder", name, *options, *shape
            )
            told, evaluating, largest = run(
                "evaluate", index, str(folder / "test"), "-k", "5", "--quiet"
            )
            measures = told["measures"]
            print(
                f"{name:7} {built['dim']:4}  {measures['accuracy']:.4f}  "
                f"{measures['centroid_accuracy']:.4f}    {measures['map']:.4f}  {building:5.1f} s  "
                f"{evaluating:6.1f} s  {peak:6.0f} MiB  {largest:6.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
