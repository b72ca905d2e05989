"""Micrographs and picks in napari: in the right place, with the right scale, in either order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from napari.components import ViewerModel

import napari_unetpick
from napari_unetpick.adapters.layer_data import (
    contrast_limits,
    full_resolution,
    image_layer,
    points_layer,
    pyramid,
)
from napari_unetpick.adapters.notify import SETTLED_MS
from napari_unetpick.adapters.readers import get_reader, read
from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import Picks

PLUGIN = "napari-unetpick"
MANIFEST = Path(napari_unetpick.__file__).parent / "napari.yaml"
PIXEL_SIZE = 1.5
TRUTH = np.array([[30.0, 200.0], [55.5, 20.25], [90.0, 150.0]])
"""(row, col): no pick would stay in place if the axes were swapped or the rows flipped."""


@pytest.fixture
def viewer(npe2pm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A viewer without a window: all of the layers, none of the drawing."""
    model = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: model)
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield model


@pytest.fixture
def window(make_napari_viewer: Callable[..., Any], npe2pm: Any) -> Iterator[Any]:
    """A viewer that draws."""
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield make_napari_viewer(show=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the user is told, as (level, text)."""
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "napari_unetpick.adapters.notify._show_when_visible",
        lambda text, level, tries: said.append((level, text)),
    )
    return said


def write_mrc(path: Path, shape: tuple[int, int] = (120, 240), pixel_size: float = 1.5) -> Path:
    data = np.random.default_rng(0).normal(10, 1, shape).astype(np.float32)
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data)
        mrc.voxel_size = pixel_size
    return path


def write_coordinates(path: Path, coords: np.ndarray, micrographs: list[str] | None = None) -> Path:
    labels = ["_rlnMicrographName"] * bool(micrographs) + ["_rlnCoordinateX", "_rlnCoordinateY"]
    rows = [f"{x} {y}" for y, x in coords]
    if micrographs:
        rows = [f"{name} {row}" for name, row in zip(micrographs, rows, strict=True)]
    path.write_text("\n".join(["data_", "", "loop_", *labels, *rows]) + "\n", encoding="utf-8")
    return path


def layers_of(viewer: Any) -> list[tuple[str, str]]:
    return [(type(layer).__name__, layer.name) for layer in viewer.layers]


@pytest.mark.parametrize(
    "name,content",
    [
        ("photo.tif", b"II*\0"),
        ("table.csv", b"micrograph,x,y\n"),
        ("bundle.map", b'{"version":3,"mappings":"AAAA"}'),
        ("movie.star", b"\x00\x01\x02data_\x00"),
        ("story.star", b"once upon a time\n"),
        ("page.box", b"<html></html>"),
        ("missing.mrc", None),
    ],
)
def test_files_of_others_are_left_alone(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert get_reader(str(tmp_path / name)) is None


def test_a_volume_named_map_is_left_alone_but_an_image_is_read(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "volume.map") as mrc:
        mrc.set_data(np.zeros((4, 8, 8), np.float32))
    assert get_reader(str(tmp_path / "volume.map")) is None
    assert get_reader(str(write_mrc(tmp_path / "image.map"))) is not None


def test_micrograph_keeps_its_pixels_and_gets_its_scale(tmp_path: Path, viewer: Any) -> None:
    path = write_mrc(tmp_path / "May08_03.05.02.mrc", pixel_size=2.5)
    [image] = viewer.open(str(path), plugin=PLUGIN)
    assert image.name == "May08_03.05.02"
    assert image.metadata["unetpick"]["pixel_size"] == pytest.approx(2.5)
    np.testing.assert_allclose(image.scale, (2.5, 2.5))
    assert [str(unit) for unit in image.units] == ["angstrom", "angstrom"]
    np.testing.assert_array_equal(full_resolution(image), mrcfile.read(path))


def test_micrograph_without_pixel_size_is_in_pixels(tmp_path: Path, viewer: Any) -> None:
    [image] = viewer.open(str(write_mrc(tmp_path / "a.mrc", pixel_size=0.0)), plugin=PLUGIN)
    np.testing.assert_allclose(image.scale, (1.0, 1.0))
    assert image.metadata["unetpick"]["pixel_size"] is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("star", ["mic_autopick.star", "named.star", "picks.star"])
def test_picks_lie_on_their_micrograph_in_either_order(
    tmp_path: Path, viewer: Any, told: list[Any], star: str, order: tuple[int, int]
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    names = ["Movies/mic.mrc"] * len(TRUTH) if star == "named.star" else None
    paths = [
        write_mrc(tmp_path / "mic.mrc"),
        write_coordinates(folder / star, TRUTH, names),
    ]
    viewer.open([str(paths[i]) for i in order], plugin=PLUGIN)
    assert layers_of(viewer) == [("Image", "mic"), ("Points", "mic picks")]
    image, points = viewer.layers
    np.testing.assert_allclose(points.data, TRUTH)
    np.testing.assert_allclose(points.data_to_world(points.data[0]), TRUTH[0] * PIXEL_SIZE)
    assert points.units == image.units
    assert points.metadata["unetpick"]["key"] == "mic"
    np.testing.assert_allclose(points.size, 0.04 * 240)


@pytest.mark.skipif(
    os.environ.get("QT_QPA_PLATFORM") == "offscreen",
    reason="OpenGL, which draws images, needs a display (or xvfb-run)",
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_window_draws_the_picks_above_the_micrograph(
    tmp_path: Path, window: Any, told: list[Any], order: tuple[int, int]
) -> None:
    star = combined_star(tmp_path / "picks.star", 9)
    paths = [write_mrc(tmp_path / "m0007.mrc", (1200, 1240)), star]
    window.open([str(paths[i]) for i in order], plugin=PLUGIN)
    image, points = window.layers
    assert image.multiscale
    image.visible = False
    without = window.screenshot(canvas_only=True, flash=False)
    points.visible = False
    assert (without != window.screenshot(canvas_only=True, flash=False)).any()
    image.visible = points.visible = True
    both = window.screenshot(canvas_only=True, flash=False).astype(int)
    cyan = (both[..., 0] < 80) & (both[..., 1] > 150) & (both[..., 2] > 200)
    assert cyan.sum() > 50


def test_picks_alone_bring_their_micrograph_and_give_way_to_it(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    job = tmp_path / "project" / "External" / "job010"
    job.mkdir(parents=True)
    write_mrc(tmp_path / "project" / "mic.mrc")
    star = write_coordinates(job / "autopick.star", TRUTH, ["mic.mrc"] * 3)
    viewer.open(str(star), plugin=PLUGIN)
    assert layers_of(viewer) == [("Image", "mic"), ("Points", "mic picks")]
    np.testing.assert_allclose(viewer.layers[1].scale, (PIXEL_SIZE, PIXEL_SIZE))
    viewer.open(str(tmp_path / "project" / "mic.mrc"), plugin=PLUGIN)
    assert layers_of(viewer) == [("Image", "mic"), ("Points", "mic picks")]


def combined_star(path: Path, count: int = 1000) -> Path:
    names = [f"Movies/m{i:04d}.mrc" for i in range(count) for _ in TRUTH]
    coords = np.concatenate([TRUTH + 0.01 * i for i in range(count)])
    return write_coordinates(path, coords, names)


def test_a_thousand_micrographs_make_one_layer_and_a_word(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    star = combined_star(tmp_path / "picks.star")
    viewer.open(str(star), plugin=PLUGIN)
    assert layers_of(viewer) == [("Points", "m0000 picks")]
    [(level, text)] = told
    assert level == "info"
    assert text.startswith("picks.star has picks of 1,000 micrographs; showing m0000 (3 picks)")
    assert "open a micrograph" in text


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_thousand_micrographs_the_open_one_is_shown(
    tmp_path: Path, viewer: Any, told: list[Any], order: tuple[int, int]
) -> None:
    paths = [write_mrc(tmp_path / "m0007.mrc"), combined_star(tmp_path / "picks.star")]
    viewer.open([str(paths[i]) for i in order], plugin=PLUGIN)
    assert layers_of(viewer) == [("Image", "m0007"), ("Points", "m0007 picks")]
    np.testing.assert_allclose(viewer.layers[1].data, TRUTH + 0.07)
    assert any("showing m0007" in text for _, text in told)


def test_a_micrograph_opens_beside_picks_of_two_of_its_name(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    names = ["g1/z.mrc", "g1/a.mrc", "g2/a.mrc"]
    star = write_coordinates(tmp_path / "all.star", TRUTH, names)
    viewer.open(str(star), plugin=PLUGIN)
    viewer.open(str(write_mrc(tmp_path / "a.mrc")), plugin=PLUGIN)
    assert layers_of(viewer) == [("Points", "z picks"), ("Image", "a")]
    told.clear()
    assert viewer.open(str(star), plugin=PLUGIN) == []
    assert "g1/a.mrc and g2/a.mrc have the same name in different folders" in told[0][1]


def test_picks_that_were_worked_on_are_hidden_not_lost(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    viewer.open(str(combined_star(tmp_path / "picks.star", 9)), plugin=PLUGIN)
    first = viewer.layers[0]
    first.add((5.0, 5.0))
    viewer.open(str(write_mrc(tmp_path / "m0007.mrc")), plugin=PLUGIN)
    assert first in viewer.layers
    assert not first.visible
    assert len(first.data) == 4
    assert ("Points", "m0007 picks") in layers_of(viewer)


def test_picks_of_another_micrograph_are_not_put_on_the_open_one(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    viewer.open(str(write_mrc(tmp_path / "mine.mrc")), plugin=PLUGIN)
    star = write_coordinates(tmp_path / "picks.star", TRUTH, ["other.mrc"] * 3)
    [points] = viewer.open(str(star), plugin=PLUGIN)
    assert points.metadata["unetpick"]["key"] == "other"
    assert any("micrograph other is not found" in text for _, text in told)


def test_picks_outside_their_micrograph_are_shown_and_said(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    viewer.open(str(write_mrc(tmp_path / "mic.mrc")), plugin=PLUGIN)
    swapped = write_coordinates(tmp_path / "mic_autopick.star", TRUTH[:, ::-1])
    viewer.open(str(swapped), plugin=PLUGIN)
    assert ("warning", "2 of 3 picks lie outside mic (240 x 120 px)") in [
        (level, text.split(":")[0]) for level, text in told
    ]


def test_micrographs_star_shows_its_first_micrograph_at_the_listed_scale(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    write_mrc(tmp_path / "b.mrc", pixel_size=9.0)
    star = tmp_path / "micrographs_ctf.star"
    star.write_text(
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 1.25\n\n"
        "data_micrographs\nloop_\n_rlnMicrographName\n_rlnOpticsGroup\nb.mrc 1\nc.mrc 1\n"
    )
    [image] = viewer.open(str(star), plugin=PLUGIN)
    np.testing.assert_allclose(image.scale, (1.25, 1.25))
    assert told == [
        ("info", "micrographs_ctf.star lists 2 micrographs and no picks; showing b"),
    ]


@pytest.mark.parametrize(
    "name,content,words",
    [
        ("model.star", b"data_model\n_rlnPixelSize 1.1\n", "model.star: has no picks"),
        ("empty.star", b"", "empty.star: is empty"),
        ("page.mrc", b"<?xml version='1.0'?><Error/>", "page.mrc: is an XML page"),
        ("short.mrc", b"\1\0\0\0" * 100, "short.mrc: is cut short"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    tmp_path: Path, viewer: Any, told: list[Any], name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert viewer.open(str(path), plugin=PLUGIN) == []
    [(level, text)] = told
    assert level == "error"
    assert text.startswith(words)
    assert "\n" not in text


def test_without_a_viewer_the_error_is_raised(tmp_path: Path, qapp: Any) -> None:
    path = tmp_path / "empty.mrc"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read(str(path))


def test_box_files_give_centres(tmp_path: Path, viewer: Any, told: list[Any]) -> None:
    viewer.open(str(write_mrc(tmp_path / "mic.mrc")), plugin=PLUGIN)
    (tmp_path / "mic.box").write_text("168\t-2\t64\t64\n")
    [points] = viewer.open(str(tmp_path / "mic.box"), plugin=PLUGIN)
    np.testing.assert_allclose(points.data, [[30.0, 200.0]])


def test_a_pick_file_without_picks_is_an_empty_layer(
    tmp_path: Path, viewer: Any, told: list[Any]
) -> None:
    viewer.open(str(write_mrc(tmp_path / "mic.mrc")), plugin=PLUGIN)
    star = tmp_path / "mic_autopick.star"
    star.write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnAutopickFigureOfMerit\n\n")
    [points] = viewer.open(str(star), plugin=PLUGIN)
    assert len(points.data) == 0
    points.add((3.0, 4.0))
    assert points.features["source"].tolist() == ["manual"]


def test_scores_colour_the_circles_on_fixed_limits(viewer: Any) -> None:
    picks = Picks("mic", TRUTH, np.array([0.25, np.nan, 0.5]))
    data, attributes, _ = points_layer(picks, "mic", None, 10.0)
    layer = viewer.add_points(data, **attributes)
    assert layer.border_contrast_limits == (0.0, 1.0)
    assert np.isfinite(layer.border_color).all()
    assert len(np.unique(layer.border_color, axis=0)) == 3
    layer.add((1.0, 2.0))  # a click: not the last pick's score
    assert layer.features["score"].iloc[-1] == 1.0
    assert layer.features["source"].iloc[-1] == "manual"


def test_a_circle_of_unknown_diameter_has_the_usual_size() -> None:
    picks = Picks("mic", TRUTH, diameters=np.array([20.0, np.nan, 30.0]))
    _, attributes, _ = points_layer(picks, "mic", None, 10.0)
    assert attributes["size"].tolist() == [20.0, 10.0, 30.0]
    assert attributes["metadata"]["unetpick"]["diameter_px"] == 25.0


def test_levels_lie_on_top_of_each_other() -> None:
    rows, cols = 1100, 2050
    image = np.zeros((rows, cols), np.uint16)
    image[801:817, 1201:1233] = 1000  # centre of mass 808.5, 1216.5
    levels = pyramid(image)
    assert [level.shape for level in levels] == [(1100, 2050), (550, 1025)]
    for level in levels:
        weight = level / level.sum()
        factor = np.array([rows, cols]) / level.shape
        centre = np.array([(weight * grid).sum() for grid in np.indices(level.shape)])
        np.testing.assert_allclose((centre + 0.5) * factor - 0.5, (808.5, 1216.5), atol=0.01)


@pytest.mark.parametrize("dtype", [">f4", "<f2", "i1", "u2"])
def test_any_type_of_pixel_can_be_drawn(dtype: str) -> None:
    data, attributes, _ = image_layer(np.arange(12).reshape(3, 4).astype(dtype), "mic", None)
    assert data.dtype.isnative
    assert data.dtype != np.float16
    np.testing.assert_array_equal(data, np.arange(12).reshape(3, 4))
    assert attributes["contrast_limits"][0] < attributes["contrast_limits"][1]


def test_contrast_ignores_hot_pixels_and_survives_constant_and_nan_images() -> None:
    image = np.random.default_rng(1).normal(100, 5, (600, 600)).astype(np.float32)
    image[::50, ::50] = 1e6
    low, high = contrast_limits(image)
    assert 80 < low < 95
    assert 105 < high < 120
    assert contrast_limits(np.full((5, 5), 3.0)) == (3.0, 4.0)
    assert contrast_limits(np.full((5, 5), np.nan)) == (0.0, 1.0)


def test_several_micrographs_together_are_told_where_they_become_a_project(
    window: Any, told: list[tuple[str, str]], tmp_path: Path, qtbot: Any
) -> None:
    paths = [write_mrc(tmp_path / f"m{number}.mrc") for number in range(3)]
    window.open([str(path) for path in paths], plugin=PLUGIN)
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    qtbot.wait(SETTLED_MS + 200)
    [(level, text)] = told
    assert level == "info"
    assert "several micrographs are open" in text
    assert "Plugins > UNetPick > Picking workspace" in text


@pytest.mark.parametrize("count,docked", [(1, False), (3, True)])
def test_one_micrograph_and_an_open_workspace_need_no_word(
    window: Any, told: list[tuple[str, str]], tmp_path: Path, qtbot: Any, count: int, docked: bool
) -> None:
    from napari_unetpick.widgets.workspace import Workspace

    if docked:
        workspace = Workspace(window)
        window.window.add_dock_widget(workspace, name="Picking workspace")
    paths = [write_mrc(tmp_path / f"m{number}.mrc") for number in range(count)]
    window.open([str(path) for path in paths], plugin=PLUGIN)
    qtbot.wait(SETTLED_MS + 200)
    assert told == []
    if docked:
        workspace.session.close()
