"""The training itself: epochs of steps, each a little better than the one before."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from vecsearch.encoders.network import Network
from vecsearch.training.device import device_of, is_reduced
from vecsearch.training.objectives import Objective
from vecsearch.training.pruning import Pruning
from vecsearch.training.sampler import batches, group_size
from vecsearch.training.schedule import Plan, rate_at
from vecsearch.training.settings import TrainSettings
from vecsearch.types import Pixels, Rows, Vectors

MOMENTUM = 0.9
# A backbone that knows something already learns more slowly than the new head on it.
KNOWING_RATE = 0.1
FROZEN_SHARE = 0.1
# 256 at once took a quarter longer, on two cores and with 16 channels, 512 more than a third.
ENCODE_BATCH = 128


@dataclass
class Loop:
    """What is trained, and how far it has come.

    Attributes:
        network: What is trained.
        objective: What it is told its mistakes by; it may have weights of its own.
        pixels: ``(n, height, width, channels)`` uint8, which may be memory-mapped.
        codes: The class of each image, from 0.
        settings: What the training shall be like.
        plan: How many epochs there are, and how many are done.
        seed: For everything random.
        pruning: Which images an epoch does without.
    """

    network: Network
    objective: Objective
    pixels: Pixels
    codes: NDArray[np.int64]
    settings: TrainSettings
    plan: Plan
    seed: int
    optimizer: torch.optim.Optimizer = field(init=False)
    average: dict[str, Tensor] = field(init=False)
    pruning: Pruning = field(init=False)
    steps: int = 0

    def __post_init__(self) -> None:
        self.device = device_of(self.settings.device)
        self.network.reduced = is_reduced(self.settings.precision, self.device)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective.to(self.device)
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimizer = torch.optim.SGD(self._groups(), lr=0.0, momentum=MOMENTUM, nesterov=True)
        self.pruning = Pruning(len(self.pixels), self.settings.prune)

    def epoch(self, rows: Rows, told: Callable[[int, int], None]) -> float:
        """Go once through some of the images, but for easy ones; returns the mean loss.

        Args:
            rows: The images to learn from.
            told: Called with the steps that are done, and of how many.
        """
        number, settings = self.plan.done, self.settings
        rng = np.random.default_rng([self.seed, number])
        generator = Generator().manual_seed(int(rng.integers(2**62)))
        torch.manual_seed(int(rng.integers(2**62)))
        batch = settings.batch_for(len(rows))
        whole, rows = len(rows), self.pruning.chosen(rows, rng)
        codes = self.codes[rows]
        group = group_size(codes, batch) if settings.objective == "siamese" else 1
        parts = list(batches(codes, batch, group, rng))
        parts = parts[: max(1, round(self.plan.share * len(parts)))]
        rate = settings.rate_for(batch)
        self.network.train()
        self._freeze(self.frozen)
        total = 0.0
        for done, part in enumerate(parts):
            # In the middle of a step: the first learns something, too, and may be the only one.
            self._set_rates(rate * rate_at(self.plan.within((done + 0.5) / len(parts))))
            total += self._step(rows[part], generator)
            told(done + 1, len(parts))
        # The loss is that before a step: what the last one did is to be seen here.
        if not all(bool(value.isfinite().all()) for value in self.weights.values()):
            raise FloatingPointError
        return total / len(parts) * len(rows) / whole

    def seconds_of_epoch(self, rows: Rows, most: float, trial: int = 8) -> float:
        """How long an epoch will take, from a few steps that are taken back.

        Args:
            rows: The images to learn from.
            most: Seconds after which no further step is tried.
            trial: How many steps are tried.
        """
        before = [deepcopy(part.state_dict()) for part in (self.network, self.objective)]
        batch = self.settings.batch_for(len(rows))
        parts = list(batches(self.codes[rows], batch, 1, np.random.default_rng(0)))
        generator = Generator().manual_seed(0)
        self.network.train()
        self._set_rates(0)
        times = []
        for part in parts[: trial + 2]:
            started = time.perf_counter()
            self._step(rows[part], generator)
            times.append(time.perf_counter() - started)
            if sum(times[1:]) > most:  # the first warms up
                break
        self.network.load_state_dict(before[0])
        self.objective.load_state_dict(before[1])
        self.optimizer = torch.optim.SGD(self._groups(), lr=0.0, momentum=MOMENTUM, nesterov=True)
        self.average, self.steps = before[0], 0
        self.pruning.forget()
        return float(np.median(times[min(2, len(times) - 1) :])) * len(parts)

    def seconds_of_encoding(self, count: int) -> float:
        """How long it will take to embed so many images, from a few."""
        few = min(count, self.settings.batch_for(len(self.codes)), len(self.codes))
        self.encode(np.arange(few))  # warms up
        started = time.perf_counter()
        self.encode(np.arange(few))
        return (time.perf_counter() - started) * count / max(1, few)

    def encode(self, rows: Rows) -> Vectors:
        """Embed images with the averaged weights."""
        parts = []
        with self._averaged():
            # What a step of training has memory for, this has.
            size = min(ENCODE_BATCH, self.settings.batch_for(len(self.codes)))
            for start in range(0, len(rows), size):
                images = torch.from_numpy(self.pixels[rows[start : start + size]])
                parts.append(self.network(images.to(self.device)).float().cpu().numpy())
        vectors = np.concatenate(parts) if parts else np.empty((0, 1), np.float32)
        if not np.isfinite(vectors).all():
            raise FloatingPointError
        return vectors

    def loss_of(self, rows: Rows) -> float:
        """The mean loss on images that are not learned from, with the averaged weights."""
        generator = Generator().manual_seed(self.seed)
        batch = self.settings.batch_for(len(self.codes))
        # As they are learned from: those of one folder beside one another are harder to tell apart.
        rows = np.random.default_rng(self.seed).permutation(rows)
        losses = []
        with self._averaged():
            for part in np.array_split(rows, max(1, len(rows) // batch)):
                losses.append(len(part) * float(self._losses(np.sort(part), generator).mean()))
        if not math.isfinite(found := sum(losses) / len(rows)):
            raise FloatingPointError
        return found

    def go_back(self, weights: Mapping[str, Tensor]) -> None:
        """Be what an epoch before made of the network, and learn no more."""
        self.network.load_state_dict(weights)
        self.average = self.network.state_dict()

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The network is for a while what it is worth, and learns nothing."""
        current = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.weights)
        self.network.eval()
        self.objective.eval()
        with torch.inference_mode():
            yield
        self.network.load_state_dict(current)
        self.objective.train()

    @property
    def weights(self) -> dict[str, Tensor]:
        """What the network is worth now: the running average, or the weights themselves."""
        return self.average if self.settings.average else self.network.state_dict()

    @property
    def frozen(self) -> bool:
        """Whether only the head learns next: at first, on a backbone that knows something."""
        plan = self.plan
        early = plan.epochs > 1 and plan.done < math.ceil(FROZEN_SHARE * plan.epochs)
        # A plan that has grown meanwhile freezes nothing again.
        return self.settings.weights is not None and early and not plan.timed

    def _losses(self, rows: Rows, generator: Generator) -> Tensor:
        labels = torch.from_numpy(self.codes[rows]).to(self.device)
        images = torch.from_numpy(self.pixels[rows]).permute(0, 3, 1, 2).float() / 255
        return cast("Tensor", self.objective(self.network, images, labels, generator))

    def _step(self, rows: Rows, generator: Generator) -> float:
        rows = np.sort(rows)  # as they lie in the file
        losses = self._losses(rows, generator)
        loss = (self.pruning.weighed(rows, losses) if losses.ndim else losses).mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.objective.max_norm < math.inf:
            learning = nn.ModuleList([self.network, self.objective]).parameters()
            nn.utils.clip_grad_norm_(learning, self.objective.max_norm)
        self.optimizer.step()
        self.steps += 1
        if self.settings.average:
            self._take_average()
        found = float(loss.detach())
        if not math.isfinite(found):
            raise FloatingPointError
        return found

    def _take_average(self) -> None:
        kept = min(self.settings.average, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 1 - kept)
                else:
                    self.average[name].copy_(value)

    def _groups(self) -> list[dict[str, Any]]:
        """Weights by what they want: no decay for biases and norms, less rate for what is known."""
        knowing = KNOWING_RATE if self.settings.weights else 1.0
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        network = self.network
        modules = ((network.backbone, knowing), (network.head, 1.0), (self.objective, 1.0))
        for module, share in modules:
            for weight in module.parameters():
                decay = self.settings.decay if weight.ndim > 1 else 0.0
                groups.setdefault((share, decay), []).append(weight)
        return [
            {"params": weights, "share": share, "weight_decay": decay}
            for (share, decay), weights in groups.items()
        ]

    def _set_rates(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]

    def _freeze(self, frozen: bool) -> None:
        for weight in self.network.backbone.parameters():
            weight.requires_grad_(not frozen)
        if frozen:
            self.network.backbone.eval()
