"""The folder of a run: settings, labels, log, metrics, checkpoint and model, each written whole."""

from __future__ import annotations

import io
import json
import pickle
import time
from pathlib import Path
from typing import Any

import tomli_w
import torch

from napari_unetpick.engine.failures import is_out_of_memory
from napari_unetpick.engine.runs.resume_check import differences, filled, read_start_config
from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import (
    atomic_path,
    explain_os_error,
    explain_read_error,
    remove_leftovers,
    write_text,
)
from napari_unetpick.io.formats.output_files import check_folder
from napari_unetpick.project.runs import CONFIG, METRICS, MODEL

CHECKPOINT = "checkpoint.pt"
LOG = "training.log"
DAMAGED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    TypeError,
    ValueError,
)


class RunFolder:
    """A run folder that is being written.

    Parameters
    ----------
    path
        The folder; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history: list[dict[str, Any]] = []

    def check(self, config: dict[str, Any], *, resume: bool) -> dict[str, Any] | None:
        """Return the checkpoint to resume from (None: from the start); nothing is written yet.

        Raises
        ------
        InputError
            The folder holds another run, or the one to be resumed had other settings.
        """
        check_folder(self.path, "give --run another folder", viewer="move it elsewhere")
        if not resume and any((self.path / name).is_file() for name in (CHECKPOINT, MODEL)):
            raise InputError(
                f"{self.path}: already holds a run",
                "add --resume to continue it, or give --run another folder",
                viewer="press Resume to continue it",
            )
        if not resume or not self.started:
            return None
        written = self.path / CONFIG
        if others := differences(filled(read_start_config(written)), config):
            raise InputError(
                f"{self.path}: this run was started with other settings or data "
                f"({', '.join(others)}; see {written}); resume it with those, or train into "
                "another folder"
            )
        return self.load_checkpoint()

    @property
    def started(self) -> bool:
        """Whether a run was started here."""
        return (self.path / CONFIG).is_file()

    def begin(self, config: dict[str, Any]) -> None:
        """Write config.toml: from here on there is a run to resume."""
        remove_leftovers(self.path)
        write_text(self.path / CONFIG, tomli_w.dumps(config))

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Read the checkpoint, or None where the run had not come that far."""
        path = self.path / CHECKPOINT
        if not path.is_file():
            return None
        try:
            state = dict(torch.load(path, map_location="cpu", weights_only=True))
            self.history = json.loads(state["history"])
        except DAMAGED as error:
            if is_out_of_memory(error):
                raise
            if isinstance(error, OSError) and error.strerror:
                raise explain_read_error(error, path) from error
            raise InputError(
                f"{path}: the checkpoint is damaged ({type(error).__name__}); "
                "train into another folder"
            ) from error
        return state

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint and the metrics by the current ones."""
        # made in memory: torch meets a full disk with a RuntimeError of its own
        content = io.BytesIO()
        torch.save({**state, "history": json.dumps(self.history)}, content)
        with atomic_path(self.path / CHECKPOINT) as temporary:
            temporary.write_bytes(content.getbuffer())
        self.save_metrics()

    def save_metrics(self) -> None:
        """Write the metrics if they are not what the checkpoint says, as where they are damaged."""
        lines, path = "".join(json.dumps(row) + "\n" for row in self.history), self.path / METRICS
        if not path.is_file() or path.read_bytes() != lines.encode():
            write_text(path, lines)

    def log(self, text: str) -> None:
        """Add a line with its time to training.log."""
        path = self.path / LOG
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8") as handle:
                handle.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")
        except OSError as error:
            raise explain_os_error(error, path) from error
