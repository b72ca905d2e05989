"""Pictures and score summaries for the list, and the store that makes them late."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.candidates import write_candidates
from napari_unetpick.widgets.micrographs.row_scores import Choice, Summary, read_summary, summarise
from napari_unetpick.widgets.micrographs.thumbnails import (
    PIXELS,
    SIDE,
    make_thumbnail,
    read_thumbnail,
)
from napari_unetpick.widgets.qt.lazy_values import LateValues


def write(path: Path, image: np.ndarray) -> Path:
    with mrcfile.new(path, data=image.astype(np.float32), overwrite=True):
        return path


def test_a_picture_keeps_shape_and_place_in_noise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(0, 5, (1500, 2000))
    image[:300, 1500:] -= 20  # a dark corner, top right
    image[4, 4], image[5, 5] = np.nan, np.inf
    grey = read_thumbnail(write(tmp_path / "m.mrc", image))
    assert grey.shape == (71, 95)
    assert max(grey.shape) <= PIXELS
    assert grey[:13, 73:].max() < 60 < grey[20:, :60].min()


def test_a_small_image_is_not_enlarged_and_a_flat_one_is_grey(tmp_path: Path) -> None:
    assert read_thumbnail(write(tmp_path / "s.mrc", np.eye(20, 30))).shape == (20, 30)
    assert np.ptp(read_thumbnail(write(tmp_path / "f.mrc", np.ones((200, 200))))) == 0


def test_a_thumbnail_is_sharp_on_fine_screens(tmp_path: Path, qapp: Any) -> None:
    path = write(tmp_path / "m.mrc", np.random.default_rng(0).normal(size=(480, 960)))
    image = make_thumbnail(Micrograph(path, "m"))
    assert (image.width(), image.height()) == (PIXELS, PIXELS // 2)
    assert image.deviceIndependentSize().width() == SIDE


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.mrc").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read_thumbnail(tmp_path / "bad.mrc")


def test_a_summary_counts_what_threshold_and_distance_choose(tmp_path: Path) -> None:
    coords = np.array([[10.0, 10], [12, 10], [50, 50], [90, 90]])  # the first two: one particle
    raw = np.array([0.9, 0.8, 0.7, 0.2])
    found = Candidates(coords, raw, np.zeros(4), 20.0, model="run-1")
    choice = Choice(Calibration(), 0.5, 0.5)
    expected = Summary(2, pytest.approx(0.8))  # type: ignore[arg-type]
    assert summarise(found, choice) == expected
    assert summarise(found, Choice(Calibration(), 0.95, 0.5)) == Summary(0, None)
    assert read_summary(tmp_path / "none.npz", choice) is None
    write_candidates(tmp_path / "m.npz", found)
    assert read_summary(tmp_path / "m.npz", choice) == expected


def test_only_what_is_still_wanted_is_made(qtbot: Any) -> None:
    came: list[str] = []
    made: list[str] = []
    gate, began = threading.Event(), threading.Event()

    def slow() -> str:
        began.set()
        gate.wait(5)
        made.append("first")
        return "first"

    def make(key: str) -> Any:
        return lambda: made.append(key) or key

    values: LateValues[str] = LateValues(came.append, 2, "test")
    values.want({"first": slow, **{k: make(k) for k in ("a", "b", "c")}})
    assert began.wait(5)
    values.want({"c": make("c"), "d": make("d")})  # scrolled on
    gate.set()
    qtbot.waitUntil(lambda: came[-1:] == ["d"], timeout=3000)
    assert made == ["first", "c", "d"]
    assert values.get("first") is None  # two are kept at most
    assert (values.get("c"), values.get("d")) == ("c", "d")
    values.close()


def test_an_error_is_kept_as_the_value_and_what_is_forgotten_does_not_come(qtbot: Any) -> None:
    came: list[str] = []
    gate, began = threading.Event(), threading.Event()

    def bad() -> str:
        raise InputError("m.mrc: is empty")

    def slow() -> str:
        began.set()
        gate.wait(5)
        return "old"

    values: LateValues[str] = LateValues(came.append, 9, "test")
    values.want({"m": bad})
    qtbot.waitUntil(lambda: came == ["m"], timeout=3000)
    assert str(values.get("m")) == "m.mrc: is empty"
    values.want({"old": slow})
    assert began.wait(5)
    values.forget()
    gate.set()
    values.want({"n": lambda: "new"})
    qtbot.waitUntil(lambda: came == ["m", "n"], timeout=3000)
    assert values.get("old") is None
    values.close()
