"""What a training runs on, and how exactly that computes."""

import torch

from vecsearch.errors import InvalidArgument


def device_of(name: str) -> torch.device:
    """The device of that name; ``auto`` is the quickest there is.

    Raises:
        InvalidArgument: This machine has none.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, usable in there.items() if usable)
    if not there[name]:
        raise InvalidArgument(f"There is no {name} here: take --device auto or cpu.")
    return torch.device(name)


def is_reduced(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: if it is wished, or if the processor is quick at it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
