"""The Annotate dock by real clicks on its buttons."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_set import DIAMETER, PIXEL_SIZE
from qtpy.QtCore import Qt

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.annotate.dock import AnnotateDock
from napari_unetpick.widgets.annotate.suggestions_panel import (
    compared_keys,
    find_suggestions,
    shortened,
)
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import take_snapshot

KEY = "a.b_1"


@pytest.fixture
def dock(project_session: Session, qtbot: Any) -> AnnotateDock:
    made = AnnotateDock(project_session.viewer)
    qtbot.addWidget(made)
    made.resize(320, 900)
    made.show()
    return made


def forget_sizes(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no header had a pixel size."""
    monkeypatch.setattr(session.project.headers, "of", lambda micrograph: micrograph.pixel_size)


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_opens_quickly_and_without_a_project_says_what_to_do(session: Session, qtbot: Any) -> None:
    began = time.perf_counter()
    dock = AnnotateDock(session.viewer)
    assert time.perf_counter() - began < 0.5
    qtbot.addWidget(dock)
    assert "Micrographs dock" in dock.counts.text()
    assert not dock.modes["add"].isEnabled()


def test_of_a_damaged_pick_file_nothing_is_counted_and_nothing_offered(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    session = project_session
    session.annotations.add(KEY, session.truth[KEY], None, "manual")  # type: ignore[attr-defined]
    corner, sure = np.array([[2.0, 2.0]]), np.array([0.95])
    session.candidates.put(KEY, Candidates(corner, sure, sure, 20.0, model="m"))
    qtbot.waitUntil(lambda: "12 picks on this" in dock.counts.text() and dock.accept.isEnabled())
    (session.project.folder / "picks").mkdir(exist_ok=True)
    (session.project.folder / "picks" / "a.b_2.areas.json").write_text("{")
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: "a.b_2.areas.json" in dock.trouble.text(), timeout=5000)
    assert dock.counts.text() == ""
    assert not any(each.isEnabled() for each in (*dock.modes.values(), dock.accept, dock.reject))
    assert not dock.labels.exclude.isEnabled()
    session.browser.go(KEY)
    qtbot.waitUntil(lambda: "12 picks on this" in dock.counts.text(), timeout=5000)
    assert dock.modes["add"].isEnabled()
    assert dock.labels.exclude.isEnabled()


def test_add_mode_picks_and_counts(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    click(qtbot, dock.modes["add"])
    layer = project_session.layers.get("picks")
    assert layer.mode == "add"
    assert dock.modes["add"].isChecked()
    layer.add(project_session.truth[KEY][0])  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: "1 pick on this" in dock.counts.text())
    assert "Total: 1 pick on 1 micrograph" in dock.counts.text()
    assert "about 30 on 3" in dock.counts.text()
    qtbot.waitUntil(lambda: dock.undo.text() == "Undo (1)")
    assert dock.labels.states["partial"].isChecked()
    click(qtbot, dock.undo)
    assert len(project_session.annotations.of(KEY).picks) == 0
    qtbot.waitUntil(lambda: dock.redo.text() == "Redo (1)")
    click(qtbot, dock.redo)
    assert len(project_session.annotations.of(KEY).picks) == 1
    click(qtbot, dock.modes["add"])
    assert layer.mode == "pan_zoom"


