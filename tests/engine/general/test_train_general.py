"""The general model's training: the same bytes however it is interrupted, and it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.engine.general.job import GeneralJob, general_settings
from napari_unetpick.engine.general.render import given_diameter, render
from napari_unetpick.engine.general.run import train_general
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.events import Done, Metrics
from napari_unetpick.io.models import load_model
from napari_unetpick.settings import NetworkSettings
from napari_unetpick.simulate.samples import get_sample


def tiny(run, **changes):
    settings = general_settings(9600, 5)
    train = replace(settings.train, epochs=3, patches_per_epoch=320, batch=8, patch_px=64)
    network = NetworkSettings(width=4, depth=2, junk=True)
    return GeneralJob(
        run=run,
        settings=replace(settings, train=train, network=network),
        calibrating=3,
        device="cpu",
        **changes,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("general") / "whole"
    return run, list(train_general(tiny(run)))


@pytest.mark.slow
def test_stopped_resumed_and_with_other_processes_it_is_the_same_model(finished, tmp_path):
    run, _ = finished
    asked = 0

    def stop_in_the_second_epoch():
        nonlocal asked
        asked += 1
        if asked > 60:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        list(train_general(tiny(tmp_path / "parts", processes=2), stop_in_the_second_epoch))
    list(train_general(tiny(tmp_path / "parts", resume=True)))
    name = "model.safetensors"
    assert (tmp_path / "parts" / name).read_bytes() == (run / name).read_bytes()


@pytest.mark.slow
def test_its_card_says_how_to_make_it_again(finished):
    run, events = finished
    card = load_model(run / "model.safetensors").card
    assert card["general"] is True
    assert card["diameter"] is None
    assert card["training"]["command"].startswith("unetpick train-general --run DIR --patches ")
    assert card["validation"]["protocol"] == "particle"
    assert card["settings"]["upsample"] is True
    assert [e.epoch for e in events if isinstance(e, Metrics)] == [1, 2, 3]
    assert isinstance(events[-1], Done)
    assert not (run / "cache").exists()


@pytest.mark.slow
def test_a_run_is_not_overwritten(finished):
    with pytest.raises(InputError, match="already holds a run"):
        next(train_general(tiny(finished[0])))


def test_a_rendered_micrograph_shows_its_particles_darker():
    settings = general_settings(3200, 1)
    rendered = next(r for n in range(20) if len((r := render(settings, 1, n)).centres) > 20)
    image, centres = rendered.image, np.rint(rendered.centres).astype(int)
    inside = ((centres >= 0) & (centres < image.shape)).all(axis=1)
    target = rendered.planes[0][tuple(centres[inside].T)]
    assert (target == 255).all()
    assert image[rendered.planes[0] > 0].mean() < image[rendered.planes[0] == 0].mean() - 0.1


@pytest.mark.slow
def test_junk_is_rendered_where_no_particle_is():
    settings = general_settings(3200, 1)
    shares, under = [], []
    for number in range(12):
        rendered = render(settings, 1, number)
        junk = rendered.planes[2] == 255
        shares.append(junk.mean())
        inside = np.rint(rendered.centres).astype(int)
        inside = inside[((inside >= 0) & (inside < junk.shape)).all(axis=1)]
        under.extend(junk[tuple(inside.T)])
    assert 0.02 < np.mean(shares) < 0.5
    assert np.mean(under) < 0.05


def test_the_diameter_given_lies_about_the_molecules_axes():
    ratios = []
    for number in range(60):
        sample = get_sample(f"diet-{number}")
        molecule = sample.particle
        given = given_diameter(sample, 1, number)
        assert 0.5 * molecule.width_A < given < 1.5 * molecule.diameter_A
        ratios.append(given / molecule.diameter_A)
    assert 0.7 < np.mean(ratios) < 1.0
