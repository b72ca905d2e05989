"""What a general model finds out is found once for the same micrographs, models and diameter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

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


def test_pickings_of_a_watched_folder_use_what_was_found_on_the_same_micrographs(
    monkeypatch: pytest.MonkeyPatch,
):
    entries = {n: SimpleNamespace(micrograph=Micrograph(Path(f"{n}.mrc"), n)) for n in "abcd"}
    scorer = SimpleNamespace(calibration=SimpleNamespace(to_dict=dict), diameter=160.0)
    surveyed: list[list[str]] = []

    def survey(job, _scorer, check_stop):
        surveyed.append([each.key for each in job.micrographs])
        yield Message("looked")
        return Findings("dark", 160.0)

    monkeypatch.setattr(jobs, "open_to_read", lambda _: SimpleNamespace(entries=entries))
    monkeypatch.setattr(jobs.Scorers, "get", lambda *_: scorer)
    monkeypatch.setattr(jobs, "needs_survey", lambda *_: True)
    monkeypatch.setattr(jobs, "survey", survey)
    monkeypatch.setattr(jobs, "find", lambda *_: iter(()))
    bench = jobs.Bench(lambda: None, list, lambda *_: None, lambda *_: None)
    for keys, on in ((["c"], ["a", "b", "gone"]), (["d"], ["a", "b", "gone"]), (["a"], [])):
        request = {"project": "p", "keys": keys, "models": ["m"], "device": "cpu", "surveyed": on}
        list(jobs.run_pick(request, bench))
    assert surveyed == [["a", "b"], ["a", "b", "c", "d"]]
