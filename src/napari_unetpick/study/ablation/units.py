"""The runs of an ablation: each is trained, self-trained and scored, or found to be there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from napari_unetpick.engine.inputs import change_settings, make_pick_job
from napari_unetpick.engine.nn.unet import build_network, count_parameters
from napari_unetpick.engine.pick.run import pick
from napari_unetpick.engine.pick.shard import Shard
from napari_unetpick.engine.runs.folder import CHECKPOINT
from napari_unetpick.engine.runs.resume_check import differences, read_start_config
from napari_unetpick.engine.self_train.acceptance import NUMBERS
from napari_unetpick.engine.self_train.job import make_self_train_job
from napari_unetpick.engine.self_train.run import NoConfidentPicksError, self_train
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.engine.train.run import config_of, train
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.inputs.load import load_inputs
from napari_unetpick.events import Done, Event, Message, Metrics
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import load_model
from napari_unetpick.project.runs import CONFIG, METRICS, MODEL, read_metrics
from napari_unetpick.settings import Settings, to_dict
from napari_unetpick.study.ablation.ladder import Rung
from napari_unetpick.study.ablation.records import RunRecord, record_name, scores_of
from napari_unetpick.study.ablation.source import source_commit

RUNS = "runs"
MINUTES, SO_FAR = "minutes.txt", "minutes_so_far.txt"  # of a run that is done, and one that is not


@dataclass(frozen=True)
class AblateJob:
    """What is to be compared on what.

    Parameters
    ----------
    train
        Labelled micrographs, those that validate among them; its settings and run are replaced by
        each rung's.
    learn
        Unlabelled ones for self-training; without any, rungs are supervised alone.
    test
        Micrographs that are scored.
    truth
        File of the picks; those of `test` are the truth.
    truth_hash
        Of its places, to tell test-set evaluations by their truth.
    evaluations_folder
        Where test-set evaluations are counted.
    border
        A, left out at the edges when scoring.
    data
        Hash of labels, truth and split.
    budget
        Minutes of this call.
    batches
        Of an epoch; None: as many as let all runs fit the budget.
    shard
        Which of the runs this call makes; None: all.
    """

    train: TrainJob
    learn: list[Micrograph]
    test: list[Micrograph]
    truth: Path
    border: float
    out: Path
    data: str
    truth_hash: str
    evaluations_folder: Path
    seeds: tuple[int, ...] = (42, 43, 44)
    budget: float = 60.0
    leave_one_out: bool = False
    batches: int | None = None
    shard: Shard | None = None


@dataclass(frozen=True)
class Unit:
    """One rung with one seed, or an ensemble of all."""

    rung: Rung
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """Of its settings."""
        return self.rung.key

    @property
    def name(self) -> str:
        """Of its record."""
        return record_name(self.key, self.seeds)


def supervised_part(settings: Settings) -> Settings:
    """Return the settings without those of self-training only."""
    return replace(settings, self_train=Settings().self_train)


def supervised_key(rung: Rung) -> str:
    """Return the key of the supervised model, which rungs may share."""
    return rung.key_with(supervised_part(rung.settings), ensemble=False)


def make(
    job: AblateJob, unit: Unit, check_stop: Callable[[], None]
) -> Generator[Event, None, RunRecord]:
    """Train what is not trained yet, pick the test micrographs, score; return the record."""
    folders = []
    for seed in unit.seeds:
        folder = yield from trained(job, unit.rung, seed, check_stop)
        folders.append(folder)
    picks = job.out / RUNS / f"{unit.name}_picks"
    picking = make_pick_job(
        micrographs=[str(m.path) for m in job.test],
        models=[folder / MODEL for folder in folders],
        out=picks,
        diameter=job.train.diameter,
        pixel_size=job.train.pixel_size,
        formats="csv",
        device=job.train.device,
        unfinished="restart",
    )
    for event in pick(picking, check_stop):
        if not isinstance(event, Done | Message):
            yield event
    inputs = load_inputs(
        picks,
        job.truth,
        [str(m.path) for m in job.test],
        diameter=job.train.diameter,
        pixel_size=job.train.pixel_size,
        border=job.border,
    )
    found = inputs.evaluate()
    return RunRecord(
        key=unit.key,
        seeds=unit.seeds,
        settings=to_dict(change_settings(unit.rung.settings, None, unit.seeds[0])),
        data=job.data,
        versions=load_model(folders[0] / MODEL).card["versions"] | source_commit(),
        minutes=sum(minutes_of(folder) for folder in folders),
        parameters=len(folders) * count_parameters(build_network(unit.rung.settings.network)),
        verdicts=tuple(verdict for folder in folders for verdict in verdicts_of(folder)),
        scores=scores_of(found),
    )


def trained(
    job: AblateJob, rung: Rung, seed: int, check_stop: Callable[[], None]
) -> Generator[Event, None, Path]:
    """Train and self-train with one seed, or find that done; return the run folder."""
    settings = change_settings(rung.settings, None, seed)
    supervised = job.out / RUNS / f"{supervised_key(rung)}_{seed}"
    training = replace(
        job.train,
        settings=supervised_part(settings),
        start=rung.start,
        run=supervised,
        resume=(supervised / CONFIG).is_file(),
    )
    if not (supervised / MINUTES).is_file():
        if training.resume and not can_resume(training):
            yield Message(
                f"{supervised}: started with another version or data; trained again from scratch",
                "warning",
            )
            shutil.rmtree(supervised)
            training = replace(training, resume=False)
        yield from timed(supervised, 0.0, train(training, check_stop))
    if not job.learn:
        return supervised
    folder = job.out / RUNS / f"{rung.key_with(settings, ensemble=False)}_{seed}_self"
    if (folder / MINUTES).is_file():
        return folder
    if not (folder / MODEL).is_file():
        copy_run(supervised, folder)
    own, _ = make_self_train_job(
        micrographs=[*training.micrographs, *job.learn],
        run=folder,
        device=job.train.device,
        again="either",
    )
    own = replace(own, train=replace(own.train, settings=settings))
    try:
        yield from timed(folder, minutes_of(supervised), self_train(own, check_stop))
    except NoConfidentPicksError as error:  # a result as well: the supervised model stays
        yield Message(str(error), "warning")
        finish(folder, minutes_of(supervised))
    return folder


def can_resume(training: TrainJob) -> bool:
    """Tell whether a run can be resumed: its key does not tell all of its config."""
    started_with, now = read_start_config(training.run / CONFIG), config_of(training)
    return started_with.get("version") == now["version"] and not differences(started_with, now)


def timed(folder: Path, before: float, events: Iterator[Event]) -> Iterator[Event]:
    """Pass a job's events on but for its end; write its minutes, of all calls, on top of others."""
    started, earlier = time.monotonic(), minutes_of(folder, SO_FAR)

    def note() -> None:
        write_text(folder / SO_FAR, f"{earlier + (time.monotonic() - started) / 60:.4f}\n")

    try:
        for event in events:
            if isinstance(event, Metrics):
                note()  # a process that is killed says no more
            elif not isinstance(event, Done | Message):
                yield event
    finally:
        if folder.is_dir():
            note()
    finish(folder, before)


