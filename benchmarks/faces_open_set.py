"""Who is a friend and who a stranger: 30 people enrolled with 5 photos, 10 strangers, 20 splits.

    python benchmarks/faces_open_set.py [FACES_ORL/images] [--encoders pixels,pca,lda,siamese]

Asked are the friends' 5 other photos and the strangers' 10. For each encoder, mean ± standard
deviation over the splits: AUROC and DIR at FPIR 1 % and 10 %; and for thresholds that
`calibrate --far 0.01` and `0.1` found without seeing a stranger, the share of strangers that they
let in, and in how many splits that share lay in the interval that was announced. The network
(preset fast) learns from the same 150 photos; it is calibrated with half of the strangers, and
tried on the others.
"""

import argparse
import os
import shutil
import sys
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch import Collection, Metric, calibrate, train
from vecsearch.classification import Rule
from vecsearch.evaluation.asking import Labelled, gallery_of
from vecsearch.evaluation.openset import Curve
from vecsearch.evaluation.trial import ask
from vecsearch.images import scan

ENROLLED, STRANGERS, PHOTOS = 30, 10, 5
SIZE = (46, 56)
RULE = Rule("knn", k=1)


def deal(images: Path, root: Path, seed: int) -> dict[str, Path]:
    """Folders of photos: of friends to be enrolled, of friends to ask with, of strangers."""
    rng = np.random.default_rng(seed)
    people = rng.permutation(sorted(path.name for path in images.iterdir() if path.is_dir()))
    for number, person in enumerate(people[: ENROLLED + STRANGERS]):
        photos = rng.permutation(sorted((images / person).iterdir()))
        for at, photo in enumerate(photos):
            part = "enrolled" if at < PHOTOS else "others"
            if number >= ENROLLED:
                part = "strangers" if number % 2 else "more"
            (root / part / person).mkdir(parents=True, exist_ok=True)
            (root / part / person / photo.name).symlink_to(photo.resolve())
    return {path.name: path for path in root.iterdir()}


def asked(collection: Collection, *folders: Path) -> Labelled:
    """The photos of some folders, encoded."""
    parts = []
    for folder in folders:
        found = scan(folder)
        encoded = collection.encode_folder(found, jobs=1)
        names = [file.path for file in encoded.files]
        parts.append((encoded.vectors, names, [found.labels[name] for name in names]))
    vectors, names, labels = (list(part) for part in zip(*parts, strict=True))
    return Labelled(np.concatenate(vectors), [*chain(*names)], [*chain(*labels)])


def split(images: Path, encoder: str, seed: int, rows: dict[str, list[float]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        folders = deal(images, place / "photos", seed)
        options: dict[str, Any] = {"encoder": encoder, "size": SIZE, "color": "grey"}
        if encoder == "siamese":
            model = place / "model"
            options = {"encoder": train(folders["enrolled"], model, preset="fast", seed=seed)}
        friends = Collection.build(folders["enrolled"], place / "index", jobs=1, **options)
        every = asked(friends, folders["others"], folders["strangers"], folders["more"])
        trial = ask(gallery_of(friends), every, RULE, Metric.EUCLIDEAN)
        curve = Curve(trial.known.distances, trial.strangers.distances, trial.known.right)
        told = Curve(trial.known.distances, trial.strangers.distances)
        rows.setdefault("AUROC", []).append(told.auroc())
        for rate in (0.01, 0.1):
            rows.setdefault(f"DIR@FPIR={rate:g}", []).append(1 - curve.missed_at(rate))
        for far in (0.01, 0.1):
            queries, unseen = None, ["strangers", "more"]
            if encoder == "siamese":
                if far < 0.1:
                    continue  # 50 photos of strangers say nothing of one in a hundred
                shutil.copytree(folders["more"], place / "known", symlinks=True)
                shutil.copytree(
                    folders["others"], place / "known", symlinks=True, dirs_exist_ok=True
                )
                queries, unseen = place / "known", ["strangers"]
            found = calibrate(friends, queries, far=far, k=1, jobs=1).rejection
            new = ask(
                gallery_of(friends),
                asked(friends, *(folders[name] for name in unseen)),
                RULE,
                Metric.EUCLIDEAN,
            ).strangers
            names = [trial.names[code] for code in new.taken_for]
            accepted = float(found.accepts(names, new.distances).mean())
            low, high = found.interval
            rows.setdefault(f"let in at {far:g}", []).append(accepted)
            rows.setdefault(f"announced to {far:g}", []).append(high)
            rows.setdefault(f"held at {far:g}", []).append(low <= accepted <= high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    parser.add_argument("images", type=Path, nargs="?", default=data / "faces_orl" / "images")
    parser.add_argument("--encoders", default="pixels,pca,lda")
    parser.add_argument("--splits", type=int, default=20)
    arguments = parser.parse_args()
    for encoder in arguments.encoders.split(","):
        rows: dict[str, list[float]] = {}
        for seed in range(arguments.splits):
            split(arguments.images, encoder, seed, rows)
        print(f"\n{encoder}")
        for name, values in rows.items():
            if name.startswith("held"):
                print(f"  {name:18} {sum(values):.0f} of {len(values)}")
            else:
                print(f"  {name:18} {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
