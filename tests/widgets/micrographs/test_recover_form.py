"""Work that never got a project: kept when its viewer goes, offered by the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from train_helpers import write_run

from napari_unetpick.project.scratch import find_left_work
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.session.root import get_session
from napari_unetpick.widgets.session.session import Session

KEY = "a.b_1"
PLACES = np.array([[30.0, 40.0], [60.0, 90.0]])


@pytest.fixture
def left(fake_engine: Any, planted: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """A viewer without a project was closed with two picks and a training; returns its folder."""
    session = get_session(ViewerModel())
    session.project.add(tmp_path / "mics")
    session.annotations.add(KEY, PLACES, None, "manual")
    write_run(session.project.runs_folder, "run-1")
    session.close()
    return session.project.folder


@pytest.fixture
def dock(left: Path, session: Session, qtbot: Any) -> MicrographsDock:
    made = MicrographsDock(session.viewer)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_next_viewer_offers_it_and_goes_on(dock, left, tmp_path, scratch):
    session, form = dock.session, dock.left_work
    assert form.isVisible()
    assert "2 picks on 1 micrograph and 1 training run" in form.words.text()
    form.recover.click()
    assert not form.isVisible()
    np.testing.assert_allclose(session.annotations.of(KEY).picks.coords, PLACES, atol=2e-3)
    assert session.project.temporary
    session.project.save_as(tmp_path / "kept")
    assert len(session.annotations.of(KEY).picks) == 2
    assert [run.name for run in session.project.runs()] == ["run-1"]
    assert not left.exists()


def test_it_is_deleted_only_when_the_user_says_so(dock, left):
    form, asked = dock.left_work, []
    form.ask = lambda question: bool(asked.append(question))
    form.delete.click()
    assert "2 picks on 1 micrograph and 1 training run" in asked[0]
    assert left.exists()
    assert form.isVisible()
    form.ask = lambda question: True
    form.delete.click()
    assert not left.exists()
    assert not dock.left_work.isVisible()


def test_all_of_it_is_deleted_only_when_the_user_says_so(dock, left, scratch):
    form, asked = dock.left_work, []
    assert "Unsaved work of 1 session: 0." in form.room.text()
    form.ask = lambda question: bool(asked.append(question))
    form.delete_all.click()
    assert "1 session" in asked[0]
    assert left.exists()
    form.ask = lambda question: True
    form.delete_all.click()
    assert [path.name for path in scratch.iterdir()] == [dock.session.project.folder.name]
    assert not form.isVisible()


def test_it_is_not_offered_where_micrographs_are_open_or_while_somebody_has_it(
    dock, tmp_path, qtbot
):
    dock.session.project.add(tmp_path / "mics")
    qtbot.waitUntil(lambda: not dock.left_work.isVisible(), timeout=3000)
    other = get_session(ViewerModel())
    other.project.open(find_left_work()[0].folder)
    assert find_left_work() == []
    other.close()
    assert len(find_left_work()) == 1


def test_what_is_discarded_or_empty_leaves_nothing(session, planted, scratch, tmp_path):
    session.project.add(tmp_path / "mics")
    session.annotations.add(KEY, PLACES, None, "manual")
    session.project.new(tmp_path / "project")  # the dock asks first
    other = get_session(ViewerModel())
    other.project.add(tmp_path / "mics")
    other.close()
    assert list(scratch.glob("unetpick-project-*")) == []


KILLED = """
import os, sys, time
os.environ["UNETPICK_SCRATCH"] = sys.argv[1]
import numpy as np
from qtpy.QtWidgets import QApplication
from napari.components import ViewerModel
from napari_unetpick.widgets.session.root import get_session

application = QApplication([])
session = get_session(ViewerModel())
session.project.add(sys.argv[2])
session.annotations.add("a.b_1", np.array([[30.0, 40.0]]), None, "manual")
session.save()
print("marked", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_kill_leaves_it_too(planted, scratch, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(scratch), str(tmp_path / "mics")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "marked\n"
    assert find_left_work() == [], "its process is alive"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (found,) = find_left_work()
    assert (found.picks, found.labelled, found.runs) == (1, 1, 0)
