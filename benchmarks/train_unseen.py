"""What a trained embedding is worth on labels it has never seen, and on other people's images.

    python benchmarks/train_unseen.py FASHION [--data ../shared/data] [--seeds 3] [--parts PARTS]
        [--networks siamese,classifier]

FASHION is what benchmarks/fashion_mnist.py export wrote. Parts:

- classes: trained on 5 classes of Fashion-MNIST's training images, asked with the test images of
  the 5 others against the training images of those;
- faces: trained on 30 people of ORL, then 10 others, never seen, are enrolled with 5 images each
  and recognised by their other 5; five splits;
- clothing, animals: trained on the train part (animals: four fifths of each class), asked with the
  rest.

Each beside pixels, PCA of 32 numbers, as the networks have, and, where its labels are the ones
asked for, LDA. No image that is asked with is seen in training or in choosing anything. --networks
names objectives of `vecsearch train`; with none ('') only the others are measured, in a minute.
What each split came to is told on the error stream as it is found.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import vecsearch
from vecsearch.encoders import Encoder, Trainable, is_trainable
from vecsearch.evaluation.splitting import hold_out
from vecsearch.images import ImageFolder, scan
from vecsearch.training.data import suited_preprocess

# How many numbers an image becomes, by default of a network.
DIM = 32

MEASURES = "accuracy", "recall@1", "MAP@R"


def laid_out(folder: Path, pairs: Sequence[tuple[Path, str]]) -> Path:
    """A folder of links: LABEL/NAME for each image."""
    for number, (path, label) in enumerate(pairs):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}{path.suffix}").symlink_to(path.resolve())
    return folder


def pairs_of(folder: ImageFolder) -> list[tuple[Path, str]]:
    return [(folder.root / path, folder.labels[path]) for path in folder.paths]


def measured(
    scratch: Path,
    learn: Path,
    gallery: Path,
    queries: Path,
    seed: int,
    encoders: Sequence[str],
    networks: Sequence[str],
    **settings: object,
) -> dict[str, tuple[float, float, float]]:
    """Accuracy of 5 neighbours, recall@1 and MAP@R by encoder."""
    preprocess = suited_preprocess(scan(learn), None, "stretch", None, large=False)
    found = {}
    for name in (*encoders, *networks):
        encoder: Encoder
        if name in networks:
            encoder = vecsearch.train(
                learn,
                scratch / name,
                seed=seed,
                objective=name,
                **settings,  # type: ignore[arg-type]
            )
        else:
            dim = DIM if name == "pca" else None
            made = vecsearch.make_encoder(name, preprocess=preprocess, dim=dim)
            encoder = fitted(made, learn) if is_trainable(made) else made
        index = vecsearch.Collection.build(
            gallery, scratch / "index", encoder=encoder, overwrite=True
        )
        measures = vecsearch.evaluate(index, queries, ks=(1,), neighbours=5).measures
        found[name] = measures["accuracy"], measures["hit@1"], measures["map@r"]
    return found


def fitted(encoder: Trainable, folder: Path) -> Trainable:
    """An encoder that has learned from a folder, kept in no collection."""
    from vecsearch.images import read

    images = scan(folder)
    batches = list(read(folder, images.paths, encoder.preprocess))
    pixels = np.concatenate([batch.pixels for batch in batches])
    files = [file.path for batch in batches for file in batch.files]
    return encoder.fit(pixels, [images.labels[path] for path in files])


def classes(
    scratch: Path, fashion: Path, seed: int, networks: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    names = sorted(path.name for path in (fashion / "train").iterdir())
    chosen = set(np.random.default_rng(seed).permutation(names)[:5].tolist())
    parts = {
        "learn": [p for p in pairs_of(scan(fashion / "train")) if p[1] in chosen],
        "gallery": [p for p in pairs_of(scan(fashion / "train")) if p[1] not in chosen],
        "queries": [p for p in pairs_of(scan(fashion / "test")) if p[1] not in chosen],
    }
    folders = [laid_out(scratch / name, pairs) for name, pairs in parts.items()]
    return measured(scratch, *folders, seed, ("pixels", "pca"), networks, preset="fast")


def faces(
    scratch: Path, orl: Path, seed: int, networks: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    images = pairs_of(scan(orl / "images"))
    rng = np.random.default_rng(seed)
    people = rng.permutation(sorted({label for _, label in images})).tolist()
    strangers = people[30:]
    gallery: list[tuple[Path, str]] = []
    queries: list[tuple[Path, str]] = []
    for name in strangers:
        own = [pair for pair in images if pair[1] == name]
        order = rng.permutation(len(own))
        gallery += [own[at] for at in order[:5]]
        queries += [own[at] for at in order[5:]]
    learn = [pair for pair in images if pair[1] not in set(strangers)]
    parts = {"learn": learn, "gallery": gallery, "queries": queries}
    folders = [laid_out(scratch / name, pairs) for name, pairs in parts.items()]
    return measured(scratch, *folders, seed, ("pixels", "pca"), networks)


def clothing(
    scratch: Path, data: Path, seed: int, networks: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    train = data / "train"
    return measured(scratch, train, train, data / "test", seed, ("pixels", "pca", "lda"), networks)


def animals(
    scratch: Path, data: Path, seed: int, networks: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    shown, asked = (pairs_of(part) for part in hold_out(scan(data / "images"), 0.2, seed))
    learn, queries = laid_out(scratch / "learn", shown), laid_out(scratch / "queries", asked)
    return measured(scratch, learn, learn, queries, seed, ("pixels", "pca", "lda"), networks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fashion", type=Path)
    default = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--seeds", type=int, default=3, help="Two or more.")
    parser.add_argument("--parts", default="classes,faces,clothing,animals")
    parser.add_argument("--networks", default="siamese")
    arguments = parser.parse_args()
    data = arguments.data
    networks = [name for name in arguments.networks.split(",") if name]
    if arguments.seeds < 2:
        parser.error("--seeds: two or more, or there is no spread.")
    parts = {
        "classes": (classes, arguments.fashion, arguments.seeds),
        "faces": (faces, data / "faces_orl", max(5, arguments.seeds)),
        "clothing": (clothing, data / "clothing10", arguments.seeds),
        "animals": (animals, data / "animals22", arguments.seeds),
    }
    for part in arguments.parts.split(","):
        work, folder, seeds = parts[part]
        found = []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as scratch:
                found.append(work(Path(scratch), folder, seed, networks))
            for name, values in found[-1].items():
                figures = "  ".join(map("{} {:.4f}".format, MEASURES, values))
                print(f"{part:9} {name:11} {figures}  (split {seed})", file=sys.stderr, flush=True)
        for name in found[0]:
            columns = zip(*(one[name] for one in found), strict=True)
            shown = "  ".join(
                f"{what} {statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
                for what, values in zip(MEASURES, columns, strict=True)
            )
            print(f"{part:9} {name:11} {shown}  ({seeds} splits)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
