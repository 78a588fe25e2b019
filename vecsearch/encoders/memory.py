"""How torch says that there is not enough memory."""

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is about memory; but for CUDA torch says so by its words alone."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error) for words in ("DefaultCPUAllocator: ", "out of memory"))
    )
