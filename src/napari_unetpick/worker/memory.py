"""Memory of the engine process: how much is in use, and how it is given back."""

from __future__ import annotations

import gc

import psutil
import torch


def memory_in_use(device: torch.device) -> str:
    """Say how much memory is in use: "2.1 of 79.3 GiB" of a GPU, "1.2 GiB" of this process."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return f"{(total - free) / 2**30:.1f} of {total / 2**30:.1f} GiB"
    if device.type == "mps":
        return f"{torch.mps.driver_allocated_memory() / 2**30:.1f} GiB"
    return f"{psutil.Process().memory_info().rss / 2**30:.1f} GiB"


def free_memory() -> None:
    """Give back what nothing refers to, and what torch keeps on the GPU for later."""
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
