"""Early stopping: planted validation F1 ends a training where it should, resumed or not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_training import is_epoch, make_tiny_job, plant_validation, run_until

from napari_unetpick.engine.train.run import train
from napari_unetpick.engine.train.schedules import cycle_ends, ends_early
from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Message, Metrics
from napari_unetpick.io.models import load_model
from napari_unetpick.settings import RECIPES, TrainSettings

pytestmark = pytest.mark.usefixtures("one_thread")
SCORES = [0.2, 0.5, 0.5, 0.4, 0.45, 0.9, 0.9, 0.9]  # best in epochs 2 and 3, until epoch 6


def end_of(scores: list[float], **settings: object) -> int:
    """Return after which epoch a training with these scores ends."""
    chosen, risen, best = TrainSettings(**settings), 0, -1.0
    for epoch, score in enumerate(scores, 1):
        if score > best:
            risen, best = epoch, score
        if ends_early(chosen, epoch, risen, len(scores)):
            return epoch
    return len(scores)


def test_patience_counts_epochs_since_f1_rose():
    assert end_of(SCORES) == 8, "without patience it never ends early"
    assert end_of(SCORES, patience=2) == 4
    assert end_of(SCORES, patience=3) == 5
    assert end_of(SCORES, patience=4) == 8, "epoch 6 is better just in time"
    assert end_of([0.0] * 6, patience=3) == 4


def test_cycles_end_where_the_rate_restarts():
    plan = RECIPES["plan"].train
    assert cycle_ends(plan, 100) == [10, 30, 70]
    assert cycle_ends(plan, 150) == [10, 30, 70, 150]
    assert cycle_ends(plan, 9) == []
    same = TrainSettings(schedule="warm-restarts", restart_epochs=3, restart_factor=1)
    assert cycle_ends(same, 10) == [3, 6, 9]
    assert cycle_ends(TrainSettings(), 100) == []


def test_warm_restarts_end_at_a_cycles_end():
    cycles = {"schedule": "warm-restarts", "restart_epochs": 2, "restart_factor": 2}  # 2, 6, 14
    assert end_of([0.5] + 15 * [0.4], patience=2, **cycles) == 6
    assert end_of([0.1, 0.2, 0.3, 0.4, 0.5] + 11 * [0.4], patience=2, **cycles) == 14
    assert end_of([0.5] + 4 * [0.4], patience=1, **cycles) == 2


def test_the_plan_ends_early_but_the_default_does_not():
    assert RECIPES["plan"].train.patience == 20
    assert RECIPES["improved"].train.patience == RECIPES["baseline"].train.patience == 0


@pytest.mark.slow
def test_a_training_ends_early_with_its_best_model(tmp_path: Path, monkeypatch):
    asked = plant_validation(monkeypatch, SCORES)
    events = list(train(make_tiny_job(tmp_path, epochs=8, patience=3)))
    assert asked == SCORES[:5]
    assert [e.epoch for e in events if isinstance(e, Metrics)] == [1, 2, 3, 4, 5]
    said = [e.text for e in events if isinstance(e, Message)]
    line = (
        "training: ended early, after 5 of 8 epochs; "
        "validation F1 has not risen above 0.500 since epoch 2"
    )
    assert line in said
    assert line in (tmp_path / "run" / "training.log").read_text()
    # what is kept is the best epoch's: the third, with an F1 as good as the second's
    plant_validation(monkeypatch, SCORES)
    list(train(make_tiny_job(tmp_path, run="three", epochs=8, patience=3, schedule="constant")))
    plant_validation(monkeypatch, [0.1, 0.2, 0.3])
    list(train(make_tiny_job(tmp_path, run="short", epochs=3, schedule="constant")))
    early, short = load_model(tmp_path / "three"), load_model(tmp_path / "short")
    for name, values in short.weights.items():
        assert (early.weights[name] == values).all(), name


@pytest.mark.slow
def test_without_patience_all_epochs_are_taken(tmp_path: Path, monkeypatch):
    asked = plant_validation(monkeypatch, [0.5, *7 * [0.1]])
    events = list(train(make_tiny_job(tmp_path, epochs=8)))
    assert len(asked) == 8
    assert not any("ended early" in e.text for e in events if isinstance(e, Message))


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 4, 5])
def test_a_stopped_training_resumes_to_the_same_end(tmp_path: Path, monkeypatch, stop_after: int):
    plant_validation(monkeypatch, SCORES)
    list(train(make_tiny_job(tmp_path, run="whole", epochs=8, patience=3)))

    asked = plant_validation(monkeypatch, SCORES)
    with pytest.raises(Cancelled):
        run_until(make_tiny_job(tmp_path, epochs=8, patience=3), is_epoch(stop_after))
    assert len(asked) == stop_after
    assert not (tmp_path / "run" / "model.safetensors").exists()
    # what was done is not done again; after epoch 5 nothing but calibrating is left
    again = plant_validation(monkeypatch, SCORES[stop_after:])
    list(train(make_tiny_job(tmp_path, epochs=8, patience=3, resume=True)))
    assert len(again) == 5 - stop_after
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3, 4, 5]


def test_where_nothing_validates_it_is_said(tmp_path: Path):
    job = make_tiny_job(tmp_path, epochs=4, patience=1)
    labels = {k: replace(each, state="partial") for k, each in job.labels.items()}
    events = list(train(replace(job, labels=labels, validation=None)))
    said = [e.text for e in events if isinstance(e, Message)]
    assert "no early stopping: there are no validation micrographs" in said
    last = max(e.epoch for e in events if isinstance(e, Metrics) and e.stage == "training")
    assert last == 2, "0.6 of the epochs, as with partial labels without patience"


def test_epochs_of_a_step_validate_every_four_and_at_the_end(tmp_path: Path, monkeypatch):
    asked = plant_validation(monkeypatch, [0.1, 0.3, 0.2])
    events = list(train(make_tiny_job(tmp_path, epochs=9, patches_per_epoch=8)))
    assert len(asked) == 3  # after epochs 4, 8 and 9
    told = [e.epoch for e in events if isinstance(e, Metrics) and "validation_f1" in e.values]
    assert told == [4, 8, 9]
    assert [e.epoch for e in events if isinstance(e, Metrics)] == list(range(1, 10))
