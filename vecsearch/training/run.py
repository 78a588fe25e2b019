"""One training from the first step to the network that is kept."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vecsearch.encoders.memory import is_out_of_memory
from vecsearch.encoders.network import Network
from vecsearch.encoders.runtimes import Trained
from vecsearch.errors import InvalidArgument
from vecsearch.training.beginning import statistics
from vecsearch.training.checkpoint import Standing, key_of, resume, save_checkpoint
from vecsearch.training.choice import HELD_OUT_LOSS, MEASURED, is_kept, is_stuck
from vecsearch.training.data import Pictures
from vecsearch.training.loop import Loop
from vecsearch.training.objectives import Objective, objective_of
from vecsearch.training.schedule import MOST, Plan
from vecsearch.training.settings import CHECKPOINT, TrainSettings
from vecsearch.training.split import Split, gallery_of, hold_out
from vecsearch.training.validation import validate
from vecsearch.types import JSON, Progress, Vectors

log = logging.getLogger(__name__)

# Which part of a time budget may go to finding out how long an epoch takes.
TRIAL_SHARE = 0.05
# What is told of each epoch.
SHOWN = {
    "loss": "loss",
    HELD_OUT_LOSS: "held out",
    "pair_accuracy": "pairs",
    "recall_at_1": "recall@1",
    "knn_accuracy": "knn",
}


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
    objective: Objective


def run(
    network: Network,
    images: Pictures,
    seed: int,
    settings: TrainSettings,
    folder: Path | None = None,
    anew: bool = False,
    progress: Progress | None = None,
    used: float = 0.0,
) -> Outcome:
    """Train a network, keep the best epoch, and export it.

    Args:
        network: As ``new_network`` makes it.
        images: What it learns from.
        seed: For everything random.
        settings: What the training shall be like.
        folder: Where checkpoints go; None for none.
        anew: Whether a checkpoint of another training is passed over.
        progress: Called as the work goes on.
        used: Seconds of a time budget that were spent before.

    Raises:
        InvalidArgument: The training diverged, or a checkpoint is of another one.
    """
    split = hold_out(images.codes, settings.holdout, seed)
    height, width, channels = images.pixels.shape[1:]
    dim = network.architecture.dim
    if settings.weights is None:
        network.look_at(*statistics(images.pixels, split.train))
    objective = objective_of(settings, (channels, height, width), len(images.names), dim)
    epochs = settings.epochs_for(len(split.train))
    plan = Plan(epochs, settings.budget, most=settings.epochs or MOST)
    loop = Loop(network, objective, images.pixels, images.codes, settings, plan, seed)
    key = {} if folder is None else key_of(loop, images.key)
    standing = Standing() if folder is None else resume(folder, key, loop, anew)
    if settings.patience and not len(split.held):
        log.warning("Nothing is held out that could tell when to stop: --patience has no effect.")
    if plan.budget is not None:
        plan.budget -= used
    if standing.history:
        log.info("Going on after epoch %d of %d.", plan.done, plan.epochs)
        if plan.epoch_seconds:
            plan.fit(plan.epoch_seconds)
    elif plan.budget is not None:
        started = time.monotonic()
        with _in_words(loop, folder):
            epoch_seconds = loop.seconds_of_epoch(split.train, TRIAL_SHARE * plan.budget)
            if settings.needs_labels and len(split.held):
                measured = len(split.held) + len(gallery_of(split, loop.codes, seed))
                plan.apart = loop.seconds_of_encoding(measured)
        plan.spent = time.monotonic() - started
        plan.fit(epoch_seconds)
        log.info("Epochs that fit into the time: %d.", plan.epochs)
    while not plan.finished and not is_stuck(standing.history, settings.patience):
        with _in_words(loop, folder):
            _epoch(loop, standing, images, split, progress)
        if folder is not None:
            save_checkpoint(folder, key, loop, standing)
    trained = Trained(
        architecture=network.architecture.to_json(),
        weights={name: _plain(value) for name, value in standing.weights.items()},
        facts=_facts(images, split, settings, plan, standing, loop),
    )
    objective.load_state_dict(standing.objective)
    return Outcome(trained, standing.history, split, objective.cpu())


def _epoch(
    loop: Loop, standing: Standing, images: Pictures, split: Split, progress: Progress | None
) -> None:
    started = time.monotonic()
    number, of, frozen = loop.plan.done + 1, loop.plan.epochs, loop.frozen

    def told(done: int, steps: int) -> None:
        if progress is not None:
            # Of all that are planned now: a change of the plan does not move the bar back.
            total = round((loop.plan.seen + loop.plan.left) * len(split.train))
            progress("training", round(total * loop.plan.within(done / steps)), total)

    loss = loop.epoch(split.train, told)
    learned = time.monotonic()
    figures = _figures(loop, images, split)
    now = time.monotonic()
    loop.plan.advance(now - started, now - learned, whole=not frozen)
    line: dict[str, JSON] = {"epoch": number, "loss": round(loss, 5)}
    line |= figures
    line["seconds"] = round(loop.plan.spent, 2)
    standing.history.append(line)
    if is_kept(standing.history, len(split.held)):
        standing.best = number
        standing.weights = {name: value.clone() for name, value in loop.weights.items()}
        standing.objective = {
            name: value.clone() for name, value in loop.objective.state_dict().items()
        }
    shown = ", ".join(
        f"{name} {line[key]:.3f}" for key, name in SHOWN.items() if line.get(key) is not None
    )
    best = ", best" if standing.best == number else ""
    log.info("Epoch %d of %d: %s, %.0f s%s", number, of, shown, loop.plan.spent, best)


@contextmanager
def _in_words(loop: Loop, folder: Path | None) -> Iterator[None]:
    """Say in our words that the training diverged, or that there is not enough memory."""
    try:
        yield
    except FloatingPointError as error:
        if folder is not None:
            # It would come to the same again, and be in the way of another.
            (folder / CHECKPOINT).unlink(missing_ok=True)
        raise InvalidArgument(
            "The training diverged: its loss is no finite number. Take a lower learning rate than "
            f"{loop.settings.rate}."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InvalidArgument(
            "There is not enough memory for a step: take a smaller --batch, --size or --width."
        ) from error


def _figures(loop: Loop, images: Pictures, split: Split) -> dict[str, JSON]:
    """What the held-out images say: the loss where labels are not looked at, else the figures."""
    if not len(split.held):
        return {}
    if not loop.settings.needs_labels:
        return {HELD_OUT_LOSS: round(loop.loss_of(split.held), 5)}
    gallery = gallery_of(split, loop.codes, loop.seed)
    vectors: list[Vectors] = [loop.encode(rows) for rows in (gallery, split.held)]
    return validate(
        vectors[0],
        images.codes[gallery],
        vectors[1],
        images.codes[split.held],
        split.whole_classes,
        loop.seed,
    ).to_json()


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
        **{name: best[name] for name in MEASURED if name in best},
        "seconds": round(plan.spent, 1),
        "device": loop.device.type,
        "precision": "bfloat16" if loop.network.reduced else "float32",
        "torch": torch.__version__,
    }


def _plain(value: Tensor) -> np.ndarray[Any, Any]:
    return value.detach().cpu().contiguous().numpy()
