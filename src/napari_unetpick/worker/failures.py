"""How a job's error is told to the viewer: a kind, and one line that says what to do."""

from __future__ import annotations

import logging
import re
from typing import Literal

import torch

from napari_unetpick.errors import InputError, ModelError, UnetPickError

OPTION = re.compile(r"(another |smaller )?(?<![\w-])--([a-z]+(?:-[a-z]+)*)")
log = logging.getLogger(__name__)

Kind = Literal["input", "model", "memory", "engine"]
# torch meets a full main memory with a plain RuntimeError
CPU_MEMORY = ("can't allocate memory", "not enough memory", "cannot allocate memory")


def explain(error: BaseException, do: str) -> tuple[Kind, str]:
    """Return kind and line; what nobody foresaw is logged with its traceback."""
    if is_out_of_memory(error):
        return "memory", memory_advice(error, do)
    if isinstance(error, InputError):
        return "input", without_options(one_line(error))
    if isinstance(error, ModelError):
        return "model", without_options(one_line(error))
    if isinstance(error, UnetPickError):
        return "engine", without_options(one_line(error))
    log.error("unexpected error in a job '%s'", do, exc_info=error)
    what = f"{type(error).__name__}: {one_line(error)}"[:300]
    return "engine", f"the engine met an unexpected error ({what}); your picks are safe; try again"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory, of the GPU or the main one, was what lacked."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        each in str(error).lower() for each in CPU_MEMORY
    )


def memory_advice(error: BaseException, do: str) -> str:
    """Say which memory is full and what helps."""
    smaller = "" if do == "pick" else "choose a smaller batch under advanced, "
    if isinstance(error, torch.OutOfMemoryError):
        return (
            "the GPU's memory is full; close other programs that use the GPU, "
            f"{smaller}or choose the device cpu"
        )
    return f"the main memory is full; {smaller}close other programs, and try again"


def one_line(error: BaseException) -> str:
    """Return the error's text in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def without_options(text: str) -> str:
    """Name what the docks have in words where a line names the command line's options.

    Example: "check --diameter and --pixel-size" is "check the diameter and the pixel size".
    """

    def name(match: re.Match[str]) -> str:
        return (match[1] or "the ") + match[2].replace("-", " ")

    return OPTION.sub(name, text)
