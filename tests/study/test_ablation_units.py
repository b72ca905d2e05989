"""One run of an ablation: what is begun, gone on with, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w

from napari_unetpick.engine.train import config_of
from napari_unetpick.engine.train_job import TrainJob
from napari_unetpick.events import Event, Message
from napari_unetpick.settings import RECIPES
from napari_unetpick.study.ablation import units
from napari_unetpick.study.ablation.records import key_of
from napari_unetpick.study.ablation.units import AblateJob, supervised_part, trained


def go_on() -> None:
    """Never stop."""


@pytest.fixture
def job(tmp_path: Path) -> AblateJob:
    train = TrainJob([], {}, 175.0, tmp_path)
    return AblateJob(train, [], [], tmp_path / "truth.csv", 0.0, tmp_path, "d")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainJob]:
    """What would be trained."""
    seen: list[TrainJob] = []

    def train(job: TrainJob, check_stop) -> Iterator[Event]:
        seen.append(job)
        yield from ()

    monkeypatch.setattr(units, "train", train)
    return seen


@pytest.mark.parametrize("version, resumed", [(None, True), ("0.0.1", False)])
def test_a_run_that_another_version_began_is_begun_anew(
    job: AblateJob, asked: list[TrainJob], version: str | None, resumed: bool
):
    settings = RECIPES["baseline"]
    run = job.out / "runs" / f"{key_of(supervised_part(settings))}_42"
    begun = TrainJob([], {}, 175.0, run, supervised_part(settings))
    config = config_of(begun) | ({"version": version} if version else {})
    run.mkdir(parents=True)
    (run / "config.toml").write_text(tomli_w.dumps(config))
    (run / "checkpoint.pt").touch()
    events = list(trained(job, settings, go_on))
    assert [each.resume for each in asked] == [resumed]
    assert (run / "checkpoint.pt").is_file() is resumed
    assert [type(each) for each in events] == ([] if resumed else [Message])
