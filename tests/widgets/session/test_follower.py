"""A follower hears its own job alone, to the end, and knows whose project it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from train_helpers import request_of

from napari_unetpick.client import Job
from napari_unetpick.errors import InputError
from napari_unetpick.events import Progress
from napari_unetpick.widgets.session.follower import JobFollower


class Hearing(JobFollower):
    """Notes what it hears."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.heard: list[Any] = []

    def _started(self, request: Any) -> None:
        self.heard.append(request.do)

    def _progress(self, event: Progress) -> None:
        self.heard.append(event.step)

    def _done(self, result: dict[str, Any]) -> None:
        self.heard.append((result, self.running, self.belongs))

    def _ended(self, job: Job) -> None:
        self.heard.append(job.state)


@pytest.fixture
def follower(project_session: Any) -> Hearing:
    return Hearing(project_session)


def test_a_job_is_heard_to_its_end(follower: Hearing, fake_engine: Any) -> None:
    changes: list[bool] = []
    follower.changed.connect(lambda: changes.append(follower.running))
    follower.follow(request_of(follower.session, "train"))
    (job,) = fake_engine.submitted
    with pytest.raises(InputError, match="of this kind is running"):
        follower.follow(request_of(follower.session, "train"))
    job.progress.emit(Progress("training", 3, 8))
    job.end({"model": "m"})
    assert follower.heard == ["train", 3, ({"model": "m"}, True, True), "done"]
    assert changes == [True, False]
    job.progress.emit(Progress("training", 4, 8))
    assert len(follower.heard) == 4, "it is over"


def test_what_goes_wrong_stays_until_the_next_attempt(follower: Hearing, fake_engine: Any) -> None:
    told: list[str] = []
    follower.troubled.connect(told.append)
    follower.follow(request_of(follower.session, "pick"))
    fake_engine.submitted[-1].break_down("memory", "out of memory")
    assert not follower.running
    assert follower.trouble == "out of memory"
    follower.follow(request_of(follower.session, "pick"))
    assert follower.trouble == ""
    assert told == ["", "out of memory", ""]


def test_a_job_of_another_project_is_known(
    follower: Hearing, fake_engine: Any, tmp_path: Path
) -> None:
    session = follower.session
    follower.follow(request_of(session, "train"))
    (job,) = fake_engine.submitted
    job.stop = lambda: None  # it is still on its way to its next step
    session.project.new(tmp_path / "other", tmp_path / "mics")
    job.end({})
    assert follower.heard[-2:] == [({}, True, False), "done"]
    session.project.open(tmp_path / "project")
    assert not follower.belongs, "it was opened again since"
