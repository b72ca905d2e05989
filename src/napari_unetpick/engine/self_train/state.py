"""A self-training in its run folder: its settings, and the results of its rounds."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from napari_unetpick.engine.data.training_set import Item
from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.engine.runs.resume_check import (
    PIXEL_SIZES,
    differences,
    pixel_sizes,
    read_start_config,
)
from napari_unetpick.engine.self_train.acceptance import NUMBERS, AcceptanceResult
from napari_unetpick.engine.self_train.job import SUPERVISED, SelfTrainJob
from napari_unetpick.engine.train.loop import Weights
from napari_unetpick.errors import InputError
from napari_unetpick.io.atomic import atomic_path, remove_leftovers, write_text
from napari_unetpick.io.formats.output_files import check_folder
from napari_unetpick.project.runs import METRICS, MODEL, read_metrics
from napari_unetpick.settings import SelfTrainSettings

SELF_TRAIN = "self_train.toml"


@dataclass(frozen=True, kw_only=True)
class Round(AcceptanceResult):
    """The pseudo-labels of a round, counted, and the result of its acceptance test.

    `teacher` is the round whose model, or whose folds' networks, made its pseudo-labels.
    """

    number: int
    taken: int
    ignored: int
    micrographs: int
    teacher: int = 0

    @property
    def name(self) -> str:
        """The stage's name."""
        return f"round {self.number}"

    @property
    def better(self) -> bool:
        """Whether it was accepted and gained: an accepted round need not be better."""
        return self.decision == "accepted" and (self.change or 0.0) > 0

    def figures(self) -> dict[str, float]:
        """Return it as figures for the metrics."""
        table = {
            "round": self.number,
            "taken": self.taken,
            "ignored": self.ignored,
            "micrographs": self.micrographs,
            "f1": self.f1,
            "f1_before": self.f1_before,
            "change": self.change,
            "low": self.low,
            "high": self.high,
            "clicks": self.clicks or None,
            "accepted": NUMBERS[self.decision],
        }
        return {name: float(value) for name, value in table.items() if value is not None}


@dataclass
class State:
    """The checkpoint of the run, and the rounds in it."""

    folder: RunFolder
    checkpoint: dict[str, Any]
    rounds: list[Round] = field(default_factory=list)
    resumed: bool = False

    @property
    def best(self) -> Round | None:
        """The accepted round that gains most, None where none gains; without a test the last."""
        if self.rounds and self.rounds[-1].decision == "ungated":
            return self.rounds[-1]
        better = [each for each in self.rounds if each.better]
        return max(better, key=lambda each: each.change or 0.0, default=None)

    def ended(self, settings: SelfTrainSettings) -> bool:
        """Tell whether the last round would only be repeated by another one.

        It would where its model is no teacher, unless it was accepted and limits move by the round.
        """
        last = self.rounds[-1] if self.rounds else None
        if last is None or last == self.best:
            return False
        return last.decision != "accepted" or settings.limits == "quantiles"

    def open_rounds(self, settings: SelfTrainSettings) -> bool:
        """Tell whether there is a round to come."""
        return len(self.rounds) < settings.rounds and not self.ended(settings)

    def weights(self, number: int) -> Weights:
        """Return the weights of a finished round."""
        weights: Weights = self.checkpoint["stages"][f"round {number}"]["best"]
        return weights

    def add(self, done: Round, epochs: int) -> None:
        """Remember a finished round."""
        self.rounds.append(done)
        self.folder.history.append({"stage": done.name, "epoch": epochs, **done.figures()})
        self.checkpoint["self_training"] = json.dumps([asdict(each) for each in self.rounds])
        self.folder.save_checkpoint(self.checkpoint)


def round_file(run: Path, number: int) -> Path:
    """Return where a round's model is kept."""
    return run / f"round-{number}.safetensors"


def open_state(job: SelfTrainJob) -> State:
    """Read what an earlier self-training left; nothing is written yet.

    Raises
    ------
    InputError
        There was one, and it is not to be resumed or cannot be; or the folder cannot be written to.
    """
    run, path = job.train.run, job.train.run / SELF_TRAIN
    check_folder(run)
    folder = RunFolder(run)
    checkpoint = folder.load_checkpoint()
    if checkpoint is None:
        folder.history = read_metrics(run / METRICS)
        checkpoint = {"stages": {}, "finished": True}
    state = State(folder, checkpoint)
    started = path.is_file()
    if started and job.again == "refuse":
        raise InputError(
            f"{run}: is already self-trained; add --resume to continue, or --start-over to "
            "restart from the supervised model"
        )
    if started and job.again != "start over":
        others = differences(read_start_config(path), job.config())
        if others and job.again == "resume":
            raise InputError(
                f"{run}: was self-trained with other settings or micrographs "
                f"({', '.join(others)}; see {path}); resume it with those, or add --start-over"
            )
        state.resumed = not others
    if state.resumed:
        stored = json.loads(checkpoint.get("self_training", "[]"))
        state.rounds = [Round(**each) for each in stored]
    else:
        clear(state)
    return state


def clear(state: State) -> None:
    """Forget earlier rounds; what the folder holds of them goes when `begin` is called."""
    stages = state.checkpoint["stages"]
    state.checkpoint["stages"] = {k: v for k, v in stages.items() if not _is_round(k)}
    state.checkpoint.pop("self_training", None)
    state.checkpoint.pop("history", None)  # the folder has it
    history = state.folder.history
    state.folder.history = [row for row in history if not _is_round(row.get("stage"))]


def _is_round(stage: object) -> bool:
    return str(stage).startswith("round ")


def begin(job: SelfTrainJob, state: State, items: list[Item]) -> None:
    """Keep the supervised model; from here on there is a self-training of `items` to resume."""
    run, config = job.train.run, {**job.config(), PIXEL_SIZES: pixel_sizes(items)}
    remove_leftovers(run)
    if job.supervised.name == MODEL:
        copy_file(job.supervised, run / SUPERVISED)
    elif not state.resumed:
        copy_file(job.supervised, run / MODEL)
    if not state.resumed:
        state.folder.save_checkpoint(state.checkpoint)
        for path in (*run.glob("round-*.safetensors"), *run.glob("round-*.csv")):
            path.unlink()
    write_text(run / SELF_TRAIN, tomli_w.dumps(config))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file whole or not at all, unless the copy is there already."""
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
