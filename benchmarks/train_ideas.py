"""What each idea of the training gains: one left away or changed at a time.

    python benchmarks/train_ideas.py FOLDER [--seeds 1] [--ideas augment,width] [--keep MODELS]

FOLDER is what benchmarks/fashion_mnist.py export wrote. Each line is a training on the 60,000
training images by BASE with one thing changed, what held-out ones of these said of it (choose by
that), a collection of what came of it, and the 10,000 test images asked, which nothing before has
seen. Epochs are counted, not minutes, so that what else the machine
does changes no figure. --keep leaves the models in a folder of yours, where they are not trained
again.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Generator, Tensor, nn

import vecsearch
from vecsearch.encoders.network import Network
from vecsearch.encoders.runtimes import network_of
from vecsearch.encoders.siamese import SiameseEncoder
from vecsearch.training import loop, run
from vecsearch.training.augment import augmentation
from vecsearch.training.device import is_reduced
from vecsearch.training.losses import metric_loss

BASE = {
    "preset": "fast",
    "augment": "flip,shift",
    "epochs": 12,
    "prune": 0.0,
    "mirrored": False,
    "whitened": False,
}
IDEAS: Mapping[str, Mapping[str, object]] = {
    "nothing changed": {},
    "no augmentation": {"augment": "none"},
    "mirrored alone": {"augment": "flip"},
    "with rectangles erased": {"augment": "flip,shift,erase"},
    "no averaging of weights": {"average": 0.0},
    "asked with the mirror image too": {"mirrored": True},
    "whitened in the end": {"whitened": True},
    "half of what is easy left out": {"prune": 0.5},
    "half the channels": {"width": 8},
    "twice the channels": {"width": 32},
    "half the epochs": {"epochs": 6},
    "twice the epochs": {"epochs": 24},
    "rate: always as at its height": {},
    "rate: by a cosine": {},
    "rate: a tenth": {"rate": 0.02},
    "taught by twice the channels": {},
    "loss supcon": {"loss": "supcon"},
    "loss multi-similarity": {"loss": "multi-similarity"},
    "loss triplet": {"loss": "triplet"},
    "loss contrastive": {"loss": "contrastive"},
    "loss pairs": {"loss": "pairs"},
    "objective classifier": {"objective": "classifier"},
}
RATES: Mapping[str, Callable[[float], float]] = {
    "rate: always as at its height": lambda progress: 1.0,
    "rate: by a cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
}
TAUGHT, TEACHER = "taught by twice the channels", "twice the channels"
# How much a teacher's embedding counts beside the label.
SHARE = 10.0
SHOWN = ("accuracy", "hit@1", "map@r", "centroid_accuracy")


class Taught(nn.Module):
    """The default loss, and how far each embedding is from that of a network trained before."""

    def __init__(self, teacher: Network, classes: int, dim: int) -> None:
        super().__init__()
        self.augment = augmentation(("flip", "shift"))
        self.loss = metric_loss("proxy", classes, dim)
        self.wanted = teacher.embed  # a method: the teacher's weights are not learned

    def forward(
        self, network: Network, images: Tensor, labels: Tensor, generator: Generator
    ) -> Tensor:
        """As all objectives."""
        values = network.prepared(self.augment(images, generator))
        vectors = network.embed(values)
        with torch.no_grad():
            wanted = self.wanted(values)
        away = (vectors - wanted).square().sum(1).mean()
        return self.loss(vectors, labels) + SHARE * away


def around(idea: str, folder: Path, models: Path, seed: int) -> AbstractContextManager[object]:
    """What an idea changes that is no setting."""
    if idea in RATES:
        return patch.object(loop, "rate_at", RATES[idea])
    if idea == TAUGHT:
        teacher = network_of(trained(TEACHER, folder, models, seed).trained).eval()
        teacher.reduced = is_reduced("auto", torch.device("cpu"))
        teacher.to(memory_format=torch.channels_last)

        def objective_of(
            settings: object, shape: tuple[int, int, int], classes: int, dim: int, images: int
        ) -> nn.Module:
            return Taught(teacher, classes, dim)

        return patch.object(run, "objective_of", objective_of)
    return nullcontext()


def trained(idea: str, folder: Path, models: Path, seed: int) -> SiameseEncoder:
    """The encoder of an idea, if it is not there yet."""
    place = models / f"{idea.replace(':', '').replace(' ', '-')}-{seed}"
    if not (place / "settings.json").exists():
        with around(idea, folder, models, seed):
            settings = {**BASE, **IDEAS[idea]}
            vecsearch.train(folder / "train", place, seed=seed, **settings)  # type: ignore[arg-type]
    return SiameseEncoder.load(place)


def measured(idea: str, folder: Path, models: Path, scratch: Path, seed: int) -> list[float]:
    encoder = trained(idea, folder, models, seed)
    held_out = float(str(encoder.facts()["knn_accuracy"]))
    index = vecsearch.Collection.build(
        folder / "train", scratch / "index", encoder=encoder, overwrite=True
    )
    measures = vecsearch.evaluate(index, folder / "test", ks=(1,), neighbours=5).measures
    return [held_out, *(measures[name] for name in SHOWN)]


def told(values: Sequence[float]) -> str:
    """Their mean, and how far they scatter if there are several."""
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ideas", default="", help="Only those that hold one of these words.")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    words = arguments.ideas.split(",")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        models = arguments.keep or scratch / "models"
        for idea in IDEAS:
            if not any(word in idea for word in words):
                continue
            found = [
                measured(idea, arguments.folder, models, scratch, seed)
                for seed in range(arguments.seeds)
            ]
            shown = "  ".join(
                f"{name} {told(values)}"
                for name, values in zip(("held out", *SHOWN), zip(*found, strict=True), strict=True)
            )
            print(f"{idea:32} {shown}  ({len(found)} seeds)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
