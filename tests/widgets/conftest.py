"""A session without a window, with a fake engine, over planted particles."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from planted_set import DIAMETER, PIXEL_SIZE, SHAPE
from qtpy.QtCore import QObject, Signal

from napari_unetpick.io import models
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.protocol.requests import Request
from napari_unetpick.settings import Settings, to_dict
from napari_unetpick.widgets.session import session as session_module
from napari_unetpick.widgets.session.root import get_session
from napari_unetpick.widgets.session.session import Session


class FakeJob(QObject):
    """A job that does what a test says; the signals are those of `client.Job`."""

    progress = Signal(object)
    message = Signal(object)
    metrics = Signal(object)
    found = Signal(object)
    failed = Signal(object)
    done = Signal(dict)
    error = Signal(str, str)
    stopped = Signal()
    finished = Signal()

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request, self.do, self.args = request, request.do, request.to_fields()
        self.state = "running"
        self.previews: list[str] = []

    def stop(self) -> None:
        self.state = "stopped"
        self.stopped.emit()
        self.finished.emit()

    def preview(self, key: str) -> None:
        self.previews.append(key)

    def end(self, result: dict[str, Any]) -> None:
        self.state = "done"
        self.done.emit(result)
        self.finished.emit()

    def break_down(self, kind: str, text: str) -> None:
        self.state = "error"
        self.error.emit(kind, text)
        self.finished.emit()


class FakeEngine(QObject):
    """Records what is submitted instead of starting a process."""

    state_changed = Signal(str)
    device_changed = Signal(str, str)
    memory_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[FakeJob] = []
        self.state = "off"
        self.warmed = 0

    def submit(self, request: Request) -> FakeJob:
        job = FakeJob(request)
        self.submitted.append(job)
        return job

    def warm_up(self) -> None:
        self.warmed += 1

    def shutdown(self) -> None:
        self.state = "off"


def particles(seed: int, shape: tuple[int, int] = SHAPE, count: int = 12) -> np.ndarray:
    """Places at least a diameter apart and off the border, (N, 2) (row, col) pixels."""
    rng = np.random.default_rng(seed)
    found: list[np.ndarray] = []
    while len(found) < count:
        place = rng.uniform(20, np.array(shape) - 20)
        if all(np.hypot(*(place - other)) > 24 for other in found):
            found.append(place)
    return np.array(found)


def write_micrograph(path: Path, places: np.ndarray, seed: int) -> None:
    """Dark discs with noise, uneven background, at 4 A/px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = rng.normal(100, 4, SHAPE) + 0.02 * x
    for row, col in places:
        image -= 10 * ((y - row) ** 2 + (x - col) ** 2 < 8**2)
    with mrcfile.new(path, data=image.astype(np.float32), overwrite=True) as mrc:
        mrc.voxel_size = PIXEL_SIZE


class QtOffTheMainThread(MetaPathFinder):
    """Notes Qt libraries that another thread loads first: their classes must not be made there."""

    LIBRARIES = ("PySide6", "PyQt6", "qtpy", "superqt", "magicgui", "pyqtgraph")

    def __init__(self) -> None:
        self.seen: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        off = threading.current_thread() is not threading.main_thread()
        if off and name.split(".")[0] in self.LIBRARIES:
            self.seen.append(name)


@pytest.fixture(autouse=True)
def qt_stays_on_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A class of Qt made in a thread, while the main one handles events, can end the process."""
    finder = QtOffTheMainThread()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    yield
    assert finder.seen == []


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scratch projects lie: none of another test or viewer is offered."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("UNETPICK_SCRATCH", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_general_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a version without the general model, whether or not this one has it."""
    monkeypatch.setattr(models, "GENERAL", tmp_path / "no general model.safetensors")


@pytest.fixture
def general(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_general_model: None) -> Path:
    """The file of a general model, tiny and untrained."""
    path = tmp_path / "models" / "general.safetensors"
    path.parent.mkdir()
    card = {
        "general": True,
        "settings": to_dict(Settings()),
        "diameter": None,
        "data": "diet, samples 0 to 9, seed 42",
        "validation": {"f1": 0.87, "protocol": "particle", "micrographs": 200},
        "calibration": Calibration("probability", threshold=0.4).to_dict(),
    }
    models.save_model(path, models.Model({"w": np.zeros(1, np.float32)}, card))
    monkeypatch.setattr(models, "GENERAL", path)
    return path


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch, qapp: Any) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(session_module, "EngineClient", lambda: engine)
    return engine


@pytest.fixture
def session(fake_engine: FakeEngine, qapp: Any) -> Any:
    from napari.components import ViewerModel

    made = get_session(ViewerModel())
    yield made
    made.close()


@pytest.fixture
def planted(tmp_path: Path) -> dict[str, np.ndarray]:
    """Three micrographs `a.b_1`, `a.b_2`, `a.b_3` in tmp_path/mics; returns truth by key."""
    folder = tmp_path / "mics"
    folder.mkdir()
    truth = {}
    for number in (1, 2, 3):
        places = particles(number)
        write_micrograph(folder / f"a.b_{number}.mrc", places, number)
        truth[f"a.b_{number}"] = places
    return truth


@pytest.fixture
def project_session(
    session: Session, planted: dict[str, np.ndarray], tmp_path: Path, qtbot: Any
) -> Session:
    """A session with a project of the planted micrographs, the first one shown."""
    session.project.new(tmp_path / "project", tmp_path / "mics")
    session.project.set_diameter(DIAMETER)
    session.truth = planted  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: session.layers.shown_key == "a.b_1", timeout=5000)
    return session
