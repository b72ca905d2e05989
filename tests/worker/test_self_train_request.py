"""The job "self-train": what of a project learns, and a round through the engine process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raw_engine import RawEngine, SmallProject

from napari_unetpick.errors import InputError
from napari_unetpick.project.annotations import new_picks
from napari_unetpick.project.project import Annotations, Project
from napari_unetpick.protocol.requests import SelfTrainRequest
from napari_unetpick.worker.training_set import gather_self_training

SQUARE = np.array([[0.0, 0], [0, 50], [50, 50], [50, 0]])


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def ask(small: SmallProject, run: Path, **fields: Any) -> Any:
    request = SelfTrainRequest.read({"project": str(small.folder), "run": str(run), **fields})
    return gather_self_training(request)[0]


def test_a_request_is_read_as_it_was_sent():
    fields = {"rounds": 3, "positive_quantile": 0.4, "ignore_quantile": 0.1, "keys": ["a"]}
    read = SelfTrainRequest.read({"project": "/p", "run": "/r", "device": "cpu", **fields})
    assert (read.rounds, read.epochs, read.keys) == (3, None, ("a",))
    assert (read.positive_quantile, read.ignore_quantile, read.device) == (0.4, 0.1, "cpu")
    for wrong in ({"rounds": 1.5}, {"epochs": "3"}, {"keys": "a"}, {"run": 3}):
        with pytest.raises(InputError):
            SelfTrainRequest.read({"project": "/p", "run": "/r", **wrong})


@pytest.mark.slow
def test_unlabelled_micrographs_learn_and_the_runs_own_labels_count(
    small: SmallProject, run: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(small.folder, tmp_path / "copy"))
    shutil.copytree(small.folder.parent / "images", tmp_path / "images", dirs_exist_ok=True)
    (folder / "project.lock").unlink(missing_ok=True)
    copy = SmallProject(folder, small.diameter, small.labelled, small.unseen, small.truth)
    with Project.open(folder) as project:
        marks = Annotations(
            picks=new_picks(np.array([[9.0, 9.0]])),
            negatives=np.array([[100.0, 100.0]]),
            exclusions=(SQUARE,),
        )
        project.save_annotations(small.unseen, marks)
        project.save_annotations(
            small.labelled[0], Annotations()
        )  # changed since the run was trained
        project.save()
    job = ask(copy, run, rounds=3, positive_quantile=0.5)
    assert [m.key for m in job.learn] == [small.unseen]
    assert [m.key for m in job.train.micrographs] == list(small.labelled)
    for key in small.labelled:
        np.testing.assert_allclose(job.train.labels[key].positives, small.truth[key], atol=1e-3)
    assert len(job.marks[small.unseen].positives) == 0
    assert len(job.marks[small.unseen].negatives) == len(job.marks[small.unseen].exclusions) == 1
    assert job.train.settings.self_train.rounds == 3
    assert job.train.settings.self_train.positive_quantile == 0.5
    with pytest.raises(InputError, match="no such micrograph"):
        ask(copy, run, keys=["no"])
    with pytest.raises(InputError, match="positive_quantile"):
        ask(copy, run, positive_quantile=0.01)
    with Project.open(folder) as project:
        project.change(small.unseen, split="test")
        project.save()
    assert ask(copy, run).learn == []
    with pytest.raises(InputError, match="in the test split"):
        ask(copy, run, keys=[small.unseen])


@pytest.mark.slow
def test_a_round_through_the_engine(engine: RawEngine, small: SmallProject, run: Path):
    fields = {"project": str(small.folder), "run": str(run), "rounds": 1, "epochs": 1}
    engine.send("self-train", id="s1", positive_quantile=0.35, **fields)
    end = engine.last("s1")
    assert end["event"] == "done", end
    *epochs, told = engine.of("s1", "metrics")
    assert [(m["stage"], m["epoch"]) for m in epochs] == [("round 1", 1)]
    values = told["values"]
    assert told["stage"] == "round 1"
    assert values["taken"] > 0
    assert values["low"] <= values["f1"] - values["f1_before"] <= values["high"]
    assert end["result"]["round"] == (values["accepted"] and values["change"] > 0)
    assert (run / "supervised.safetensors").is_file()
    engine.send("self-train", id="s2", positive_quantile=0.35, **fields)
    assert engine.last("s2")["event"] == "done"
    assert any("already finished" in m["text"] for m in engine.of("s2", "message"))
    engine.send("self-train", id="s3", positive_quantile=0.4, **fields)  # starts over
    assert engine.last("s3")["event"] == "done"
    assert engine.of("s3", "metrics")
