"""Display: deconvolution where the CTF is known, and images of a second folder in their place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton

from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.picking.ctf import deconvolve
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.layers import view_from
from napari_unetpick.widgets.layers.images import prepare_image
from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.session.session import Session

KEYS = ["a.b_1", "a.b_2", "a.b_3"]


@pytest.fixture
def dock(project_session: Session, qtbot: Any) -> MicrographsDock:
    made = MicrographsDock(project_session.viewer)
    qtbot.addWidget(made)
    made.resize(380, 900)
    made.show()
    made.display_section.expand(animate=False)
    return made


@pytest.fixture
def binned(planted: Any, tmp_path: Path) -> Path:
    """Means of 3 x 3 pixels of the first two micrographs, and nothing of the third."""
    folder = tmp_path / "binned"
    folder.mkdir()
    for key in KEYS[:2]:
        data = read_micrograph(tmp_path / "mics" / f"{key}.mrc").data[:240, :318]
        write(folder / f"{key}_denoised.mrc", data.reshape(80, 3, 106, 3).mean((1, 3)))
    return folder


def write(path: Path, data: np.ndarray) -> None:
    with mrcfile.new(path, data=data.astype(np.float32), overwrite=True) as mrc:
        mrc.voxel_size = 1.0  # whatever: the micrograph's counts


def view(dock: MicrographsDock, folder: Path, qtbot: Any) -> None:
    field = dock.display.folder
    field.clear()
    qtbot.keyClicks(field, str(folder))
    qtbot.keyClick(field, Qt.Key.Key_Return)


def is_shown(dock: MicrographsDock, name: str, qtbot: Any) -> None:
    def named() -> bool:
        layer = dock.session.layers.get("micrograph")
        return layer is not None and layer.name == name

    qtbot.waitUntil(named, timeout=5000)


def test_the_other_image_covers_the_micrograph_and_picks_keep_their_pixels(
    dock: MicrographsDock, binned: Path, qtbot: Any
) -> None:
    session, truth = dock.session, dock.session.truth["a.b_1"]  # type: ignore[attr-defined]
    dock.display.low_pass.setValue(0.0)
    view(dock, binned, qtbot)
    is_shown(dock, "a.b_1 (binned)", qtbot)
    layer = session.layers.get("micrograph")
    assert layer.data.shape == (80, 106)
    assert layer.scale * layer.data.shape == pytest.approx([240 * 4.0, 320 * 4.0])
    at = np.rint(truth * 4.0 / layer.scale).astype(int)
    inside = layer.data[at[:, 0], at[:, 1]]
    assert inside.max() < -1, "every particle is dark where it was planted"
    picks = session.layers.get("picks")
    picks.add(picks.world_to_data(4.0 * truth[3]))
    assert session.annotations.of("a.b_1").picks.coords == pytest.approx(truth[3:4])
    assert session.layers.shown.file_shape == (240, 320)
    assert session.layers.shown.pixel_size == 4.0


def test_what_cannot_be_viewed_is_one_line_and_the_micrograph_is_shown(
    dock: MicrographsDock, binned: Path, tmp_path: Path, qtbot: Any
) -> None:
    words = dock.display.view_words
    view(dock, binned, qtbot)
    is_shown(dock, "a.b_1 (binned)", qtbot)
    assert words.text() == (
        "No image in binned for 1 of 3 micrographs (such as a.b_3): the micrograph itself is shown."
    )
    dock.session.browser.go("a.b_3")
    is_shown(dock, "a.b_3", qtbot)
    write(binned / "a.b_2_denoised.mrc", np.random.default_rng(0).normal(size=(106, 80)))
    dock.session.browser.go("a.b_2")
    view(dock, binned, qtbot)  # reads it again
    is_shown(dock, "a.b_2", qtbot)
    qtbot.waitUntil(lambda: "106 x 80 pixels is not the shape" in words.text(), timeout=5000)
    assert words.text().endswith("(240 x 320). The micrograph itself is shown.")
    assert dock.session.layers.get("micrograph").visible
    (binned / "a.b_1_denoised.mrc").write_bytes(b"no image")
    dock.session.browser.go("a.b_1")
    view(dock, binned, qtbot)
    qtbot.waitUntil(lambda: "a.b_1_denoised.mrc" in words.text(), timeout=5000)
    for folder, why in ((tmp_path / "nowhere", "no such folder"), (tmp_path, "has no .mrc")):
        view(dock, folder, qtbot)
        assert why in words.text()
        assert words.text().endswith("The micrographs themselves are shown.")
        assert "\n" not in words.text()
    is_shown(dock, "a.b_1", qtbot)


def test_clearing_the_folder_shows_the_micrographs_again(
    dock: MicrographsDock, binned: Path, qtbot: Any
) -> None:
    dock.display.ask_folder = lambda: binned  # type: ignore[method-assign]
    qtbot.mouseClick(dock.display.choose, Qt.MouseButton.LeftButton)
    is_shown(dock, "a.b_1 (binned)", qtbot)
    assert dock.display.folder.text() == str(binned)
    qtbot.mouseClick(dock.display.folder.findChild(QToolButton), Qt.MouseButton.LeftButton)
    is_shown(dock, "a.b_1", qtbot)
    assert dock.session.layers.view_from.folder == ""
    assert not dock.display.view_words.isVisible()


def test_micrographs_that_join_later_are_viewed_from_it_too(
    dock: MicrographsDock, binned: Path, tmp_path: Path, qtbot: Any
) -> None:
    view(dock, binned, qtbot)
    shutil.copy(tmp_path / "mics" / "a.b_1.mrc", tmp_path / "late.mrc")
    shutil.copy(binned / "a.b_1_denoised.mrc", binned / "late.mrc")
    dock.session.project.add(tmp_path / "late.mrc")
    dock.session.browser.go("late")
    is_shown(dock, "late (binned)", qtbot)


def test_the_folder_is_kept_in_the_project_and_moves_with_it(
    dock: MicrographsDock, binned: Path, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, told = dock.session, []
    monkeypatch.setattr(view_from, "tell", lambda text, level: told.append((text, level)))
    view(dock, binned, qtbot)
    assert session.save()
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("project", "binned", "mics"):
        shutil.copytree(tmp_path / name, moved / name)
    (moved / "project" / "project.lock").unlink(missing_ok=True)
    with Project.open(moved / "project") as project:
        assert project.view.view_from == str(moved / "binned")
    session.project.open(moved / "project")
    is_shown(dock, "a.b_1 (binned)", qtbot)
    qtbot.waitUntil(lambda: dock.display.folder.text() == str(moved / "binned"), timeout=5000)
    assert not told
    session.project.save_as(tmp_path / "copies" / "deep" / "copy")
    assert session.layers.view_from.folder == str(moved / "binned")
    shutil.rmtree(moved / "binned")
    session.project.open(moved / "project")
    is_shown(dock, "a.b_1", qtbot)
    assert [(text.split(": ")[1], level) for text, level in told] == [
        ("no such folder. The micrographs themselves are shown.", "warning")
    ]


def test_a_project_without_micrographs_or_folder_takes_the_folder_away(
    dock: MicrographsDock, binned: Path, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(view_from, "tell", lambda text, level: told.append(text))
    view(dock, binned, qtbot)
    dock.session.project.new(tmp_path / "empty")
    assert dock.display.folder.text() == ""
    view(dock, binned, qtbot)
    assert not dock.display.view_words.isVisible()
    dock.session.project.save_as(tmp_path / "empty copy")
    assert dock.display.folder.text() == str(binned)
    assert told == []


# -- deconvolution -----------------------------------------------------------------------------


def star(tmp_path: Path, keys: list[str]) -> Path:
    rows = "\n".join(f"mics/{key}.mrc 20000 20000 300 2.7" for key in keys)
    path = tmp_path / "micrographs_ctf.star"
    path.write_text(
        "data_micrographs\n\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n"
        f"_rlnVoltage #4\n_rlnSphericalAberration #5\n{rows}\n"
    )
    return path


def test_deconvolution_is_there_where_the_list_has_the_ctf(
    dock: MicrographsDock, tmp_path: Path, qtbot: Any
) -> None:
    form, session = dock.display, dock.session
    layer = session.layers.get("micrograph")
    assert not form.deconvolve.isEnabled()
    assert form.ctf_words.text().startswith("Needs defocus, kV and Cs")
    session.project.add(star(tmp_path, KEYS[:2]))
    qtbot.waitUntil(form.deconvolve.isEnabled, timeout=5000)
    assert form.ctf_words.isHidden()
    plain = layer.data
    form.deconvolve.setChecked(True)
    qtbot.waitUntil(lambda: layer.data is not plain, timeout=5000)
    micrograph = session.project.entry("a.b_1").micrograph
    assert micrograph.ctf is not None
    wanted = deconvolve(plain, micrograph.ctf, tuple(layer.scale))
    assert np.corrcoef(layer.data.ravel(), wanted.ravel())[0, 1] > 0.99
    assert np.corrcoef(layer.data.ravel(), plain.ravel())[0, 1] < 0.95
    assert layer.data.std() == pytest.approx(1, abs=1e-3)
    at = np.rint(session.truth["a.b_1"] * 4.0 / layer.scale).astype(int)  # type: ignore[attr-defined]
    assert layer.data[at[:, 0], at[:, 1]].mean() < -1, "particles stay dark"
    strong = layer.data
    form.strength.setValue(0.5)
    qtbot.waitUntil(lambda: layer.data is not strong, timeout=5000)
    session.browser.go("a.b_3")  # of no list
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_3", timeout=5000)
    assert not form.deconvolve.isEnabled()
    assert not form.strength.isEnabled()
    own = prepare_image(session.project.entry("a.b_3").micrograph, session.layers.images.settings)
    assert np.array_equal(layer.data, own.image)
    qtbot.mouseClick(form.reset, Qt.MouseButton.LeftButton)
    assert not session.layers.images.settings.deconvolve
    assert session.layers.images.settings.strength == 1.0


def test_a_micrograph_without_ctf_is_shown_as_fine_as_without_deconvolution(
    dock: MicrographsDock, qtbot: Any
) -> None:
    form, session = dock.display, dock.session
    form.low_pass.setValue(0.0)
    form.deconvolve.setChecked(True)
    form.falloff.setValue(3.0)
    qtbot.waitUntil(lambda: session.layers.get("micrograph").data.shape == (240, 320), timeout=5000)


def test_the_diameter_is_estimated_from_the_micrographs_own_pixels(
    dock: MicrographsDock, binned: Path, qtbot: Any
) -> None:
    images = dock.session.layers.images
    micrograph = dock.session.project.entry("a.b_1").micrograph
    assert images.unchanged(micrograph) is images.ready(micrograph) is not None
    view(dock, binned, qtbot)
    is_shown(dock, "a.b_1 (binned)", qtbot)
    assert images.ready(micrograph) is not None
    assert images.unchanged(micrograph) is None
