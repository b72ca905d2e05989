"""Folds of a self-training with partial labels only: teachers that have not seen their fold.

As in cross-fitting, the micrographs are dealt into folds, those without labels as well. Each fold
has a network that is trained on the other folds alone. It makes the pseudo-labels of its own fold,
for the round's model and for the other folds' next networks, and these next networks, asked about
the clicks held out from them, stand for the round's model in the acceptance test. A network that
has been trained on a micrograph would only repeat what it has learned there.

The first networks are those of the training's cross-fitting; where the training itself learned
from their confident candidates, their students stand for the supervised model.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_unetpick.engine.data.training_set import Item, whole_of
from napari_unetpick.engine.self_train import acceptance
from napari_unetpick.engine.self_train.pseudo_labels import PseudoLabels, cross_labels
from napari_unetpick.engine.self_train.teacher import SelfTraining, students
from napari_unetpick.engine.train import cross_fitting as partial
from napari_unetpick.engine.train.loop import Weights
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.stage import best_of, candidates_of, ready_network, run_stage
from napari_unetpick.events import Event, Progress
from napari_unetpick.picking.candidates import Candidates

STAGE = 1000  # number of the first fold's network in round 0


@dataclass(frozen=True)
class ClickComparison:
    """Result by held-out clicks, the number of picks, and the share of clicks they keep."""

    result: acceptance.AcceptanceResult
    picks: float
    recall: float


def crossfitted(run: SelfTraining) -> bool:
    """Tell whether the training has left networks that have not seen some of its clicks."""
    stages = run.training.checkpoint["stages"]
    folds = len(partial.make_folds(run.training.items))
    return all(partial.cross_fit_name(fold) in stages for fold in range(folds))


def compares_by_clicks(run: SelfTraining) -> bool:
    """Tell whether the acceptance test uses held-out clicks."""
    return not run.parts and crossfitted(run) and run.training.job.settings.self_train.gate


def epochs_of_one(run: SelfTraining) -> int:
    """Return the epochs of one fold's network."""
    return max(1, round(PARTIAL_LABELS.fold_share * run.training.job.settings.train.epochs))


def epochs_of_all(run: SelfTraining, rounds: int) -> int:
    """Return the epochs that the folds' networks of so many rounds take."""
    if not crossfitted(run):
        return 0
    learned = run.training.job.settings.train.learn_unmarked
    generations = rounds - 1 + learned + compares_by_clicks(run)
    return generations * len(partial.make_folds(run.training.items)) * epochs_of_one(run)


def make_folds(run: SelfTraining) -> list[list[Item]]:
    """Return labelled and unlabelled micrographs once a fold, with that fold's part held out."""
    folds = partial.make_folds(run.training.items)
    return [
        [
            *items,
            *(
                replace(item, held_out=whole_of(item) if number % len(folds) == fold else None)
                for number, item in enumerate(run.unlabelled)
            ),
        ]
        for fold, items in enumerate(folds)
    ]


def find_by_folds(
    run: SelfTraining, networks: list[Weights], stage: str
) -> Generator[Event, None, list[tuple[Item, Candidates]]]:
    """Find the candidates of each micrograph by the network that has not seen it, on one scale."""
    folds = []
    for items, weights in zip(make_folds(run), networks, strict=True):
        network = ready_network(run.training, weights)
        held = [item for item in items if item.held_out is not None]
        pairs = []
        for number, item in enumerate(held, 1):
            pairs.append((item, candidates_of(run.training, network, item)))
            yield Progress(stage, number, len(held))
        folds.append(pairs)
    return partial.on_one_scale(folds)


def label_round(run: SelfTraining, number: int) -> Generator[Event, None, dict[int, PseudoLabels]]:
    """Return the pseudo-labels, by index, that a round (counted from 1) learns from."""
    networks = yield from networks_of(run, run.teacher_of(number))
    pseudo = yield from make_labels(run, number, networks)
    return pseudo


