"""How long commands take to start, beside Python and what they cannot do without.

    python benchmarks/speed/start.py [--quick] [INDEX IMAGE]

Whole processes in turn, round after round; medians, and medians of the ratios. Of the two queries
one is of a collection by PCA, the other of one by a network that was trained for an epoch, as large
as by default. INDEX and IMAGE add a query of another collection.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from outcome import arguments, keep, plotted
from sets import fashion_mnist

ROUNDS, QUICK_ROUNDS = 21, 3
PICTURES = 2000


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def pictures(folder: Path, most: int) -> None:
    for path, content in islice(fashion_mnist.pictures(fashion_mnist.IDX), most):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("index", nargs="?")
    parser.add_argument("image", nargs="?")
    given = parser.parse_args()
    script = str(Path(sys.executable).with_name("vecsearch"))
    bare, libraries = "python -c pass", "python -c 'import numpy, faiss'"
    commands = {
        bare: [sys.executable, "-c", "pass"],
        libraries: [sys.executable, "-c", "import numpy, faiss"],
        "vecsearch --help": [script, "--help"],
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder, index = Path(scratch) / "photos", Path(scratch) / "index"
        pictures(folder, 200 if given.quick else PICTURES)
        build = [script, "build", str(folder / "train"), "-o", str(index), "--quiet"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        image = str(next((folder / "train").rglob("*.png")))
        commands["vecsearch query"] = [script, "query", str(index), image]
        model, trained = Path(scratch) / "model", Path(scratch) / "trained"
        for command in (
            [script, "train", str(folder / "train"), "-o", str(model), "--epochs", "1", "--quiet"],
            [*build[:3], "-o", str(trained), "--model", str(model), "--quiet"],
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        commands["vecsearch query, trained network"] = [script, "query", str(trained), image]
        if given.index:
            commands[f"vecsearch query {given.index}"] = [script, "query", given.index, given.image]
        times: dict[str, list[float]] = {name: [] for name in commands}
        rounds = QUICK_ROUNDS if given.quick else ROUNDS
        for turn in range(rounds + 1):
            for name, command in commands.items():
                taken = seconds(command)
                if turn:  # the first round only fills the page cache
                    times[name].append(taken)
    rows = []
    for name, taken in times.items():
        ratios = {
            other: statistics.median(
                own / base for own, base in zip(taken, times[other], strict=True)
            )
            for other in (bare, libraries)
        }
        rows.append(
            {
                "command": name,
                "ms": 1e3 * statistics.median(taken),
                "least_ms": 1e3 * min(taken),
                "most_ms": 1e3 * max(taken),
                "to_python": ratios[bare],
                "to_faiss": ratios[libraries],
            }
        )
        print(
            f"{name:34} {rows[-1]['ms']:5.0f} ms ({rows[-1]['least_ms']:.0f} – "
            f"{rows[-1]['most_ms']:.0f}), {ratios[bare]:.2f} × python, "
            f"{ratios[libraries]:.2f} × numpy and faiss",
            flush=True,
        )
    keep("start", {"rounds": rounds, "rows": rows}, given.quick)
    (axis,), save = plotted("start", given.quick, width=7)
    axis.barh([row["command"] for row in rows], [row["ms"] for row in rows])
    axis.invert_yaxis()
    axis.set(xlabel="milliseconds")
    save()


if __name__ == "__main__":
    main()
