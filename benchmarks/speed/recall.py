"""Recall against speed, vecsearch beside other libraries, as ann-benchmarks measures it.

    python benchmarks/speed/recall.py [--quick] [--sets fashion-784,…] [--libraries hnswlib] [--all]

Single queries by one thread, k = 10, and all queries at once by two; over 1,000 queries that are
not in the collection. vecsearch is asked, after ``tune``, by ``Collection.nearest``, which gives
what the others give, distances and rows, and again by ``query_vectors``, which gives items. The
others run in the environment of their own that ``make`` installs (.venv-peers).
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from outcome import arguments, conditions, keep, kept, plotted
from sets import names, ready

PEERS = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
HERE = Path(__file__).parent
TARGETS = (0.90, 0.95, 0.99)
# What each is made with: links of a graph, or its neighbours.
SIZES = {
    "hnswlib": (16, 32),
    "usearch": (16,),
    "voyager": (16,),
    "pynndescent": (30,),
    "scikit-learn": (0,),
    "autofaiss": (0,),
}
# Of so many vectors only the first size, and not of those that take longest, unless with --all.
LARGE = 500_000
# What compiles itself for the first set, which takes a minute, goes through all of them at once.
COMPILED = "pynndescent"
SLOW = ("usearch", "voyager", "pynndescent", "autofaiss")
PATIENCE = 1500


def lines(text: str) -> list[dict]:
    """What a process printed as JSON."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def own(folder: Path, *options: str) -> list[dict]:
    """vecsearch, which has to work: what it says is seen, and what fails ends all of this."""
    command = [sys.executable, str(HERE / "tuned.py"), str(folder), *options]
    found = lines(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return [{"library": "vecsearch", **one} for one in found]


def spoken(command: list[str]) -> list[dict]:
    """What one of the others prints.

    Raises:
        RuntimeError: It failed or took too long; with the last thing that it said.
    """
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"not done after {PATIENCE} s") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise RuntimeError(last[0][:200]) from error
    return lines(run.stdout)


def peer(library: str, size: int, folder: Path) -> list[dict]:
    """One of the others, made and asked with settings from little to much effort."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(PEERS), str(HERE / "peers.py")]
        rest = [library, str(size), str(folder), f"{scratch}/index"]
        built = spoken([*command, "build", *rest])
        found = spoken([*command, "search", *rest])
    seconds = built[0] if built else {}
    return [{"library": library, "size": size, **seconds, **one} for one in found]


def compiled(folders: list[Path]) -> dict[str, list[dict]]:
    """What compiles itself, over some sets in one process: its lines by set."""
    found: dict[str, list[dict]] = {folder.name: [] for folder in folders}
    (size,) = SIZES[COMPILED]
    command = [str(PEERS), str(HERE / "peers.py"), "search", COMPILED, str(size)]
    for one in spoken([*command, ",".join(map(str, folders)), "-"]):
        found[one["set"]].append({"library": COMPILED, "size": size, **one})
    return found


def count_of(folder: Path) -> int:
    """How many vectors a set has."""
    return len(np.load(folder / "base.npy", mmap_mode="r"))


def missing(library: str) -> str | None:
    """Why a library cannot be measured here, if it cannot."""
    if not PEERS.exists():
        return "there is no .venv-peers: make peers"
    module = {"scikit-learn": "sklearn"}.get(library, library)
    command = [PEERS, "-c", f"import {module}"]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if run.returncode == 0 else (run.stderr.strip().splitlines() or ["?"])[-1]


def measured(
    name: str, libraries: list[str], quick: bool, every: bool, known: dict[str, list[dict]]
) -> dict:
    """All libraries over one set, of which one may be known already."""
    folder = ready(name, quick)
    shape = np.load(folder / "base.npy", mmap_mode="r").shape
    rows: list[dict] = []
    left: dict[str, str] = {}
    for library in libraries:
        started = time.perf_counter()
        try:
            if library == "vecsearch":
                rows += own(folder, *(["--quick"] if quick else []))
            elif library == COMPILED and name in known:
                rows += known[name]
                continue
            elif library == COMPILED and quick:
                left[library] = "takes a minute to compile, which a quick run has not"
            elif library in SLOW and shape[0] >= LARGE and not every:
                left[library] = "takes too long to make, but with --all"
            elif reason := missing(library):
                left[library] = reason
            else:
                sizes = SIZES[library][: 1 if quick or shape[0] >= LARGE else None]
                for size in sizes:
                    rows += peer(library, size, folder)
        except RuntimeError as error:
            left[library] = str(error)
        said = left.get(library, "")
        print(f"  {library:13} {time.perf_counter() - started:6.1f} s {said}", flush=True)
    found = {"count": shape[0], "dim": shape[1], "rows": rows, "left_out": left}
    return {**conditions(), **found}


def best(rows: list[dict], target: float) -> dict[str, dict]:
    """The quickest of each library that reaches a recall."""
    found: dict[str, dict] = {}
    for row in sorted(rows, key=lambda one: one["single"]):
        if row["recall"] >= target:
            found[row["library"]] = row
    return found


def draw(sets: dict[str, dict], quick: bool) -> None:
    axes, save = plotted("recall", quick, len(sets))
    for axis, (name, body) in zip(axes, sets.items(), strict=False):
        for library in dict.fromkeys(row["library"] for row in body["rows"]):
            points = [row for row in body["rows"] if row["library"] == library]
            front = [
                one
                for one in points
                if not any(
                    o["recall"] > one["recall"] and o["single"] > one["single"] for o in points
                )
            ]
            front.sort(key=lambda one: one["recall"])
            ours = library == "vecsearch"
            axis.plot(
                [one["recall"] for one in front],
                [one["single"] for one in front],
                marker="o" if ours else ".",
                linewidth=2.5 if ours else 1.2,
                color="black" if ours else None,
                label=library,
            )
        axis.set(
            title=f"{name}: {body['count']:,} × {body['dim']}",
            xlabel="recall@10",
            ylabel="queries a second, one thread",
            yscale="log",
            xlim=(0.795, 1.005),
        )
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    save()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sets")
    parser.add_argument("--libraries")
    parser.add_argument("--all", action="store_true", help="also what takes long of a million")
    given = parser.parse_args()
    libraries = ["vecsearch", *SIZES]
    if given.libraries:
        libraries = given.libraries.split(",")
    wanted = given.sets.split(",") if given.sets else names(given.quick)
    # Of the sets that are not measured now, what is known stays.
    known_sets = (kept("recall", given.quick) or {}).get("sets", {})
    sets = {name: known_sets[name] for name in names(given.quick) if name in known_sets}
    known: dict[str, list[dict]] = {}
    if COMPILED in libraries and not given.quick and not missing(COMPILED):
        folders = [ready(name, given.quick) for name in wanted]
        few = [one for one in folders if given.all or count_of(one) < LARGE]
        started = time.perf_counter()
        with suppress(RuntimeError):  # then each set by itself, and what fails is told
            known = compiled(few)
        print(f"{COMPILED}, all sets: {time.perf_counter() - started:.1f} s", flush=True)
    for name in wanted:
        print(name, flush=True)
        sets[name] = measured(name, libraries, given.quick, given.all, known)
        for target in TARGETS:
            rows = best(sets[name]["rows"], target).items()
            told = ", ".join(f"{library} {row['single']:,.0f}" for library, row in rows)
            print(f"  recall {target}: {told} queries a second", flush=True)
        keep("recall", {"sets": sets}, given.quick)
    draw(sets, given.quick)


if __name__ == "__main__":
    main()
