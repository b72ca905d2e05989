"""Settings: to TOML and back, and one clear line for what does not fit."""

from __future__ import annotations

import dataclasses

import pytest
import tomli_w

from napari_unetpick.errors import InputError
from napari_unetpick.settings import RECIPES, Settings, from_dict, load_recipe, to_dict


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_goes_through_toml_and_back(tmp_path, name):
    recipe = load_recipe(name)
    assert recipe.recipe == name
    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(to_dict(recipe)), encoding="utf-8")
    assert load_recipe(str(path)) == recipe
    assert from_dict(to_dict(recipe)) == recipe


def test_every_setting_survives_a_changed_value():
    def change(value):
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return max(value // 2, 1)
        return value / 2 if isinstance(value, float) else value

    table = to_dict(Settings())
    for section, content in table.items():
        if isinstance(content, dict):
            table[section] = {key: change(value) for key, value in content.items()}
    changed = from_dict(table)
    assert to_dict(changed) == table
    for name in ("network", "target", "augment", "loss", "train", "self_train"):
        assert getattr(changed, name) != getattr(Settings(), name)


def test_a_toml_file_changes_only_what_it_names(tmp_path):
    path = write(tmp_path / "mine.toml", 'recipe = "baseline"\n[train]\nepochs = 7\n')
    settings = load_recipe(path)
    base = RECIPES["baseline"]
    assert settings == dataclasses.replace(base, train=dataclasses.replace(base.train, epochs=7))


def test_whole_numbers_may_stand_for_fractions(tmp_path):
    settings = load_recipe(write(tmp_path / "r.toml", "particle_px = 32\n"))
    assert settings.particle_px == 32.0
    assert isinstance(settings.particle_px, float)


@pytest.mark.parametrize(
    "text, says",
    [
        ("speed = 3", "unknown setting 'speed'"),
        ("[train]\nepoch = 3", r"\[train\]: unknown setting 'epoch'; known are .*epochs"),
        ("[training]\nepochs = 3", "unknown setting 'training'"),
        ("train = 3", r"'train' must be a table \[train\]"),
        ("[train]\nepochs = 2.5", "'epochs' is 2.5"),
        ("[train]\nepochs = -1", "'epochs' is -1"),
        ('[train]\nepochs = "many"', "'epochs' is 'many'"),
        ("[train]\nepochs = true", "'epochs' is True"),
        ("[train]\nbalanced = 1", "'balanced' is 1"),
        ("[train]\nlearning_rate = -0.1", "'learning_rate' is -0.1"),
        ("[train]\nlearning_rate = nan", "'learning_rate' is nan"),
        ('[train]\nschedule = "linear"', "'schedule' is 'linear'; give one of .*warm-restarts"),
        ("[train]\nschedule = [1]", r"'schedule' is \[1\]"),
        ('[loss]\nkind = "hinge"', "'kind' is 'hinge'; give one of bce, focal, dice, combined"),
        ("recipe = 3", "'recipe' is 3"),
        ("[train", "not a TOML file"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_it(tmp_path, text, says):
    path = write(tmp_path / "bad.toml", text + "\n")
    with pytest.raises(InputError, match=says) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_lists_the_known(tmp_path):
    for name in ("best", str(tmp_path), str(tmp_path / "no.toml")):
        with pytest.raises(InputError, match="give one of improved, baseline, plan"):
            load_recipe(name)


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="not a TOML file"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    "text",
    [
        "[train]\nbatch = 0",
        "[train]\nrestart_epochs = 0",
        "[train]\npatch_px = 100",
        "[train]\nlearning_rate = inf",
        "[network]\nwidth = 0",
        "[network]\nstride = 0",
        "particle_px = 0",
        "[self_train]\nrounds = 0",
        "[self_train]\npositive_quantile = 1.0",
        "[self_train]\npositive_quantile = 0.1\nignore_quantile = 0.2",
        'recipe = "baselin"',
    ],
)
def test_what_no_training_could_run_with_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"bad\.toml"):
        load_recipe(write(tmp_path / "bad.toml", text + "\n"))
