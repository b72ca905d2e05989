"""A stopped run goes on with the arguments that it was started with."""

from __future__ import annotations

from pathlib import Path

import pytest
from train_helpers import write_run

from napari_unetpick.errors import InputError
from napari_unetpick.io.models import read_card
from napari_unetpick.project.runs import list_runs
from napari_unetpick.settings import Settings, to_dict
from napari_unetpick.widgets.train.resume import resume_request


def config(start: str = "scratch") -> dict[str, object]:
    return {
        "start": start,
        "validation": ["b"],
        "micrographs": ["/elsewhere/a.mrc", "/elsewhere/b.mrc"],
        "settings": to_dict(Settings(recipe="plan")),
    }


def test_arguments_come_from_the_config(tmp_path: Path) -> None:
    run = write_run(tmp_path, "run-1", finished=False, config=config())
    request = resume_request(tmp_path, run, ["a", "b", "c"], list_runs(tmp_path))
    assert request.keys == ("a", "b")
    assert request.validation == {"b"}
    assert request.start == "scratch"
    assert request.settings.recipe == "plan"
    assert request.resume is True


def test_the_starting_model_is_found_by_its_labels(tmp_path: Path) -> None:
    write_run(tmp_path, "older", data="x", age=300)
    model = write_run(tmp_path, "start", data="y", age=200)
    run = write_run(tmp_path, "run-1", finished=False, config=config("y"), age=100)
    write_run(tmp_path, "later", data="y")  # made after the run was begun
    assert resume_request(tmp_path, run, ["a", "b"], list_runs(tmp_path)).start == str(model)


def test_the_general_model_is_found_by_its_data(general: Path, tmp_path: Path) -> None:
    start = str(read_card(general)["data"])
    run = write_run(tmp_path, "run-1", finished=False, config=config(start), age=100)
    assert resume_request(tmp_path, run, ["a", "b"], list_runs(tmp_path)).start == "general"


def test_what_is_gone_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path, "run-1", finished=False, config=config("gone"))
    with pytest.raises(InputError, match="model it started from is missing"):
        resume_request(tmp_path, run, ["a", "b"], list_runs(tmp_path))
    with pytest.raises(InputError, match="b is no longer in the project"):
        resume_request(tmp_path, run, ["a"], list_runs(tmp_path))
    (run / "config.toml").write_text("start = ")
    with pytest.raises(InputError, match=r"config\.toml: cannot be read"):
        resume_request(tmp_path, run, ["a", "b"], list_runs(tmp_path))
