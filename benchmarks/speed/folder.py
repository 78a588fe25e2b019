"""From a folder to an index: images a second, beside a bare loop that walks, opens and decodes.

    python benchmarks/speed/folder.py [--quick] [--rounds 1] [--folder FOLDER] [-- BUILD OPTIONS]

60,000 PNGs of 28 × 28 (Fashion-MNIST) and 5,000 JPEGs of a megapixel, made once of the photos that
VECSEARCH_DATA names. The build is the command itself, from start to exit, with everything on disk;
the bare loop is os.walk, Image.open and numpy.asarray in as many processes. --folder measures one
folder alone with any options of build.
"""

import cProfile
import json
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from outcome import RESULTS, arguments, keep, plotted
from sets import fashion

JOBS = (1, 2)
PHOTOS, QUICK = 5000, 200
PROFILED = 500
PHOTO_SIZE = 1152, 896
BARE = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np
from PIL import Image

def decode(paths):
    return sum(np.asarray(Image.open(path)).size for path in paths)

if __name__ == "__main__":
    paths = [os.path.join(at, name) for at, _, names in os.walk(sys.argv[1]) for name in names]
    chunks = [paths[start : start + 64] for start in range(0, len(paths), 64)]
    jobs = int(sys.argv[2])
    if jobs == 1:
        print(sum(map(decode, chunks)))
    else:
        with ProcessPoolExecutor(jobs) as pool:
            print(sum(pool.map(decode, chunks)))
"""
SMALL = ("--size", "28x28", "--color", "grey")
# Of each folder, what is built: a name, and the options of build.
BUILDS = {
    "png": {
        "pixels": ("--encoder", "pixels", *SMALL),
        "pca": ("--encoder", "pca", "--dim", "32", *SMALL),
        "lda": ("--encoder", "lda", *SMALL),
    },
    "photos": {
        "pixels": ("--encoder", "pixels"),
        "pca": ("--encoder", "pca", "--dim", "32"),
        "efficientnet-lite0": ("--encoder", "efficientnet-lite0"),
    },
}
# Whose time it is: the first of these that the path of a function holds.
PARTS = {
    "importlib": "imports",
    "PIL/": "decoding (Pillow)",
    "vecsearch/images/": "walking and reading",
    "onnxruntime": "network (onnxruntime)",
    "vecsearch/encoders/": "encoding",
    "sklearn/": "fitting (scikit-learn)",
    "scipy/": "fitting (scikit-learn)",
    "vecsearch/store/": "writing to disk",
    "faiss": "index (FAISS)",
    "numpy/": "arithmetic (NumPy)",
    "vecsearch/index/": "index (FAISS)",
}
# Built-in functions have no path of their own.
BUILT_IN = {
    "_thread": "waiting for the encoder",
    "_imp": "imports",
    "marshal": "imports",
    "ImagingDecoder": "decoding (Pillow)",
    "decode": "decoding (Pillow)",
    "resize": "decoding (Pillow)",
    "convert": "decoding (Pillow)",
    "ImagingCore": "decoding (Pillow)",
    "io.open": "walking and reading",
    "posix": "walking and reading",
    "_io": "walking and reading",
    "read": "walking and reading",
    "fsync": "writing to disk",
    "sha256": "hashing (sha256)",
    "_hashlib": "hashing (sha256)",
    "onnxruntime": "network (onnxruntime)",
    "numpy": "arithmetic (NumPy)",
}


def photos(count: int) -> Path:
    """Photos of a megapixel, each another part or mirror image of a real one."""
    from PIL import Image, ImageOps

    folder = RESULTS / f"photos-{count}"
    done = folder.with_suffix(".done")
    if done.exists():
        return folder
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    real = sorted(p for name in ("animals22", "clothing10") for p in (data / name).rglob("*.jpg"))
    if not real:
        raise SystemExit(f"There are no photos in {data}: set VECSEARCH_DATA.")
    step = max(1, len(real) // count)
    for number in range(count):
        source = real[(number * step) % len(real)]
        turn = number * step // len(real)
        with Image.open(source) as image:
            picture = image.convert("RGB")
        if turn % 2:
            picture = ImageOps.mirror(picture)
        shift = 0.5 + 0.1 * (turn // 2)
        picture = ImageOps.fit(picture, PHOTO_SIZE, centering=(shift, shift))
        place = folder / source.parent.name / f"{number:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture.save(place, quality=88)
    done.touch()
    return folder


def some_pngs(count: int) -> Path:
    """A few of Fashion-MNIST's."""
    from sets import fashion_mnist

    folder = RESULTS / "quick" / f"fashion-{count}"
    if not (folder / ".done").exists():
        for path, content in islice(fashion_mnist.pictures(fashion_mnist.IDX), count):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / ".done").touch()
    return folder / "train"


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measured(
    folder: Path, builds: dict[str, tuple[str, ...]], jobs: int, rounds: int
) -> list[dict]:
    """A bare loop and each build in turn, round after round."""
    count = sum(1 for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))
    script = str(Path(sys.executable).with_name("vecsearch"))
    with tempfile.TemporaryDirectory() as scratch:
        bare, index = Path(scratch) / "bare.py", Path(scratch) / "index"
        bare.write_text(BARE)
        commands = {"bare": [sys.executable, str(bare), str(folder), str(jobs)]}
        for name, options in builds.items():
            build = [script, "build", str(folder), "-o", str(index), "--quiet"]
            commands[name] = [*build, "--jobs", str(jobs), *options]
        for path in folder.rglob("*"):  # so that all find it in the page cache
            if path.is_file():
                path.read_bytes()
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds(command))
                shutil.rmtree(index, ignore_errors=True)
    return [
        {
            "encoder": name,
            "jobs": jobs,
            "images": count,
            "seconds": statistics.median(taken),
            "a_second": count / statistics.median(taken),
            "bare_a_second": count / statistics.median(times["bare"]),
            "share": statistics.median(
                base / own for own, base in zip(taken, times["bare"], strict=True)
            ),
        }
        for name, taken in times.items()
        if name != "bare"
    ]


