"""What the machine refuses a job (memory, the GPU, a file), as an error that says what to do.

torch is looked at only where it was imported: with no memory left it could not be.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable

from napari_unetpick.errors import EngineError

# torch meets a full main memory with a plain RuntimeError, and so do libraries a full GPU
CPU_MEMORY = (
    *("can't allocate memory", "not enough memory", "cannot allocate memory", "bad_alloc"),
    *("failed to map segment", "can't start new thread", "unable to mmap"),
    "could not create a primitive",  # oneDNN's words for it
)
GPU_MEMORY = ("cuda error: out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc")
TRAININGS = ("train", "self-train", "train-general")


def machine_error(error: BaseException, do: str) -> EngineError | None:
    """Return what a command or a job `do` met as an error of the machine, or None for a bug."""
    if is_out_of_memory(error):
        return memory_error(error, do)
    if is_gpu_lost(error):
        return EngineError(
            f"the GPU failed ({str(error).splitlines()[0]})",
            "run again (with --resume where the command has it), and if it fails again give "
            "--device cpu or update the GPU's driver",
            viewer="try again, and if it fails again choose the device cpu or update the GPU's "
            "driver",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError("no space left on the disk", "free some and run again")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return EngineError(
            f"{where}{error.strerror[0].lower()}{error.strerror[1:]}",
            "check the file, its folder and its drive, and run again",
        )
    return None


def memory_error(error: BaseException, do: str) -> EngineError:
    """Say which memory is full and what helps."""
    trains = do in TRAININGS
    smaller = "choose a smaller batch under advanced, " if trains else ""
    if is_gpu_full(error):
        return EngineError(
            "the GPU's memory is full",
            "close other programs that use the GPU, "
            f"{'set a smaller batch in the recipe, ' if trains else ''}or give --device cpu",
            viewer=f"close other programs that use the GPU, {smaller}or choose the device cpu",
        )
    return EngineError(
        "the main memory is full",
        f"close other programs{', or set a smaller batch in the recipe' if trains else ''}, and "
        "run again (with --resume where the command has it)",
        viewer=f"{smaller}close other programs, and try again",
    )


def is_gpu_lost(error: BaseException) -> bool:
    """Tell whether the GPU reported an error, after which this process cannot compute on it."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and str(error).startswith("CUDA error: ")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory, of the GPU or the main one, was what lacked."""
    if isinstance(error, MemoryError) or is_gpu_full(error):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError | ImportError | OSError) and says(error, CPU_MEMORY)


def is_gpu_full(error: BaseException) -> bool:
    """Tell whether the GPU's memory was what lacked."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and says(error, GPU_MEMORY)


def says(error: BaseException, words: Iterable[str]) -> bool:
    """Tell whether an error's text has one of the words, which are in lower case."""
    return any(each in str(error).lower() for each in words)
