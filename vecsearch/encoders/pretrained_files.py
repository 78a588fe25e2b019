"""Weights that a user has on disk."""

from pathlib import Path

import torch
from torch import Tensor

from vecsearch.errors import InvalidArgument


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
        raise InvalidArgument(f"The weights in {file} cannot be read: {reason}") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    ):
        raise InvalidArgument(f"{file} holds something else than weights by their names.")
    return found
