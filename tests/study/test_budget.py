"""What a ladder takes, added up by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_unetpick.settings import NetworkSettings, SelfTrainSettings, Settings, TrainSettings
from napari_unetpick.study.ablation.budget import Costs, seconds_of, validating
from napari_unetpick.study.ablation.ladder import Rung

NETWORK = NetworkSettings(attention=False)
FIRST = Settings(
    network=NETWORK,
    train=TrainSettings(epochs=10),
    self_train=SelfTrainSettings(rounds=2, epochs=5),
)
# of a step 1 s, of a micrograph 100 s: 2 validate, 3 are labelled, 4 teach, 6 test
COSTS = Costs({NETWORK: 1.0}, {NETWORK: 100.0}, validated=2, labelled=3, learn=4, test=6)


def test_steps_validations_and_rounds_are_counted():
    # 8 batches: 80 steps, 10 validations of two, three asked at the end; twice 40 steps, 5
    # validations of two, and ten scored (three for the teacher, three for the gate, four taught)
    supervised = 80 + 10 * 2 * 100 + 3 * 100
    rounds = 2 * (40 + 5 * 2 * 100 + 10 * 100)
    assert seconds_of([Rung("a", FIRST)], COSTS, 8) == supervised + rounds + 600
    # one batch: validated every fourth epoch alone
    supervised = 10 + 2.5 * 2 * 100 + 3 * 100
    rounds = 2 * (5 + 1.25 * 2 * 100 + 10 * 100)
    assert seconds_of([Rung("a", FIRST)], COSTS, 1) == supervised + rounds + 600


def test_what_two_rungs_share_counts_once():
    one = seconds_of([Rung("a", FIRST)], COSTS, 8)
    other = replace(FIRST, self_train=replace(FIRST.self_train, gate=False))
    both = seconds_of([Rung("a", FIRST), Rung("b", other)], COSTS, 8)
    assert both - one == COSTS.rounds(FIRST, 8) + 600
    again = seconds_of([Rung("a", FIRST), Rung("all", FIRST, ensemble=True)], COSTS, 8)
    assert again - one == 600


@pytest.mark.parametrize("learn, expected", [(4, True), (0, False)])
def test_without_unlabelled_micrographs_there_are_no_rounds(learn: int, expected: bool):
    assert (replace(COSTS, learn=learn).rounds(FIRST, 8) > 0) is expected


@pytest.mark.parametrize(
    "named, full, expected", [(None, 2, 2), (None, 10, 2), (frozenset("abc"), 10, 3)]
)
def test_the_micrographs_that_a_split_marks_validate(named, full: int, expected: int):
    assert validating(named, full) == expected
