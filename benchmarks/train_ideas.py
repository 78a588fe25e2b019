"""What each idea of the training gains: one left away or changed at a time.

    python benchmarks/train_ideas.py FOLDER [--seeds 1] [--ideas augment,width]

FOLDER is what benchmarks/fashion_mnist.py export wrote. Each line is a training on the 60,000
training images by `--preset fast` with one thing changed, a collection of what came of it, and the
10,000 test images asked, which nothing before has seen. Epochs are counted, not minutes, so that
what else the machine does changes no figure.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import vecsearch

IDEAS: Mapping[str, Mapping[str, object]] = {
    "preset fast": {},
    "no augmentation": {"augment": "none"},
    "mirrored alone": {"augment": "flip"},
    "with rectangles erased": {"augment": "flip,shift,erase"},
    "no averaging of weights": {"average": 0.0},
    "asked with the mirror image too": {"mirrored": True},
    "half the channels": {"width": 8},
    "twice the channels": {"width": 32},
    "half the epochs": {"epochs": 6},
    "twice the epochs": {"epochs": 24},
    "a tenth of the learning rate": {"rate": 0.02},
    "loss supcon": {"loss": "supcon"},
    "loss multi-similarity": {"loss": "multi-similarity"},
    "loss triplet": {"loss": "triplet"},
    "loss contrastive": {"loss": "contrastive"},
    "loss pairs": {"loss": "pairs"},
    "objective classifier": {"objective": "classifier"},
}
SHOWN = ("accuracy", "hit@1", "map@r", "centroid_accuracy")


def measured(folder: Path, scratch: Path, seed: int, changes: Mapping[str, object]) -> list[float]:
    settings = {"preset": "fast", **changes}
    encoder = vecsearch.train(
        folder / "train",
        scratch / "model",
        seed=seed,
        overwrite=True,
        **settings,  # type: ignore[arg-type]
    )
    index = vecsearch.Collection.build(
        folder / "train", scratch / "index", encoder=encoder, overwrite=True
    )
    measures = vecsearch.evaluate(index, folder / "test", ks=(1,), neighbours=5).measures
    return [measures[name] for name in SHOWN]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ideas", default="", help="Only those that hold one of these words.")
    arguments = parser.parse_args()
    words = arguments.ideas.split(",")
    for idea, changes in IDEAS.items():
        if not any(word in idea for word in words):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            found = [
                measured(arguments.folder, Path(scratch), seed, changes)
                for seed in range(arguments.seeds)
            ]
        middles = (statistics.mean(values) for values in zip(*found, strict=True))
        shown = "  ".join(f"{name} {value:.4f}" for name, value in zip(SHOWN, middles, strict=True))
        print(f"{idea:32} {shown}  ({len(found)} seeds)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
