"""Kills and closings at the worst moment: nothing that was marked is lost, no process stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import psutil
import pytest
from qtpy.QtWidgets import QMainWindow

from napari_unetpick.errors import InputError
from napari_unetpick.project.project import Project
from napari_unetpick.widgets.annotate.suggestions_panel import mean_grey
from napari_unetpick.widgets.gallery.crops import Cutter
from napari_unetpick.widgets.gallery.items import GalleryItem
from napari_unetpick.widgets.session.root import get_session
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import take_snapshot
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.workspace import Workspace

KEY = "a.b_1"
SMALL = {
    "network": {"width": 8, "depth": 2},
    "train": {"epochs": 50, "patches_per_epoch": 8, "batch": 4, "patch_px": 48},
}

VIEWER = """
import sys, time
from pathlib import Path
import numpy as np
from qtpy.QtWidgets import QApplication
from napari.components import ViewerModel
from napari_unetpick.widgets.session.root import get_session

application = QApplication([])
session = get_session(ViewerModel())
session.project.new(Path(sys.argv[1]), sys.argv[2])
session.project.set_diameter(80)
while session.layers.shown_key != "a.b_1":
    application.processEvents()
session.layers.get("picks").add(np.array([[30.0, 40.0], [60.0, 90.0]]))
end = time.monotonic() + 2
while time.monotonic() < end:
    application.processEvents()
    time.sleep(0.01)
print("marked", flush=True)
while True:
    application.processEvents()
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_kill_of_napari_loses_nothing_older_than_two_seconds(
    planted: dict[str, np.ndarray], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    process = subprocess.Popen(
        [sys.executable, "-c", VIEWER, str(project), str(tmp_path / "mics")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "marked\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    again = Project.open(project)
    assert not again.read_only, "the lock of the dead is taken over"
    np.testing.assert_allclose(again.annotations(KEY).picks.coords, [[30, 40], [60, 90]], atol=1e-3)
    assert again.diameter == 80
    again.close()


@pytest.mark.slow
def test_closing_in_mid_training_ends_the_engine_and_leaves_a_run_that_resumes(
    planted: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> None:
    from napari.components import ViewerModel

    window = QMainWindow()
    session = get_session(ViewerModel())
    window.setCentralWidget(Workspace(session.viewer))
    window.show()
    session.project.new(tmp_path / "project", tmp_path / "mics")
    session.project.set_diameter(80)
    for key, places in planted.items():
        session.annotations.add(key, places, None, "manual")
        session.project.change(key, state="full")
    training_of(session).start(SMALL, "scratch")
    qtbot.waitUntil(lambda: len(training_of(session).rows) >= 2, timeout=120_000)
    engine = session.jobs.engine.pid
    assert engine is not None
    assert psutil.pid_exists(engine)
    window.close()
    window.deleteLater()
    qtbot.waitUntil(lambda: session.closed, timeout=5000)
    qtbot.waitUntil(lambda: not is_alive(engine), timeout=20_000)
    again = Project.open(tmp_path / "project")
    assert not again.read_only
    assert {key: len(again.annotations(key).picks) for key in planted} == dict.fromkeys(planted, 12)
    (run,) = again.runs()
    assert not run.finished
    assert (run.path / "checkpoint.pt").is_file()
    again.close()


def test_a_micrograph_that_is_written_anew_ends_neither_gallery_nor_suggestions(
    planted: dict[str, np.ndarray], tmp_path: Path, session: Session
) -> None:
    big = tmp_path / "mics" / "big.mrc"  # more than a page of memory lies behind its cut
    noise = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    with mrcfile.new(big, data=noise) as mrc:
        mrc.voxel_size = 1.0
    session.project.new(tmp_path / "project", big)
    session.project.set_diameter(80)
    snapshot, cutter = take_snapshot(session), Cutter()
    opened = snapshot.open("big")
    assert cutter.cut(GalleryItem("big", 50.0, 50.0, 1.0), snapshot) is not None
    assert mean_grey(snapshot, "big") == pytest.approx(noise[16::32].mean(), abs=1e-6)
    with open(big, "r+b") as file:
        file.truncate(1024)
    assert cutter.cut(GalleryItem("big", 450.0, 450.0, 1.0), snapshot) is None
    with pytest.raises(InputError, match="became shorter"):
        opened.image[:]
    with pytest.raises(InputError, match="cut short"):
        mean_grey(snapshot, "big")


def test_deleting_all_layers_at_once_keeps_every_mark(project_session: Session, qtbot: Any) -> None:
    session = project_session
    truth = session.truth  # type: ignore[attr-defined]
    layer = session.layers.get("picks")
    layer.add(truth[KEY][:3])
    layer.name = "mine"
    session.annotations.reject(KEY, truth[KEY][5:6])
    session.viewer.layers.selection = set(session.viewer.layers)
    session.viewer.layers.remove_selected()
    assert not len(session.viewer.layers)
    session.browser.go("a.b_2")
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_2", timeout=5000)
    assert len(session.layers.get("picks").data) == 0
    session.browser.go(KEY)
    qtbot.waitUntil(lambda: session.layers.shown_key == KEY, timeout=5000)
    np.testing.assert_allclose(session.layers.get("picks").data, truth[KEY][:3])
    np.testing.assert_allclose(session.layers.get("negatives").data, truth[KEY][5:6])


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
