"""Ablation: every rung of the ladder trained, self-trained and scored, each shared part once.

Units are made seed by seed, so a budget that ends early leaves a whole ladder with fewer seeds.
Nothing that is recorded is made again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.fit import seconds_a_step
from napari_unetpick.engine.job import make_pick_job
from napari_unetpick.engine.network import build_network, count_parameters
from napari_unetpick.engine.pick import pick
from napari_unetpick.engine.run_folder import CHECKPOINT, CONFIG, MODEL
from napari_unetpick.engine.self_train import NothingSureError, self_train
from napari_unetpick.engine.self_train_job import make_self_train_job
from napari_unetpick.engine.train import train
from napari_unetpick.engine.train_job import TrainJob
from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.load import load_inputs
from napari_unetpick.events import Done, Event, Message, Metrics
from napari_unetpick.io.atomic import write_text
from napari_unetpick.io.micrographs import Micrograph
from napari_unetpick.io.models import load_model
from napari_unetpick.settings import Settings
from napari_unetpick.study.ladder import Rung, ladder, leave_one_out
from napari_unetpick.study.records import Record, key_of, read_records, scores_of, write_record

MINUTES = "minutes.txt"  # of a run folder
RECORDS, RUNS, PLAN = "records", "runs", "ablation.json"
RESERVE = 0.6  # of the budget goes into steps; the rest is validation, picking and scoring
LEAST, MOST = 4, 40  # batches an epoch


@dataclass(frozen=True)
class AblateJob:
    """What is to be compared on what.

    Parameters
    ----------
    train
        Labelled micrographs; its settings and run are replaced by each rung's.
    learn
        Unlabelled ones for self-training; without any, rungs are supervised alone.
    test
        Micrographs that are scored.
    truth
        File of the picks; those of `test` are the truth.
    border
        A, left out at the edges when scoring.
    budget
        Minutes of this call.
    """

    train: TrainJob
    learn: list[Micrograph]
    test: list[Micrograph]
    truth: Path
    border: float
    out: Path
    data: str
    seeds: tuple[int, ...] = (42, 43, 44)
    budget: float = 60.0
    leave_one_out: bool = False


@dataclass(frozen=True)
class Unit:
    """One rung with one seed, or an ensemble of all."""

    rung: Rung
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of its record."""
        key = key_of(self.rung.settings, self.rung.ensemble)
        return f"{key}_{'-'.join(map(str, self.seeds))}"


