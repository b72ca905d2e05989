"""What a general model finds out is found once for the same micrographs, models and diameter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_unetpick.engine.pick.find import FindJob
from napari_unetpick.engine.pick.findings import Findings
from napari_unetpick.events import Message
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.worker import jobs


def test_the_survey_is_done_once(monkeypatch: pytest.MonkeyPatch):
    done: list[FindJob] = []

    def survey(job, _scorer, check_stop):
        done.append(job)
        yield Message("looked")
        return Findings("light", job.diameter or 160.0)

    monkeypatch.setattr(jobs, "survey", survey)
    scorers = jobs.Scorers()
    heard: list[Message] = []

    def find_out(job: FindJob) -> Findings:
        events = scorers.find_out(job, None, lambda: None)
        while True:
            try:
                heard.append(next(events))
            except StopIteration as stop:
                return stop.value

    job = FindJob(micrographs=[Micrograph(Path(f"{n}.mrc"), f"{n}.mrc") for n in "abc"])
    assert find_out(job) == find_out(job) == Findings("light", 160.0)
    assert len(done) == len(heard) == 1
    assert find_out(replace(job, diameter=90.0)).diameter == 90.0
    assert len(done) == 2
    scorers.drop()
    find_out(job)
    assert len(done) == 3
