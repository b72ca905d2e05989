"""What lies open in the viewer becomes part of the project, at the right place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_unetpick.adapters.layer_data import OWN, image_layer, points_layer
from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.picks import Picks
from napari_unetpick.widgets.layers.import_layers import (
    find_images,
    find_points,
    free_name,
    import_open_layers,
    take_points,
)
from napari_unetpick.widgets.session.session import Session

ANGSTROM = ("angstrom", "angstrom")


def add_own(session: Session, path: Path) -> Any:
    """What the reader makes of a micrograph file."""
    from napari.layers import Image

    image = read_micrograph(path)
    data, attributes, _ = image_layer(image.data, path.stem, image.pixel_size, path=str(path))
    layer = Image(data, **attributes)
    session.viewer.add_layer(layer)
    return layer


def test_an_open_image_is_written_with_pixels_and_size(session: Session, tmp_path: Path) -> None:
    image = np.arange(300 * 400, dtype=np.uint16).reshape(300, 400) % 997
    layer = session.viewer.add_image(image, name="my image/1", scale=(1.5, 1.5), units=ANGSTROM)
    assert import_open_layers(session) == ["my_image_1"]
    micrograph = session.project.entry("my_image_1").micrograph
    written = read_micrograph(micrograph.path)
    assert np.array_equal(written.data, image)
    assert (written.pixel_size, session.pixel_sizes.of("my_image_1")) == (1.5, 1.5)
    assert micrograph.path.parent == session.project.folder / "micrographs"
    assert layer in session.viewer.layers
    assert not layer.visible
    assert find_images(session) == []
    assert import_open_layers(session) == []  # once is enough


def test_a_scale_in_pixels_is_no_pixel_size(session: Session) -> None:
    session.viewer.add_image(np.random.default_rng(0).normal(size=(64, 64)), name="p", scale=(2, 2))
    import_open_layers(session)
    assert session.project.entry("p").micrograph.pixel_size is None
    assert read_micrograph(session.project.entry("p").micrograph.path).pixel_size is None


def test_what_is_no_single_image_is_left_alone(session: Session) -> None:
    viewer = session.viewer
    viewer.add_image(np.zeros((3, 32, 32)), name="stack")
    viewer.add_image(np.zeros((32, 32, 3), np.uint8), name="photo", rgb=True)
    viewer.add_labels(np.zeros((32, 32), int))
    assert find_images(session) == []


def test_names_become_safe_and_unique() -> None:
    assert free_name("../../etc/x y", set()) == "etc_x_y"
    assert free_name("a.b.mrc", set()) == "a.b"
    assert free_name("A", {"a", "a_2"}) == "A_3"
    assert free_name("???", set()) == "image"


def test_read_files_join_by_path_with_their_picks(
    session: Session, planted: dict[str, np.ndarray], tmp_path: Path
) -> None:
    from napari.layers import Points

    for key in ("a.b_1", "a.b_2"):
        add_own(session, tmp_path / "mics" / f"{key}.mrc")
    scores = np.linspace(0.2, 0.9, 12)
    data, attributes, _ = points_layer(
        Picks("a.b_2.mrc", planted["a.b_2"], scores), "a.b_2", 4.0, 20
    )
    points = Points(data, **attributes)
    session.viewer.add_layer(points)
    assert import_open_layers(session) == ["a.b_1", "a.b_2"]
    assert session.project.entry("a.b_1").micrograph.path == tmp_path / "mics" / "a.b_1.mrc"
    table = session.annotations.of("a.b_2").picks
    assert np.allclose(table.coords, planted["a.b_2"])
    assert np.allclose(table.scores, scores)
    assert set(table.sources) == {"file"}
    assert session.project.entry("a.b_2").state == "partial"
    assert not points.visible
    assert import_open_layers(session) == []
    assert len(session.annotations.of("a.b_2").picks) == 12


def test_a_written_image_moves_with_save_project_as(session: Session, tmp_path: Path) -> None:
    session.viewer.add_image(np.eye(64), name="drawn")
    import_open_layers(session)
    temporary = session.project.folder
    session.project.save_as(tmp_path / "mine")
    path = session.project.entry("drawn").micrograph.path
    assert path == tmp_path / "mine" / "micrographs" / "drawn.mrc"
    assert not temporary.exists()
    assert np.array_equal(read_micrograph(path).data, np.eye(64))
    assert session.project.keys == ["drawn"]


def test_saving_into_a_folder_with_that_image_touches_nothing(
    session: Session, tmp_path: Path
) -> None:
    other = tmp_path / "mine" / "micrographs" / "drawn.mrc"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"the user's")
    session.viewer.add_image(np.eye(64), name="drawn")
    import_open_layers(session)
    with pytest.raises(InputError, match="already exists"):
        session.project.save_as(tmp_path / "mine")
    assert other.read_bytes() == b"the user's"
    assert session.project.temporary
    assert session.project.entry("drawn").micrograph.path.is_file()


def test_points_are_taken_where_they_are_seen(project_session: Session) -> None:
    session, truth = project_session, project_session.truth["a.b_1"]  # type: ignore[attr-defined]
    layer = session.viewer.add_points(  # drawn at another scale and place: 2 A a unit
        (truth * 4.0 - 8.0) / 2.0, scale=(2, 2), translate=(8, 8), units=ANGSTROM, name="mine"
    )
    assert find_points(session) == [layer]
    count, text = take_points(session, layer)
    assert count == len(truth)
    assert text == "12 of 12 points of mine imported as picks of a.b_1."
    assert np.allclose(session.annotations.of("a.b_1").picks.coords, truth, atol=1e-6)
    assert set(session.annotations.of("a.b_1").picks.sources) == {"manual"}
    assert np.allclose(session.layers.get("picks").data, truth, atol=1e-6)
    assert not layer.visible
    assert layer in session.viewer.layers


def test_points_outside_twice_and_hidden_are_not_taken(project_session: Session) -> None:
    session = project_session
    session.annotations.add("a.b_1", np.array([[100.0, 100.0]]), None, "manual")
    world = np.array([[100.2, 100.0], [50, 60], [-30, 10], [10, 999], [70, 70]]) * 4.0
    layer = session.viewer.add_points(world, name="mine", units=ANGSTROM)
    layer.shown = [True, True, True, True, False]
    count, text = take_points(session, layer)
    assert count == 1
    assert text == (
        "1 of 4 points of mine imported as picks of a.b_1; 2 outside the micrograph skipped; "
        "1 were picks already."
    )
    assert np.allclose(session.annotations.of("a.b_1").picks.coords, [[100, 100], [50, 60]])
    session.annotations.undo(session.browser.current)
    assert len(session.annotations.of("a.b_1").picks) == 1


def test_the_sessions_own_layers_are_never_offered(project_session: Session) -> None:
    assert find_points(project_session) == []
    assert find_images(project_session) == []


def test_without_a_micrograph_points_are_refused_in_one_line(session: Session) -> None:
    layer = session.viewer.add_points([[1, 1]], name="mine")
    with pytest.raises(InputError, match="no micrograph is open"):
        take_points(session, layer)


def test_a_full_disk_leaves_nothing_half_written(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mrcfile, "new", fail)
    session.viewer.add_image(np.eye(64), name="drawn")
    with pytest.raises(Exception, match="no space left"):
        import_open_layers(session)
    assert session.project.keys == []
    assert list((session.project.folder / "micrographs").iterdir()) == []
    assert OWN not in session.viewer.layers["drawn"].metadata
