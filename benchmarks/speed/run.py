"""The six measurements of docs/performance.md, one after the other.

    python benchmarks/speed/run.py [--quick] [--only recall,scale]

Writes JSON and plots into benchmarks/results, and prints the tables. ``--quick`` takes small sizes,
to see that everything works; its figures say nothing.
"""

import subprocess
import sys
import time
from pathlib import Path

from outcome import arguments

SCRIPTS = ("overhead", "recall", "scale", "folder", "start", "kinds")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", default=",".join(SCRIPTS))
    given = parser.parse_args()
    quick = ["--quick"] if given.quick else []
    here = Path(__file__).parent
    for name in given.only.split(","):
        print(f"\n$ python benchmarks/speed/{name}.py {' '.join(quick)}", flush=True)
        started = time.perf_counter()
        subprocess.run([sys.executable, str(here / f"{name}.py"), *quick], check=True)
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    print(flush=True)
    subprocess.run([sys.executable, str(here / "tables.py"), *quick], check=True)


if __name__ == "__main__":
    main()
