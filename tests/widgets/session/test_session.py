"""The session: marks stay with their micrograph, survive on disk, and can be undone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from train_helpers import write_run

from napari_unetpick.io import models
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.layers import image_store as display_module
from napari_unetpick.widgets.layers import own_layers
from napari_unetpick.widgets.layers import stack as layers_module
from napari_unetpick.widgets.layers.images import DisplaySettings
from napari_unetpick.widgets.layers.pointer import accept_here
from napari_unetpick.widgets.pick.use_as_labels import accept_above
from napari_unetpick.widgets.session import candidates as candidates_module


def candidates(coords, raw):
    coords = np.asarray(coords, float).reshape(-1, 2)
    raw = np.asarray(raw, float)
    return Candidates(coords, raw, np.zeros(len(raw)), 20.0, model="run-1")


def test_picks_clicked_into_the_layer_belong_to_the_micrograph(project_session):
    session = project_session
    layer = session.layers.get("picks")
    layer.add(session.truth["a.b_1"][:3])
    table = session.annotations.of("a.b_1").picks
    np.testing.assert_allclose(table.coords, session.truth["a.b_1"][:3])
    assert table.sources.tolist() == ["manual"] * 3
    assert session.project.entry("a.b_1").state == "partial"
    assert len(session.annotations.of("a.b_2").picks) == 0


def test_an_edit_is_on_disk_within_two_seconds(project_session, qtbot):
    session = project_session
    session.layers.get("picks").add(session.truth["a.b_1"][:2])
    folder = session.project.folder

    def written():
        again = Project.open(folder)
        found = again.annotations("a.b_1").picks.coords
        again.close()
        assert len(found) == 2
        np.testing.assert_allclose(found, session.truth["a.b_1"][:2], atol=1e-3)

    qtbot.waitUntil(written, timeout=2000)


def test_stepping_shows_each_micrographs_own_picks(project_session, qtbot):
    session = project_session
    for key in ("a.b_2", "a.b_1", "a.b_3"):
        session.browser.go(key)
        qtbot.waitUntil(lambda key=key: session.layers.shown_key == key, timeout=5000)
        session.layers.get("picks").add(session.truth[key][:4])
    for key in session.project.keys:
        session.browser.go(key)
        qtbot.waitUntil(lambda key=key: session.layers.shown_key == key, timeout=5000)
        np.testing.assert_allclose(session.layers.get("picks").data, session.truth[key][:4])


def test_who_listens_to_the_image_hears_of_each_that_stays(project_session, qtbot):
    session, heard = project_session, []
    layer = session.layers.get("micrograph")
    layer.events.data.connect(lambda event: heard.append(np.array(event.value)))
    for key in ("a.b_2", "a.b_1", "a.b_3"):
        session.browser.go(key)
        qtbot.waitUntil(lambda key=key: session.layers.shown_key == key, timeout=5000)
        shown = session.layers.shown.image
        qtbot.waitUntil(lambda shown=shown: bool(heard) and np.array_equal(heard[-1], shown))
        heard.clear()


@pytest.mark.slow
def test_two_hundred_fast_steps_with_edits_lose_and_cross_nothing(project_session, qtbot):
    session = project_session
    rng = np.random.default_rng(5)
    expected = {key: [] for key in session.project.keys}
    for _ in range(200):
        session.browser.step(int(rng.choice([-2, -1, 1, 2])))
        if rng.random() < 0.5:
            qtbot.wait(int(rng.integers(0, 15)))
        place = rng.uniform(10, 200, 2)
        shown = session.layers.shown_key  # what the user sees is what is edited
        session.layers.get("picks").add(place)
        expected[shown].append(place)
        if rng.random() < 0.1:
            session.save()
    session.save()
    again = Project.open(session.project.folder)
    for key, places in expected.items():
        np.testing.assert_allclose(session.annotations.of(key).picks.coords, places)
        np.testing.assert_allclose(again.annotations(key).picks.coords, places, atol=1e-3)
    again.close()


def test_undo_and_redo(project_session):
    session = project_session
    layer = session.layers.get("picks")
    first, second = session.truth["a.b_1"][:2]
    layer.add(first)
    layer.add(second)
    layer.selected_data = {0}
    layer.remove_selected()
    assert len(session.annotations.of("a.b_1").picks) == 1
    session.annotations.undo(session.browser.current)
    np.testing.assert_allclose(layer.data, [first, second])
    session.annotations.undo(session.browser.current)
    session.annotations.undo(session.browser.current)
    assert len(layer.data) == 0
    session.annotations.redo(session.browser.current)
    session.annotations.redo(session.browser.current)
    np.testing.assert_allclose(session.annotations.of("a.b_1").picks.coords, [first, second])


def test_undo_takes_back_the_label_state_that_a_first_mark_made(session, planted, tmp_path):
    session.project.add(tmp_path / "mics")
    told = []
    session.project.entries_changed.connect(told.extend)

    def states():
        return [session.project.entry(key).state for key in session.project.keys]

    for key in session.project.keys:
        session.candidates.put(key, candidates(planted[key], np.full(12, 0.9)))
        accept_above(session, key, 0.5)
    assert states() == ["partial"] * 3
    session.annotations.reject("a.b_1", planted["a.b_1"][:1])
    session.annotations.undo(session.browser.current)
    assert states() == ["partial"] * 3, "picks are left"
    for key in session.project.keys:
        session.browser.go(key)
        told.clear()
        session.annotations.undo(session.browser.current)
        assert told == [key]
    assert states() == ["none"] * 3
    assert not session.project.files.has_work
    session.annotations.redo(session.browser.current)
    assert states() == ["none", "none", "partial"]
    session.annotations.undo(session.browser.current)
    assert states() == ["none"] * 3


@pytest.mark.parametrize("state", ["partial", "full"])
@pytest.mark.parametrize("first", [True, False])
def test_undo_leaves_a_label_state_that_the_user_set(project_session, state, first):
    session = project_session
    if first:
        session.project.change("a.b_1", state=state)
    session.annotations.add("a.b_1", session.truth["a.b_1"], None, "manual")
    if not first:
        session.project.change("a.b_1", state=state)
    session.annotations.undo(session.browser.current)
    assert session.project.entry("a.b_1").state == state
    session.annotations.redo(session.browser.current)
    session.annotations.undo(session.browser.current)
    assert session.project.entry("a.b_1").state == state


def test_a_click_after_selecting_a_models_pick_is_a_manual_one(project_session):
    session = project_session
    truth = session.truth["a.b_1"]
    session.annotations.accept("a.b_1", truth[:1], np.array([0.6]))
    layer = session.layers.get("picks")
    layer.selected_data = {0}
    layer.add(truth[1])
    table = session.annotations.of("a.b_1").picks
    assert table.sources.tolist() == ["model", "manual"]
    np.testing.assert_allclose(table.scores, [0.6, 1.0])


def test_select_all_and_delete_leaves_what_is_not_shown(project_session, qtbot):
    session = project_session
    truth = session.truth["a.b_1"]
    session.candidates.put("a.b_1", candidates(truth, np.linspace(0.9, 0.1, len(truth))))
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_2", timeout=5000)
    session.layers.get("picks").add(session.truth["a.b_2"][:3])
    session.browser.go("a.b_1")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_1", timeout=5000)
    layer = session.layers.get("picks")
    layer.add(truth[:2])
    layer.selected_data = set(range(len(layer.data)))
    layer.remove_selected()
    assert len(session.annotations.of("a.b_1").picks) == 0
    assert len(session.candidates.of("a.b_1").coords) == len(truth)
    assert len(session.annotations.of("a.b_2").picks) == 3


def test_the_threshold_hides_candidates_and_accepting_moves_them(project_session):
    session = project_session
    truth = session.truth["a.b_1"]
    scores = np.linspace(0.95, 0.05, len(truth))
    session.candidates.put("a.b_1", candidates(truth, scores))
    layer = session.layers.get("candidates")
    assert len(layer.data) == len(truth)
    assert layer.shown.sum() == (scores >= 0.5).sum()
    session.selection.set_threshold(0.9)
    assert layer.shown.sum() == 1
    chosen = session.selection.of("a.b_1")
    session.annotations.accept("a.b_1", chosen.coords[chosen.above], chosen.scores[chosen.above])
    assert len(session.annotations.of("a.b_1").picks) == 1
    assert len(layer.data) == len(truth) - 1, "what is picked is no candidate any more"
    session.annotations.reject("a.b_1", truth[5:6])
    assert len(layer.data) == len(truth) - 2
    np.testing.assert_allclose(session.layers.get("negatives").data, truth[5:6])


def test_excluded_areas_hide_candidates(project_session):
    session = project_session
    session.candidates.put("a.b_1", candidates([[50, 50], [150, 150]], [0.9, 0.8]))
    shapes = session.layers.ensure("exclusions")
    shapes.add([[30, 30], [30, 80], [80, 80], [80, 30]], shape_type="polygon")
    np.testing.assert_allclose(session.layers.get("candidates").data, [[150, 150]])
    assert len(session.annotations.of("a.b_1").exclusions) == 1


def test_a_deleted_layer_keeps_its_marks_and_comes_back(project_session, qtbot):
    session = project_session
    layer = session.layers.get("picks")
    layer.add(session.truth["a.b_1"][:3])
    layer.name = "renamed by the user"
    session.viewer.layers.remove(layer)
    session.viewer.layers.remove(session.layers.get("micrograph"))
    assert len(session.annotations.of("a.b_1").picks) == 3
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_2", timeout=5000)
    session.browser.go("a.b_1")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_1", timeout=5000)
    np.testing.assert_allclose(session.layers.get("picks").data, session.truth["a.b_1"][:3])


def test_deleted_candidates_come_back_with_what_they_are_to_show(
    project_session, qtbot, monkeypatch
):
    session, layers = project_session, project_session.layers
    told = []
    monkeypatch.setattr(own_layers, "tell", told.append)
    places = np.array([[30.0, 40.0], [60.0, 90.0]])

    def delete(*kinds):
        told.clear()
        for kind in kinds:
            session.viewer.layers.remove(layers.get(kind))
        qtbot.waitUntil(lambda: bool(told))
        assert told == [own_layers.DELETED]

    delete("candidates")
    session.candidates.put("a.b_1", candidates(places, [0.9, 0.8]))
    assert len(layers.get("candidates").data) == 2
    delete("candidates", "picks")
    session.selection.set_threshold(0.85)
    assert layers.get("candidates").shown.tolist() == [True, False]
    names = [layer.name for layer in session.viewer.layers]
    assert names == ["a.b_1", "Candidates"]
    session.annotations.accept("a.b_1", places[:1], np.array([0.9]))
    np.testing.assert_allclose(layers.get("picks").data, places[:1])


def test_a_picks_ring_lies_on_its_particle_in_the_shown_image(project_session):
    session = project_session
    row, col = session.truth["a.b_1"][0]
    layer = session.layers.get("picks")
    layer.add([row, col])
    image = session.layers.get("micrograph")
    world = layer.data_to_world(layer.data[0])
    y, x = np.round(image.world_to_data(world)).astype(int)
    shown = np.asarray(image.data)
    assert shown[y, x] < np.percentile(shown, 5), "particles are dark"


def test_a_project_is_restored_as_it_was(project_session, qtbot, tmp_path):
    session = project_session
    session.layers.get("picks").add(session.truth["a.b_1"][:3])
    session.annotations.reject("a.b_1", np.array([[5.0, 6.0]]))
    session.project.change("a.b_2", kept=False, split="test")
    session.project.change("a.b_1", state="full")
    session.project.save_as(tmp_path / "copy")
    session.project.open(tmp_path / "project")
    for folder in (tmp_path / "copy", tmp_path / "project"):
        session.project.open(folder)
        assert session.project.diameter == 80.0
        assert session.project.entry("a.b_1").state == "full"
        assert (session.project.entry("a.b_2").kept, session.project.entry("a.b_2").split) == (
            False,
            "test",
        )
        np.testing.assert_allclose(
            session.annotations.of("a.b_1").picks.coords, session.truth["a.b_1"][:3], atol=1e-3
        )
        np.testing.assert_allclose(session.annotations.of("a.b_1").negatives, [[5, 6]])


def test_the_general_model_is_chosen_until_there_is_a_run(general, session, planted, tmp_path):
    assert session.selection.model.path == general, "before anything is opened"
    session.project.new(tmp_path / "project", tmp_path / "mics")
    assert session.selection.model.path == general
    run = write_run(session.project.runs_folder, "run-1")
    session.project.new(tmp_path / "other")
    session.project.open(tmp_path / "project")
    assert session.selection.model.path == run / "model.safetensors"


def test_the_general_model_is_found_wherever_it_is_installed(
    general, session, planted, tmp_path, monkeypatch
):
    session.project.new(tmp_path / "project", tmp_path / "mics")
    write_run(session.project.runs_folder, "run-1")
    session.selection.use_model(general)
    session.selection.set_threshold(0.7)
    session.project.new(tmp_path / "other")
    moved = general.rename(tmp_path / "elsewhere.safetensors")
    monkeypatch.setattr(models, "GENERAL", moved)
    session.project.open(tmp_path / "project")
    assert session.selection.model.path == moved
    assert session.selection.model.threshold == 0.7
    session.project.new(tmp_path / "third")
    moved.unlink()
    session.project.open(tmp_path / "project")
    assert session.selection.model.name == "run-1", "this version has no general model"


def test_a_second_viewer_reads_only(project_session, tmp_path, monkeypatch):
    from napari.components import ViewerModel

    from napari_unetpick.widgets.session.root import get_session

    other = get_session(ViewerModel())
    try:
        other.project.open(tmp_path / "project")
        assert other.project.read_only
        other.annotations.add("a.b_1", np.array([[1.0, 2.0]]), None, "manual")
        assert not other.save()
        assert len(project_session.project.files.annotations("a.b_1").picks) == 0
    finally:
        other.close()


def test_a_damaged_micrograph_is_said_and_the_next_one_works(project_session, qtbot, tmp_path):
    session = project_session
    damaged = tmp_path / "damaged"  # renamed: cutting a file that is mapped is a bus error
    damaged.write_bytes(b"<xml>no micrograph</xml>")
    damaged.replace(tmp_path / "mics" / "a.b_2.mrc")
    session.layers.images.clear()
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_2", timeout=5000)
    assert not session.layers.get("micrograph").visible
    session.browser.go("a.b_3")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_3", timeout=5000)
    assert session.layers.get("micrograph").visible


def test_a_damaged_pick_file_shows_nothing_and_is_left_as_it_is(
    project_session, qtbot, monkeypatch
):
    session, layers = project_session, project_session.layers
    layers.get("picks").add(session.truth["a.b_1"])
    session.annotations.reject("a.b_1", session.truth["a.b_1"][:2])
    session.candidates.put("a.b_2", candidates(session.truth["a.b_2"], np.linspace(0.9, 0.1, 12)))
    layers.edit("picks", "add")
    session.save()
    damaged = session.project.folder / "picks" / "a.b_2.star"
    text = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n 12.0 abc\n"
    damaged.write_text(text)
    told = []
    monkeypatch.setattr(layers_module, "tell", lambda text, level: told.append((level, text)))
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: layers.shown_key == "a.b_2", timeout=5000)
    layers.reload()
    assert layers.get("micrograph").name == "a.b_2"
    (only,) = told
    assert only[0] == "error"
    assert str(damaged) in only[1]

    def shown(kind):
        return len(layers.get(kind).data)

    kinds = ("picks", "negatives", "candidates")
    assert [shown(kind) for kind in kinds] == [0, 0, 0]
    assert not any(layers.get(kind).editable for kind in kinds)
    layers.edit("picks", "add")
    assert layers.get("picks").mode == "pan_zoom"
    layers.get("picks").add(np.array([[50.0, 60.0]]))  # as a paste comes past the lock
    qtbot.waitUntil(lambda: shown("picks") == 0, timeout=2000)
    assert not layers.get("picks").editable
    session.annotations.undo(session.browser.current)
    assert session.save()
    assert damaged.read_text() == text
    unlocked = []
    layers.get("picks").events.editable.connect(lambda event: unlocked.append(True))
    session.browser.go("a.b_1")
    qtbot.waitUntil(lambda: layers.shown_key == "a.b_1", timeout=5000)
    assert [shown(kind) for kind in kinds] == [12, 2, 0]
    assert unlocked, "napari's own buttons follow"
    assert layers.get("picks").editable
    assert layers.get("negatives").editable
    damaged.unlink()
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: layers.shown_key == "a.b_2", timeout=5000)
    assert layers.get("picks").editable
    assert len(told) == 1


def test_damaged_candidates_are_told_once_and_the_micrograph_is_still_shown(
    project_session, monkeypatch, qtbot
):
    session, told = project_session, []
    monkeypatch.setattr(candidates_module, "tell", lambda text, level="info": told.append(text))
    folder = session.project.folder / "candidates"
    folder.mkdir(exist_ok=True)
    (folder / "a.b_2.npz").write_bytes(b"cut off")
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_2", timeout=5000)
    assert session.selection.of("a.b_2") is None
    assert len(told) == 1
    assert "pick this micrograph again" in told[0]


def test_what_is_unsaved_when_qt_is_gone_is_saved_all_the_same(project_session):
    session = project_session
    session.layers.get("picks").add(session.truth["a.b_1"][:2])
    folder = session.project.folder

    class Gone:
        def stop(self):
            raise RuntimeError("Internal C++ object (QTimer) already deleted.")

    session.autosave._timer = Gone()
    session.close()
    again = Project.open(folder)
    assert len(again.annotations("a.b_1").picks) == 2
    assert not again.read_only
    again.close()


def test_a_moved_folder_is_shown_when_it_is_added_from_its_new_place(
    project_session, monkeypatch, qtbot, tmp_path
):
    session, told = project_session, []
    monkeypatch.setattr(layers_module, "tell", lambda text, level="info": told.append(text))
    session.layers.get("picks").add(session.truth["a.b_1"][:3])
    session.project.new(tmp_path / "other")
    (tmp_path / "mics").rename(tmp_path / "moved")
    session.project.open(tmp_path / "project")
    for key in ("a.b_2", "a.b_3", "a.b_1"):
        session.browser.go(key)
        qtbot.waitUntil(lambda key=key: session.layers.shown_key == key, timeout=5000)
        assert session.pixel_sizes.known(key) is None
        assert f"{key} cannot be shown" in told[-1]
    assert session.layers.get("picks").scale.tolist() == [1.0, 1.0]
    told.clear()
    assert session.project.add(tmp_path / "moved") == []
    qtbot.waitUntil(lambda: session.layers.get("micrograph") is not None, timeout=5000)
    assert session.layers.get("picks").scale.tolist() == [4.0, 4.0]
    for key in ("a.b_2", "a.b_3", "a.b_1"):
        session.browser.go(key)
        qtbot.waitUntil(lambda key=key: session.layers.shown_key == key, timeout=5000)
        assert session.layers.get("micrograph").name == key
        assert session.pixel_sizes.known(key) == 4.0
    assert not told


def test_a_file_seen_half_copied_is_shown_once_it_is_whole(project_session, qtbot, tmp_path):
    session, path = project_session, tmp_path / "mics" / "a.b_2.mrc"
    whole = path.read_bytes()
    half = tmp_path / "half"  # renamed: cutting a file that is mapped is a bus error
    half.write_bytes(whole[:5000])
    half.replace(path)
    session.layers.images.clear()
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_2", timeout=5000)
    assert session.pixel_sizes.known("a.b_2") is None
    path.write_bytes(whole)
    assert session.pixel_sizes.known("a.b_2") == 4.0
    session.layers.show_again()  # a click in the list
    qtbot.waitUntil(lambda: session.layers.get("micrograph").visible, timeout=5000)
    assert session.layers.get("micrograph").name == "a.b_2"


def test_an_image_that_is_out_of_date_when_it_comes_is_no_error(
    project_session, monkeypatch, qtbot, tmp_path
):
    session, told, made = project_session, [], []
    monkeypatch.setattr(layers_module, "tell", lambda text, level="info": told.append(text))
    gate = hold_images(monkeypatch, made)
    image = session.layers.get("micrograph")
    for low_pass in (25.0, 30.0):  # the first is being read as it goes out of date
        session.layers.change_display(DisplaySettings(low_pass, 3.0))
        qtbot.wait(50)
    session.project.save_as(tmp_path / "copy")
    gate.set()
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_1", timeout=5000)
    assert session.layers.get("micrograph") is not image
    assert not told
    assert "MainThread" not in made


def test_the_pixel_size_of_a_micrograph_that_was_not_shown_is_its_headers(project_session):
    session = project_session
    session.layers.images.clear()
    assert session.pixel_sizes.of("a.b_3") == 4.0
    assert session.pixel_sizes.diameter_px("a.b_3") == 20.0


def hold_images(monkeypatch, made=None):
    """Have no micrograph made ready until the event that is returned is set; note the threads."""
    gate, prepare = threading.Event(), display_module.prepare_image

    def slow(micrograph, settings, instead):
        gate.wait(10)
        if made is not None:
            made.append(threading.current_thread().name)
        return prepare(micrograph, settings, instead)

    monkeypatch.setattr(display_module, "prepare_image", slow)
    return gate


def test_marks_keep_their_place_while_the_image_is_made_anew(project_session, monkeypatch, qtbot):
    session, layers = project_session, project_session.layers
    truth = session.truth["a.b_1"]
    session.candidates.put("a.b_1", candidates(truth, np.linspace(0.95, 0.6, len(truth))))
    picks, image = layers.get("picks"), layers.get("micrograph")
    before = image.data
    gate = hold_images(monkeypatch)
    layers.change_display(DisplaySettings(30.0, 3.0))
    for place in truth[:2]:  # what lies under the pointer at 4 A/px
        session.viewer.cursor.position = tuple(4.0 * place)
        assert accept_here(session).startswith("Candidate accepted")
    picks.add(picks.world_to_data(4.0 * truth[3]))
    session.annotations.reject("a.b_1", truth[4:5])  # makes a layer
    assert image.data is before, "still in the making"
    for kind in ("picks", "candidates", "negatives"):
        assert layers.get(kind).scale.tolist() == [4.0, 4.0]
        assert set(map(str, layers.get(kind).units)) == {"angstrom"}
    gate.set()
    qtbot.waitUntil(lambda: image.data is not before, timeout=5000)
    np.testing.assert_allclose(session.annotations.of("a.b_1").picks.coords, truth[[0, 1, 3]])
    assert picks.scale.tolist() == [4.0, 4.0]


def test_a_new_pixel_size_moves_marks_and_image_together(project_session, monkeypatch, qtbot):
    session, layers = project_session, project_session.layers
    picks, image = layers.get("picks"), layers.get("micrograph")
    place = session.truth["a.b_1"][0]
    gate = hold_images(monkeypatch)
    session.project.set_pixel_size(2.0)
    assert picks.scale.tolist() == [4.0, 4.0], "as the image in view"
    picks.add(picks.world_to_data(4.0 * place))
    gate.set()
    qtbot.waitUntil(lambda: picks.scale.tolist() == [2.0, 2.0], timeout=5000)
    np.testing.assert_allclose(image.scale * image.data.shape, [480.0, 640.0])
    np.testing.assert_allclose(session.annotations.of("a.b_1").picks.coords, [place])
