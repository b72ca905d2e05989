"""A run goes on with the data that it was begun with, wherever that lies, and with no other."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from tiny_training import is_epoch, make_tiny_job, places, run_until, write_micrograph

from napari_unetpick.engine.runs.folder import CHECKPOINT
from napari_unetpick.engine.self_train.job import SelfTrainJob, make_self_train_job
from napari_unetpick.engine.self_train.run import self_train
from napari_unetpick.engine.self_train.state import SELF_TRAIN, open_state
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.engine.train.run import train
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.project.runs import CONFIG, METRICS, MODEL

EPOCHS = 2


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run stopped after its first epoch, and the model that it would come to."""
    folder = tmp_path_factory.mktemp("stopped")
    list(train(make_tiny_job(folder, run="whole", epochs=EPOCHS)))
    with pytest.raises(Cancelled):
        run_until(make_tiny_job(folder, epochs=EPOCHS), is_epoch(1))
    return folder


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "data"))


def go_on(folder: Path, **changes: Any) -> bool:
    """Resume, and tell whether it came to the same file."""
    list(train(replace(make_tiny_job(folder, epochs=EPOCHS, resume=True), **changes)))
    return (folder / "run" / MODEL).read_bytes() == (folder / "whole" / MODEL).read_bytes()


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(tomli_w.dumps(table), encoding="utf-8")


def sized(job: TrainJob, size: float) -> list[Micrograph]:
    return [replace(m, pixel_size=size) for m in job.micrographs]


@pytest.mark.slow
def test_moved_micrographs_are_the_same(stopped: Path, folder: Path):
    begun = tomllib.loads((stopped / "run" / CONFIG).read_text())
    assert begun["pixel_sizes"] == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert begun["micrographs"][0] == str(stopped / "a.mrc")
    assert go_on(folder)
    again = tomllib.loads((folder / "run" / CONFIG).read_text())
    assert again["micrographs"][0] == str(folder / "a.mrc"), "where self-training finds them"


def test_another_pixel_size_is_refused_and_the_former_goes_on(folder: Path):
    run, job = folder / "run", make_tiny_job(folder, epochs=EPOCHS)
    before = (run / CHECKPOINT).read_bytes(), (run / CONFIG).read_bytes()
    with pytest.raises(InputError, match=r"1 A/px for a, which now has 0\.5 A/px"):
        go_on(folder, micrographs=sized(job, 0.5))
    assert ((run / CHECKPOINT).read_bytes(), (run / CONFIG).read_bytes()) == before
    assert go_on(folder, micrographs=sized(job, 1.0)), "typed now, of the header then"


@pytest.mark.parametrize("name", [MODEL, METRICS])
def test_what_was_damaged_in_a_finished_run_is_made_again(folder: Path, name: str):
    damaged = folder / "whole" / name
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    list(train(make_tiny_job(folder, run="whole", epochs=EPOCHS, resume=True)))
    assert damaged.read_bytes() == whole


def test_a_run_of_an_older_version_goes_on(folder: Path):
    def age(table: dict[str, Any]) -> None:
        table["version"] = "0.0.1"
        del table["pixel_sizes"], table["settings"]["self_train"]["rounds"]

    edit(folder / "run" / CONFIG, age)
    assert go_on(folder)


def test_what_differs_is_named(folder: Path):
    job = make_tiny_job(folder, epochs=EPOCHS)
    for changes, words in (
        ({"diameter": 41.0}, "(diameter; see"),
        ({"micrographs": job.micrographs[::-1]}, "(micrographs; see"),
        ({"labels": {**job.labels, "a": job.labels["b"]}}, "(labels; see"),
        ({"settings": replace(job.settings, particle_px=20)}, "(settings; see"),
        ({"pixel_size": 1.0, "validation": None}, "(pixel size, validation; see"),
    ):
        with pytest.raises(InputError) as caught:
            go_on(folder, **changes)
        assert words in str(caught.value)
    (folder / "run" / CONFIG).write_text("diameter = ")
    with pytest.raises(InputError, match=r"config\.toml: cannot be read"):
        go_on(folder)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose self-training was begun and stopped."""
    folder = tmp_path_factory.mktemp("taught")
    list(train(make_tiny_job(folder, epochs=1)))
    write_micrograph(folder / "d.mrc", places(4), seed=4)

    def stop() -> None:
        if (folder / "run" / SELF_TRAIN).is_file():
            raise Cancelled("planted")

    with pytest.raises(Cancelled):
        list(self_train(self_train_job(folder), stop))
    return folder


def self_train_job(folder: Path, **sizes: float) -> SelfTrainJob:
    listed = [Micrograph(folder / f"{name}.mrc", f"{name}.mrc", sizes.get(name)) for name in "abcd"]
    job, _ = make_self_train_job(
        micrographs=listed, run=folder / "run", rounds=1, epochs=1, device="cpu", again="either"
    )
    return job


def test_a_self_training_goes_on_where_micrographs_were_moved(taught: Path, tmp_path: Path):
    folder = Path(shutil.copytree(taught, tmp_path / "moved"))
    edit(folder / "run" / SELF_TRAIN, lambda table: table.update(version="0.0.1"))
    job = self_train_job(folder)
    assert open_state(job).resumed
    fewer = replace(job, learn=[], again="resume")
    with pytest.raises(InputError, match=r"\(learn; see"):
        open_state(fewer)


@pytest.mark.parametrize("key", ["a", "d"])
def test_a_self_training_refuses_another_pixel_size(taught: Path, tmp_path: Path, key: str):
    folder = Path(shutil.copytree(taught, tmp_path / "data"))
    begun = tomllib.loads((folder / "run" / SELF_TRAIN).read_text())
    assert begun["pixel_sizes"] == dict.fromkeys("abcd", 1.0)
    with pytest.raises(InputError, match=rf"1 A/px for {key}, which now has 2 A/px"):
        list(self_train(self_train_job(folder, **{key: 2.0})))
