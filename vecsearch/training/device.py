"""What a training runs on, and how exactly that computes."""

import torch

from vecsearch.encoders.devices import is_there, quickest
from vecsearch.errors import InvalidArgument


def device_of(name: str) -> torch.device:
    """The device of that name; ``auto`` is the quickest there is.

    Raises:
        InvalidArgument: This machine has none.
    """
    chosen = quickest() if name == "auto" else name
    if not is_there(chosen):
        raise InvalidArgument(f"There is no {chosen} here: take --device auto or cpu.")
    return torch.device(chosen)


def is_reduced(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: if it is wished, or if the processor is quick at it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
