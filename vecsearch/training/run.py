"""One training from the first step to the network that is kept."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vecsearch.encoders.network import Architecture, Network
from vecsearch.encoders.siamese import Trained
from vecsearch.errors import InvalidArgument
from vecsearch.training.checkpoint import Standing, resume, save_checkpoint
from vecsearch.training.data import Pictures
from vecsearch.training.loop import Loop
from vecsearch.training.objectives import objective_of
from vecsearch.training.schedule import Plan
from vecsearch.training.settings import TrainSettings
from vecsearch.training.split import Split, hold_out
from vecsearch.training.validation import Figures, validate
from vecsearch.types import JSON, Progress, Vectors

log = logging.getLogger(__name__)

# How many images of the gallery the held-out ones are compared with after each epoch.
GALLERY = 10_000
STATISTICS = 5_000


@dataclass(frozen=True)
class Outcome:
    """What has come of a training.

    Attributes:
        trained: The network that is kept, with facts.
        history: Of each epoch its loss and its figures.
        split: What was learned from, and what was held out.
        objective: What the network learned with.
    """

    trained: Trained
    history: list[dict[str, JSON]]
    split: Split
    objective: nn.Module


def run(
    images: Pictures,
    dim: int,
    seed: int,
    settings: TrainSettings,
    folder: Path | None = None,
    anew: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Train a network, keep the best epoch, and export it.

    Args:
        images: What it learns from.
        dim: How long the embeddings are.
        seed: For everything random.
        settings: What the training shall be like.
        folder: Where checkpoints go; None for none.
        anew: Whether a checkpoint of another training is passed over.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: The training diverged, or a checkpoint is of another one.
    """
    split = hold_out(images.codes, settings.holdout, seed)
    torch.manual_seed(seed)
    height, width, channels = images.pixels.shape[1:]
    network = Network(
        Architecture(
            settings.backbone,
            settings.width,
            dim,
            channels,
            unit=settings.objective in ("siamese", "simclr") and settings.loss != "pairs",
            mirrored=settings.mirrored,
        )
    )
    network.look_at(*_statistics(images, split))
    if settings.weights is not None:
        network.take_weights(Path(settings.weights))
    objective = objective_of(settings, (channels, height, width), len(images.names), dim)
    plan = Plan(settings.epochs_for(len(split.train)), settings.budget)
    loop = Loop(network, objective, images.pixels, images.codes, settings, plan, seed)
    key: Mapping[str, JSON] = {
        "images": images.key,
        "dim": dim,
        "seed": seed,
        "settings": settings.to_json(),
        "shape": [height, width, channels],
        "torch": torch.__version__,
    }
    standing = Standing() if folder is None else resume(folder, key, loop, anew)
    if standing.history:
        log.info("Going on after epoch %d of %d.", plan.done, plan.epochs)
    elif settings.budget is not None:
        plan.fit(loop.seconds_of_epoch(split.train))
        plan.left = max(1.0, plan.left)
        log.info("%d epochs fit into the time.", plan.epochs)
    while not plan.finished and not _is_stuck(standing, settings.patience):
        _epoch(loop, standing, images, split, progress)
        if folder is not None:
            save_checkpoint(folder, key, loop, standing)
    trained = Trained(
        architecture=network.architecture.to_json(),
        weights={name: _plain(value) for name, value in standing.weights.items()},
        facts=_facts(images, split, settings, plan, standing, loop),
    )
    return Outcome(trained, standing.history, split, objective.cpu())


def _epoch(
    loop: Loop, standing: Standing, images: Pictures, split: Split, progress: Progress | None
) -> None:
    started = time.monotonic()
    number, of = loop.plan.done + 1, loop.plan.epochs

    def told(done: int, steps: int) -> None:
        if progress is not None:
            # In thousandths, so that a change of the number of epochs does not move the bar back.
            progress("training", round(1000 * loop.plan.within(done / steps)), 1000)

    try:
        loss = loop.epoch(split.train, told)
    except FloatingPointError as error:
        raise InvalidArgument(
            "The training diverged: its loss is no finite number. Take a lower learning rate than "
            f"{loop.settings.rate}."
        ) from error
    figures = _figures(loop, images, split)
    loop.plan.advance(time.monotonic() - started)
    line: dict[str, JSON] = {"epoch": number, "loss": round(loss, 5)}
    line |= figures.to_json() if figures is not None else {}
    line["seconds"] = round(loop.plan.spent, 2)
    standing.history.append(line)
    if _is_better(standing, len(split.held)):
        standing.best = number
        standing.weights = {name: value.clone() for name, value in loop.weights.items()}
    shown = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in line.items() if name != "epoch"
    )
    log.info("Epoch %d of %d: %s%s", number, of, shown, " *" if standing.best == number else "")


def _figures(loop: Loop, images: Pictures, split: Split) -> Figures | None:
    if not len(split.held) or len(images.names) < 2:
        return None
    gallery = split.train[:0]
    if not split.whole_classes:
        rng = np.random.default_rng(loop.seed)
        gallery = np.sort(rng.permutation(split.train)[:GALLERY])
    vectors: list[Vectors] = [loop.encode(rows) for rows in (gallery, split.held)]
    return validate(
        vectors[0],
        images.codes[gallery],
        vectors[1],
        images.codes[split.held],
        split.whole_classes,
        loop.seed,
    )


def _is_better(standing: Standing, held: int) -> bool:
    """Whether the last epoch is the best; without figures it always is.

    Of epochs that a standard error apart cannot tell, the later one is taken: its learning rate
    was lower. With a hundred images held out, the highest figure is often an early accident.
    """
    if "knn_accuracy" not in standing.history[-1]:
        return True
    lines: list[Any] = standing.history
    worths = [(line["knn_accuracy"] + line["recall_at_1"]) / 2 for line in lines]
    error = math.sqrt(max(worths) * (1 - max(worths)) / held)
    return bool(worths[-1] >= max(worths) - error)


def _is_stuck(standing: Standing, patience: int) -> bool:
    """Whether it is time to stop early."""
    return bool(patience) and len(standing.history) - standing.best >= patience


def _statistics(images: Pictures, split: Split) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the pixels, one a channel, in [0, 1]."""
    step = max(1, len(split.train) // STATISTICS)
    some = images.pixels[split.train[::step][:STATISTICS]].astype(np.float32) / 255
    return some.mean((0, 1, 2)).tolist(), some.std((0, 1, 2)).tolist()


def _facts(
    images: Pictures,
    split: Split,
    settings: TrainSettings,
    plan: Plan,
    standing: Standing,
    loop: Loop,
) -> dict[str, JSON]:
    best = standing.history[standing.best - 1]
    return {
        "objective": settings.objective,
        **({"loss": settings.loss} if settings.objective == "siamese" else {}),
        "backbone": settings.backbone,
        "images": len(split.train),
        "held_out": len(split.held),
        "classes": len(images.names),
        "epochs": plan.done,
        "best_epoch": standing.best,
        **{name: best[name] for name in Figures.__annotations__ if name in best},
        "seconds": round(plan.spent, 1),
        "device": loop.device.type,
        "precision": "bfloat16" if loop.network.reduced else "float32",
        "torch": torch.__version__,
    }


def _plain(value: Tensor) -> np.ndarray[Any, Any]:
    return value.detach().cpu().contiguous().numpy()
