"""Imported picks at a wrong scale or orientation: reported, corrected by a click, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unetpick.adapters.layer_data import image_layer, points_layer
from napari_unetpick.inspection.orientation import Orientation
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.session.session import Session

SHAPE = (400, 520)
KEYS = ["m_1", "m_2", "m_3"]
RADIUS, PIXEL_SIZE = 8, 4.0


@pytest.fixture
def truth(tmp_path: Path) -> dict[str, np.ndarray]:
    """Three micrographs of 40 dark discs each; returns the places by key."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    grid = np.stack(np.meshgrid(np.arange(30, 400, 40), np.arange(30, 520, 40)), -1).reshape(-1, 2)
    found = {}
    for key in KEYS:
        places = rng.permutation(grid)[:40] + rng.uniform(-8, 8, (40, 2))
        image = rng.normal(100, 4, SHAPE)
        for row, col in places:
            image -= 10 * ((y - row) ** 2 + (x - col) ** 2 < RADIUS**2)
        with mrcfile.new(tmp_path / f"{key}.mrc", data=image.astype(np.float32)) as mrc:
            mrc.voxel_size = PIXEL_SIZE
        found[key] = places
    return found


@pytest.fixture
def dock(session: Session, qtbot: Any) -> MicrographsDock:
    made = MicrographsDock(session.viewer)
    qtbot.addWidget(made)
    made.resize(320, 700)
    made.show()
    return made


def click(qtbot: Any, widget: Any) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def import_picks(dock: MicrographsDock, picks: dict[str, np.ndarray], folder: Path, qtbot: Any):
    """Open the files and picks as layers, and add them to the project by the button."""
    from napari.layers import Image, Points

    session = dock.session
    for key, places in picks.items():
        image = read_micrograph(folder / f"{key}.mrc")
        path = str(folder / f"{key}.mrc")
        data, more, _ = image_layer(image.data, key, image.pixel_size, path=path)
        session.viewer.add_layer(Image(data, **more))
        data, more, _ = points_layer(Picks(f"{key}.mrc", places), key, PIXEL_SIZE, 16)
        session.viewer.add_layer(Points(data, **more))
    session.project.set_diameter(2 * RADIUS * PIXEL_SIZE)
    qtbot.waitUntil(dock.import_form.use_images.isVisible, timeout=2000)
    click(qtbot, dock.import_form.use_images)
    qtbot.waitUntil(lambda: dock.news.text().startswith("3 micrographs added"), timeout=5000)
    qtbot.waitUntil(lambda: not dock.check.background.busy, timeout=10000)


def places_of(session: Session) -> dict[str, np.ndarray]:
    return {key: session.annotations.of(key).picks.coords for key in KEYS}


def test_right_picks_are_imported_without_a_word(
    dock: MicrographsDock, truth: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> None:
    import_picks(dock, truth, tmp_path, qtbot)
    assert not dock.check.isVisible()
    assert dock.check.imported.keys() == truth.keys()


@pytest.mark.parametrize("wrong", ["mirrored", "binned"])
def test_wrong_picks_are_corrected_by_a_click_and_put_back_by_another(
    dock: MicrographsDock, truth: dict[str, np.ndarray], tmp_path: Path, qtbot: Any, wrong: str
) -> None:
    move = Orientation(flip_y=True).apply if wrong == "mirrored" else lambda c, _: c / 4
    planted = {key: move(places, SHAPE) for key, places in truth.items()}
    import_picks(dock, planted, tmp_path, qtbot)
    qtbot.waitUntil(dock.check.isVisible, timeout=5000)
    said = {"mirrored": "better mirrored top to bottom", "binned": "images binned 4x"}
    assert said[wrong] in dock.check.words.text()
    assert "--" not in dock.check.words.text()
    tips = {"mirrored": "picks are mirrored top to bottom", "binned": "picks are scaled by 4"}
    assert tips[wrong] in dock.check.apply.toolTip()

    dock.session.annotations.add("m_1", np.array([[200.0, 260.0]]), None, "manual")
    gone = planted["m_2"][3]
    marks = dock.session.annotations.of("m_2")
    kept = ~(marks.picks.coords == gone).all(axis=1)
    dock.session.annotations.set("m_2", type(marks)(marks.picks.select(kept)))
    before = places_of(dock.session)

    click(qtbot, dock.check.apply)
    assert "Corrected imported picks of 3 micrographs" in dock.news.text()
    found = places_of(dock.session)
    np.testing.assert_allclose(found["m_3"], truth["m_3"], atol=1e-3)
    np.testing.assert_allclose(found["m_2"], np.delete(truth["m_2"], 3, axis=0), atol=1e-3)
    np.testing.assert_allclose(found["m_1"], [*truth["m_1"], [200, 260]], atol=1e-3)  # not moved

    click(qtbot, dock.check.undo)
    for key, places in places_of(dock.session).items():
        np.testing.assert_array_equal(places, before[key])
    assert not dock.check.isVisible()


def test_picks_beyond_the_edge_come_back_with_the_scale(
    dock: MicrographsDock, truth: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> None:
    """Points of one micrograph at a time: those outside are not taken, until they are corrected."""
    session = dock.session
    session.project.new(tmp_path / "project", str(tmp_path))
    session.project.set_diameter(2 * RADIUS * PIXEL_SIZE)
    form = dock.import_form
    for key in KEYS:
        session.browser.go(key)
        qtbot.waitUntil(lambda key=key: session.layers.shown_key == key, timeout=5000)
        layer = session.viewer.add_points(2 * truth[key] * PIXEL_SIZE, name=f"double {key}")
        layer.units = ("angstrom", "angstrom")
        name = layer.name
        qtbot.waitUntil(lambda name=name: form.points.currentText() == name, timeout=5000)
        click(qtbot, form.take)
        session.viewer.layers.remove(layer)
        qtbot.waitUntil(lambda: not dock.check.background.busy, timeout=10000)
    assert len(session.annotations.of("m_1").picks) < 30
    qtbot.waitUntil(dock.check.isVisible, timeout=5000)
    assert "scaled by 0.5" in dock.check.apply.toolTip()
    click(qtbot, dock.check.apply)
    for key, places in places_of(session).items():
        order = np.lexsort(places.T)
        true = truth[key][np.lexsort(truth[key].T)]
        np.testing.assert_allclose(places[order], true, atol=1e-3)


def test_ignored_findings_leave_the_picks_alone(
    dock: MicrographsDock, truth: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> None:
    planted = {key: places / 4 for key, places in truth.items()}
    import_picks(dock, planted, tmp_path, qtbot)
    qtbot.waitUntil(dock.check.isVisible, timeout=5000)
    click(qtbot, dock.check.ignore)
    assert not dock.check.isVisible()
    for key, places in places_of(dock.session).items():
        np.testing.assert_allclose(places, planted[key])


def test_a_layer_with_every_point_twice_is_imported_once(
    dock: MicrographsDock, truth: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> None:
    planted = {key: np.concatenate([places, places + 1]) for key, places in truth.items()}
    import_picks(dock, planted, tmp_path, qtbot)
    assert "with 120 picks" in dock.news.text()
    for key, places in places_of(dock.session).items():
        np.testing.assert_allclose(places, truth[key])
    assert not dock.check.isVisible()
