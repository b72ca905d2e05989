"""Snapshots: calibrated models of the cycles' ends, the same for one seed, that pick together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import DIAMETER, is_epoch, make_tiny_job, places, run_until

from napari_unetpick.engine.inputs import make_pick_job
from napari_unetpick.engine.pick.ensemble import make_scorer, read_card
from napari_unetpick.engine.pick.run import pick
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.events import Done, Event, Message
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.models import load_model
from napari_unetpick.settings import from_dict, to_dict

pytestmark = pytest.mark.usefixtures("one_thread")
CYCLES = {
    **{"schedule": "warm-restarts", "restart_epochs": 1, "restart_factor": 2, "epochs": 3},
    **{"snapshots": True, "patches_per_epoch": 160, "average_decay": 0.0},
}
FILES = ("snapshots/cycle_1.safetensors", "snapshots/cycle_2.safetensors", "model.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The micrographs, and `run`: cycles that end after epochs 1 and 3."""
    folder = tmp_path_factory.mktemp("cycles")
    list(train(make_tiny_job(folder, **CYCLES)))
    return folder


def test_each_cycles_end_is_a_model_of_its_own(folder: Path):
    paths = sorted((folder / "run" / "snapshots").iterdir())
    assert [path.name for path in paths] == ["cycle_1.safetensors", "cycle_2.safetensors"]
    first, second = (load_model(path) for path in paths)
    assert [m.card["snapshot"] for m in (first, second)] == [
        {"cycle": 1, "epoch": 1},
        {"cycle": 2, "epoch": 3},
    ]
    assert any((first.weights[name] != second.weights[name]).any() for name in first.weights)
    for model in (first, second):
        settings, calibration, diameter = read_card("snapshot", model)
        assert calibration.kind == "probability"
        assert 0 < calibration.threshold < 1
        assert diameter == DIAMETER
        assert settings.train.snapshots
        assert 0 <= model.card["validation"]["f1"] <= 1
    assert first.card["calibration"] != second.card["calibration"]
    assert "snapshot" not in load_model(folder / "run").card
    assert (folder / "run" / "training.log").read_text().count("ended after epoch") == 2


def test_a_snapshot_holds_the_weights_of_its_epoch(folder: Path, tmp_path: Path):
    """A training of one epoch ends where the first cycle of a longer one does."""
    list(train(make_tiny_job(tmp_path, **{**CYCLES, "epochs": 1})))
    alone = load_model(tmp_path / "run")
    kept = load_model(folder / "run" / FILES[0])
    for name, values in alone.weights.items():
        np.testing.assert_array_equal(kept.weights[name], values)
    assert kept.card["calibration"] == alone.card["calibration"]


def test_snapshots_pick_together(folder: Path, tmp_path: Path):
    snapshots = [folder / "run" / name for name in FILES[:2]]
    job = make_pick_job(
        micrographs=str(folder / "c.mrc"), models=snapshots, out=tmp_path, device="cpu"
    )
    (done,) = [event for event in pick(job) if isinstance(event, Done)]
    assert done.result["failed"] == []
    (found,) = read_picks(tmp_path / "picks.csv").values()
    truth = places(2)
    best = np.argsort(-found.scores)[: len(truth)]
    match = match_particles(found.coords[best], truth, DIAMETER / 2)
    assert (match >= 0).sum() >= 0.9 * len(truth), "the planted particles score best"


def test_snapshots_score_differently(folder: Path):
    models = [(name, load_model(folder / "run" / name)) for name in FILES[:2]]
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    first, second = (make_scorer([each], torch.device("cpu")).score(image) for each in models)
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("stop_at", ["epoch 2", "snapshot"])
def test_a_stopped_training_resumes_to_the_same_snapshots(
    folder: Path, tmp_path: Path, stop_at: str
):
    for path in folder.glob("*.mrc"):
        shutil.copy(path, tmp_path)

    def first_is_kept(event: Event) -> bool:
        return isinstance(event, Message) and event.text.startswith("cycle 1")

    with pytest.raises(Cancelled):
        run_until(
            make_tiny_job(tmp_path, **CYCLES),
            is_epoch(2) if stop_at == "epoch 2" else first_is_kept,
        )
    assert not (tmp_path / "run" / FILES[1]).exists()
    list(train(make_tiny_job(tmp_path, resume=True, **CYCLES)))
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (folder / "run" / name).read_bytes(), name


def test_a_cycle_that_does_not_end_gives_none(tmp_path: Path):
    list(train(make_tiny_job(tmp_path, **{**CYCLES, "epochs": 2, "patches_per_epoch": 16})))
    names = [path.name for path in (tmp_path / "run" / "snapshots").iterdir()]
    assert names == ["cycle_1.safetensors"]


def test_only_a_schedule_with_cycles_has_snapshots(tmp_path: Path):
    job = make_tiny_job(tmp_path, **{**CYCLES, "schedule": "cosine"})
    with pytest.raises(InputError, match="snapshots need schedule 'warm-restarts'"):
        from_dict(to_dict(job.settings))