def test_negative_mode_marks_no_particle(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    click(qtbot, dock.modes["negative"])
    project_session.layers.get("negatives").add(np.array([30.0, 40.0]))
    assert np.allclose(project_session.annotations.of(KEY).negatives, [[30, 40]])
    qtbot.waitUntil(lambda: "1 marked as not a particle" in dock.counts.text())


def test_one_mode_at_a_time(dock: AnnotateDock, project_session: Session, qtbot: Any) -> None:
    click(qtbot, dock.modes["add"])
    click(qtbot, dock.modes["lasso"])
    assert [name for name, each in dock.modes.items() if each.isChecked()] == ["lasso"]
    assert dock.reject_too.isVisible()
    assert not dock.brush_row.isVisible()
    click(qtbot, dock.modes["brush"])
    assert dock.brush_row.isVisible()
    click(qtbot, dock.modes["move"])
    assert dock.tools.active == ""
    assert project_session.layers.get("picks").mode == "select"
    project_session.layers.get("picks").mode = "add"  # with napari's own buttons
    assert [name for name, each in dock.modes.items() if each.isChecked()] == ["add"]


def test_typed_and_measured_diameter(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    assert dock.diameter.number.value() == DIAMETER
    dock.diameter.number.setValue(120.0)
    assert project_session.project.diameter == 120.0
    click(qtbot, dock.diameter.measure)
    assert dock.tools.active == "measure"
    dock.tools.measured.emit(97.3)
    assert project_session.project.diameter == pytest.approx(97.3)
    assert "97" in dock.diameter.words.text()


def test_estimate_finds_the_planted_discs(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    """The planted discs are 16 px, 64 A, wide."""
    click(qtbot, dock.diameter.estimate)
    assert "0 picks" in dock.diameter.words.text()
    for key, places in project_session.truth.items():  # type: ignore[attr-defined]
        project_session.annotations.add(key, places, None, "manual")
    click(qtbot, dock.diameter.estimate)
    qtbot.waitUntil(lambda: "from 36 picks" in dock.diameter.words.text(), timeout=10_000)
    assert project_session.project.diameter == pytest.approx(64.0, rel=0.1)


def test_label_state_and_its_meaning(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    click(qtbot, dock.labels.states["full"])
    assert project_session.project.entry(KEY).state == "full"
    assert "count as background" in dock.labels.meaning.text()
    assert "no picks" in dock.labels.meaning.text()
    project_session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: dock.labels.states["none"].isChecked())


def test_areas_are_drawn_in_their_layers(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    click(qtbot, dock.labels.complete)
    layer = project_session.layers.get("complete")
    assert layer.mode == "add_rectangle"
    assert project_session.viewer.layers.selection.active is layer
    layer.add(np.array([[10, 10], [10, 60], [60, 60], [60, 10]]), shape_type="rectangle")
    assert len(project_session.annotations.of(KEY).complete) == 1
    qtbot.waitUntil(lambda: "1 fully labelled rectangle" in dock.labels.areas.text())
    click(qtbot, dock.labels.exclude)
    assert project_session.layers.get("exclusions").mode == "add_polygon"


def test_accept_and_reject_all_shown(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    truth = project_session.truth[KEY]  # type: ignore[attr-defined]
    scores = np.linspace(0.9, 0.6, len(truth))
    project_session.candidates.put(KEY, Candidates(truth, scores, scores, 20.0, model="planted"))
    project_session.selection.set_threshold(0.0)
    qtbot.waitUntil(lambda: "12 candidates shown" in dock.candidate_words.text())
    click(qtbot, dock.accept)
    assert len(project_session.annotations.of(KEY).picks) == 12
    qtbot.waitUntil(lambda: not dock.accept.isEnabled())
    project_session.annotations.undo(project_session.browser.current)
    qtbot.waitUntil(dock.reject.isEnabled)
    click(qtbot, dock.reject)
    assert len(project_session.annotations.of(KEY).negatives) == 12


def test_suggestions_lead_to_the_micrograph(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    project_session.annotations.add(KEY, np.array([[50.0, 50.0]]), None, "manual")
    micrograph = project_session.project.entry("a.b_3").micrograph
    for key, defocus in ((KEY, 10_000.0), ("a.b_2", 10_100.0)):
        own = project_session.project.entry(key).micrograph
        project_session.project.change(key, micrograph=replace(own, defocus=defocus))
    project_session.project.change("a.b_3", micrograph=replace(micrograph, defocus=30_000.0))
    panel = dock.suggestions
    qtbot.waitUntil(lambda: panel.found[:1] == [("a.b_3", "largest defocus yet")], timeout=10_000)
    assert [key for key, _ in panel.found] == ["a.b_3", "a.b_2"]
    click(qtbot, panel.buttons[0])
    assert project_session.browser.current == "a.b_3"


def test_unsure_candidates_are_suggested_and_missing_files_are_not(
    project_session: Session,
) -> None:
    from napari_unetpick.widgets.qt.workers import Task

    project_session.annotations.add(KEY, np.array([[50.0, 50.0]]), None, "manual")
    half = np.array([0.5])
    sure = np.array([0.999])
    place = np.array([[50.0, 50.0]])
    project_session.candidates.put("a.b_2", Candidates(place, half, half, 20.0, model="m"))
    project_session.candidates.put("a.b_3", Candidates(place, sure, sure, 20.0, model="m"))
    found = find_suggestions(
        take_snapshot(project_session), project_session.project.keys, {}, Task()
    )
    assert found[0] == ("a.b_2", "the model is uncertain here")
    project_session.project.entry("a.b_2").micrograph.path.unlink()
    found = find_suggestions(
        take_snapshot(project_session), project_session.project.keys, {}, Task()
    )
    assert [key for key, _ in found] == ["a.b_3"]


def test_thousands_of_micrographs_are_sampled_evenly() -> None:
    keys = [f"m{i}" for i in range(5000)]
    found = compared_keys(keys, lambda key: key not in ("m17", "m4001"))
    assert len(found) <= 202
    assert {"m17", "m4001", "m0"} <= set(found)
    assert found == sorted(found, key=lambda key: int(key[1:]))


def test_long_names_keep_what_tells_them_apart() -> None:
    names = [f"FoilHole_24021_Data_{i}_20201103_fractions_aligned_DW" for i in range(10)]
    short = [shortened(name, names) for name in names]
    assert len(set(short)) == 10
    assert all(len(each) <= 34 for each in short)
    assert shortened("a.b_1", ["a.b_1", "a.b_2"]) == "a.b_1"
    assert len(shortened("x" * 80, ["y"])) <= 34


def test_closing_the_dock_leaves_the_keys_and_the_session(
    project_session: Session, qtbot: Any
) -> None:
    dock = AnnotateDock(project_session.viewer)
    dock.use("brush")
    dock.deleteLater()
    del dock
    qtbot.wait(50)
    project_session.annotations.add(KEY, np.array([[50.0, 50.0]]), None, "manual")
    project_session.browser.go("a.b_2")
    qtbot.wait(200)
    assert len(project_session.annotations.of(KEY).picks) == 1
    again = AnnotateDock(project_session.viewer)
    qtbot.addWidget(again)
    assert again.tools is project_session.extras["tools"]


def test_every_control_has_a_tooltip(dock: AnnotateDock) -> None:
    from qtpy.QtWidgets import QAbstractButton, QAbstractSlider, QDoubleSpinBox

    for kind in (QAbstractButton, QAbstractSlider, QDoubleSpinBox):
        for widget in dock.widget().findChildren(kind):
            if widget not in dock.suggestions.buttons:  # theirs come with the suggestion
                assert widget.toolTip(), widget


def test_a_typed_pixel_size_holds_for_all_micrographs(
    dock: AnnotateDock, project_session: Session, qtbot: Any
) -> None:
    session, box = project_session, dock.diameter.pixel_size
    assert box.value() == PIXEL_SIZE, "as the header has it"
    box.setValue(1.5)
    assert [session.pixel_sizes.of(key) for key in session.project.keys] == [1.5] * 3
    assert "now applies to 3 micrographs" in dock.diameter.words.text()
    qtbot.waitUntil(lambda: tuple(session.layers.get("picks").scale) == (1.5, 1.5))
    box.setValue(0.02)
    assert "out of range" in dock.diameter.words.text()
    assert box.value() == 1.5


def test_a_diameter_that_is_out_of_range_is_said_and_not_kept(dock: AnnotateDock) -> None:
    panel, before = dock.diameter, dock.session.project.diameter
    for enter in (panel.number.setValue, panel.measured):
        enter(3.0)
        assert "3 A is out of range; give one of 10 to 5000 A" in panel.words.text()
        assert panel.number.value() == dock.session.project.diameter == before


def test_a_diameter_measured_without_a_pixel_size_keeps_its_width(
    dock: AnnotateDock, project_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, panel = project_session, dock.diameter
    forget_sizes(session, monkeypatch)
    panel.measured(100.0)
    assert "1 px counts as 1 Å" in panel.words.text()
    panel.pixel_size.setValue(15.0)
    panel.pixel_size.setValue(1.5)  # the first was a slip
    assert (session.project.diameter, session.pixel_sizes.diameter_px(KEY)) == (150.0, 100.0)
    assert "The diameter is 150 Å (100 px)" in panel.words.text()


def test_a_diameter_typed_without_a_pixel_size_stays_in_angstrom(
    dock: AnnotateDock, project_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, panel = project_session, dock.diameter
    forget_sizes(session, monkeypatch)
    panel.measured(100.0)
    panel.number.setValue(180.0)
    panel.pixel_size.setValue(1.5)
    assert session.project.diameter == 180.0
