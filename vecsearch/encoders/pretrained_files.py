"""Weights that a user has on disk."""

import re
from collections.abc import Mapping, Set
from pathlib import Path

import torch
from torch import Tensor, nn

from vecsearch.errors import InvalidArgument

# How early files of torchvision name the layers of DenseNet.
OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def take_weights(network: nn.Module, file: Path, name: str) -> None:
    """Give a network weights that were trained elsewhere.

    What the file holds for a head that the network has not is left out.

    Args:
        network: What takes them.
        file: As for ``read_weights``.
        name: What the network is called in a message.

    Raises:
        InvalidArgument: The file cannot be read, or it is of another network.
    """
    give_weights(network, read_weights(file), str(file), name)


def give_weights(network: nn.Module, weights: Mapping[str, Tensor], source: str, name: str) -> None:
    """Give a network weights that were read; as ``take_weights`` otherwise."""
    given = {OLD_NAME.sub(r"\1\2", key): value for key, value in weights.items()}
    wanted = network.state_dict()
    fitting = {
        key: value
        for key, value in given.items()
        if key in wanted and value.shape == wanted[key].shape
    }
    # What counts batches says nothing of images, and older files lack it.
    missing = [key for key in wanted if key not in fitting and "num_batches_tracked" not in key]
    if missing:
        raise InvalidArgument(
            f"{source} holds no weights of {name}: {len(missing)} of {len(wanted)} are missing or "
            f"of another shape, as {missing[0]!r}."
        )
    more = _beyond(given.keys() - wanted.keys(), wanted.keys())
    if len(more) > 1:
        raise InvalidArgument(
            f"{source} holds the weights of another network than {name}: {len(more)} layers more, "
            f"as {more[0]!r}."
        )
    network.load_state_dict(fitting, strict=False)


def _beyond(strange: Set[str], wanted: Set[str]) -> list[str]:
    """Layers that lie beside wanted ones: one may be a head, more are of a larger network."""
    known = {name.partition(".")[0] for name in wanted}
    beside = (name for name in strange if name.partition(".")[0] in known)
    return sorted({name.rpartition(".")[0] for name in beside})


def read_weights(file: Path) -> dict[str, Tensor]:
    """Read tensors by name, from ``.safetensors`` or from torchvision's ``.pth``.

    A ``.pth`` file is read by torch's reader for weights alone, which makes tensors and runs
    nothing that stands in the file.

    Raises:
        InvalidArgument: It cannot be read, or holds something else than tensors by name.
    """
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # Both readers raise whatever a file that is not theirs leads them to.
        reason = str(error).split("\n", 1)[0]
        if "weights_only" in reason:  # torch's advice is to run what stands in the file
            reason = "it is damaged, or holds something else than weights"
        raise InvalidArgument(f"The weights in {file} cannot be read: {reason}") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    ):
        raise InvalidArgument(f"{file} holds something else than weights by their names.")
    return found
