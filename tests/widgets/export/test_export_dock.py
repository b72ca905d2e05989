"""The Export dock: what is shown is written, and what comes next is said."""

from __future__ import annotations

import mrcfile
import numpy as np
import pytest
from planted_set import planted_candidates
from qtpy.QtCore import Qt
from train_helpers import write_run

from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.star import read_star
from napari_unetpick.widgets.export.dock import ExportDock
from napari_unetpick.widgets.pick.use_as_labels import accept_above

LEFT = Qt.MouseButton.LeftButton
KEYS = ["a.b_1", "a.b_2", "a.b_3"]


@pytest.fixture
def dock(project_session, qtbot):
    project_session.selection.use_model(write_run(project_session.project.runs_folder, "run-1"))
    made = ExportDock(project_session.viewer)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def picked(dock, project_session):
    """The dock over candidates in all three micrographs: 6 of 12 above 0.6 in each."""
    for key in KEYS:
        project_session.candidates.put(key, planted_candidates(project_session, key))
    return dock


def export(dock, qtbot, folder):
    dock.export.folder.setText(str(folder))
    qtbot.mouseClick(dock.export.go, LEFT)
    qtbot.waitUntil(lambda: not dock.export.work.busy, timeout=10_000)


def test_export_writes_what_is_shown_and_says_what_comes_next(
    picked, project_session, qtbot, tmp_path
):
    session = project_session
    session.project.change("a.b_3", kept=False)
    accept_above(session, "a.b_1", 0.6)
    session.annotations.add("a.b_1", [[2.0, 2.0]], None, "manual")  # its box crosses the edge
    assert not picked.export.whole.isChecked()  # as on the command line
    picked.export.whole.setChecked(True)
    export(picked, qtbot, tmp_path / "out")
    assert not picked.export.trouble.text()
    result = picked.export.result
    assert result.options.box_size == 30  # 1.5 x 20 px
    read = read_picks(tmp_path / "out" / "picks.csv")
    names = [session.project.entry(key).micrograph.name for key in KEYS[:2]]
    assert list(read) == ["a.b_1.mrc", "a.b_2.mrc"]
    for key, name in zip(KEYS, read, strict=False):
        inside = session.truth[key][:6]
        fits = ((inside >= 15) & (inside <= np.array([240, 320]) - 15)).all(axis=1)
        assert len(read[name]) == fits.sum()
    listed = read_star(tmp_path / "out" / "autopick.star")[0]
    assert list(listed.text("rlnMicrographName")) == names
    said = picked.export.written.text()
    assert "skipped: their boxes would cross the edge" in said
    assert "1 rejected micrograph skipped" in said
    assert "autopick.star" in picked.export.next.text()
    assert "30" in picked.export.next.text()
    assert "Ignore raw data: on" in picked.export.next.text()


def test_the_box_fits_before_the_image_is_read(dock, project_session):
    project_session.layers.images.clear()  # the pixel size is in the header alone
    dock.export.refresh()
    assert dock.export.size.value() == 30


def test_an_odd_box_becomes_even_and_a_typed_one_stays(picked, project_session, qtbot, tmp_path):
    form = picked.export
    form.size.setValue(41)
    project_session.project.set_diameter(100.0)
    export(picked, qtbot, tmp_path / "out")
    assert form.result.options.box_size == 42
    form.factor.setCurrentIndex(2)
    form.factor.activated.emit(2)
    assert form.size.value() == 50  # 2 x 25 px


@pytest.mark.parametrize(
    "folder,untick,expected",
    [
        ("", (), "Choose an output folder"),
        ("some/where", (), "enter the absolute path"),
        ("/x", ("relion", "cryosparc", "csv"), "no format is selected"),
    ],
)
def test_an_export_that_cannot_be_is_said(picked, qtbot, folder, untick, expected):
    for fmt in untick:
        picked.export.boxes[fmt].setChecked(False)
    export(picked, qtbot, folder)
    assert expected in picked.export.trouble.text()
    assert picked.export.result is None


def test_nothing_to_export_is_said(dock, qtbot, tmp_path):
    export(dock, qtbot, tmp_path / "out")
    assert "nothing to export yet: pick with a model" in dock.export.trouble.text()
    assert not (tmp_path / "out").exists()


def test_a_missing_image_does_not_lose_its_picks(picked, project_session, qtbot, tmp_path):
    project_session.project.entry("a.b_2").micrograph.path.unlink()
    project_session.project.set_pixel_size(4.0)
    picked.export.whole.setChecked(True)
    export(picked, qtbot, tmp_path / "out")
    assert "cannot be read" in picked.export.written.text()
    read = read_picks(tmp_path / "out" / "picks.csv")
    assert len(read["a.b_2.mrc"]) == 6


def test_export_names_the_micrographs_whatever_is_viewed(dock, project_session, qtbot, tmp_path):
    session, folder = project_session, tmp_path / "denoised"
    folder.mkdir()
    half = read_micrograph(tmp_path / "mics" / "a.b_1.mrc").data[::2, ::2]
    mrcfile.write(folder / "a.b_1_denoised.mrc", np.ascontiguousarray(half))
    session.layers.view_from.choose(str(folder))
    layer = session.layers.get("micrograph")
    qtbot.waitUntil(lambda: layer.name == "a.b_1 (denoised)", timeout=5000)
    picks, place = session.layers.get("picks"), np.array([100.0, 120.0])
    picks.add(picks.world_to_data(4.0 * place))
    export(dock, qtbot, tmp_path / "out")
    ((name, written),) = read_picks(tmp_path / "out" / "picks.csv").items()
    assert name == "a.b_1.mrc"
    assert written.coords == pytest.approx(place[None])
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"denoised" not in path.read_bytes()