def make_labels(
    run: SelfTraining, number: int, networks: list[Weights]
) -> Generator[Event, None, dict[int, PseudoLabels]]:
    """Return the pseudo-labels, by index, that the folds' networks of a round's teacher make.

    Round 0 stands for the training, which learned about the labelled micrographs alone.
    """
    if number not in run.by_teacher:
        pairs = yield from find_by_folds(run, networks, f"round {number}: picking")
        if not number:
            pairs = labelled_pairs(run, pairs)
        settings = run.training.job.settings.self_train
        run.by_teacher[number] = cross_labels(pairs, settings, max(number, 1))
    return run.by_teacher[number]


def labelled_pairs(
    run: SelfTraining, pairs: list[tuple[Item, Candidates]]
) -> list[tuple[Item, Candidates]]:
    """Return those of labelled micrographs."""
    return [pair for pair in pairs if pair[0].index in run.labelled]


def first_networks(run: SelfTraining) -> list[Weights]:
    """Return the networks of the training's cross-fitting."""
    stages: dict[str, Any] = run.training.checkpoint["stages"]
    folds = range(len(partial.make_folds(run.training.items)))
    return [best_of(stages[partial.cross_fit_name(fold)]) for fold in folds]


def networks_of(run: SelfTraining, number: int) -> Generator[Event, None, list[Weights]]:
    """Return the folds' networks that stand for a round's model; those there are stay as they are.

    One generation after the other, from the training's cross-fitting to the round: each learns
    from the pseudo-labels of the one before, and starts from its networks.
    """
    rounds = [number] if number else []
    while rounds and (teacher := run.teacher_of(rounds[0])):
        rounds.insert(0, teacher)
    if run.training.job.settings.train.learn_unmarked:
        rounds.insert(0, 0)
    networks = first_networks(run)
    for each in rounds:
        pseudo = yield from make_labels(run, each, networks)
        networks = yield from train_folds(run, each, pseudo, networks)
    return networks


def train_folds(
    run: SelfTraining, number: int, pseudo: dict[int, PseudoLabels], starts: list[Weights]
) -> Generator[Event, None, list[Weights]]:
    """Train a network a fold on the other folds' true labels and pseudo-labels."""
    networks = []
    for fold, (items, start) in enumerate(zip(make_folds(run), starts, strict=True)):
        labelled = [item for item in items if item.index in run.labelled]
        unlabelled = [item for item in items if item.index not in run.labelled]
        weights = yield from run_stage(
            run.training,
            stage_name(number, fold),
            number=STAGE + 10 * number + fold,
            items=students(run, labelled, unlabelled, pseudo),
            epochs=epochs_of_one(run),
            target=replace(
                run.training.job.settings.target, unknown_weight=PARTIAL_LABELS.clean_weight
            ),
            ignored={index: each.ignored for index, each in pseudo.items()},
            start=start,
        )
        networks.append(weights)
    return networks


def compare_by_clicks(run: SelfTraining, number: int) -> Generator[Event, None, ClickComparison]:
    """Compare a round with the supervised model by clicks that their folds' networks never saw."""
    held = []
    for each in (0, number):
        networks = yield from networks_of(run, each)
        pairs = yield from find_by_folds(run, networks, f"round {number}: acceptance test")
        held.append(partial.gather(labelled_pairs(run, pairs)))
    before, after = held
    seed = run.training.job.settings.train.seed
    change = partial.f1_change(
        before, after, np.random.default_rng([seed, STAGE + number]), acceptance.LEVEL
    )
    chosen = partial.threshold_from_clicks(after, np.random.default_rng(seed))
    result = acceptance.decide_by_clicks(change, len(after.clicks))
    return ClickComparison(result, chosen.picks, chosen.recall)


def stage_name(number: int, fold: int) -> str:
    """Return the stage of a fold's network in a round; 0 stands for the training before."""
    return f"round {number}, cross-fit {fold + 1}"
