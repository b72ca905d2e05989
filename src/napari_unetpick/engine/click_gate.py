"""The gate where only clicks are known: rounds without the clicks that they are held against.

As in cross-fitting, the labelled micrographs are dealt into folds. Each fold has a teacher that has
not seen its clicks, and whose pseudo-labels make a student that has not seen them either. The first
teacher is the cross-fitted network of the training; where the training itself learned from what
such networks were sure of, that network's student, which stands for the supervised model.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_unetpick.engine import gate, partial
from napari_unetpick.engine.dataset import Item
from napari_unetpick.engine.fit import Weights
from napari_unetpick.engine.stages import best_of, candidates_of, ready_network, run_stage
from napari_unetpick.engine.teaching import SelfTraining, ask_teacher, students
from napari_unetpick.engine.validate import Found
from napari_unetpick.events import Event
from napari_unetpick.picking.calibration import Calibration

STAGE = 1000  # number of the first fold's student in round 0


@dataclass(frozen=True)
class ClickVerdict:
    """What held-out clicks say: the gate's verdict, how many picks there are, what they keep."""

    verdict: gate.Verdict
    picks: float
    recall: float


def epochs_of_folds(run: SelfTraining) -> int:
    """Return how many epochs more a round takes where clicks judge it; 0 where they do not."""
    folds, stages = len(partial.make_folds(run.training.items)), run.training.checkpoint["stages"]
    crossfitted = all(partial.cross_fit_name(fold) in stages for fold in range(folds))
    if run.parts or not crossfitted or not run.training.job.settings.self_train.gate:
        return 0
    return folds * epochs_of_one(run)


def epochs_of_one(run: SelfTraining) -> int:
    """Return the epochs of one fold's student."""
    return max(1, round(partial.FOLD_SHARE * run.training.job.settings.train.epochs))


def judge_by_clicks(
    run: SelfTraining, number: int, before: int
) -> Generator[Event, None, ClickVerdict | None]:
    """Train the round once a fold without its clicks; None where training was not cross-fitted.

    Parameters
    ----------
    number, before
        Of the round, and of the one that teaches (0: the supervised model).
    """
    training = run.training
    stages: dict[str, Any] = training.checkpoint["stages"]
    folds = partial.make_folds(training.items)
    if before and not all(stage_name(before, fold) in stages for fold in range(len(folds))):
        return None
    supervised: list[tuple[Item, Found]] = []
    taught: list[tuple[Item, Found]] = []
    for fold, items in enumerate(folds):
        first = best_of(stages[partial.cross_fit_name(fold)])
        if training.job.settings.train.learn_unmarked:
            first = yield from train_student(run, 0, fold, items, first)
        teacher = best_of(stages[stage_name(before, fold)]) if before else first
        weights = yield from train_student(run, number, fold, items, teacher)
        held = [item for item in items if item.held_out is not None]
        for network, into in ((first, supervised), (weights, taught)):
            ready = ready_network(training, network)
            into += [(item, candidates_of(training, ready, item)) for item in held]
    held_before, held_after = partial.gather(supervised), partial.gather(taught)
    seed = training.job.settings.train.seed
    rng = np.random.default_rng([seed, STAGE + number])
    change = partial.f1_change(held_before, held_after, rng, gate.LEVEL)
    chosen = partial.threshold_from_clicks(held_after, np.random.default_rng(seed))
    verdict = gate.judge_by_clicks(change, len(held_after.clicks))
    return ClickVerdict(verdict, chosen.picks, chosen.recall)


def train_student(
    run: SelfTraining, number: int, fold: int, items: list[Item], teacher: Weights
) -> Generator[Event, None, Weights]:
    """Let a fold's teacher teach; what it holds out is neither shown nor pseudo-labelled.

    In round 0, which stands for the training, it teaches about the labelled micrographs alone.
    """
    training = run.training
    known = [item for item in items if item.trains]
    own = {item.index: item for item in items}
    learners = [own.get(each.index, each) for each in run.learners if number or each.index in own]
    learners = [each for each in learners if each.trains]
    name, settings = stage_name(number, fold), training.job.settings
    network = ready_network(training, teacher)
    pseudo = yield from ask_teacher(run, network, Calibration(), number, known, learners, name)
    weights = yield from run_stage(
        training,
        name,
        number=STAGE + 10 * number + fold,
        items=students(run, known, pseudo),
        epochs=epochs_of_one(run),
        target=replace(settings.target, unknown_weight=partial.CLEAN_WEIGHT),
        ignored={index: each.ignored for index, each in pseudo.items()},
        start=teacher,
    )
    return weights


def stage_name(number: int, fold: int) -> str:
    """Return the stage of a fold's student in a round; 0 stands for the training before."""
    return f"round {number}, cross-fit {fold + 1}"
