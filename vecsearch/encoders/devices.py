"""What torch can compute on here."""

import torch


def is_there(device: str) -> bool:
    """Whether this machine has a device of that kind: ``cpu``, ``cuda`` or ``mps``."""
    if device == "cuda":
        return torch.cuda.is_available()
    return device == "cpu" or torch.backends.mps.is_available()


def quickest() -> str:
    """What ``auto`` means."""
    return next(one for one in ("cuda", "mps", "cpu") if is_there(one))
