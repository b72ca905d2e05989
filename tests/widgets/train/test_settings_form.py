"""The advanced settings: only changes come out, and what cannot be is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.settings import RECIPES, Settings, from_dict
from napari_unetpick.widgets.train import settings_labels
from napari_unetpick.widgets.train.settings_form import SettingsForm, step_of


@pytest.fixture
def form(qtbot: Any) -> SettingsForm:
    made = SettingsForm()
    qtbot.addWidget(made)
    return made


def test_every_setting_has_words() -> None:
    names = {"recipe", "particle_px", "upsample"}
    for section in dataclasses.fields(Settings):
        value = getattr(Settings(), section.name)
        if dataclasses.is_dataclass(value):
            names |= {f"{section.name}.{each.name}" for each in dataclasses.fields(value)}
    assert set(settings_labels.WORDS) == names - settings_labels.OF_THE_MODEL
    assert names >= settings_labels.OF_THE_MODEL
    assert all(label and tip.endswith(".") for label, tip in settings_labels.WORDS.values())
    assert set(settings_labels.RECIPES) == set(RECIPES)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_an_untouched_form_is_its_recipe(form: SettingsForm, recipe: str) -> None:
    form.recipe.value = recipe
    assert form.values() == {"recipe": recipe}
    assert from_dict(form.checked()) == RECIPES[recipe]


def test_only_changes_come_out(form: SettingsForm) -> None:
    form.fields["train.epochs"].value = 5
    form.fields["loss.kind"].value = "dice"
    form.fields["network.attention"].value = False
    form.fields["train.smallest_rate"].value = 2e-6
    assert form.checked() == {
        "recipe": "improved",
        "train": {"epochs": 5, "smallest_rate": pytest.approx(2e-6)},
        "loss": {"kind": "dice"},
        "network": {"attention": False},
    }


def test_another_recipe_starts_afresh(form: SettingsForm) -> None:
    form.fields["train.epochs"].value = 5
    form.recipe.value = "plan"
    assert form.fields["train.epochs"].value == RECIPES["plan"].train.epochs
    assert form.values() == {"recipe": "plan"}


def test_a_bad_combination_is_one_line(form: SettingsForm) -> None:
    form.fields["train.patch_px"].value = 90
    assert "patch_px must be a multiple" in form.trouble.text()
    assert not form.trouble.isHidden()
    with pytest.raises(InputError, match="patch_px"):
        form.checked()
    form.fields["train.patch_px"].value = 96
    assert form.trouble.isHidden()


def test_steps_show_two_digits() -> None:
    assert step_of(0.35) == pytest.approx(0.01)
    assert step_of(2e-3) == pytest.approx(1e-4)
    assert step_of(0) == pytest.approx(0.01)
