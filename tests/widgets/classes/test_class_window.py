"""The window of 2D classes: a click rejects, rejected picks become negatives, undone as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.classes.window import EMPTY, ClassWindow, show_classes
from napari_unetpick.widgets.gallery.dock import GalleryDock
from planted_kinds import write_planted

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    return folder, *write_planted(folder, micrographs=2)


@pytest.fixture
def session(session, planted, tmp_path, qtbot):
    folder, places, _ = planted
    session.project.new(tmp_path / "project", folder)
    session.project.set_diameter(120.0)
    session.places = {Path(name).stem: at for name, at in places.items()}
    qtbot.waitUntil(lambda: session.layers.shown_key == "mic0", timeout=5000)
    return session


@pytest.fixture
def window(session, qtbot):
    made = ClassWindow(session)
    qtbot.addWidget(made)
    made.show()
    return made


def add_picks(session, source="model"):
    for key, at in session.places.items():
        session.annotations.add(key, at + 1.0, np.full(len(at), 0.8), source)


def make(window, qtbot):
    qtbot.mouseClick(window.make, LEFT)
    qtbot.waitUntil(lambda: not window.work.busy, timeout=60_000)
    assert window.found is not None, window.words.text()


def reject_bars(window, planted):
    """Click the classes that are mostly of kind 0, and return which picks they hold."""
    kinds = np.concatenate(list(planted[2].values()))
    classes = window.found.classes
    for number in range(1, classes.count + 1):
        if kinds[classes.numbers == number].mean() < 0.5:
            window.view.clicked.emit(window.model.index(number - 1))
    return np.isin(classes.numbers, list(window.model.rejected))


def totals(session):
    marks = [session.annotations.of(key) for key in session.project.keys]
    return sum(len(each.picks) for each in marks), sum(len(each.negatives) for each in marks)


def test_rejected_picks_become_negatives_and_others_are_recentred(window, session, planted, qtbot):
    add_picks(session)
    make(window, qtbot)
    out = reject_bars(window, planted)
    assert 20 < out.sum() < 60
    assert window.counts.text() == f"{(~out).sum()} kept, {out.sum()} rejected"
    assert window.fully.isChecked(), "a model looked everywhere"
    qtbot.mouseClick(window.use, LEFT)
    assert totals(session) == ((~out).sum(), out.sum())
    kept = np.concatenate([session.annotations.of(k).picks.coords for k in session.places])
    true = np.concatenate(list(session.places.values()))[~out]
    assert np.abs(kept - true).mean() < 0.6, "they were 1 px off along each axis"
    table = session.annotations.of("mic0").picks
    assert set(table.sources) == {"model"}
    assert set(table.scores) == {0.8}
    assert {session.project.entry(key).state for key in session.places} == {"full"}
    qtbot.mouseClick(window.undo, LEFT)
    assert totals(session) == (80, 0)
    np.testing.assert_array_equal(
        session.annotations.of("mic1").picks.coords, session.places["mic1"] + 1.0
    )
    assert {session.project.entry(key).state for key in session.places} == {"partial"}
    session.annotations.redo("mic0")
    assert totals(session) == ((~out).sum(), out.sum())
    assert session.project.entry("mic1").state == "full"


def test_what_was_edited_since_stays_when_it_is_undone(window, session, planted, qtbot):
    add_picks(session)
    make(window, qtbot)
    reject_bars(window, planted)
    qtbot.mouseClick(window.use, LEFT)
    session.annotations.add("mic0", np.array([[5.0, 6.0]]), None, "manual")
    qtbot.mouseClick(window.undo, LEFT)
    marks = session.annotations.of("mic0")
    expected = {(5.0, 6.0), *map(tuple, (session.places["mic0"] + 1.0).tolist())}
    assert set(map(tuple, marks.picks.coords.tolist())) == expected
    assert len(marks.negatives) == 0
    assert len(session.annotations.of("mic1").picks) == 40


def test_clicks_alone_stay_partly_labelled(window, session, planted, qtbot):
    add_picks(session, "manual")
    make(window, qtbot)
    assert not window.fully.isChecked()
    reject_bars(window, planted)
    gone = session.annotations.of("mic1").picks
    session.annotations.set("mic1", session.annotations.of("mic1").__class__())  # deleted meanwhile
    qtbot.mouseClick(window.use, LEFT)
    assert len(gone) == 40
    assert len(session.annotations.of("mic1").picks) == 0, "nor do they come back"
    assert session.project.entry("mic0").state == "partial"


def test_candidates_are_accepted_and_rejected(window, session, planted, qtbot):
    for key, at in session.places.items():
        raw = np.linspace(0.9, 0.6, len(at))
        session.candidates.put(key, Candidates(at, raw, np.zeros(len(at)), 30.0, model="run-1"))
    window.source.setCurrentText("Candidates in all micrographs")
    make(window, qtbot)
    out = reject_bars(window, planted)
    session.annotations.reject("mic0", session.places["mic0"][:1])  # decided meanwhile
    qtbot.mouseClick(window.use, LEFT)
    picks, negatives = totals(session)
    assert picks + negatives == 80
    assert abs(negatives - out.sum()) <= 1
    assert set(session.annotations.of("mic1").picks.sources) == {"model"}
    assert session.annotations.of("mic1").picks.scores.min() >= 0.6


def test_classes_of_relion_are_imported(window, session, tmp_path, qtbot, monkeypatch):
    add_picks(session)
    at = session.places["mic0"]
    files = []
    for name, rows in (("particles.star", range(6)), ("run_it025_data.star", range(10))):
        labels = "rlnImageName rlnCoordinateX rlnCoordinateY rlnOriginXAngst rlnOriginYAngst"
        head = "\n".join(f"_{label}" for label in (*labels.split(), "rlnMicrographName"))
        lines = "\n".join(f"{i}@a.mrcs {at[i, 1]} {at[i, 0]} 8 0 mic0.mrc" for i in rows)
        files.append(tmp_path / name)
        files[-1].write_text(f"data_particles\nloop_\n{head}\n{lines}\n")
    answers = iter(files)
    monkeypatch.setattr(window, "_ask", lambda title: next(answers))
    qtbot.mouseClick(window.imported, LEFT)
    qtbot.waitUntil(lambda: window.found is not None, timeout=10_000)
    assert window.counts.text() == "6 kept, 4 rejected"
    qtbot.mouseClick(window.use, LEFT)
    marks = session.annotations.of("mic0")
    assert len(marks.picks) == 40 - 4, "those that were picked are moved, not doubled"
    np.testing.assert_allclose(marks.negatives, at[6:10], atol=1e-6)
    np.testing.assert_allclose(marks.picks.coords[:6], at[:6] - [0, 2], atol=1e-6)


def test_too_few_picks_are_one_line(window, session, qtbot):
    assert window.words.text() == EMPTY
    qtbot.mouseClick(window.make, LEFT)
    qtbot.waitUntil(lambda: "too few" in window.words.text(), timeout=5000)
    assert not window.use.isEnabled()


def test_a_stop_leaves_no_classes(window, session, qtbot):
    add_picks(session)
    qtbot.mouseClick(window.make, LEFT)
    assert window.stop.isVisible()
    qtbot.mouseClick(window.stop, LEFT)
    assert window.words.text() == "Stopped."
    assert window.found is None
    assert window.make.isEnabled()


def test_the_gallery_opens_one_window(session, qtbot):
    dock = GalleryDock(session.viewer)
    qtbot.addWidget(dock)
    dock.source.setCurrentText("Picks in all micrographs")
    dock._show_classes()
    first = session.extras["class-window"]
    assert first.isVisible()
    assert first.source.currentText() == "Picks in all micrographs"
    assert show_classes(session, dock) is first
