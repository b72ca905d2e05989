"""Which micrographs of a project train, and which validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.annotations import new_picks
from napari_unetpick.project.project import Annotations, Project
from napari_unetpick.protocol.requests import TrainRequest
from napari_unetpick.settings import Settings
from napari_unetpick.worker.training_set import make_train_job, open_to_read, training_set_of

KEYS = ("full-1", "full-2", "full-3", "part", "rejected", "test", "none")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    micrographs = [Micrograph(tmp_path / f"{key}.mrc", f"{key}.mrc") for key in KEYS]
    with Project.create(tmp_path / "project", micrographs, 140.0) as project:
        for number, key in enumerate(KEYS):
            coords = np.arange(2.0 * (number + 1)).reshape(-1, 2) * 10
            project.save_annotations(key, Annotations(picks=new_picks(coords)))
            project.change(key, state="full")
        project.change("part", state="partial")
        project.change("rejected", kept=False)
        project.change("test", split="test")
        project.change("none", state="none")
        project.save()
        return project.folder


def change(folder: Path, key: str, **fields: Any) -> None:
    with Project.open(folder) as project:
        project.change(key, **fields)
        project.save()


def request(folder: Path, **fields: Any) -> TrainRequest:
    return TrainRequest(folder, folder / "runs" / "run-1", Settings(), **fields)


def test_what_is_rejected_unlabelled_or_kept_for_testing_does_not_train(folder: Path):
    micrographs, labels, diameter = training_set_of(open_to_read(folder))
    assert [m.key for m in micrographs] == ["full-1", "full-2", "full-3", "part"]
    assert list(labels) == [m.key for m in micrographs]
    assert labels["part"].state == "partial"
    np.testing.assert_array_equal(labels["full-2"].positives, [[0, 10], [20, 30]])
    assert diameter == 140.0


def test_reading_leaves_the_viewers_lock_alone(folder: Path):
    with Project.open(folder) as viewer:
        before = (folder / "project.lock").read_text()
        training_set_of(open_to_read(folder))
        assert (folder / "project.lock").read_text() == before
        assert not viewer.read_only


def test_the_split_of_the_project_validates_where_it_can(folder: Path):
    assert make_train_job(request(folder)).validation is None
    change(folder, "part", split="validation")
    assert make_train_job(request(folder)).validation is None
    change(folder, "full-2", split="validation")
    assert make_train_job(request(folder)).validation == {"full-2"}
    assert make_train_job(request(folder, validation=0.4)).validation == 0.4
    job = make_train_job(request(folder, validation=frozenset({"full-1"})))
    assert job.validation == {"full-1"}
    with pytest.raises(InputError, match="none: cannot validate"):
        make_train_job(request(folder, validation=frozenset({"none"})))


def test_chosen_keys_train_alone(folder: Path):
    job = make_train_job(request(folder, keys=("full-3", "full-1")))
    assert [m.key for m in job.micrographs] == ["full-1", "full-3"]
    assert set(job.labels) == {"full-1", "full-3"}
    with pytest.raises(InputError, match="test: has no labels to train on"):
        make_train_job(request(folder, keys=("test",)))


def test_what_is_missing_is_said(folder: Path, tmp_path: Path):
    with Project.open(folder) as project:
        project.set_diameter(None)
        project.save()
    with pytest.raises(InputError, match="no particle diameter"):
        training_set_of(open_to_read(folder))
    with Project.create(
        tmp_path / "empty", [Micrograph(tmp_path / "a.mrc", "a.mrc")], 100
    ) as empty:
        empty.change("a", state="full")
        empty.save()
    with pytest.raises(InputError, match="mark some particles"):
        make_train_job(request(empty.folder))


def test_a_request_is_read_as_it_was_sent():
    read = TrainRequest.read(
        {
            "project": "/p",
            "run": "/p/runs/run-1",
            "settings": {"recipe": "plan", "train": {"epochs": 7}},
            "validation": ["b", "a"],
            "keys": ["a", "b", "c"],
            "device": "cpu",
            "resume": True,
            "pixel_size": 1,
        }
    )
    assert read.settings.train.epochs == 7
    assert read.settings.train.batch == 128
    assert read.validation == {"a", "b"}
    assert read.keys == ("a", "b", "c")
    assert (read.device, read.resume, read.pixel_size, read.start) == ("cpu", True, 1.0, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": 3},
        {"validation": 1.5},
        {"validation": [1]},
        {"keys": "a"},
        {"pixel_size": "1"},
        {"settings": [1]},
        {"settings": {"train": {"epochs": -1}}},
        {"device": 0},
    ],
)
def test_a_request_of_wrong_types_is_refused(wrong: dict[str, Any]):
    with pytest.raises(InputError):
        TrainRequest.read({"project": "/p", "run": "/r", **wrong})
