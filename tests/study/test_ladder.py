"""The ladder: each rung changes what it names and nothing else; shared parts share their key."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import asdict, dataclass, replace

import pytest
import tomli_w

from napari_unetpick.engine.pick.shard import Shard
from napari_unetpick.engine.self_train.state import Round
from napari_unetpick.io.models import general_model, load_model
from napari_unetpick.renamed_keys import DROPPED
from napari_unetpick.settings import (
    RECIPES,
    NetworkSettings,
    Settings,
    TargetSettings,
    TrainSettings,
    from_dict,
    to_dict,
)
from napari_unetpick.study.ablation import records
from napari_unetpick.study.ablation.budget import fit_budget
from napari_unetpick.study.ablation.ladder import STEPS, Rung, ladder, leave_one_out
from napari_unetpick.study.ablation.records import key_of
from napari_unetpick.study.ablation.run import share_of, units_of
from napari_unetpick.study.ablation.rungs import read_ladder
from napari_unetpick.study.ablation.units import supervised_key, supervised_part, verdicts_of

CHANGES = {
    "combined loss": {"loss.kind"},
    "augmentation": {
        *(f"augment.{name}" for name in ("probability", "rotation", "flip", "scale", "elastic")),
        *(f"augment.{name}" for name in ("noise", "contrast", "blur", "spectrum", "ice")),
    },
    "longer training": {"train.epochs", "self_train.epochs"},
    "warm restarts": {"train.schedule", "train.average_decay"},
    "dynamic pseudo-labels, gate": {
        *("self_train.rounds", "self_train.limits", "self_train.gate"),
    },
    "balanced sampling": {"train.balanced"},
    "attention": {"network.attention"},
}


def changed(before, after) -> set[str]:
    first, second = to_dict(before), to_dict(after)
    return {
        f"{section}.{name}"
        for section, values in first.items()
        if isinstance(values, dict)
        for name in values
        if values[name] != second[section][name]
    }


def test_each_rung_changes_what_it_names_and_nothing_else():
    rungs = ladder()
    assert rungs[0].settings == RECIPES["baseline"]
    for (name, _), before, after in zip(STEPS, rungs, rungs[1:], strict=False):
        assert after.name == f"+ {name}"
        assert changed(before.settings, after.settings) == CHANGES[name]
    assert rungs[-2].settings == rungs[-3].settings
    assert [rung.ensemble for rung in rungs] == [False] * 8 + [True, True]


def test_the_last_rung_starts_from_the_general_model_with_all_else_alike():
    *_, whole, last = ladder()
    general = load_model(general_model())
    own = from_dict(general.card["settings"])
    assert last.name == "+ general model"
    assert last.settings == replace(
        whole.settings,
        network=own.network,
        particle_px=own.particle_px,
        upsample=own.upsample,
    )
    assert last.start is not None
    assert all((last.start.weights[name] == w).all() for name, w in general.weights.items())
    assert last.key != key_of(last.settings, ensemble=True)  # from scratch
    assert not any(rung.start for rung in ladder()[:-1])


def test_a_ladder_of_another_network_has_no_rung_from_the_general_model(monkeypatch):
    small = replace(RECIPES["baseline"], network=NetworkSettings(attention=False, width=8))
    monkeypatch.setitem(RECIPES, "baseline", small)
    assert ladder()[-1].name == "+ ensemble"


@pytest.mark.parametrize("rung", [*ladder(), *leave_one_out()], ids=lambda rung: rung.name)
def test_a_run_of_each_rung_can_be_read_back(rung: Rung):
    """Self-training and resuming read the settings from the run's config.toml."""
    text = tomli_w.dumps(to_dict(rung.settings))
    assert from_dict(tomllib.loads(text)) == rung.settings


def test_the_baseline_is_the_plans():
    plan = ladder()[0].settings
    assert (plan.loss.kind, plan.network.attention, plan.train.schedule) == (
        "bce",
        False,
        "constant",
    )
    assert (plan.train.epochs, plan.self_train.epochs, plan.self_train.gate) == (50, 20, False)
    assert (plan.self_train.positive_score, plan.self_train.negative_score) == (0.98, 0.02)


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_leaving_one_out_leaves_that_one_out(number: int):
    full, without = ladder()[-2].settings, leave_one_out()[number]
    assert changed(without.settings, full) == CHANGES[STEPS[number][0]]
    assert without.ensemble


def test_keys_ignore_the_seed_and_tell_all_else():
    settings = RECIPES["improved"]
    again = replace(settings, recipe="x", train=replace(settings.train, seed=7))
    assert key_of(settings) == key_of(again)
    assert key_of(settings) != key_of(settings, ensemble=True)
    longer = replace(settings, train=replace(settings.train, epochs=17))
    assert key_of(settings) != key_of(longer)


