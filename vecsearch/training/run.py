"""One training from the first step to the network that is kept."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vecsearch.encoders.base import SETTINGS
from vecsearch.encoders.network import Network
from vecsearch.encoders.runtimes import Trained
from vecsearch.training.beginning import statistics
from vecsearch.training.checkpoint import Standing, key_of, resume, save_checkpoint
from vecsearch.training.choice import MEASURED, is_kept, is_stuck, worths
from vecsearch.training.data import TrainingImages
from vecsearch.training.failures import Diverged, in_words
from vecsearch.training.loop import Loop
from vecsearch.training.measuring import figures_of, in_short, measured
from vecsearch.training.objectives import Objective, objective_of
from vecsearch.training.schedule import MOST, Plan
from vecsearch.training.settings import CHECKPOINT, TrainSettings
from vecsearch.training.split import Split, hold_out
from vecsearch.training.whitening import SAMPLE, whiten
from vecsearch.types import JSON, Progress

log = logging.getLogger(__name__)

# Which part of a time budget may go to finding out how long an epoch takes.
TRIAL_SHARE = 0.05


@dataclass(frozen=True)
class Outcome:
    """What has come of a training.

    Attributes:
        trained: The network that is kept, with facts.
        history: Of each epoch its loss and its figures.
        split: What was learned from, and what was held out.
        objective: What the network learned with.
        diverged: Whether it ended since its loss was no finite number any more.
    """

    trained: Trained
    history: list[dict[str, JSON]]
    split: Split
    objective: Objective
    diverged: bool = False


def run(
    network: Network,
    images: TrainingImages,
    seed: int,
    settings: TrainSettings,
    folder: Path | None = None,
    anew: bool = False,
    progress: Progress | None = None,
    begun: float | None = None,
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
        begun: When a time budget began, by ``time.monotonic``; now by default.

    Raises:
        InvalidArgument: The training diverged before an epoch was measured, or where another
            network stands; there is not enough memory for it; or a checkpoint is of another one.
        DamagedCollection: A checkpoint cannot be read.
        OSError: A checkpoint cannot be written.
    """
    fewest = 2 if settings.objective == "simclr" else 1  # one has nothing to be told from
    begun = time.monotonic() if begun is None else begun
    split = hold_out(images.codes, settings.holdout, seed, fewest)
    height, width, channels = images.pixels.shape[1:]
    if settings.weights is None:
        network.look_at(*statistics(images.pixels, split.train))
    dim, count = network.architecture.dim, len(split.train)
    plan = Plan(settings.epochs_for(count), settings.budget, most=settings.epochs or MOST)
    key: dict[str, JSON] = {}
    standing, diverged = Standing(), False
    with in_words(settings):
        shape, classes = (channels, height, width), len(images.names)
        objective = objective_of(settings, shape, classes, dim, count)
        loop = Loop(network, objective, images.pixels, images.codes, settings, plan, seed)
        if folder is not None:
            key = key_of(loop, images.key)
            standing = resume(folder, key, loop, anew)
    if settings.patience and not len(split.held):
        log.warning("Nothing is held out that could tell when to stop: --patience has no effect.")
    if plan.budget is not None:
        plan.budget -= time.monotonic() - begun
    if standing.history:
        log.info("Going on after epoch %d of %d.", plan.done, plan.epochs)
        if plan.epoch_seconds:
            plan.fit(plan.epoch_seconds)
    elif plan.budget is not None:
        with in_words(settings):
            _fit_budget(loop, split, plan.budget)
    while not plan.finished and not is_stuck(standing.history, settings.patience):
        try:
            with in_words(settings):
                _epoch(loop, standing, images, split, progress)
        except Diverged as error:
            # Of no measured worth, or in the place of one that came to its end, it is not kept.
            stands = folder is not None and (folder / SETTINGS).exists()
            if stands or not worths(standing.history):
                if folder is not None and standing.history:  # it would come to the same again
                    (folder / CHECKPOINT).unlink()
                raise
            log.warning("%s The best epoch before it is kept.", error)
            diverged = True
            break
        if folder is not None:
            started = time.monotonic()
            save_checkpoint(folder, key, loop, standing)
            plan.wrote(time.monotonic() - started)
    with in_words(settings):
        figures = _finish(loop, standing, images, split)
    trained = Trained(
        architecture=network.architecture.to_json(),
        weights={name: _plain(value) for name, value in network.state_dict().items()},
        facts=_facts(images, split, standing, loop, figures),
    )
    objective.load_state_dict(standing.objective)
    return Outcome(trained, standing.history, split, objective.cpu(), diverged)


def _fit_budget(loop: Loop, split: Split, budget: float) -> None:
    """Reckon how many epochs fit into the time, from a few steps."""
    started = time.monotonic()
    epoch_seconds = loop.seconds_of_epoch(split.train, TRIAL_SHARE * budget)
    count = sum(map(len, measured(loop, split)))
    if not loop.settings.needs_labels:
        count += 2 * len(split.held)  # for their loss: two views, or a view and a drawing
    if count:
        loop.plan.apart = loop.seconds_of_encoding(count)
    if loop.settings.whitens:
        loop.plan.after = loop.seconds_of_encoding(min(SAMPLE, len(split.train)) + count)
    loop.plan.spent = time.monotonic() - started
    loop.plan.fit(epoch_seconds)
    if loop.plan.left < 1:
        share = 100 * loop.plan.left
        log.warning("The time is short: only %.0f %% of the images will be seen.", share)
    else:
        log.info("Epochs that fit into the time: %d.", loop.plan.epochs)


def _epoch(
    loop: Loop, standing: Standing, images: TrainingImages, split: Split, progress: Progress | None
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
    figures = figures_of(loop, images, split)
    now = time.monotonic()
    rest = loop.pruning.work(split.train)
    loop.plan.advance(now - started, now - learned, not frozen, rest)
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
    best = ", best" if standing.best == number else ""
    log.info("Epoch %d of %d: %s, %.0f s%s", number, of, in_short(line), loop.plan.spent, best)


def _finish(
    loop: Loop, standing: Standing, images: TrainingImages, split: Split
) -> Mapping[str, JSON]:
    """Go back to the best epoch and whiten; returns what is told of that by held-out images."""
    loop.go_back(standing.weights)
    started = time.monotonic()
    if not loop.settings.whitens or not whiten(loop, split.train):
        return standing.history[standing.best - 1]
    figures = figures_of(loop, images, split)
    loop.plan.spent += time.monotonic() - started
    log.info("Whitened within classes%s", f": {in_short(figures)}" if figures else "")
    return {**figures, "whitened": True}


def _facts(
    images: TrainingImages,
    split: Split,
    standing: Standing,
    loop: Loop,
    figures: Mapping[str, JSON],
) -> dict[str, JSON]:
    settings, plan = loop.settings, loop.plan
    return {
        "objective": settings.objective,
        **({"loss": settings.loss} if settings.objective == "siamese" else {}),
        "backbone": settings.backbone,
        "images": len(split.train),
        "held_out": len(split.held),
        "classes": len(images.names),
        "epochs": plan.done,
        "best_epoch": standing.best,
        **{name: figures[name] for name in MEASURED if name in figures},
        "whitened": "whitened" in figures,
        "seconds": round(plan.spent, 1),
        "device": loop.device.type,
        "precision": "bfloat16" if loop.network.reduced else "float32",
        "torch": torch.__version__,
    }


def _plain(value: Tensor) -> np.ndarray[Any, Any]:
    return value.detach().cpu().contiguous().numpy()
