"""Picks saved from napari's dialog: what is shown, where it is, as the formats want it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_unetpick
from napari_unetpick.adapters.layer_data import image_layer, points_layer
from napari_unetpick.adapters.writers import read_layer, write_box, write_star
from napari_unetpick.errors import InputError
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.picks import Picks

PLUGIN = "napari-unetpick"
MANIFEST = Path(napari_unetpick.__file__).parent / "napari.yaml"
COORDS = np.array([[30.25, 200.5], [55.0, 20.0], [90.5, 150.75], [7.0, 9.0]])
SCORES = np.array([0.9, 0.2, 0.7, 0.4])


@pytest.fixture
def viewer(npe2pm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A viewer without a window: all of the layers, none of the drawing."""
    model = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: model)
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield model


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(
        "napari_unetpick.adapters.notify._show_when_visible",
        lambda text, level, tries: said.append(text),
    )
    return said


def add_picks(viewer: Any, **changes: Any) -> Any:
    picks = Picks("Movies/mic.mrc", COORDS, SCORES, np.full(4, 42.0))
    data, attributes, _ = points_layer(picks, "mic", 1.5, 10.0)
    return viewer.add_points(data, **(attributes | changes))


def only(path: str | Path) -> Picks:
    [picks] = read_picks(path).values()
    return picks


def test_star_from_the_save_dialog_comes_back_the_same(tmp_path: Path, viewer: Any) -> None:
    layer = add_picks(viewer)
    [path] = layer.save(str(tmp_path / "mic_autopick.star"), plugin=PLUGIN)
    picks = only(path)
    np.testing.assert_allclose(picks.coords, COORDS, atol=1e-3)  # pixels, not Angstrom
    np.testing.assert_allclose(picks.scores, SCORES, atol=1e-6)
    raw = Path(path).read_bytes()
    assert b"\r" not in raw
    assert raw.count(b"data_") == 1
    assert b"_rlnAutopickFigureOfMerit" in raw


@pytest.mark.parametrize("ending", ["star", "box"])
def test_hidden_picks_are_not_saved(tmp_path: Path, viewer: Any, told: Any, ending: str) -> None:
    layer = add_picks(viewer)
    layer.shown = SCORES > 0.5
    [path] = layer.save(str(tmp_path / f"mic.{ending}"), plugin=PLUGIN)
    np.testing.assert_allclose(only(path).coords, COORDS[[0, 2]], atol=0.51)


def test_box_has_an_even_size_and_integer_corners_of_the_right_centre(
    tmp_path: Path, viewer: Any, told: list[str]
) -> None:
    [path] = add_picks(viewer).save(str(tmp_path / "mic.box"), plugin=PLUGIN)
    rows = np.array([line.split() for line in Path(path).read_text().splitlines()]).astype(int)
    assert set(rows[:, 2]) == set(rows[:, 3]) == {64}  # 1.5 x 42 = 63, made even
    centres = rows[:, :2] + rows[:, 2:] // 2  # as RELION reads them: (x, y)
    assert np.abs(centres - COORDS[:, ::-1]).max() <= 0.5
    assert told == ["mic.box: boxes of 64 px, 1.5 times the circles' diameter"]


@pytest.mark.parametrize(
    "name,written",
    [
        ("mic", "mic.star"),
        ("May08_03.05.02 picks", "May08_03.05.02 picks.star"),
        ("mic.csv", "mic.csv.star"),
        ("mic.STAR", "mic.STAR"),
    ],
)
def test_the_ending_is_added_where_the_dialog_leaves_it_out(
    tmp_path: Path, name: str, written: str
) -> None:
    assert write_star(str(tmp_path / name), COORDS, {}) == [str(tmp_path / written)]
    assert [file.name for file in tmp_path.iterdir()] == [written]


def test_points_of_a_new_layer_in_angstrom_become_pixels(
    tmp_path: Path, viewer: Any, told: list[str]
) -> None:
    data, attributes, _ = image_layer(np.zeros((120, 240), np.float32), "mic", 1.5)
    viewer.add_image(data, **attributes)
    by_button = viewer.add_points(COORDS * 1.5, scale=(1, 1), size=30, name="clicked")
    [path] = by_button.save(str(tmp_path / "a.star"), plugin=PLUGIN)
    np.testing.assert_allclose(only(path).coords, COORDS, atol=1e-3)
    assert told == ["clicked: its points were converted to pixels of mic"]
    like_image = viewer.add_points(COORDS, scale=(1.5, 1.5))
    [path] = like_image.save(str(tmp_path / "b.star"), plugin=PLUGIN)
    np.testing.assert_allclose(only(path).coords, COORDS, atol=1e-3)


def test_a_click_without_score_gets_relions_mark_for_unknown(tmp_path: Path) -> None:
    features = {"score": [0.5, float("nan"), 0.25, 0.125]}
    picks = read_layer(COORDS, {"features": features})
    np.testing.assert_array_equal(picks.scores, [0.5, -999.0, 0.25, 0.125])
    assert read_layer(COORDS, {"features": {"score": [float("nan")] * 4}}).scores is None
    assert read_layer(COORDS, {"features": {}}).scores is None


@pytest.mark.parametrize(
    "data,attributes,words",
    [
        (np.zeros((2, 3)), {}, "has 3 axes"),
        (np.array([[1.0, np.nan]]), {}, "without coordinates"),
        (COORDS, {"features": {"score": ["a", "b", "c", "d"]}}, "holds text"),
    ],
)
def test_what_cannot_be_picks_is_refused_and_nothing_is_written(
    tmp_path: Path, data: Any, attributes: dict[str, Any], words: str
) -> None:
    for write in (write_star, write_box):
        with pytest.raises(InputError, match=words):
            write(str(tmp_path / "out"), data, {"name": "layer", **attributes})
    assert list(tmp_path.iterdir()) == []


def test_a_layer_without_points_saves_as_a_file_without_picks(
    tmp_path: Path, viewer: Any, told: list[str]
) -> None:
    layer = viewer.add_points(ndim=2)
    [star] = layer.save(str(tmp_path / "mic.star"), plugin=PLUGIN)
    [box] = layer.save(str(tmp_path / "mic.box"), plugin=PLUGIN)
    assert len(only(star)) == len(only(box)) == 0
