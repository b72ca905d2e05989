"""`--track`: a job's metrics to TensorBoard or Weights & Biases as well, as the job tells them.

Nothing leaves the computer unasked: W&B is offline unless the user sets WANDB_MODE=online.
"""

from __future__ import annotations

import importlib
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import tomli_w

from napari_unetpick.errors import InputError
from napari_unetpick.events import Done, Event, Message, Metrics
from napari_unetpick.settings import Settings, to_dict

KINDS = ("none", "tensorboard", "wandb")
MODES = ("offline", "online", "disabled")


class Tracker(Protocol):
    """What writes metrics down elsewhere."""

    def open(self) -> str:
        """Begin, with the first metrics; return a line on where to look."""

    def log(self, metrics: Metrics) -> None:
        """Write the figures of one epoch."""

    def close(self) -> None:
        """End; everything is written."""


def make_tracker(kind: str, run: Path, settings: Settings) -> Tracker | None:
    """Return what `--track` names; nothing is written before the first metrics.

    Raises
    ------
    InputError
        There is no such tracker, its package is not installed, or W&B is not set up for WANDB_MODE.
    """
    if kind == "tensorboard":
        return TensorBoardTracker(run, settings)
    if kind == "wandb":
        return WandbTracker(run, settings)
    if kind != "none":
        raise InputError(f"--track {kind}: give one of {', '.join(KINDS)}")
    return None


def tracked(events: Iterator[Event], tracker: Tracker | None) -> Iterator[Event]:
    """Pass a job's events on, its metrics to the tracker, too.

    Whatever fails in a tracker, the job is worth more: a warning is all that comes of it.
    """
    if tracker is None:
        yield from events
        return
    guard = _Guard(tracker)
    try:
        for event in events:
            if isinstance(event, Metrics):
                yield from guard.log(event)
            elif isinstance(event, Done):
                yield from guard.close()
            yield event
    finally:
        list(guard.close())


class _Guard:
    """A tracker that is opened when it is first needed, and given up when it fails."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker: Tracker | None = tracker
        self._open = False

    def log(self, metrics: Metrics) -> Iterator[Message]:
        if self._tracker is None:
            return
        try:
            messages = [] if self._open else [Message(self._tracker.open())]
            self._open = True
            self._tracker.log(metrics)
        except Exception as error:  # of a library's many kinds
            messages = [self._give_up(error)]
        yield from messages

    def close(self) -> Iterator[Message]:
        tracker, self._tracker = self._tracker, None
        if tracker is None or not self._open:
            return
        try:
            tracker.close()
        except Exception as error:  # as above
            yield self._give_up(error)

    def _give_up(self, error: Exception) -> Message:
        self._tracker = None
        reason = " ".join(str(error).split()) or type(error).__name__
        return Message(f"tracking failed ({reason[:200]}); the job itself continues", "warning")


class TensorBoardTracker:
    """Writes to RUN/tensorboard: a chart for each figure of each stage, over its epochs."""

    def __init__(self, run: Path, settings: Settings) -> None:
        self._folder, self._settings = run / "tensorboard", settings
        self._module = load_package("tensorboard", "torch.utils.tensorboard")

    def open(self) -> str:
        """Open a file of events, with the settings as a text."""
        self._writer = self._module.SummaryWriter(log_dir=str(self._folder))
        settings = tomli_w.dumps(to_dict(self._settings))
        self._writer.add_text("settings", textwrap.indent(settings, "    "))  # as code
        return f"TensorBoard: tensorboard --logdir {self._folder}"

    def log(self, metrics: Metrics) -> None:
        """Write the figures of one epoch at once, for who looks on."""
        for name, value in named_figures(metrics).items():
            self._writer.add_scalar(name, value, metrics.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class WandbTracker:
    """Makes a W&B run for each start of a command, in RUN/wandb: figures and settings, no more."""

    def __init__(self, run: Path, settings: Settings) -> None:
        # without this even an offline run asks for the address of W&B's error reports
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self._folder, self._settings = run, settings
        self._mode = os.environ.get("WANDB_MODE") or "offline"
        if self._mode not in MODES:
            raise InputError(f"WANDB_MODE={self._mode}: give one of {', '.join(MODES)}")
        self._wandb = load_package("wandb", "wandb")
        if self._mode == "online" and not is_signed_in(self._wandb):
            raise InputError(
                "WANDB_MODE=online: you are not logged in to W&B; run wandb login, or "
                "unset WANDB_MODE to log offline"
            )
        self._stages: set[str] = set()

    def open(self) -> str:
        """Begin a W&B run."""
        self._folder.mkdir(parents=True, exist_ok=True)  # W&B would go elsewhere
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "unetpick",
            name=self._folder.resolve().name,
            dir=str(self._folder),
            mode=self._mode,
            config=to_dict(self._settings),
            settings=self._wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )
        if self._mode == "offline":
            return f"W&B, offline: wandb sync {Path(self._run.dir).parent} uploads it"
        return f"W&B: {self._run.url or self._mode}"

    def log(self, metrics: Metrics) -> None:
        """Log the figures of one epoch; each stage counts its own epochs."""
        stage = stage_tag(metrics.stage)
        if stage not in self._stages:
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/epoch")
            self._stages.add(stage)
        self._run.log({**named_figures(metrics), f"{stage}/epoch": metrics.epoch})

    def close(self) -> None:
        """End the W&B run, which uploads what is left where it is online."""
        self._run.finish()


def named_figures(metrics: Metrics) -> dict[str, float]:
    """Return figures by names that charts are grouped by: "training/loss", "round-1/f1"."""
    return {f"{stage_tag(metrics.stage)}/{name}": value for name, value in metrics.values.items()}


def stage_tag(stage: str) -> str:
    """Return a stage's name without spaces, which TensorBoard does not allow."""
    return stage.replace(" ", "-")


def is_signed_in(wandb: Any) -> bool:
    """Tell whether W&B knows its user; it never asks who that is."""
    try:
        return bool(wandb.login(prompt=False))
    except Exception as error:  # of a library's many kinds
        reason = " ".join(str(error).split())
        raise InputError(f"WANDB_MODE=online: W&B cannot be reached ({reason[:200]})") from error


def load_package(kind: str, module: str) -> Any:
    """Import what a tracker needs, late: most runs do without."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"--track {kind}: {kind} cannot be imported ({error}); "
            f'pip install "napari-unetpick[{kind}]"'
        ) from error
