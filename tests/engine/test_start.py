"""What training starts from where nobody says: the general model, if the network is its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.engine.inputs import choose_start, seen_as
from napari_unetpick.engine.nn.unet import build_network, state_of
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.errors import InputError
from napari_unetpick.io import models
from napari_unetpick.io.models import Model, save_model
from napari_unetpick.settings import NetworkSettings, Settings, from_dict, to_dict

OWN = Settings(upsample=True, network=NetworkSettings(width=4, depth=2, junk=True))


@pytest.fixture(autouse=True)
def general(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "general.safetensors"
    weights = {k: np.asarray(v) for k, v in state_of(build_network(OWN.network)).items()}
    save_model(path, Model(weights, {"general": True, "settings": to_dict(OWN)}))
    monkeypatch.setattr(models, "GENERAL", path)
    return path


def test_the_general_model_is_the_default_with_its_scale_and_its_junk():
    recipe = Settings(network=NetworkSettings(width=4, depth=2))
    model, messages = choose_start(None, recipe)
    assert model is not None
    assert messages == []
    settings = seen_as(recipe, from_dict(model.card["settings"]))
    assert settings.network == OWN.network
    assert settings.upsample


@pytest.mark.parametrize("change", [{"width": 8}, {"depth": 3}, {"attention": False}])
def test_a_recipe_with_another_network_starts_from_scratch_and_says_so(change):
    network = replace(OWN.network, junk=False, **change)
    model, messages = choose_start(None, Settings(network=network))
    assert model is None
    assert messages == [
        "the recipe's network is not the general model's: training starts from scratch"
    ]


def test_scratch_is_scratch():
    assert choose_start("scratch", OWN) == (None, [])


def test_without_a_general_model_it_is_scratch(general: Path):
    general.unlink()
    assert choose_start(None, OWN) == (None, [])


def test_junk_is_not_learned_from_labels(tmp_path: Path):
    with pytest.raises(InputError, match="learned by train-general alone"):
        TrainJob([], {}, 100.0, tmp_path / "run", OWN)
