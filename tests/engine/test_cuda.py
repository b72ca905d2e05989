"""Training and picking on a CUDA GPU, where there is one: what was planted is found, as on CPUs."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from tiny_training import DIAMETER, is_epoch, make_tiny_job, places, run_until

from napari_unetpick.engine.pick.run import PickJob, pick
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import Cancelled
from napari_unetpick.events import FoundCandidates, Message
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import load_model
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.runs import MODEL

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
EPOCHS = 8
SAYS = {"cpu": "device: CPU", "cuda": "device: GPU"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model trained on each device."""
    folder = tmp_path_factory.mktemp("cuda")
    for device in ("cpu", "cuda"):
        job = replace(make_tiny_job(folder, run=device, epochs=EPOCHS), device=device)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            events = list(train(job))
        assert not [each for each in warned if "determin" in str(each.message)]
        said = [event.text for event in events if isinstance(event, Message)]
        assert any(text.startswith(SAYS[device]) for text in said)
    return folder


def find(folder: Path, model: str, device: str) -> Candidates:
    """Pick the micrograph that neither training had as more than its validation."""
    job = PickJob(
        micrographs=[Micrograph(folder / "c.mrc", "c.mrc")],
        models=[(model, load_model(folder / model / MODEL))],
        out=folder / f"{model}-on-{device}",
        device=device,
    )
    (found,) = [event for event in pick(job) if isinstance(event, FoundCandidates)]
    return found.candidates


def strongest(found: Candidates) -> tuple[np.ndarray, np.ndarray]:
    """As many candidates as particles were planted, with their raw scores, the best first."""
    order = np.argsort(-found.raw)[: len(places(2))]
    return found.coords[order], found.raw[order]


def misses(found: Candidates) -> float:
    """Largest distance of a planted particle from the next of the strongest candidates."""
    return float(KDTree(strongest(found)[0]).query(places(2))[0].max())


def differences(one: Candidates, other: Candidates) -> tuple[float, float]:
    """Largest distance, and difference in score, of the strongest from those of the other."""
    coords, raw = strongest(one)
    near, which = KDTree(other.coords).query(coords)
    return float(near.max()), float(np.abs(raw - other.raw[which]).max())


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_model_of_the_gpu_finds_what_was_planted_on_either_device(folder: Path, device: str):
    assert misses(find(folder, "cuda", device)) < DIAMETER / 4


@pytest.mark.parametrize("model", ["cpu", "cuda"])
def test_both_devices_score_alike(folder: Path, model: str):
    """But for what bfloat16 rounds: 2^-9 of each value, in some ten layers."""
    apart, scores = differences(find(folder, model, "cpu"), find(folder, model, "cuda"))
    assert apart < DIAMETER / 20
    assert scores < 0.02


def test_a_stopped_training_goes_on_to_the_same_model(folder: Path):
    job = replace(make_tiny_job(folder, run="stopped", epochs=EPOCHS), device="cuda")
    with pytest.raises(Cancelled):
        run_until(job, is_epoch(EPOCHS // 2))
    list(train(replace(job, resume=True)))
    assert (folder / "stopped" / MODEL).read_bytes() == (folder / "cuda" / MODEL).read_bytes()


def test_a_run_begun_on_the_gpu_goes_on_without_one(folder: Path):
    job = replace(make_tiny_job(folder, run="moved", epochs=EPOCHS), device="cuda")
    with pytest.raises(Cancelled):
        run_until(job, is_epoch(EPOCHS // 2))
    list(train(replace(job, resume=True, device="cpu")))
    assert misses(find(folder, "moved", "cpu")) < DIAMETER / 4
