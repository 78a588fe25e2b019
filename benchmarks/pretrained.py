"""What pretrained networks, and maps learned behind them, are worth: three sets, by cosine.

    python benchmarks/pretrained.py [--sets clothes,animals,faces] [--encoders …] [--train PRESET]

- clothes: clothing10, 600 in the gallery, which is learned from too; 713 others are asked.
- animals: animals22, five folds: each image is asked of the other folds, which are learned from.
- faces: faces_orl, 5 photos of each of 40 people in the gallery, which is learned from too; their 5
  others are asked.

Prints the share of queries whose nearest item has their label, and mAP. With --train, a network is
trained on what is learned from (preset fast, default or best; of the animals one for each fold),
and takes part. The data lies where VECSEARCH_DATA says.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from vecsearch import compare, train
from vecsearch.evaluation.comparison import Comparison
from vecsearch.evaluation.result import joined
from vecsearch.evaluation.splitting import deal
from vecsearch.images import scan

NETWORK = "efficientnet-lite0"
STEPS = ("pca128", "pca128+whiten64", "lda", "pca128+lda")
ENCODERS = (
    "pixels",
    "pca",
    "lda",
    NETWORK,
    f"{NETWORK}-int8",
    *(f"chain:{NETWORK}+{step}" for step in STEPS),
    f"chain:{NETWORK}-int8+lda",
    f"concat:{NETWORK},pca",
)


def linked(parts: dict[str, list[Path]], root: Path) -> Path:
    """A folder of links to files, by class."""
    for label, paths in parts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for path in paths:
            (root / label / f"{path.parent.parent.name}-{path.name}").symlink_to(path.resolve())
    return root


def by_class(*folders: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/*")):
            found.setdefault(path.parent.name, []).append(path)
    return found


def trained_on_folds(animals: Path, root: Path, **options: Any) -> Comparison:
    """A network for each of the folds that compare makes of a folder, and all answers together."""
    lines = []
    for number, split in enumerate(
        deal(scan(animals), "kfold", holdout=0.2, folds=5, seed=0).splits
    ):
        parts = {}
        for part in ("learned", "queries"):
            paths: dict[str, list[Path]] = {}
            for path in map(Path, getattr(split, part)):
                paths.setdefault(path.parent.name, []).append(path)
            parts[part] = linked(paths, root / f"{part} {number}")
        model = root / f"model {number}"
        train(parts["learned"], model, **options)
        lines += compare(
            parts["learned"], parts["queries"], encoders=[str(model)], metrics=["cosine"]
        )
    whole = joined([line.evaluation for line in lines])
    return replace(lines[0], encoder="siamese, one a fold", evaluation=whole)


def show(name: str, lines: Any) -> None:
    print(f"{name}: {lines[0].evaluation.queries} queries, {lines[0].evaluation.gallery} items")
    for line in lines:
        measures = line.evaluation.measures
        low, high = line.evaluation.intervals["map"]
        print(
            f"  {line.encoder:40} {line.dim:6} dims  1-NN {measures['precision@1']:.4f}  "
            f"mAP {measures['map']:.4f} ({low:.3f} to {high:.3f})  {line.ms_per_image:6.1f} ms",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default="clothes,animals,faces")
    parser.add_argument("--encoders", default=";".join(ENCODERS))
    parser.add_argument("--train", choices=["fast", "default", "best"])
    arguments = parser.parse_args()
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    wanted = arguments.sets.split(",")
    encoders = arguments.encoders.split(";")
    options: dict[str, Any] = {"metrics": ["cosine"]}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)

        def all_of(known: Path) -> list[str]:
            if not arguments.train:
                return encoders
            train(known, root / f"{known.name} model", preset=arguments.train)
            return [*encoders, str(root / f"{known.name} model")]

        if "clothes" in wanted:
            clothes = data / "clothing10"
            asked = linked(by_class(clothes / "validation", clothes / "test"), root / "asked")
            show(
                "clothes",
                compare(clothes / "train", asked, encoders=all_of(clothes / "train"), **options),
            )
        if "animals" in wanted:
            animals = data / "animals22" / "images"
            lines = compare(animals, encoders=encoders, protocol="kfold", **options)
            if arguments.train:
                lines.append(trained_on_folds(animals, root, preset=arguments.train))
            show("animals", lines)
        if "faces" in wanted:
            people = by_class(data / "faces_orl" / "images")
            known = linked({name: paths[:5] for name, paths in people.items()}, root / "known")
            others = linked({name: paths[5:] for name, paths in people.items()}, root / "others")
            show("faces", compare(known, others, encoders=all_of(known), **options))


if __name__ == "__main__":
    main()
