"""One rule for a pixel size and one for a diameter: what they accept, and how they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.sizes import check_diameter, check_pixel_size
from napari_unetpick.project.project import Project

NOT_A_LENGTH = (0, -1.0, float("nan"), float("inf"), "4", True, None)


@pytest.mark.parametrize("size", [0.1, 0.415, 1, np.float32(1.34), 7.08, 20.0, 50])
def test_pixel_sizes_of_real_micrographs(size: float):
    assert check_pixel_size(size) == pytest.approx(size)


@pytest.mark.parametrize("diameter", [10, 60.0, np.float32(120), np.int64(280), 5000])
def test_diameters_of_real_particles(diameter: float):
    assert check_diameter(diameter) == pytest.approx(diameter)


@pytest.mark.parametrize("value", [*NOT_A_LENGTH, 0.09, 50.1])
def test_no_pixel_size(value: float):
    with pytest.raises(InputError, match=r"pixel size .*give (it in|one of 0\.1 to 50) A/px"):
        check_pixel_size(value)


@pytest.mark.parametrize("value", [*NOT_A_LENGTH, 3, 9.99, 5001])
def test_no_diameter(value: float):
    with pytest.raises(InputError, match=r"particle diameter .*give (it in|one of 10 to 5000) A"):
        check_diameter(value)


def test_a_project_with_a_diameter_that_was_once_accepted_opens_without_it(tmp_path: Path):
    Project.create(tmp_path / "project", [], diameter=180.0).close()
    table = tmp_path / "project" / "project.toml"
    table.write_text(table.read_text().replace("diameter = 180.0", "diameter = 3.0"))
    with Project.open(tmp_path / "project") as project:
        assert project.diameter is None
