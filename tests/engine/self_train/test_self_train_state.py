"""Which round of a self-training is its result, which teaches, and when no other is to come."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.engine.runs.folder import RunFolder
from napari_unetpick.engine.self_train.acceptance import Decision
from napari_unetpick.engine.self_train.state import Round, State
from napari_unetpick.settings import SelfTrainSettings

Told = tuple[Decision, float]


def state_of(folder: Path, rounds: list[Told]) -> State:
    made = [
        Round(number=number, taken=9, ignored=1, micrographs=2, decision=decision, change=change)
        for number, (decision, change) in enumerate(rounds, 1)
    ]
    return State(RunFolder(folder), {}, made)


@pytest.mark.parametrize(
    ("rounds", "best", "more"),
    [
        ([], None, True),
        ([("accepted", 0.02)], 1, True),
        ([("accepted", -0.005)], None, False),
        ([("accepted", 0.0)], None, False),
        ([("accepted", 0.02), ("accepted", 0.03)], 2, True),
        ([("accepted", 0.02), ("accepted", 0.01)], 1, False),
        ([("accepted", 0.02), ("refused", 0.03)], 1, False),
        ([("undecided", 0.1)], None, False),
        ([("ungated", 0.1), ("ungated", -0.1)], 2, True),  # as it is set, whatever it does
    ],
)
def test_the_best_is_better_than_the_supervised_model(
    tmp_path: Path, rounds: list[Told], best: int | None, more: bool
):
    state = state_of(tmp_path, rounds)
    assert (state.best and state.best.number) == best
    assert state.open_rounds(SelfTrainSettings(rounds=9)) == more


def test_after_a_harmless_round_falling_limits_give_other_picks(tmp_path: Path):
    state = state_of(tmp_path, [("accepted", -0.005)])
    assert state.open_rounds(SelfTrainSettings(rounds=2, limits="calibrated"))
    assert not state.open_rounds(SelfTrainSettings(rounds=1, limits="calibrated"))
    refused = state_of(tmp_path, [("refused", -0.05)])
    assert not refused.open_rounds(SelfTrainSettings(rounds=2, limits="calibrated"))
