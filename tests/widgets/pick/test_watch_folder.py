"""Watching a folder in Pick: what arrives is listed and picked, one picking after the other."""

from __future__ import annotations

import pytest
from train_helpers import write_run

from napari_unetpick.widgets.pick.dock import PickDock


@pytest.fixture
def dock(project_session, qtbot):
    project_session.selection.use_model(write_run(project_session.project.runs_folder, "run-1"))
    made = PickDock(project_session.viewer)
    qtbot.addWidget(made)
    made.watching.timer.setInterval(10)
    made.show()
    yield made
    made.watching.stop()


def test_what_arrives_is_listed_and_picked(dock, fake_engine, tmp_path, qtbot):
    watching, project = dock.watching, dock.session.project
    content = (tmp_path / "mics" / "a.b_1.mrc").read_bytes()
    watching.box.click()
    assert watching.words.text() == "Watching mics: 0 micrographs arrived."
    (tmp_path / "mics" / "a.b_4.mrc").write_bytes(content)
    (tmp_path / "mics" / "a.b_5.mrc").write_bytes(content[:-100])
    (tmp_path / "mics" / "text.mrc").write_text("no image\n" * 200)
    qtbot.waitUntil(lambda: bool(fake_engine.submitted), timeout=20000)
    (job,) = fake_engine.submitted
    assert job.request.keys == ("a.b_4",)
    assert job.request.surveyed == ("a.b_1", "a.b_2", "a.b_3")
    assert watching.words.text() == "Watching mics: 1 micrograph arrived, 1 cannot be read."
    assert list(project.entries) == ["a.b_1", "a.b_2", "a.b_3", "a.b_4"]
    assert dock.session.browser.current == "a.b_1"
    (tmp_path / "mics" / "a.b_5.mrc").write_bytes(content)
    qtbot.waitUntil(lambda: watching.waiting == ["a.b_5"], timeout=20000)
    assert len(fake_engine.submitted) == 1  # one after the other
    job.end({})
    qtbot.waitUntil(lambda: len(fake_engine.submitted) == 2, timeout=5000)
    assert fake_engine.submitted[1].request.keys == ("a.b_5",)
    assert fake_engine.submitted[1].request.surveyed == job.request.surveyed
    fake_engine.submitted[1].stop()  # stops the watching, too
    assert not watching.box.isChecked()
    assert not watching.timer.isActive()


def test_another_project_ends_it(dock, session, tmp_path):
    dock.watching.box.click()
    assert dock.watching.timer.isActive()
    session.project.new(tmp_path / "other", tmp_path / "mics")
    assert not dock.watching.box.isChecked()
    assert not dock.watching.timer.isActive()
    assert dock.watching.words.text() == ""