def ablate(job: AblateJob, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Make what is not recorded yet, until all is made or another run would not fit the budget.

    Yields
    ------
    Events of the trainings, Message, and Done with `made`, `recorded` and `missing` units.

    Raises
    ------
    InputError
        The folder holds an ablation of other data, or something cannot be used.
    """
    started = time.monotonic()
    batches = settle(job) if job.budget else 0
    rungs = [*ladder(), *(leave_one_out() if job.leave_one_out else [])]
    units = units_of([fit_budget(rung, batches) for rung in rungs], job.seeds) if batches else []
    recorded = read_records(job.out / RECORDS)
    missing = [unit for unit in units if unit.name not in recorded]
    total, made, longest = len(missing), 0, 0.0
    if units:
        yield Message(
            f"{len(units)} runs ({len(rungs)} rungs), {len(units) - total} recorded; "
            f"{batches} batches an epoch fit {job.budget:g} minutes"
        )
    while missing and not (made and time.monotonic() - started + longest > 60 * job.budget):
        began = time.monotonic()
        unit = missing.pop(0)
        seeds = ", ".join(map(str, unit.seeds))
        yield Message(f"run {made + 1} of {total}: {unit.rung.name}, seed {seeds}")
        record = yield from make(job, unit, check_stop)
        write_record(job.out / RECORDS, record)
        made, longest = made + 1, max(longest, time.monotonic() - began)
    if missing:
        yield Message(
            f"another run does not fit the budget: {len(missing)} of {total} runs are left; "
            "run it again to go on",
            "warning",
        )
    yield Done({"made": made, "missing": len(missing)})


def settle(job: AblateJob) -> int:
    """Return how many batches an epoch has: as many as fit, or as an earlier call settled.

    Raises
    ------
    InputError
        The folder holds an ablation of other data.
    """
    path = job.out / PLAN
    if path.is_file():
        plan = json.loads(path.read_text(encoding="utf-8"))
        if plan["data"] != job.data:
            raise InputError(
                f"{job.out}: holds an ablation of other micrographs or labels; give --out another "
                "folder"
            )
        return int(plan["batches"])
    batches = batches_that_fit(job)
    write_text(path, json.dumps({"data": job.data, "batches": batches}) + "\n")
    return batches


def batches_that_fit(job: AblateJob) -> int:
    """Return how many batches an epoch may have so that all runs fit the budget."""
    device, _ = choose_device(job.train.device)
    rungs = [*ladder(), *(leave_one_out() if job.leave_one_out else [])]
    steps: dict[str, float] = {}
    seconds = 0.0
    for settings in {key_of(r.settings): r.settings for r in rungs}.values():
        network = repr(settings.network)
        steps.setdefault(network, seconds_a_step(settings, device))
        own = settings.self_train
        epochs = own.rounds * own.epochs if job.learn else 0
        seconds += epochs * steps[network]
    for settings in {key_of(supervised_part(r.settings)): r.settings for r in rungs}.values():
        seconds += settings.train.epochs * steps[repr(settings.network)]
    return int(np.clip(RESERVE * 60 * job.budget / (seconds * len(job.seeds)), LEAST, MOST))


def fit_budget(rung: Rung, batches: int) -> Rung:
    """Give a rung's epochs so many batches."""
    train = rung.settings.train
    train = replace(train, patches_per_epoch=batches * train.batch)
    return replace(rung, settings=replace(rung.settings, train=train))


def units_of(rungs: list[Rung], seeds: tuple[int, ...]) -> list[Unit]:
    """List what is to be made: seed by seed, ensembles after all their members."""
    units = [
        Unit(replace(rung, ensemble=False), (seed,))
        for seed in seeds
        for rung in rungs  # an ensemble needs its members, which may be no rung of their own
    ]
    units += [Unit(rung, seeds) for rung in rungs if rung.ensemble and len(seeds) > 1]
    return list({unit.name: unit for unit in units}.values())


def supervised_part(settings: Settings) -> Settings:
    """Return the settings without what self-training alone looks at."""
    return replace(settings, self_train=Settings().self_train)


def make(
    job: AblateJob, unit: Unit, check_stop: Callable[[], None]
) -> Generator[Event, None, Record]:
    """Train what is not trained yet, pick the test micrographs, score; return the record."""
    folders = []
    for seed in unit.seeds:
        train_settings = replace(unit.rung.settings.train, seed=seed)
        folder = yield from trained(
            job, replace(unit.rung.settings, train=train_settings), check_stop
        )
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
    found = evaluate(inputs.picks, inputs.truth, inputs.diameters, inputs.shapes, inputs.border_px)
    card = load_model(folders[0]).card
    return Record(
        key=key_of(unit.rung.settings, unit.rung.ensemble),
        seeds=unit.seeds,
        settings=card["settings"],
        data=job.data,
        versions=card["versions"],
        minutes=sum(minutes_of(folder) for folder in folders),
        parameters=len(folders) * count_parameters(build_network(unit.rung.settings.network)),
        verdicts=tuple(card.get("self_training", {}).get("verdicts", [])),
        scores=scores_of(found),
    )


def trained(
    job: AblateJob, settings: Settings, check_stop: Callable[[], None]
) -> Generator[Event, None, Path]:
    """Train and self-train with one seed, or find that done; return the run folder."""
    seed = settings.train.seed
    first = supervised_part(settings)
    supervised = job.out / RUNS / f"{key_of(first)}_{seed}"
    training = replace(
        job.train, settings=first, run=supervised, resume=(supervised / CONFIG).is_file()
    )
    if not (supervised / MINUTES).is_file():
        yield from timed(supervised, 0.0, train(training, check_stop))
    if not job.learn:
        return supervised
    folder = job.out / RUNS / f"{key_of(settings)}_{seed}_self"
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
    except NothingSureError as error:  # a result as well: the supervised model stays
        yield Message(str(error), "warning")
        write_text(folder / MINUTES, f"{minutes_of(supervised):.4f}\n")
    return folder


def timed(folder: Path, before: float, events: Iterator[Event]) -> Iterator[Event]:
    """Pass a job's events on but for its end; write how many minutes it took, on top of others."""
    started = time.monotonic()
    for event in events:
        if not isinstance(event, Done | Message | Metrics):
            yield event
    write_text(folder / MINUTES, f"{before + (time.monotonic() - started) / 60:.4f}\n")


def minutes_of(folder: Path) -> float:
    """Return what `timed` wrote."""
    return float((folder / MINUTES).read_text(encoding="utf-8"))


def copy_run(supervised: Path, folder: Path) -> None:
    """Copy what self-training starts from; the model last, which says that the copy is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(supervised / "labels", folder / "labels", dirs_exist_ok=True)
    for name in (CONFIG, CHECKPOINT, "metrics.jsonl", MODEL):
        shutil.copyfile(supervised / name, folder / name)