def finish(folder: Path, before: float) -> None:
    """Say that a run is done, and how many minutes it took on top of others."""
    write_text(folder / MINUTES, f"{before + minutes_of(folder, SO_FAR):.4f}\n")
    (folder / SO_FAR).unlink(missing_ok=True)


def verdicts_of(folder: Path) -> tuple[str, ...]:
    """Return how each round of a run ended; a model knows of those up to its own alone."""
    decisions = {number: decision for decision, number in NUMBERS.items()}
    rows = [row for row in read_metrics(folder / METRICS) if "taken" in row]
    return tuple(decisions[round(float(str(row["accepted"])))] for row in rows)


def minutes_of(folder: Path, name: str = MINUTES) -> float:
    """Return what `timed` wrote; 0 where it wrote nothing."""
    path = folder / name
    try:
        return float(path.read_text(encoding="utf-8")) if path.is_file() else 0.0
    except ValueError as error:
        raise InputError(
            f"{path}: is not a number; write the minutes that the run took, or 0"
        ) from error


def copy_run(supervised: Path, folder: Path) -> None:
    """Copy what self-training starts from; the model last, which says that the copy is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(supervised / "labels", folder / "labels", dirs_exist_ok=True)
    for name in (CONFIG, CHECKPOINT, METRICS, MODEL):
        shutil.copyfile(supervised / name, folder / name)
