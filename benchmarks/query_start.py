"""How long a first query takes, beside importing what it cannot do without.

    python benchmarks/query_start.py INDEX IMAGE [--beside INDEX] [--rounds 21]

All commands in turn, as whole processes; prints medians and the medians of the ratios. --beside
takes another collection, as one with a trained encoder beside one of PCA.
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
    parser.add_argument("--beside")
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    script = str(Path(sys.executable).with_name("vecsearch"))
    imports = "import numpy, faiss, PIL.Image"
    commands = {imports: [sys.executable, "-c", imports]}
    for index in filter(None, (arguments.index, arguments.beside)):
        commands[f"vecsearch query {index}"] = [script, "query", index, arguments.image]
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(arguments.rounds + 1):
        for name, command in commands.items():
            taken = seconds(command)
            if turn:
                times[name].append(taken)
    for name, found in times.items():
        print(
            f"{name:31} {1000 * statistics.median(found):5.0f} ms "
            f"({1000 * min(found):.0f} – {1000 * max(found):.0f})"
        )
    bare, *queries = times
    for name in queries:
        for base in (bare, *queries[: queries.index(name)]):
            pairs = zip(times[name], times[base], strict=True)
            print(f"{name} / {base}: {statistics.median(own / other for own, other in pairs):.2f}")


if __name__ == "__main__":
    main()
