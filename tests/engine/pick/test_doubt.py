"""Micrographs without a particle are left alone by the general model; faint particles are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer
from napari_unetpick.engine.pick.find import FindJob, find
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.events import FoundCandidates, Message
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import GENERAL, load_model
from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.samples import get_sample

SIDE, PIXEL_SIZE, DIAMETER = 500, 4.0, 150.0


@pytest.fixture(scope="module")
def general() -> Scorer:
    return make_scorer([("general", load_model(GENERAL))], torch.device("cpu"))


def picked(scorer: Scorer, path: Path, diameter: float) -> tuple[np.ndarray, list[str]]:
    """Return (N, 2) picks of a micrograph, and what is said."""
    job = FindJob(micrographs=[Micrograph(path, path.name)], diameter=diameter)
    events = list(find(job, scorer))
    (found,) = [each.candidates for each in events if isinstance(each, FoundCandidates)]
    said = [each.text for each in events if isinstance(each, Message)]
    return found.coords[found.picked(scorer.calibration)[0]], said


def written(path: Path, image: np.ndarray, pixel_size: float) -> Path:
    with mrcfile.new(path, image.astype(np.float32)) as file:
        file.voxel_size = pixel_size
    return path


@pytest.mark.parametrize("across", [3, 5, 8])
def test_nothing_is_picked_in_texture(tmp_path, general, across):
    rng = np.random.default_rng(1)
    texture = 2 * across * gaussian_filter(rng.normal(size=(SIDE, SIDE)), across)
    image = texture + 0.7 * rng.normal(size=(SIDE, SIDE))
    path = written(tmp_path / "ice.mrc", image, PIXEL_SIZE)
    anyway, quiet = picked(replace(general, knows_junk=False), path, DIAMETER)
    assert len(anyway) > 3
    assert quiet == []
    picks, said = picked(general, path, DIAMETER)
    assert len(picks) == 0
    assert "nothing picked in 1 micrograph (ice.mrc)" in said[0]


def test_faint_particles_are_picked(tmp_path, general):
    sample = get_sample("globule")
    sample = replace(sample, dose=sample.dose / 3, haze=sample.haze * 2)
    made = simulate_micrograph(sample, 3, shape=(SIDE, SIDE))
    path = written(tmp_path / "faint.mrc", made.image, made.pixel_size)
    picks, said = picked(general, path, sample.diameter_A)
    radius = sample.diameter_A / made.pixel_size / 2
    true = label_candidates(picks, np.arange(len(picks))[::-1], made.coords, radius)
    assert true.sum() > 0.4 * len(made.coords)
    assert said == []
