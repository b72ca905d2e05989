"""How a job's error is told to the viewer: a kind, and one line that says what to do."""

from __future__ import annotations

import logging
from typing import Literal

from napari_unetpick.engine.failures import is_out_of_memory, machine_error, memory_error
from napari_unetpick.errors import InputError, ModelError, UnetPickError

log = logging.getLogger(__name__)

Kind = Literal["input", "model", "memory", "engine"]


def explain(error: BaseException, do: str) -> tuple[Kind, str]:
    """Return kind and line; what nobody foresaw is logged with its traceback."""
    if is_out_of_memory(error):
        return "memory", one_line(memory_error(error, do))
    if isinstance(error, InputError):
        return "input", one_line(error)
    if isinstance(error, ModelError):
        return "model", one_line(error)
    if isinstance(error, UnetPickError):
        return "engine", one_line(error)
    log.error("unexpected error in a job '%s'", do, exc_info=error)
    if found := machine_error(error, do):
        return "engine", one_line(found)
    what = f"{type(error).__name__}: {one_line(error)}"[:300]
    return "engine", f"the engine met an unexpected error ({what}); your picks are safe; try again"


def one_line(error: BaseException) -> str:
    """Return the error's text for the viewer in one line."""
    text = error.in_viewer if isinstance(error, UnetPickError) else str(error)
    return " ".join(text.split()) or type(error).__name__
