"""How far a training has come, in one file that is whole or not there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vecsearch.encoders.base import fingerprint
from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.store import put_whole
from vecsearch.training.loop import Loop
from vecsearch.training.settings import CHECKPOINT
from vecsearch.types import JSON

# Of another version a training cannot go on: what is measured, or kept, is something else.
FORMAT = 7


@dataclass
class Standing:
    """What has come out of a training so far.

    Attributes:
        history: Of each epoch its loss and its figures.
        best: Which epoch was the best, from 1; 0 before the first.
        weights: The network's weights then.
        objective: Those of its objective then.
    """

    history: list[dict[str, JSON]] = field(default_factory=list)
    best: int = 0
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    objective: Mapping[str, Tensor] = field(default_factory=dict)


def key_of(loop: Loop, images: str) -> dict[str, JSON]:
    """What makes a training the same.

    Args:
        loop: What is trained.
        images: A sha256 over the images and their labels.
    """
    weights, settings = None, loop.settings.to_json()
    # Where they lie says nothing.
    if settings.pop("weights", None) is not None:
        with open(str(loop.settings.weights), "rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "format": FORMAT,
        "images": images,
        "dim": loop.network.architecture.dim,
        "seed": loop.seed,
        "settings": settings,
        "weights": weights,
        "shape": list(loop.pixels.shape[1:]),
        "torch": torch.__version__,
    }


def save_checkpoint(folder: Path, key: Mapping[str, JSON], loop: Loop, standing: Standing) -> None:
    """Write down all that is needed to go on from here.

    Args:
        folder: Where to.
        key: What makes the training the same.
        loop: What is trained.
        standing: What has come out of it.
    """
    from safetensors.torch import save

    momentum = loop.optimizer.state_dict()["state"]
    tensors = {
        **{f"network.{name}": value for name, value in loop.network.state_dict().items()},
        **{f"average.{name}": value for name, value in loop.average.items()},
        **{f"objective.{name}": value for name, value in loop.objective.state_dict().items()},
        **{f"best.{name}": value for name, value in standing.weights.items()},
        **{f"told.{name}": value for name, value in standing.objective.items()},
        **{
            f"momentum.{number}": state["momentum_buffer"]
            for number, state in momentum.items()
            if state.get("momentum_buffer") is not None
        },
        "losses": torch.from_numpy(loop.pruning.losses),
    }
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    notes = {
        "key": key,
        "sha256": _hash(whole),
        "plan": vars(loop.plan),
        "steps": loop.steps,
        "history": standing.history,
        "best": standing.best,
    }
    with put_whole(folder / CHECKPOINT) as file:
        file.write(save(whole, {"training": json.dumps(notes)}))


def resume(folder: Path, key: Mapping[str, JSON], loop: Loop, anew: bool) -> Standing:
    """Go on from a checkpoint, if there is one.

    Args:
        folder: Where it may be.
        key: What makes the training the same.
        loop: What is trained; it is brought to where it was.
        anew: Whether one of another training, or a damaged one, is passed over.

    Raises:
        InvalidArgument: It is one of another training.
        DamagedCollection: It cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    if not (folder / CHECKPOINT).exists():
        return Standing()
    try:
        with safe_open(folder / CHECKPOINT, "pt") as file:
            notes: dict[str, Any] = json.loads(file.metadata()["training"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if notes["key"] != json.loads(json.dumps(key)):
            if anew:
                return Standing()
            raise InvalidArgument(
                f"{folder} holds an unfinished training with other images or settings: go on with "
                "the same command as then, choose another folder, or begin anew (--overwrite)."
            )
        if notes["sha256"] != _hash(tensors):
            raise ValueError("its tensors are not as they were written")
        _restore(loop, tensors)
        vars(loop.plan).update(notes["plan"])
        loop.steps = notes["steps"]
        return Standing(
            notes["history"], notes["best"], _part(tensors, "best"), _part(tensors, "told")
        )
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        if anew:
            return Standing()
        raise DamagedCollection(
            f"{folder / CHECKPOINT} cannot be read ({error}): begin anew with --overwrite."
        ) from error


def _hash(tensors: Mapping[str, Tensor]) -> str:
    return fingerprint("", {}, {name: value.numpy() for name, value in tensors.items()})


def _restore(loop: Loop, tensors: Mapping[str, Tensor]) -> None:
    loop.network.load_state_dict(_part(tensors, "network"))
    loop.objective.load_state_dict(_part(tensors, "objective"))
    loop.average = {
        name: value.to(loop.device) for name, value in _part(tensors, "average").items()
    }
    loop.pruning.losses[:] = tensors["losses"].numpy()
    state = loop.optimizer.state_dict()
    state["state"] = {
        int(number): {"momentum_buffer": value}
        for number, value in _part(tensors, "momentum").items()
    }
    loop.optimizer.load_state_dict(state)


def _part(tensors: Mapping[str, Tensor], name: str) -> dict[str, torch.Tensor]:
    start = f"{name}."
    return {
        key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)
    }
