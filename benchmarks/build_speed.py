"""How long a whole build takes, beside a bare loop that walks, opens and decodes the same files.

    python benchmarks/build_speed.py FOLDER [--rounds 5] [-- BUILD OPTIONS]

The bare loop is os.walk, Image.open and numpy.asarray over a pool of as many threads as there are
processors, and once more over as many processes. The build is the command itself, from start to
exit, and ends with everything on disk. All of them run in turn, round after round.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BARE = """
import os, sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import numpy as np
from PIL import Image

def decode(paths):
    return sum(np.asarray(Image.open(path)).size for path in paths)

if __name__ == "__main__":
    paths = [os.path.join(at, name) for at, _, names in os.walk(sys.argv[1]) for name in names]
    chunks = [paths[start : start + 64] for start in range(0, len(paths), 64)]
    with {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[sys.argv[2]](
        os.cpu_count()
    ) as pool:
        print(sum(pool.map(decode, chunks)))
"""


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    own, _, options = " ".join(sys.argv[1:]).partition(" -- ")
    arguments = parser.parse_args(own.split())
    vecsearch = str(Path(sys.executable).with_name("vecsearch"))
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "bare.py"
        script.write_text(BARE)
        index = Path(scratch) / "index"
        build = [vecsearch, "build", str(arguments.folder), "-o", str(index), "--quiet"]
        bare = [sys.executable, str(script), str(arguments.folder)]
        runs: dict[str, Callable[[], float]] = {
            "bare loop, threads": lambda: seconds([*bare, "threads"]),
            "bare loop, processes": lambda: seconds([*bare, "processes"]),
            "vecsearch build": lambda: seconds([*build, *options.split()]),
        }
        times: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(arguments.rounds + 1):
            for name, run in runs.items():
                taken = run()
                if turn:  # the first round only fills the page cache
                    times[name].append(taken)
                shutil.rmtree(index, ignore_errors=True)
    for name, taken in times.items():
        ratios = [ours / bare for ours, bare in zip(times["vecsearch build"], taken, strict=True)]
        print(
            f"{name:22} {statistics.median(taken):6.2f} s  ({min(taken):.2f} – {max(taken):.2f})"
            f"   build / this: {statistics.median(ratios):.2f}"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest single process {peak:.0f} MiB; {os.cpu_count()} processors")
    print(json.dumps(times))


if __name__ == "__main__":
    main()
