"""How long a first query takes, beside importing what it cannot do without.

    python benchmarks/query_start.py INDEX IMAGE [--rounds 21]

Both commands in turn, as whole processes; prints medians and the median of the ratios.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("image")
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    imports = [sys.executable, "-c", "import numpy, faiss, PIL.Image"]
    script = str(Path(sys.executable).with_name("vecsearch"))
    query = [script, "query", arguments.index, arguments.image]
    pairs = [(seconds(imports), seconds(query)) for _ in range(arguments.rounds + 1)][1:]
    bare, ours = zip(*pairs, strict=True)
    for name, times in (("import numpy, faiss, PIL.Image", bare), ("vecsearch query", ours)):
        print(
            f"{name:31} {1000 * statistics.median(times):5.0f} ms "
            f"({1000 * min(times):.0f} – {1000 * max(times):.0f})"
        )
    print(f"ratio {statistics.median(own / base for base, own in pairs):.2f}")


if __name__ == "__main__":
    main()
