"""Micrographs without a pixel size: training and picking say so before a job starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import pytest
from planted_set import DIAMETER, PIXEL_SIZE
from train_helpers import write_run

from napari_unetpick.errors import InputError
from napari_unetpick.widgets.pick.dock import PickDock
from napari_unetpick.widgets.session.pixel_sizes import describe_length
from napari_unetpick.widgets.train.dock import TrainDock
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.train.self_train_dock import SelfTrainDock

KEYS = ["a.b_1", "a.b_2", "a.b_3"]


def strip(folder: Path, numbers: tuple[int, ...]) -> None:
    """Take the pixel size out of headers."""
    for number in numbers:
        with mrcfile.open(folder / f"a.b_{number}.mrc", "r+") as mrc:
            mrc.voxel_size = 0.0


@pytest.fixture
def unsized(session: Any, planted: Any, tmp_path: Path) -> Any:
    """A session over labelled micrographs, none of which has a pixel size, with a model."""
    strip(tmp_path / "mics", (1, 2, 3))
    session.project.new(tmp_path / "project", tmp_path / "mics")
    session.project.set_diameter(DIAMETER)
    for key, places in planted.items():
        session.annotations.add(key, places, None, "manual")
    session.selection.use_model(write_run(session.project.runs_folder, "run-1"))
    return session


def test_training_says_it_before_it_starts(unsized: Any, fake_engine: Any, qtbot: Any) -> None:
    dock = TrainDock(unsized.viewer)
    qtbot.addWidget(dock)
    assert (
        "No pixel size in a.b_1 and 2 more: enter it in the Annotate dock" in dock.next_text.text()
    )
    assert not dock.train.isEnabled()
    with pytest.raises(InputError, match="No pixel size"):
        training_of(unsized).start({}, "scratch")
    assert not fake_engine.submitted
    unsized.project.set_pixel_size(PIXEL_SIZE)
    qtbot.waitUntil(dock.train.isEnabled, timeout=2000)


def test_picking_says_it_before_it_starts(unsized: Any, fake_engine: Any, qtbot: Any) -> None:
    dock = PickDock(unsized.viewer)
    qtbot.addWidget(dock)
    dock.show()
    assert (
        "No pixel size in a.b_1 and 2 more: enter it in the Annotate dock" in dock.next_text.text()
    )
    assert not dock.pick_all.isEnabled()
    with pytest.raises(InputError, match=r"No pixel size in a\.b_2: enter it"):
        dock.picking.start(["a.b_2"])
    assert not fake_engine.submitted
    unsized.project.set_pixel_size(PIXEL_SIZE)
    assert dock.pick_all.isEnabled()


def test_self_training_says_it_too(unsized: Any, qtbot: Any) -> None:
    for key in KEYS[1:]:
        unsized.project.change(key, state="none")
    dock = SelfTrainDock(unsized.viewer)
    qtbot.addWidget(dock)
    assert "No pixel size in a.b_2 and 2 more" in dock.plan_text.text()  # the partly labelled too
    assert not dock.start.isEnabled()


def test_some_without_are_a_caution(session: Any, planted: Any, tmp_path: Path, qtbot: Any) -> None:
    strip(tmp_path / "mics", (2,))
    session.project.new(tmp_path / "project", tmp_path / "mics")
    session.project.set_diameter(DIAMETER)
    for key, places in planted.items():
        session.annotations.add(key, places, None, "manual")
    assert session.pixel_sizes.obstacle(KEYS) == ""
    assert "1 micrograph without pixel size skipped (a.b_2)" in session.pixel_sizes.caution(KEYS)
    dock = TrainDock(session.viewer)
    qtbot.addWidget(dock)
    assert "a.b_2" in dock.next_text.text()
    assert dock.train.isEnabled()


def test_a_file_that_is_gone_is_not_blamed(unsized: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "mics").iterdir():
        path.unlink()
    assert unsized.pixel_sizes.obstacle(KEYS) == ""


def test_training_is_free_again_when_a_moved_folder_is_added(
    project_session: Any, tmp_path: Path, qtbot: Any
) -> None:
    session = project_session
    for key in KEYS:
        session.annotations.add(key, session.truth[key], None, "manual")
    dock = TrainDock(session.viewer)
    qtbot.addWidget(dock)
    session.project.new(tmp_path / "other")
    (tmp_path / "mics").rename(tmp_path / "moved")
    session.project.open(tmp_path / "project")
    dock.refresh()  # asks for pixel sizes that cannot be read
    session.project.add(tmp_path / "moved")
    dock.refresh()
    assert "No pixel size" not in dock.next_text.text()
    assert dock.train.isEnabled()


@pytest.mark.parametrize(
    ("fraction", "diameter", "text"),
    [
        (0.5, 180.0, "90 Å (0.5 x diameter)"),
        (0.75, 175.0, "131 Å (0.75 x diameter)"),
        (1.0, 80.0, "80 Å (1 x diameter)"),
        (0.5, None, "0.5 x diameter"),
    ],
)
def test_a_length_is_read_in_angstrom_first(
    fraction: float, diameter: float | None, text: str
) -> None:
    assert describe_length(fraction, diameter) == text
