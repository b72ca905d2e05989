"""Folds of a self-training: they teach, and judge, only what their networks have not seen."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_unetpick.engine.self_train import folds
from napari_unetpick.engine.self_train.teacher import SelfTraining
from napari_unetpick.engine.train import cross_fitting as partial
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.settings import SelfTrainSettings, Settings

DIAMETER = 80.0  # px of the file, of `make_item`'s micrographs of 600 x 480
CLICKED = [(y, x) for y in (100, 300, 500) for x in (60, 180, 300)]
UNMARKED = [(y, x) for y in (200, 400) for x in (120, 240, 360)]  # particles that nobody clicked
DIRT = [(y, 440) for y in (60, 140, 220, 300, 380, 460, 540)]


def scores_of(stage: str) -> np.ndarray:
    """Give what a stage's networks make of clicked, unmarked and dirt; planted."""
    # the supervised networks take dirt for particles, a round's do not
    dirt = 0.1 * even(DIRT) if stage.startswith("round 1") else even(DIRT)
    return np.concatenate([even(CLICKED), even(UNMARKED), dirt])


def even(places: list) -> np.ndarray:
    return np.linspace(0.7, 0.9, len(places))


def finish(generator: Generator) -> Any:
    """Run a generator; return what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, make_item) -> SelfTraining:
    """Three micrographs with clicks and three without; networks remember what they were shown."""
    stages = {}

    def run_stage(training, name, *, items, **given):
        yield from ()
        seen = {item.index for item in items}
        stages[name] = {"best": {"stage": name, "seen": seen, "items": items, **given}}
        return stages[name]["best"]

    def candidates_of(training, network, item):
        assert item.index not in network["seen"], f"{network['stage']} is asked what it was told"
        places, scores = np.array([*CLICKED, *UNMARKED, *DIRT], float), scores_of(network["stage"])
        order = np.argsort(scores)[::-1]
        return Candidates(places[order], scores[order], np.zeros(len(order)), DIAMETER)

    monkeypatch.setattr(folds, "run_stage", run_stage)
    monkeypatch.setattr(folds, "ready_network", lambda training, weights: weights)
    monkeypatch.setattr(folds, "candidates_of", candidates_of)
    labelled = [make_item(index, "partial", CLICKED) for index in range(3)]
    unlabelled = [make_item(index, "partial", []) for index in range(3, 6)]
    for fold in range(3):
        name = partial.cross_fit_name(fold)
        seen = {item.index for item in labelled} - {fold}
        stages[name] = {"best": {"stage": name, "seen": seen}}
    training = SimpleNamespace(
        items=labelled, checkpoint={"stages": stages}, job=SimpleNamespace(settings=Settings())
    )
    state = SimpleNamespace(rounds=[], best=None)
    learners = [*labelled, *unlabelled]
    return SelfTraining(SimpleNamespace(), state, training, learners=learners)


def stage(run: SelfTraining, name: str) -> dict[str, Any]:
    return run.training.checkpoint["stages"][name]["best"]


def test_every_micrograph_gets_labels_of_a_network_that_has_not_seen_it(run: SelfTraining):
    quantile = SelfTrainSettings(least_precision=0.0)  # the quantile decides what is sure
    run.training.job.settings = Settings(self_train=quantile)
    pseudo = finish(folds.label_round(run, 1))
    assert sorted(pseudo) == list(range(6))
    likely = even(UNMARKED) >= np.quantile(even(CLICKED), quantile.positive_quantile)
    sure = {tuple(place) for place in pseudo[0].positives.tolist()}
    assert sure & set(UNMARKED) == {p for p, yes in zip(UNMARKED, likely, strict=True) if yes}
    assert not sure & set(CLICKED), "a click has its true label"
    assert CLICKED[-1] in {tuple(place) for place in pseudo[4].positives.tolist()}


def test_a_folds_network_sees_the_other_folds_alone(run: SelfTraining):
    finish(folds.compare_by_clicks(run, 1))
    for fold in range(3):
        others = {index for index in range(3) if index != fold}
        assert stage(run, f"round 0, cross-fit {fold + 1}")["seen"] == others
        seen = stage(run, f"round 1, cross-fit {fold + 1}")["seen"]
        assert seen == others | {index + 3 for index in others}


def test_networks_start_from_those_of_their_own_fold(run: SelfTraining):
    finish(folds.compare_by_clicks(run, 1))
    for fold in (1, 2, 3):
        first = stage(run, f"round 0, cross-fit {fold}")["start"]
        assert first["stage"] == f"cross-fit {fold}"
        assert stage(run, f"round 1, cross-fit {fold}")["start"]["stage"] == (
            f"round 0, cross-fit {fold}"
        )


@pytest.mark.parametrize("teacher", [0, 1])
def test_a_rounds_networks_follow_those_of_its_teacher(run: SelfTraining, teacher: int):
    run.state.rounds = [SimpleNamespace(number=1, teacher=0)]
    run.state.best = run.state.rounds[0] if teacher else None
    finish(folds.networks_of(run, 2))
    start = stage(run, "round 2, cross-fit 1")["start"]
    assert start["stage"] == f"round {teacher}, cross-fit 1"
    assert ("round 1, cross-fit 1" in run.training.checkpoint["stages"]) == bool(teacher)


def test_a_round_that_leaves_out_dirt_gains_by_the_clicks(run: SelfTraining):
    found = finish(folds.compare_by_clicks(run, 1))
    # of 22 picks 15 are particles before, all after; the clicks that are kept are the same
    assert found.result.clicks == 27
    assert found.result.change == pytest.approx((22 / 15) ** 0.5 - 1, abs=0.05)
    assert found.result.decision == "accepted"
    assert found.picks == pytest.approx(len(CLICKED) + len(UNMARKED), abs=1)


def test_what_stands_for_training_on_clicks_alone_is_its_cross_fitting(run: SelfTraining):
    settings = Settings()
    train = replace(settings.train, learn_unmarked=False)
    run.training.job.settings = replace(settings, train=train)
    finish(folds.compare_by_clicks(run, 1))
    assert "round 0, cross-fit 1" not in run.training.checkpoint["stages"]
    assert stage(run, "round 1, cross-fit 1")["start"]["stage"] == "cross-fit 1"


def test_the_epochs_of_all_rounds_are_counted(run: SelfTraining):
    one = round(Settings().train.epochs * PARTIAL_LABELS.fold_share)
    assert folds.epochs_of_all(run, 2) == 3 * 3 * one
    run.training.checkpoint["stages"].pop(partial.cross_fit_name(0))
    assert folds.epochs_of_all(run, 2) == 0