def profile(folder: Path, options: tuple[str, ...]) -> dict[str, float]:
    """Whose the time of a build by one process is, as shares."""
    from vecsearch import Collection

    pairs = dict(zip(options[::2], options[1::2], strict=True))
    size = pairs.get("--size")
    width, _, height = (size or "").partition("x")
    with tempfile.TemporaryDirectory() as scratch:
        profiler = cProfile.Profile()
        profiler.enable()
        Collection.build(
            folder,
            Path(scratch) / "index",
            encoder=pairs["--encoder"],
            dim=int(pairs["--dim"]) if "--dim" in pairs else None,
            size=(int(width), int(height)) if size else None,
            color=pairs.get("--color"),  # type: ignore[arg-type]
            jobs=1,
        )
        profiler.disable()
    spent: Counter[str] = Counter()
    for (path, _, function), figures in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        kinds = PARTS if path != "~" else BUILT_IN
        text = path if path != "~" else function
        spent[next((kinds[key] for key in kinds if key in text), "all else")] += figures[2]
    total = sum(spent.values())
    return {name: value / total for name, value in spent.most_common()}


def draw(rows: list[dict], quick: bool) -> None:
    axes, save = plotted("folder", quick, 2, 6)
    for axis, what in zip(axes, BUILDS, strict=False):
        mine = [row for row in rows if row["folder"] == what]
        names = [f"{row['encoder']}, {row['jobs']} jobs" for row in mine]
        places = range(len(mine))
        axis.barh(
            [p + 0.2 for p in places],
            [row["bare_a_second"] for row in mine],
            0.38,
            label="bare decoding",
        )
        axis.barh(
            [p - 0.2 for p in places],
            [row["a_second"] for row in mine],
            0.38,
            label="vecsearch build",
        )
        axis.set(title=what, yticks=list(places), yticklabels=names, xlabel="images a second")
        axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    save()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:at]), tuple(sys.argv[at + 1 :])
    if given.folder:
        for jobs in JOBS:
            print(json.dumps(measured(given.folder, {"build": options}, jobs, given.rounds)[0]))
        return
    folders = {
        "png": some_pngs(QUICK) if given.quick else fashion() / "train",
        "photos": photos(QUICK // 5 if given.quick else PHOTOS),
    }
    rows, profiles = [], []
    for what, folder in folders.items():
        for jobs in JOBS:
            found = measured(folder, BUILDS[what], jobs, given.rounds)
            rows += [{"folder": what, **row} for row in found]
            for row in found:
                print(
                    f"{what:7} {row['encoder']:19} {jobs} jobs: {row['a_second']:7.0f} images a "
                    f"second, bare {row['bare_a_second']:.0f} ({row['share']:.2f} of it)",
                    flush=True,
                )
        few = photos(PROFILED) if what == "photos" and not given.quick else folder
        for encoder, options in BUILDS[what].items():
            shares = profile(few, options)
            profiles.append({"folder": what, "encoder": encoder, "shares": shares})
            told = ", ".join(
                f"{name} {share:.0%}" for name, share in shares.items() if share > 0.01
            )
            print(f"{what:7} {encoder:19} {told}", flush=True)
    keep("folder", {"rows": rows, "profiles": profiles}, given.quick)
    draw(rows, given.quick)


if __name__ == "__main__":
    main()
