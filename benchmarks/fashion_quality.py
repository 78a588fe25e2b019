"""Accuracy on all of Fashion-MNIST, by the command line: 60,000 images indexed, 10,000 asked.

    python benchmarks/fashion_quality.py FOLDER

FOLDER is what benchmarks/fashion_mnist.py export wrote. Prints accuracy by 5 nearest neighbours
and by nearest centroid, mAP, the time of build and evaluation, and the peak memory of each.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENCODERS = (("pixels", []), ("pca", ["--dim", "32"]), ("lda", []))


def run(*arguments: str) -> tuple[dict, float, float]:
    """The answer, the seconds, and the peak memory of the main process in MiB."""
    command = str(Path(sys.executable).with_name("vecsearch"))
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen([command, *arguments], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments)
        out.seek(0)
        return json.loads(out.read()), seconds, usage.ru_maxrss / 1024


def main(folder: Path) -> None:
    print("encoder  dim  knn     centroid  map     build    evaluate  peaks")
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
                f"{evaluating:6.1f} s  {peak:4.0f} and {largest:4.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
