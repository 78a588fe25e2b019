"""What it costs to keep a collection in step with its folder.

    python benchmarks/follow.py FOLDER IMAGE [--rounds 9]

Builds a collection of FOLDER (60,000 images of Fashion-MNIST, say), then in turn, round by round:

- update of the unchanged folder, beside os.scandir and stat over it, in one process each, without
  start-up; and the whole command beside `import numpy, faiss`;
- add of one image (removed again), the whole command, and the bytes that it wrote.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import os, sys, time

def look(root):
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    entry.stat()

started = time.perf_counter()
look(sys.argv[1])
print(time.perf_counter() - started)
"""
OURS = """
import sys, time
import filelock, safetensors.numpy
import vecsearch, vecsearch.update
collection = vecsearch.Collection.open(sys.argv[2])
started = time.perf_counter()
changes = collection.update()
print(time.perf_counter() - started)
assert not changes.added and not changes.changed and not changes.removed
"""
IMPORTS = "import numpy, faiss"


def printed(script: str, *arguments: str | Path) -> float:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def seconds(*command: str | Path) -> float:
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def files(folder: Path) -> dict[tuple[str, int], int]:
    """The size of each file by its name and identity."""
    return {
        (str(path), path.stat().st_ino): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }


def told(name: str, times: list[float], unit: str = "ms") -> None:
    low, middle, high = (1000 * figure(times) for figure in (min, statistics.median, max))
    print(f"{name:44} {middle:7.0f} {unit}  ({low:.0f} – {high:.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    vecsearch = Path(sys.executable).with_name("vecsearch")
    with tempfile.TemporaryDirectory() as scratch:
        folder, index = Path(scratch) / "images", Path(scratch) / "index"
        shutil.copytree(arguments.folder, folder)
        shape = ["--encoder", "pca", "--dim", "32", "--size", "28x28", "--color", "grey"]
        subprocess.run(
            [str(vecsearch), "build", str(folder), "-o", str(index), *shape, "--quiet"], check=True
        )
        bare, ours, imports, command, adds, written = [], [], [], [], [], []
        new = Path(scratch) / f"new{arguments.image.suffix}"
        shutil.copy(arguments.image, new)
        for _ in range(arguments.rounds + 1):
            bare.append(printed(BARE, folder))
            ours.append(printed(OURS, folder, index))
            imports.append(seconds(sys.executable, "-c", IMPORTS))
            command.append(seconds(vecsearch, "update", index, "--quiet"))
            before = files(index)
            blocks = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock
            adds.append(seconds(vecsearch, "add", index, new, "--quiet"))
            blocks = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock - blocks
            fresh = files(index)
            written.append((sum(fresh[one] for one in fresh.keys() - before.keys()), 512 * blocks))
            seconds(vecsearch, "remove", index, new.resolve(), "--quiet")
    # The first round fills the page cache.
    bare, ours, imports, command, adds, written = (
        values[1:] for values in (bare, ours, imports, command, adds, written)
    )
    told("scandir + stat", bare)
    told("update, nothing changed", ours)
    print(f"ratio {statistics.median(b / a for a, b in zip(bare, ours, strict=True)):.2f}")
    told("import numpy, faiss (whole process)", imports)
    told("vecsearch update (whole process)", command)
    told("vecsearch add, one image (whole process)", adds)
    print(f"bytes of new files: {max(size for size, _ in written):,} at most")
    print(f"bytes given to the disk: {max(size for _, size in written):,} at most")
    print(f"{os.cpu_count()} processors")


if __name__ == "__main__":
    main()