def test_a_new_setting_changes_no_key_while_it_has_its_default(monkeypatch):
    @dataclass(frozen=True)
    class More(TrainSettings):
        novelty: float = 0.5

    keys = [key_of(rung.settings) for rung in ladder()]
    monkeypatch.setattr(records, "Settings", lambda: Settings(train=More()))
    settings = [replace(r.settings, train=More(**asdict(r.settings.train))) for r in ladder()]
    assert [key_of(each) for each in settings] == keys
    changed = replace(settings[0], train=replace(settings[0].train, novelty=0.6))
    assert key_of(changed) != keys[0]


def test_records_of_before_a_setting_that_came_switched_on_serve_rungs_without_it_alone():
    # the names of records of two batches an epoch, made before augmentation changed the spectrum
    before = {"baseline": "d2eb65b6f50d", "+ augmentation": "841849d1b991"}
    rungs = {r.name: fit_budget(r, 2).settings for r in ladder() if r.name in before}
    assert {name for name, s in rungs.items() if key_of(s) == before[name]} == {"baseline"}
    without = replace(rungs["+ augmentation"].augment, spectrum=0.0)
    assert key_of(replace(rungs["+ augmentation"], augment=without)) == before["+ augmentation"]


def test_a_default_that_changes_changes_keys(monkeypatch):
    before = key_of(Settings())
    other = Settings(target=TargetSettings(disc_radius=0.3))
    monkeypatch.setattr(records, "Settings", lambda: other)
    assert key_of(other) != before


def test_keys_hold_the_settings_that_they_say():
    table = to_dict(Settings())
    dropped = {name.rpartition(".")[::2] for name in DROPPED["settings"]}
    for section, names in records.KEYED.items():
        known = {name for part, name in dropped if part == section}
        assert set(names.split()) <= known.union(table[section] if section else table)


@pytest.mark.parametrize("case", ["betagal", "random-44"])
def test_the_documented_ladders_are_found_whole(case: str, request: pytest.FixtureRequest):
    out = request.config.rootpath / "docs" / "ablation" / case
    found = read_ladder(out)
    assert found is not None
    with open(out / "ladder.csv", newline="", encoding="utf-8") as handle:
        names = [row[0] for row in csv.reader(handle)][1:]
    assert {*names} <= {rung.name for rung in (*found.rungs, *found.without)}


def test_rungs_that_differ_in_self_training_alone_share_their_training():
    rungs = {rung.name: rung.settings for rung in ladder()}
    before, after = rungs["+ warm restarts"], rungs["+ dynamic pseudo-labels, gate"]
    assert key_of(before) != key_of(after)
    assert key_of(supervised_part(before)) == key_of(supervised_part(after))


def test_shares_make_everything_once_and_what_is_trained_together_together():
    units = units_of([fit_budget(rung, 4) for rung in ladder()], (42, 43, 44))
    shares = [share_of(units, Shard(number, 4)) for number in range(1, 5)]
    names = [unit.name for share in shares for unit in share]
    assert sorted(names) == sorted(unit.name for unit in units if len(unit.seeds) == 1)
    trained = [{(supervised_key(unit.rung), unit.seeds) for unit in share} for share in shares]
    # eight trainings with each seed; self-training by quantiles shares that of the warm restarts
    assert [len(each) for each in trained] == [6, 6, 6, 6]
    assert len(set().union(*trained)) == 24


def test_units_go_seed_by_seed_and_none_is_made_twice():
    rungs = [fit_budget(rung, 4) for rung in (*ladder(), *leave_one_out())]
    units = units_of(rungs, (42, 43))
    names = [unit.name for unit in units]
    assert len(set(names)) == len(names)
    # 9 rungs and 6 left out of which a model is no rung: attention's is the rung before it
    assert [unit.seeds for unit in units if len(unit.seeds) == 1] == [(42,)] * 15 + [(43,)] * 15
    assert [unit.rung.name for unit in units[:2]] == ["baseline", "+ combined loss"]
    assert all(unit.rung.ensemble == (len(unit.seeds) == 2) for unit in units)
    assert {unit.rung.settings.train.patches_per_epoch for unit in units} == {64}


def test_refused_rounds_are_verdicts_although_the_model_knows_nothing_of_them(tmp_path):
    rounds = [
        Round(
            number=1, taken=5, ignored=2, micrographs=1, decision="accepted", f1=0.8, f1_before=0.7
        ),
        Round(
            number=2, taken=9, ignored=1, micrographs=2, decision="refused", f1=0.6, f1_before=0.7
        ),
    ]
    rows = [{"stage": "training", "epoch": 1, "loss": 0.2}, *(each.figures() for each in rounds)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert verdicts_of(tmp_path) == ("accepted", "refused")
    assert verdicts_of(tmp_path / "supervised") == ()


def test_an_ensemble_of_one_is_not_made():
    units = units_of(ladder(), (42,))
    assert all(not unit.rung.ensemble for unit in units)
    names = [rung.name for rung in ladder() if rung.name != "+ ensemble"]
    assert [unit.rung.name for unit in units] == names
