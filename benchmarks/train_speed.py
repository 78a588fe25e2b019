"""How many images a second training takes in, beside pytorch-metric-learning's own trainer.

    python benchmarks/train_speed.py [--width 16] [--rounds 5] [--steps 32]

The same network in the same precision, the same loss (multi-similarity with its miner), optimizer
and batches of 256 images of 28 × 28, of noise: what is in them makes no difference to the time. In
turn, in one process, so that both find the machine in the same state; the first round of each is
not counted. Without augmentation on both sides; then ours with it.
"""

import argparse
import logging
import os
import statistics
import time

os.environ["TQDM_DISABLE"] = "1"

import numpy as np
import torch
from pytorch_metric_learning import losses, miners, trainers
from torch.utils.data import Dataset, SequentialSampler

from vecsearch.encoders.network import Architecture, Network
from vecsearch.training.augment import augmentation
from vecsearch.training.device import is_reduced
from vecsearch.training.loop import Loop
from vecsearch.training.objectives import Siamese
from vecsearch.training.schedule import Plan
from vecsearch.training.settings import TrainSettings

BATCH, CLASSES = 256, 10


class Images(Dataset):
    """As tutorials of pytorch-metric-learning have it: one image at a time."""

    def __init__(self, pixels: np.ndarray, codes: np.ndarray) -> None:
        self.pixels = torch.from_numpy(pixels)
        self.codes = codes

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        return self.pixels[at].permute(2, 0, 1).float() / 255, int(self.codes[at])


class Trunk(torch.nn.Module):
    """Our network, as a trunk of theirs."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The embeddings of images in [0, 1]."""
        return self.network.embed(self.network.prepared(images))


def theirs(network: Network, images: Images, steps: int) -> float:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    trainer = trainers.MetricLossOnly(
        models={"trunk": Trunk(network)},
        optimizers={"trunk_optimizer": optimizer},
        batch_size=BATCH,
        loss_funcs={"metric_loss": losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)},
        mining_funcs={"tuple_miner": miners.MultiSimilarityMiner(epsilon=0.1)},
        dataset=images,
        sampler=SequentialSampler(images),
        iterations_per_epoch=steps,
        dataloader_num_workers=0,
        data_device=torch.device("cpu"),
    )
    started = time.perf_counter()
    trainer.train(num_epochs=1)
    return steps * BATCH / (time.perf_counter() - started)


def ours(network: Network, images: Images, names: tuple[str, ...]) -> float:
    settings = TrainSettings.of(
        loss="multi-similarity", rate=0.01, average=0.0, batch=BATCH, device="cpu"
    )
    objective = Siamese(augmentation(names), settings.loss, CLASSES, 32)
    pixels = images.pixels.numpy()
    loop = Loop(network, objective, pixels, images.codes, settings, Plan(1), 0)
    started = time.perf_counter()
    loop.epoch(np.arange(len(pixels)), lambda *_: None)
    return len(pixels) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=32)
    arguments = parser.parse_args()
    if arguments.steps < 32:
        parser.error("With fewer than 32 steps ours would take smaller batches than theirs.")
    logging.getLogger("PML").setLevel(logging.ERROR)
    rng = np.random.default_rng(0)
    count = arguments.steps * BATCH
    pixels = rng.integers(0, 256, (count, 28, 28, 1), np.uint8)
    images = Images(pixels, rng.integers(0, CLASSES, count))

    def network() -> Network:
        made = Network(Architecture(width=arguments.width, channels=1))
        made.reduced = is_reduced("auto", torch.device("cpu"))
        return made.to(memory_format=torch.channels_last)

    kinds = {
        "theirs": lambda: theirs(network(), images, arguments.steps),
        "ours": lambda: ours(network(), images, ()),
        "ours, augmented": lambda: ours(network(), images, ("flip", "shift", "erase")),
    }
    speeds: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(arguments.rounds + 1):
        for name in list(kinds) if turn % 2 else reversed(list(kinds)):
            speed = kinds[name]()
            if turn:
                speeds[name].append(speed)
    for name, found in speeds.items():
        shown = f"({min(found):.0f} – {max(found):.0f})"
        print(f"{name:16} {statistics.median(found):6.0f} images a second {shown}")
    pairs = zip(speeds["ours"], speeds["theirs"], strict=True)
    print(f"ratio {statistics.median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
