"""All that docs/figures.md quotes, one after the other: quality, and parts that are fast or slow.

    python benchmarks/figures.py [FOLDER]

FOLDER is where Fashion-MNIST is unpacked to, and stays; by default a temporary folder. It needs
the IDX files (see benchmarks/fashion_mnist.py) and the reference data that VECSEARCH_DATA names.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def run(script: str, *arguments: str | Path) -> None:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    print(f"\n$ python benchmarks/{script} {' '.join(map(str, arguments))}", flush=True)
    subprocess.run(command, check=True)


def main(fashion: Path) -> None:
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    run("fashion_mnist.py", "export", fashion)
    run("decoding.py", fashion / "train", data / "clothing10" / "train")
    run("fit_sample.py", fashion)
    run("fashion_quality.py", fashion)
    run("follow.py", fashion / "train", fashion / "test" / "bag" / "00018.png")
    run("seeds/animals.py")
    run("faces_open_set.py")
    run("agreement.py", fashion)
    run("clustering.py", fashion)
    run("evaluation_speed.py", fashion)
    run("clothing.py")
    run("map_frames.py", fashion / "train")
    run("duplicates.py")
    run("duplicates.py", "--thresholds")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
