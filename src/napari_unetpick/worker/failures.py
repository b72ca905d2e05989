"""How a job's error is told to the viewer: a kind, and one line that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Literal

import torch

from napari_unetpick.errors import InputError, ModelError, UnetPickError

log = logging.getLogger(__name__)

Kind = Literal["input", "model", "memory", "engine"]
# torch meets a full main memory with a plain RuntimeError, and so do libraries a full GPU
CPU_MEMORY = ("can't allocate memory", "not enough memory", "cannot allocate memory")
GPU_MEMORY = ("cuda error: out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc")


def explain(error: BaseException, do: str) -> tuple[Kind, str]:
    """Return kind and line; what nobody foresaw is logged with its traceback."""
    if is_out_of_memory(error):
        return "memory", memory_advice(error, do)
    if isinstance(error, InputError):
        return "input", one_line(error)
    if isinstance(error, ModelError):
        return "model", one_line(error)
    if isinstance(error, UnetPickError):
        return "engine", one_line(error)
    log.error("unexpected error in a job '%s'", do, exc_info=error)
    if is_gpu_lost(error):
        return "engine", (
            f"the GPU failed ({str(error).splitlines()[0]}); try again, and if it fails again "
            "choose the device cpu or update the GPU's driver"
        )
    what = f"{type(error).__name__}: {one_line(error)}"[:300]
    return "engine", f"the engine met an unexpected error ({what}); your picks are safe; try again"


def is_gpu_lost(error: BaseException) -> bool:
    """Tell whether the GPU reported an error, after which this process cannot compute on it."""
    return isinstance(error, torch.AcceleratorError)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory, of the GPU or the main one, was what lacked."""
    if isinstance(error, MemoryError) or is_gpu_full(error):
        return True
    return isinstance(error, RuntimeError) and says(error, CPU_MEMORY)


def is_gpu_full(error: BaseException) -> bool:
    """Tell whether the GPU's memory was what lacked."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and says(error, GPU_MEMORY)


def says(error: BaseException, words: Iterable[str]) -> bool:
    """Tell whether an error's text has one of the words, which are in lower case."""
    return any(each in str(error).lower() for each in words)


def memory_advice(error: BaseException, do: str) -> str:
    """Say which memory is full and what helps."""
    smaller = "" if do == "pick" else "choose a smaller batch under advanced, "
    if is_gpu_full(error):
        return (
            "the GPU's memory is full; close other programs that use the GPU, "
            f"{smaller}or choose the device cpu"
        )
    return f"the main memory is full; {smaller}close other programs, and try again"


def one_line(error: BaseException) -> str:
    """Return the error's text for the viewer in one line."""
    text = error.in_viewer if isinstance(error, UnetPickError) else str(error)
    return " ".join(text.split()) or type(error).__name__
