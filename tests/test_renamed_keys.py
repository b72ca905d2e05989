"""Keys that were renamed or dropped: what older versions wrote loads, and records are found."""

from __future__ import annotations

import copy
import json
import tomllib
from dataclasses import replace

import pytest
import tomli_w

from napari_unetpick.engine.pick.ensemble import read_card
from napari_unetpick.engine.runs.resume_check import differences, filled
from napari_unetpick.io.models import Model
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.renamed_keys import DROPPED, RENAMED, carry_over
from napari_unetpick.settings import RECIPES, Settings, from_dict, load_recipe, to_dict
from napari_unetpick.study.ablation import records
from napari_unetpick.study.ablation.records import key_of, read_records

EARLIER = "5972862e9b01_42.json"  # of an improved network


@pytest.fixture
def changed(monkeypatch):
    """Plant a version that called epochs otherwise, and had settings and fields that went."""
    monkeypatch.setitem(
        RENAMED, "settings", {"train.rounds": "train.epochs", "size": "particle_px"}
    )
    monkeypatch.setitem(DROPPED, "settings", {"train.momentum": 0.9, "loss.old": 1})
    monkeypatch.setitem(RENAMED, "calibration", {"tilt": "slope"})
    monkeypatch.setitem(DROPPED, "calibration", {"spread": None})
    monkeypatch.setitem(DROPPED, "record", {"machine": ""})


def as_before(settings):
    """Write settings as the planted version did."""
    table = to_dict(settings)
    table["size"] = table.pop("particle_px")
    table["train"] = table["train"] | {"rounds": table["train"]["epochs"], "momentum": 0.5}
    del table["train"]["epochs"]
    table["loss"] = table["loss"] | {"old": 2}
    return table


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_settings_of_an_older_version_load(changed, tmp_path, name):
    planted = replace(RECIPES[name], particle_px=31.5)
    table = as_before(planted)
    before = copy.deepcopy(table)
    assert from_dict(table) == planted
    assert table == before
    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    assert load_recipe(str(path)) == planted


def test_a_run_of_an_older_version_is_the_same_run(changed):
    text = tomli_w.dumps({"settings": as_before(Settings()), "start": "scratch"})
    now = {"settings": to_dict(Settings()), "start": "scratch"}
    assert differences(filled(tomllib.loads(text)), now) == []


def test_a_new_name_wins_over_the_old_one(changed):
    table = {"train": {"rounds": 3, "epochs": 5}}
    assert carry_over(table, "settings") == {"train": {"epochs": 5}}
    assert carry_over({"train": {"rounds": 3}}, "settings") == {"train": {"epochs": 3}}
    assert carry_over({"epochs": 3}, "settings") == {"epochs": 3}


def test_a_card_of_an_older_version_is_read(changed):
    planted = Calibration("probability", 1.5, -2.0, threshold=0.6)
    table = {**planted.to_dict(), "spread": 3}
    table["tilt"] = table.pop("slope")
    card = {"settings": as_before(Settings()), "calibration": table, "diameter": 180.0}
    assert read_card("old", Model({}, card)) == (Settings(), planted, 180.0)


@pytest.mark.parametrize("settings", RECIPES.values(), ids=list(RECIPES))
def test_records_keep_their_key(monkeypatch, settings):
    def written_now(settings):
        table = to_dict(settings)
        del table["train"]["balanced"]
        table["loss"]["type"] = table["loss"].pop("kind")
        return table

    settings = replace(settings, train=replace(settings.train, balanced=True))
    before = key_of(settings)
    monkeypatch.setattr(records, "to_dict", written_now)
    dropped = DROPPED["settings"] | {"train.balanced": True, "train.newer": 3}
    monkeypatch.setitem(DROPPED, "settings", dropped)
    monkeypatch.setitem(RENAMED, "settings", {"loss.kind": "loss.type"})
    assert key_of(settings) == before


def test_a_record_of_an_older_version_is_read(changed, tmp_path, request):
    source = request.config.rootpath / "tests/fixtures/version_0/ablation/records" / EARLIER
    table = json.loads(source.read_text(encoding="utf-8")) | {"machine": "here"}
    (tmp_path / EARLIER).write_text(json.dumps(table), encoding="utf-8")
    assert read_records(tmp_path).keys() == read_records(source.parent).keys() & {EARLIER[:-5]}
