"""What earlier versions wrote opens as they left it: picks, areas, states, models and thresholds.

`fixtures/version_0` was made at commit 2d51b84; see `fixtures/make_version_0.py`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import read_back
from napari_unetpick.events import Done
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.project import Project

FIXTURE = Path(__file__).parent / "fixtures" / "version_0"
EXPECTED: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
for marks in EXPECTED["project"]["marks"].values():
    del marks["ids"], marks["created"]  # nobody used them, and they are kept no longer
RUNS = sorted(EXPECTED["runs"])
MODELS = [f"{run}/{model}" for run in RUNS for model in EXPECTED["runs"][run]["models"]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURE, tmp_path / "set")
    return tmp_path / "set" / "project"


def plain(table: Any) -> Any:
    """As JSON has it: tuples become lists."""
    return json.loads(json.dumps(table))


def test_the_fixture_holds_what_a_project_can_hold():
    marks = EXPECTED["project"]["marks"].values()
    for part in ("coords", "negatives", "exclusions", "complete"):
        assert any(each[part] for each in marks)
    assert {source for each in marks for source in each["sources"]} == {"manual", "model", "file"}
    entries = EXPECTED["project"]["entries"]
    assert {each["state"] for each in entries} == {"none", "partial", "full"}
    assert {each["split"] for each in entries} == {"", "train", "validation", "test"}
    assert {each["kept"] for each in entries} == {True, False}
    assert {each["model"] for each in EXPECTED["project"]["candidates"].values()} == {
        "first",
        "run-1",
    }
    assert [name for name in RUNS if not EXPECTED["runs"][name]["models"]] == ["stopped"]


@pytest.mark.parametrize("part", sorted(EXPECTED["project"]))
def test_every_part_of_the_project_is_found_again(project: Path, part: str):
    assert plain(read_back.read_project(project)[part]) == EXPECTED["project"][part]


def test_the_project_is_the_same_once_it_is_saved_and_copied(project: Path, tmp_path: Path):
    with Project.open(project) as opened:
        opened.set_diameter(33.0)
        opened.set_diameter(EXPECTED["project"]["diameter"])
        for key in opened.entries:
            opened.save_annotations(key, opened.annotations(key))
        opened.save()
        copy_project(opened, tmp_path / "set" / "copy").close()
    kept = (project / "project.toml.schema1").read_bytes()
    assert kept == (FIXTURE / "project" / "project.toml").read_bytes()
    for folder in (project, tmp_path / "set" / "copy"):
        assert plain(read_back.read_project(folder)) == EXPECTED["project"]


@pytest.mark.parametrize("run", RUNS)
def test_a_run_is_found_again(project: Path, run: str):
    found, expected = plain(read_back.read_run(project / "runs" / run)), EXPECTED["runs"][run]
    settings, before = found.pop("settings"), {**expected}.pop("settings")
    assert found == {name: value for name, value in expected.items() if name != "settings"}
    later = {"upsample": False, "network.junk": False}  # what came since, as it worked before
    assert flat(settings).items() <= {**flat(before), **later}.items()


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    sections = {name: each for name, each in settings.items() if isinstance(each, dict)}
    top = {name: each for name, each in settings.items() if name not in sections}
    return top | {f"{s}.{name}": v for s, each in sections.items() for name, v in each.items()}


@pytest.mark.parametrize("model", MODELS)
def test_info_tells_of_every_model(project: Path, model: str):
    run, _, file = model.partition("/")
    expected = EXPECTED["runs"][run]["models"][file]
    told = read_back.tell_model(project / "runs" / model)
    assert f"{expected['calibration']['threshold']:.3f}" in told
    assert f"{expected['card']['training']['particles']:,} particles" in told
    assert f"{expected['card']['diameter']:g} A" in told


@pytest.mark.parametrize("members", [["first"], ["first", "taught"]], ids=["one", "ensemble"])
def test_models_find_what_they_found(project: Path, members: list[str]):
    models = [project / "runs" / name for name in members]
    found = read_back.pick(project, models, "grid_4")
    expected = EXPECTED["picked"]["first" if len(members) == 1 else "ensemble"]
    # another processor may add in another order
    sure = np.array(expected["raw"]) > 0.1
    for name in ("coords", "raw", "near"):
        first, second = (np.array(each[name])[: sure.sum()] for each in (found, expected))
        np.testing.assert_allclose(first, second, atol=1e-3)


def test_a_stopped_training_goes_on(project: Path):
    *_, last = read_back.go_on(project, "stopped")
    assert isinstance(last, Done)
    found = plain(read_back.read_run(project / "runs" / "stopped"))
    before = EXPECTED["runs"]["stopped"]["metrics"]
    assert [row["epoch"] for row in found["metrics"]] == [1, 2, 3, 4]
    assert found["metrics"][:2] == before
    assert found["models"]["model.safetensors"]["card"]["validation"]["f1"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("run", ["taught", "clicks-taught"])
def test_a_self_training_goes_on_for_another_round(project: Path, run: str):
    before = EXPECTED["runs"][run]
    number = sum("round" in row for row in before["metrics"]) + 1
    *_, last = read_back.teach_on(project, run, number)
    assert isinstance(last, Done)
    assert [each["number"] for each in last.result["rounds"]] == list(range(1, number + 1))
    metrics = plain(read_back.read_run(project / "runs" / run)["metrics"])
    assert metrics[: len(before["metrics"])] == before["metrics"]


def test_the_records_of_an_ablation_make_the_same_ladder(project: Path):
    found = plain(read_back.read_ablation(project.parent / "ablation"))
    found["missing"].remove("+ general model")  # a rung that the ladder did not have
    assert found == EXPECTED["ablation"]
