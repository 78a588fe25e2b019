"""How torch says that there is not enough memory."""

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is about memory; on a CPU torch says so by its words alone."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate" in str(error)
    )
