"""The gallery: crops are centred on their particle; a selection is accepted or deleted at once."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.cutouts import cut_crop, mean_crop
from napari_unetpick.widgets.gallery.dock import GalleryDock
from napari_unetpick.widgets.gallery.items import gather_items
from napari_unetpick.widgets.layers.camera import camera_of
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.snapshot import take_snapshot

LEFT = Qt.MouseButton.LeftButton


@pytest.mark.parametrize("centre", [(50, 60), (50.4, 60.3), (3.5, 60), (97.2, 118.6)])
def test_a_crop_is_centred_on_its_place(centre):
    row, col = np.mgrid[:100, :120]
    image = 100 - 50 * np.exp(-((row - centre[0]) ** 2 + (col - centre[1]) ** 2) / 18.0)
    crop = cut_crop(image.astype(np.float32), centre, 24, 49)
    weight = np.clip(crop.max() - crop - 5, 0, None)
    weight *= np.hypot(*(np.mgrid[:49, :49] - 24)) < 5  # also where the edge cuts it off
    middle = [(weight * axis).sum() / weight.sum() for axis in np.mgrid[:49, :49]]
    inside = all(12 < c < side - 13 for c, side in zip(centre, image.shape, strict=True))
    np.testing.assert_allclose(middle, [24, 24], atol=0.1 if inside else 1.5)


def test_a_crop_beyond_the_edge_or_of_broken_pixels_is_flat_and_finite():
    image = np.full((40, 40), 7.0, np.float32)
    image[:20] = np.nan
    assert np.isfinite(cut_crop(image, (20, 20), 16, 16)).all()
    np.testing.assert_allclose(cut_crop(image, (30, 39), 16, 16), 7.0)  # padded with its own grey
    assert np.isfinite(cut_crop(image, (500, -90), 16, 16)).all()


def test_the_mean_of_crops_brings_out_what_they_share():
    rng = np.random.default_rng(0)
    disc = np.hypot(*(np.mgrid[:33, :33] - 16)) < 8
    crops = [(-1.0 * disc + rng.normal(0, 2, disc.shape)).astype(np.float32) for _ in range(600)]
    mean = mean_crop(crops)
    assert np.corrcoef(mean.ravel(), -disc.ravel().astype(float))[0, 1] > 0.95
    assert mean_crop([]) is None


@pytest.fixture
def dock(project_session, qtbot):
    session = project_session
    for key in session.project.keys:
        places = session.truth[key]
        raw = np.linspace(0.95, 0.6, len(places))
        session.candidates.put(
            key, Candidates(places, raw, np.zeros(len(raw)), 20.0, model="run-1")
        )
    made = GalleryDock(session.viewer)
    qtbot.addWidget(made)
    made.resize(700, 400)
    made.show()
    qtbot.waitUntil(lambda: len(made.model.items) == 12, timeout=5000)
    return made


def select(dock, rows):
    model = dock.view.selectionModel()
    model.clearSelection()
    for number in rows:
        model.select(dock.model.index(number), QItemSelectionModel.SelectionFlag.Select)


def choose(dock, qtbot, text, count):
    dock.source.setCurrentText(text)
    dock.refresh()
    qtbot.waitUntil(lambda: not dock.work.busy and len(dock.model.items) == count, timeout=5000)


def test_candidates_are_sorted_by_score_and_their_pictures_come(dock, qtbot):
    scores = [item.score for item in dock.model.items]
    assert scores == sorted(scores, reverse=True)
    qtbot.waitUntil(lambda: len(dock.model.crops(dock.model.items)) == 12, timeout=10_000)
    for crop in dock.model.crops(dock.model.items):
        assert crop[28:36, 28:36].mean() < np.percentile(crop, 30), "particles are dark"


def test_a_selection_is_accepted(dock, project_session, qtbot):
    chosen = [dock.model.items[i] for i in (0, 3)]
    select(dock, (0, 3))
    qtbot.mouseClick(dock.accept, LEFT)
    table = project_session.annotations.of("a.b_1").picks
    np.testing.assert_allclose(table.coords, [(item.row, item.col) for item in chosen])
    assert table.sources.tolist() == ["model", "model"]
    assert len(dock.model.items) == 10
    project_session.annotations.undo(project_session.browser.current)
    assert len(project_session.annotations.of("a.b_1").picks) == 0


def test_rejected_candidates_become_negatives(dock, project_session, qtbot):
    chosen = dock.model.items[11]
    select(dock, (11,))
    qtbot.mouseClick(dock.reject, LEFT)
    np.testing.assert_allclose(
        project_session.annotations.of("a.b_1").negatives, [(chosen.row, chosen.col)]
    )


def test_picks_of_all_micrographs_are_deleted_where_they_are_selected(dock, project_session, qtbot):
    session = project_session
    for key in session.project.keys:
        session.annotations.add(key, session.truth[key][:4], np.linspace(0.9, 0.6, 4), "model")
    choose(dock, qtbot, "Picks in all micrographs", 12)
    dock.order.setCurrentText("Lowest score first")
    dock.order.activated.emit(1)
    select(dock, range(3))
    assert {dock.model.items[i].score for i in range(3)} == {0.6}
    qtbot.mouseClick(dock.reject, LEFT)
    for key in session.project.keys:
        np.testing.assert_allclose(session.annotations.of(key).picks.coords, session.truth[key][:3])


@pytest.mark.parametrize("same_names", [True, False])
def test_pictures_of_the_project_before_act_on_nothing(
    dock, project_session, qtbot, tmp_path, same_names
):
    session = project_session
    for key in session.project.keys:
        session.annotations.add(key, session.truth[key][:4], None, "manual")
    session.save()
    choose(dock, qtbot, "Picks in all micrographs", 12)
    old = dock.model.items
    dock.view.selectAll()
    if same_names:  # and the same ids
        shutil.copytree(
            session.project.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.lock")
        )
        session.project.open(tmp_path / "copy")
    else:
        (tmp_path / "mics" / "a.b_1.mrc").rename(tmp_path / "z.mrc")
        session.project.new(tmp_path / "other", tmp_path / "z.mrc")
    assert dock.selected() == dock.model.items == []
    dock.reject.click()
    assert session.annotations.undo_depth(session.browser.current) == (0, 0)
    count = 12 if same_names else 0
    qtbot.waitUntil(lambda: len(dock.model.items) == count and not dock.work.busy, timeout=5000)
    if not same_names:
        dock.model.put(old, None)
        dock.view.selectAll()
        dock._reject()  # keys that the project does not have


def test_a_double_click_goes_to_the_micrograph(dock, project_session, qtbot):
    choose(dock, qtbot, "Candidates in all micrographs", 36)
    number = next(i for i, item in enumerate(dock.model.items) if item.key == "a.b_3")
    dock.view.doubleClicked.emit(dock.model.index(number))
    qtbot.waitUntil(lambda: project_session.layers.shown_key == "a.b_3", timeout=5000)
    item = dock.model.items[number]
    camera = camera_of(project_session.viewer)
    np.testing.assert_allclose(np.asarray(camera.center)[-2:], (item.row * 4, item.col * 4))


def test_the_mean_of_the_selection_is_shown(dock, qtbot):
    qtbot.waitUntil(lambda: len(dock.model.crops(dock.model.items)) == 12, timeout=10_000)
    assert dock.mean.pixmap().isNull()
    select(dock, range(5))
    qtbot.waitUntil(lambda: not dock.mean.pixmap().isNull(), timeout=5000)
    assert "5 of 12" in dock.words.text()
    dock.view.clearSelection()
    qtbot.waitUntil(lambda: dock.mean.pixmap().isNull(), timeout=5000)


def test_a_frame_drawn_with_the_mouse_selects_what_lies_in_it(dock, qtbot):
    port, rect = dock.view.viewport(), dock.view.visualRect
    first, third = rect(dock.model.index(0)), rect(dock.model.index(2))
    assert first.top() == third.top(), "three lie in the first row"
    end = third.center()
    qtbot.mousePress(port, LEFT, pos=first.topLeft() - QPoint(1, 1))
    for step in range(1, 6):  # a hand moves in steps
        qtbot.mouseMove(port, first.topLeft() + (end - first.topLeft()) * step / 5)
    qtbot.mouseRelease(port, LEFT, pos=end)
    assert [dock.model.row_of(item) for item in dock.selected()] == [0, 1, 2]


def test_what_was_decided_in_the_viewer_is_not_accepted_again(dock, project_session, qtbot):
    session, item = project_session, dock.model.items[0]
    select(dock, (0, 1))
    session.annotations.accept("a.b_1", np.array([[item.row, item.col]]), np.array([item.score]))
    qtbot.mouseClick(dock.accept, LEFT)  # sooner than the gallery is gathered again
    assert len(session.annotations.of("a.b_1").picks) == 2


def test_the_gallery_follows_the_viewer_and_keeps_the_selection(dock, project_session, qtbot):
    session, (gone, kept) = project_session, dock.model.items[:2]
    choose(dock, qtbot, "Candidates in all micrographs", 36)
    select(dock, (dock.model.row_of(kept),))
    session.annotations.reject("a.b_1", np.array([[gone.row, gone.col]]))
    qtbot.waitUntil(lambda: len(dock.model.items) == 35, timeout=5000)
    assert dock.total == 35
    assert dock.model.row_of(gone) is None
    assert dock.selected() == [kept]
    session.annotations.undo(session.browser.current)
    qtbot.waitUntil(lambda: dock.model.row_of(gone) is not None, timeout=5000)
    session.selection.set_threshold(0.9)
    qtbot.waitUntil(lambda: 0 < len(dock.model.items) < 12, timeout=5000)
    assert min(item.score for item in dock.model.items) >= 0.9


def test_another_diameter_makes_other_crops(dock, project_session, qtbot):
    item = dock.model.items[0]
    qtbot.waitUntil(lambda: dock.model.crops([item]) != [], timeout=10_000)
    before = dock.model.crops([item])[0]
    project_session.project.set_diameter(40.0)
    qtbot.waitUntil(lambda: len(dock.model.items) > 0 and not dock.work.busy, timeout=5000)

    def cut_anew():
        now = dock.model.crops(dock.model.items[:1])
        assert now
        assert not np.array_equal(now[0], before)

    qtbot.waitUntil(cut_anew, timeout=10_000)


def test_only_pictures_in_view_are_cut(dock, project_session, qtbot):
    grid = np.stack(np.meshgrid(np.arange(3, 237, 4.0), np.arange(3, 317, 4.0)), -1)
    places = grid.reshape(-1, 2)
    raw = np.linspace(0.99, 0.6, len(places))
    project_session.project.set_diameter(10.0)
    found = Candidates(places, raw, np.zeros(len(raw)), 2.0, model="run-1")
    project_session.candidates.put("a.b_1", found)
    count = len(places)
    qtbot.waitUntil(lambda: len(dock.model.items) == count, timeout=10_000)
    bar = dock.view.verticalScrollBar()
    for place in np.linspace(0, bar.maximum(), 50):
        bar.setValue(int(place))

    def last_are_cut():
        dock.view.scrollToBottom()  # pictures are laid out bit by bit
        assert len(dock.model.crops(dock.model.items[-5:])) == 5

    qtbot.waitUntil(last_are_cut, timeout=10_000)
    qtbot.wait(300)
    assert count > 4000
    assert len(dock.model.crops(dock.model.items)) < 1000


@pytest.mark.parametrize("best_first", [True, False])
def test_of_too_many_those_that_come_first_are_kept(project_session, best_first):
    session = project_session
    for number, key in enumerate(session.project.keys):
        scores = np.linspace(0.9, 0.1, 12) - 0.01 * number
        session.annotations.add(key, session.truth[key], scores, "model")
    found = gather_items(
        "picks", session.project.keys, take_snapshot(session), Task(), best_first=best_first, most=5
    )
    every = sorted(
        (s for key in session.project.keys for s in session.annotations.of(key).picks.scores),
        reverse=best_first,
    )
    np.testing.assert_allclose([item.score for item in found.items], every[:5])
    assert found.total == 36


def test_nothing_to_show_is_said(dock, qtbot):
    choose(dock, qtbot, "Picks in this micrograph", 0)
    assert dock.words.text() == "No picks in this micrograph."
    assert not dock.reject.isEnabled()
    assert not dock.accept.isVisible()
