"""Scores of all picked micrographs: planted ones are counted, and kept up to date."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QObject
from train_helpers import write_run

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.export.gather import make_item
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.pick.all_scores import Scores, ScoreTable
from napari_unetpick.widgets.pick.use_as_labels import accept_above
from napari_unetpick.widgets.session.snapshot import take_snapshot

KEYS = ("a.b_1", "a.b_2", "a.b_3")


def plant(session, key, raw):
    coords = session.truth[key][: len(raw)]
    found = Candidates(coords, np.array(raw), np.zeros(len(raw)), 20.0, model="run-1")
    session.candidates.put(key, found)


@pytest.fixture
def table(project_session, qtbot):
    """Three candidates in each of two micrographs, none in the third."""
    project_session.selection.use_model(write_run(project_session.project.runs_folder, "run-1"))
    for key in KEYS[:2]:
        plant(project_session, key, [0.9, 0.7, 0.2])
    owner = QObject()
    made = ScoreTable(project_session, owner)
    made.owner = owner
    made.refresh()
    qtbot.waitUntil(lambda: not made.collecting, timeout=5000)
    yield made
    made.close()


def test_joined_scores_are_counted_by_micrograph():
    by_key = {"b": np.array([0.9, 0.1]), "a": np.array([0.5]), "none": np.empty(0)}
    scores = Scores.join(by_key, ["a", "b", "none", "not picked"])
    assert scores.keys == ("a", "b", "none")
    assert scores.counts(0.5) == {"a": 1, "b": 1, "none": 0}
    assert sorted(scores.above(0.5)) == [0.5, 0.9]
    assert Scores.join({}, ["a"]).counts(0.5) == {}


def test_files_of_other_micrographs_are_read(table, project_session, qtbot):
    session = project_session
    session.candidates.forget()
    session.selection.set_min_distance(0.6)
    table.refresh()
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.counts(0.6) == {"a.b_1": 2, "a.b_2": 2}


def test_what_was_decided_is_no_candidate_any_more(table, project_session, qtbot):
    session = project_session
    session.annotations.accept("a.b_2", session.truth["a.b_2"][:1], np.array([0.9]))
    table.look_at("a.b_2")
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.counts(0.6) == {"a.b_1": 2, "a.b_2": 1}


def test_what_changed_unseen_is_caught_up_with(table, project_session, qtbot):
    session = project_session
    session.annotations.reject("a.b_1", session.truth["a.b_1"][:2])
    table.look_at("a.b_1", now=False)
    qtbot.wait(100)
    assert table.scores.counts(0.6)["a.b_1"] == 2
    table.refresh()
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.counts(0.6)["a.b_1"] == 0


def test_what_comes_while_the_thread_reads_is_the_newer(table, project_session, qtbot):
    session = project_session
    session.selection.set_min_distance(0.7)
    table.refresh()
    plant(session, "a.b_3", [0.95])  # after the snapshot
    table.look_at("a.b_3")
    table._catch_up()
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.counts(0.6) == {"a.b_1": 2, "a.b_2": 2, "a.b_3": 1}


def test_a_preview_is_not_counted(table, project_session, qtbot):
    session = project_session
    found = session.candidates.of("a.b_1")
    session.candidates.put_preview("a.b_1", found, 0.3)
    table.look_at("a.b_1")
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.keys == ("a.b_2",)


def test_a_damaged_file_costs_only_its_micrograph(table, project_session, qtbot):
    session = project_session
    session.candidates.forget()
    (session.project.folder / "candidates" / "a.b_1.npz").write_bytes(b"cut off")
    session.selection.set_min_distance(0.6)
    table.refresh()
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.keys == ("a.b_2",)


GRID = np.stack(np.meshgrid(40 + 16 * np.arange(8), 40 + 16 * np.arange(8)), -1).reshape(-1, 2)


def plant_grid(session, keys=KEYS[::2]):
    """Candidates 16 px apart, as found with 80 A = 20 px."""
    scores = np.linspace(0.99, 0.7, len(GRID))
    for key in keys:
        found = Candidates(GRID.astype(float), scores, np.zeros(len(GRID)), 20.0, model="run-1")
        session.candidates.put(key, found)


def test_all_choose_alike_after_the_diameter_changed(project_session, qtbot, table):
    session = project_session
    dock = MicrographsDock(session.viewer)
    qtbot.addWidget(dock)
    dock.show()
    plant_grid(session)
    session.layers.images.clear()  # as for micrographs that were never looked at
    session.project.set_diameter(160.0)  # 40 px by the header
    table.refresh()
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    found, marks = session.candidates.of("a.b_1"), session.annotations.of("a.b_1")
    few = len(session.selection.model.choose_among(found, marks, 40.0).coords)
    assert 0 < few < len(GRID)
    snapshot = take_snapshot(session)

    def listed(key):
        summary = dock.model.summary(key)
        return None if summary is None else summary.count

    for key in KEYS[::2]:
        assert table.scores.counts(0.6)[key] == few, "the Pick dock"
        assert len(make_item(snapshot, key).candidates) == few, "Export"
        qtbot.waitUntil(lambda key=key: listed(key) == few, timeout=5000)
        assert accept_above(session, key, 0.6) == few


def test_a_new_pixel_size_counts_anew(project_session, qtbot, table):
    plant_grid(project_session)
    table.look_at("a.b_3")
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert table.scores.counts(0.6)["a.b_3"] == len(GRID)
    project_session.project.set_pixel_size(2.0)  # 80 A are 40 px now
    table.refresh()
    qtbot.waitUntil(lambda: not table.collecting, timeout=5000)
    assert 0 < table.scores.counts(0.6)["a.b_3"] < len(GRID)
