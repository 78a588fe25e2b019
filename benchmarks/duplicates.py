"""Copies of real photos: how many are found, and how much else.

    python benchmarks/duplicates.py [FOLDER] [--count 300] [--model DIR]… [--encoder NAME]…
        [--imagededup PYTHON]
    python benchmarks/duplicates.py [FOLDER] --thresholds

FOLDER holds photos, to any depth; by default animals22 of the reference data. Those are taken that
no other one resembles (by dHash), ``--count`` of them drawn with a fixed seed, and of each a copy
is made in five ways: half the size; JPEG of quality 30; 5 % of width and height cut off; 20 %
lighter; mirrored. For each way, originals and copies are indexed together and asked for duplicates,
at the suggested threshold and with the defaults of others. Recall: of the copies, how many are with
their originals. Precision: of the pairs that were found, how many are such.

``--model`` takes networks that ``vecsearch train`` made, ``--encoder`` other encoders by name.
Beside them runs imagededup, if there is a Python that has it, which need not be this one: ``pip
install imagededup`` (0.3.3 brings torch). Its CNN fetches the weights of MobileNetV3 from the net
when it is first used; where it cannot, it is left out, and the reason is printed.

``--thresholds`` compares ways to suggest a threshold instead: wrong pairs among all photos that no
other resembles, and right and wrong ones among the drawn with all their copies.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from vecsearch import Collection, Metric, find_duplicates
from vecsearch.duplicates.threshold import from_distances
from vecsearch.images import walk
from vecsearch.index import ExactIndex, nearest_others, normalized

ALONE = 6  # of the 64 bits of dHash, more than so many are different from those of all others
NEIGHBOURS = 24
THEIRS = """
import json, sys
from imagededup.methods import CNN, PHash
method = {"pHash": PHash, "CNN": CNN}[sys.argv[1]](verbose=False)
found = method.find_duplicates(image_dir=sys.argv[2])
print(json.dumps([[one, two] for one, others in found.items() for two in others]))
"""


def recompressed(image: Image.Image) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=30)
    return Image.open(data)


def cropped(image: Image.Image) -> Image.Image:
    x, y = image.width * 0.025, image.height * 0.025
    return image.crop((round(x), round(y), round(image.width - x), round(image.height - y)))


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda image: image.resize((image.width // 2, image.height // 2)),
    "recompressed": recompressed,
    "cropped": cropped,
    "brightened": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "flipped": ImageOps.mirror,
}


def lonely(folder: Path) -> list[Path]:
    """The photos that no other one resembles."""
    paths = [folder / name for name in walk(folder)[0]]
    bits = np.array([dhash(path) for path in paths])
    alone = []
    for row, own in enumerate(bits):
        differ = (bits != own).sum(axis=1)
        differ[row] = bits.shape[1]
        if differ.min() > ALONE:
            alone.append(paths[row])
    return alone


def dhash(path: Path) -> Any:
    with Image.open(path) as image:
        small = np.asarray(image.convert("L").resize((9, 8)), int)
    return (small[:, 1:] > small[:, :-1]).ravel()


def make(photos: list[Path], kinds: Iterable[str], folder: Path) -> Path:
    """Originals and their copies, as 017-original.jpg and 017-flipped.jpg."""
    folder.mkdir()
    for number, path in enumerate(photos):
        (folder / f"{number:04}-original.jpg").write_bytes(path.read_bytes())
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        for kind in kinds:
            KINDS[kind](image).save(folder / f"{number:04}-{kind}.jpg", quality=90)
    return folder


def score(pairs: set[frozenset[str]], count: int) -> str:
    """Recall and precision of pairs of names."""
    right = sum(len({name.split("-")[0] for name in pair}) == 1 for pair in pairs)
    return f"{right / count:.3f} / " + (f"{right / len(pairs):.3f}" if pairs else "–")


def ours(folder: Path, scratch: Path, name: str, model: Path | None) -> dict[str, Any]:
    """The pairs that are in one group, by metric."""
    options: dict[str, Any] = {"encoder": name}
    if model is not None:
        from vecsearch import open_encoder

        options = {"encoder": open_encoder(model)}
    items = Collection.build(folder, scratch, labels="none", **options)
    found = {}
    for metric in Metric:
        groups = find_duplicates(items, metric=metric).groups
        found[metric.value] = {
            frozenset((one, two)) for group in groups for one in group.ids for two in group.ids
        }
    return {metric: {pair for pair in pairs if len(pair) == 2} for metric, pairs in found.items()}


def theirs(python: str, method: str, folder: Path) -> set[frozenset[str]] | str:
    """The pairs that imagededup finds, or why it does not."""
    run = subprocess.run(
        [python, "-c", THEIRS, method, str(folder)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        return (run.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return {frozenset(pair) for pair in json.loads(run.stdout.splitlines()[-1])}


def tell_kinds(photos: list[Path], arguments: argparse.Namespace) -> None:
    rows: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        for kind in KINDS:
            folder = make(photos, [kind], Path(place) / kind)
            encoders = [(name, None) for name in ("pixels", "pca", *arguments.encoder)]
            for name, model in [*encoders, *((str(one), one) for one in arguments.model)]:
                scratch = Path(place) / f"{kind} {name.replace('/', ' ')}"
                for metric, pairs in ours(folder, scratch, name, model).items():
                    rows.setdefault(f"{name}, {metric}", []).append(score(pairs, len(photos)))
            for method in ("pHash", "CNN"):
                line = f"imagededup {method}"
                found = theirs(arguments.imagededup, method, folder)
                if isinstance(found, str):
                    print(f"{line}, {kind}, is left out: {found}")
                told = "–" if isinstance(found, str) else score(found, len(photos))
                rows.setdefault(line, []).append(told)
    told_of = {name: cells for name, cells in rows.items() if set(cells) != {"–"}}
    table(["recall / precision", *KINDS], [[name, *cells] for name, cells in told_of.items()])


def rules() -> dict[str, Callable[[Any], float]]:
    """Thresholds from the distances to the nearest neighbours, ``(n, 24)``."""

    def fence(apart: Any) -> float:
        low, high = np.percentile(np.log(apart[:, 9]), [25, 75])
        return float(np.exp(low - 3 * (high - low)))

    def share(apart: Any) -> float:
        return float(0.2 * np.median(apart[:, 0]))

    def valley(apart: Any) -> float:
        logs = np.log(np.maximum(apart[:, 0], 1e-6 * np.median(apart[:, 0])))
        counts, edges = np.histogram(logs, 40)
        smooth = np.convolve(counts, np.ones(5) / 5, "same")
        top = int(smooth.argmax())
        return float(np.exp(edges[int(smooth[:top].argmin()) + 1])) if top else 0.0

    def power(apart: Any) -> float:
        # Levina and Bickel 2005 for the exponent; one pair by chance (Desolneux et al. 2000).
        exponent = 1 / np.log(apart[:, 19:20] / apart[:, 9:19]).mean()
        weights = np.log(np.mean((apart[:, 9] / apart[:, 9].min()) ** -exponent))
        expected = np.log(2 / (10 * len(apart))) - weights
        return float(apart[:, 9].min() * np.exp(expected / exponent))

    return {
        "ours": lambda apart: from_distances(apart[:, 9], Metric.EUCLIDEAN),
        "Tukey's fence of the 10th": fence,
        "half the median of the 10th": lambda apart: float(0.5 * np.median(apart[:, 9])),
        "a fifth of the median of the 1st": share,
        "valley of the 1st": valley,
        "one pair by a power law": power,
    }


def tell_thresholds(alone: list[Path], photos: list[Path]) -> None:
    rows: dict[str, list[str]] = {name: [] for name in rules()}
    heads = []
    with tempfile.TemporaryDirectory() as place:
        folders = {
            "no copies": make(alone, [], Path(place) / "alone"),
            "5 copies each": make(photos, KINDS, Path(place) / "copies"),
        }
        for what, folder in folders.items():
            for encoder in ("pixels", "pca"):
                scratch = Path(place) / f"{what} {encoder}"
                items = Collection.build(folder, scratch, encoder=encoder, labels="none")
                ids = [item.id.split("-")[0] for item in items]
                for metric in Metric:
                    heads.append(f"{what}, {encoder}, {metric}")
                    vectors = items.vectors()
                    if metric is Metric.COSINE:
                        vectors = normalized(vectors)
                    index = ExactIndex([vectors], Metric.EUCLIDEAN)
                    own = np.arange(len(vectors))
                    apart, near = nearest_others(index, vectors.__getitem__, own, NEIGHBOURS)
                    for name, rule in rules().items():
                        pairs = {
                            (min(one, two), max(one, two))
                            for one, at in np.argwhere(apart <= rule(apart)).tolist()
                            for two in [int(near[one, at])]
                        }
                        right = sum(ids[one] == ids[two] for one, two in pairs)
                        rows[name].append(f"{right} / {len(pairs) - right}")
    for start in (0, 4):
        table(
            ["right / wrong pairs", *heads[start : start + 4]],
            [[name, *cells[start : start + 4]] for name, cells in rows.items()],
        )


def table(heads: list[str], rows: list[list[str]]) -> None:
    print("\n| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main() -> None:
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=data / "animals22" / "images")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--model", type=Path, action="append", default=[])
    parser.add_argument("--encoder", action="append", default=[])
    parser.add_argument("--imagededup", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--thresholds", action="store_true")
    arguments = parser.parse_args()
    alone = lonely(arguments.folder)
    drawn = np.sort(np.random.default_rng(0).permutation(len(alone))[: arguments.count])
    photos = [alone[row] for row in drawn.tolist()]
    print(f"{len(photos)} of {len(alone):,} photos that no other one resembles")
    if arguments.thresholds:
        tell_thresholds(alone, photos)
    else:
        tell_kinds(photos, arguments)


if __name__ == "__main__":
    main()
