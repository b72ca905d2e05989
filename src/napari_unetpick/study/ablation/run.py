"""Ablation: every rung of the ladder trained, self-trained and scored, each shared part once.

Units are made seed by seed, so a budget that ends early leaves a whole ladder with fewer seeds.
Nothing that is recorded is made again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Set
from dataclasses import replace
from pathlib import Path

from napari_unetpick.engine.pick.shard import Shard
from napari_unetpick.errors import InputError
from napari_unetpick.events import Done, Event, Message
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.evaluations import log_evaluation
from napari_unetpick.study.ablation.budget import (
    batches_that_fit,
    costs_of,
    fit_budget,
    rungs_of,
    seconds_of,
)
from napari_unetpick.study.ablation.ladder import Rung, ladder, leave_one_out
from napari_unetpick.study.ablation.plan import Plan, read_plan, write_plan
from napari_unetpick.study.ablation.records import RunRecord, read_records, write_record
from napari_unetpick.study.ablation.units import AblateJob, Unit, make, supervised_key

RECORDS = "records"
FEW = 4  # with fewer, every rung is far from trained


def ablate(job: AblateJob, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Make what is not recorded yet, until all is made or another run would not fit the budget.

    Yields
    ------
    Events of the trainings, Message, and Done with the number of `made` and `missing` runs.

    Raises
    ------
    InputError
        The folder holds an ablation of other data, or something cannot be used.
    """
    started = time.monotonic()
    batches = settle(job)
    rungs = rungs_of(job)
    units = units_of([fit_budget(rung, batches) for rung in rungs], job.seeds)
    recorded = read_records(job.out / RECORDS)
    fitted = [fit_budget(rung, batches) for rung in (*ladder(), *leave_one_out())]
    keys = {rung.key_with(rung.settings, each) for rung in fitted for each in (False, True)}
    refuse_others(job.out, recorded.values(), keys)
    if others := [record.name for record in recorded.values() if record.key not in keys]:
        yield Message(
            f"{tell_count(len(others), 'record')} (such as {others[0]}) with settings "
            "of another version: skipped, and their runs are repeated",
            "warning",
        )
    share = units if job.shard is None else share_of(units, job.shard)
    missing = [unit for unit in share if unit.name not in recorded]
    total, made, longest = len(missing), 0, 0.0
    yield Message(
        f"{tell_count(len(units), 'run')} ({tell_count(len(rungs), 'rung')}), "
        f"{sum(unit.name in recorded for unit in units)} recorded; {batches} batches per epoch"
    )
    if job.shard is not None:
        yield Message(
            f"shard {job.shard}: {tell_count(total, 'run')} to make; ensembles are made by "
            "the same command without --shard, when all shards have ended"
        )
    if math.isinf(job.budget) and any(not unit.rung.ensemble for unit in missing):
        yield Message(f"at most about {hours_of(job, missing, batches):.1f} h on this machine")
    if batches < FEW and missing:
        yield Message(
            f"{batches} batches per epoch are too few to train a rung well: give a larger "
            "--budget (and another --out) for meaningful differences",
            "warning",
        )
    while missing and not (made and time.monotonic() - started + longest > 60 * job.budget):
        began = time.monotonic()
        unit = missing.pop(0)
        seeds = ", ".join(map(str, unit.seeds))
        yield Message(f"run {made + 1} of {total}: {unit.rung.name}, seed {seeds}")
        record = yield from make(job, unit, check_stop)
        if not made:  # one test-set evaluation a call, whatever number of runs it scores
            names = sorted(record.scored)
            number = log_evaluation(job.evaluations_folder, ["ablation"], job.truth_hash, names)
            yield Message(
                f"test-set evaluation number {number} on these micrographs, counted in "
                f"{job.evaluations_folder}"
            )
        write_record(job.out / RECORDS, record)
        made, longest = made + 1, max(longest, time.monotonic() - began)
    if missing:
        yield Message(
            f"the budget is too short for another run: {len(missing)} of {total} runs are "
            "left; run the command again to resume",
            "warning",
        )
    yield Done({"made": made, "missing": len(missing)})


def settle(job: AblateJob) -> int:
    """Return how many batches an epoch has: as asked, as many as fit, or as settled before.

    Raises
    ------
    InputError
        The folder holds an ablation of other data, or one that cannot be gone on with.
    """
    plan = read_plan(job.out)
    if plan is not None and plan.data != job.data:
        raise InputError(
            f"{job.out}: holds an ablation with other micrographs, labels, truth or split; "
            "give --out another folder"
        )
    if plan is None:
        plan = Plan(job.data, job.batches or batches_that_fit(job))
        write_plan(job.out, plan)
    if job.batches not in (None, plan.batches):
        raise InputError(
            f"{job.out}: holds an ablation with {plan.batches} batches per epoch; leave "
            "--batches out to resume it, or give --out another folder"
        )
    return plan.batches


def hours_of(job: AblateJob, units: list[Unit], batches: int) -> float:
    """Estimate the hours of single models, if every rung finds something to teach itself with."""
    costs = costs_of(job)
    single: dict[int, list[Rung]] = {}
    for unit in units:
        if not unit.rung.ensemble:
            single.setdefault(unit.seeds[0], []).append(unit.rung)
    return sum(seconds_of(rungs, costs, batches) for rungs in single.values()) / 3600


def refuse_others(out: Path, records: Collection[RunRecord], keys: Set[str]) -> None:
    """Refuse a folder whose records are all of other settings: nothing is silently started again.

    Raises
    ------
    InputError
        There are records, and none has one of the keys.
    """
    if records and keys.isdisjoint(record.key for record in records):
        raise InputError(
            f"{out}: its {len(records)} records are of another version and cannot be used; "
            "its tables stay as they are; give --out another folder"
        )


def units_of(rungs: list[Rung], seeds: tuple[int, ...]) -> list[Unit]:
    """List what is to be made: seed by seed, ensembles after all their members."""
    units = [
        Unit(replace(rung, ensemble=False), (seed,))
        for seed in seeds
        for rung in rungs  # an ensemble needs its members, which may be no rung of their own
    ]
    units += [Unit(rung, seeds) for rung in rungs if rung.ensemble and len(seeds) > 1]
    first: dict[str, Unit] = {}
    for unit in units:  # rungs that share a run: it goes by the first one's name
        first.setdefault(unit.name, unit)
    return list(first.values())


def share_of(units: list[Unit], shard: Shard) -> list[Unit]:
    """Return the runs that one of several calls makes; those that share a training stay together.

    Ensembles are in no share: they need the models of all.
    """
    single = [unit for unit in units if not unit.rung.ensemble]
    trainings = dict.fromkeys((supervised_key(unit.rung), unit.seeds) for unit in single)
    own = [*trainings][shard.number - 1 :: shard.count]
    return [unit for unit in single if (supervised_key(unit.rung), unit.seeds) in own]
