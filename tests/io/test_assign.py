"""Picks that find no micrograph, or lie outside: the message names their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.assign import assign_picks
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.images.micrograph import Micrograph

GIVEN = [Micrograph(Path(f"M/mic{i}.mrc"), f"M/mic{i}.mrc") for i in (1, 2)]
EMPTY_LOOP = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n"


def assign(path: Path, text: str, **more) -> dict:
    path.write_text(text)
    return assign_picks(read_picks(path), GIVEN, **more)


def test_picks_of_other_micrographs_name_their_file(tmp_path: Path):
    path = tmp_path / "others.csv"
    with pytest.raises(InputError) as error:
        assign(path, "micrograph,x,y\nmic8.mrc,10,20\nmic8.mrc,11,20\nmic9,30,40\n")
    assert str(error.value) == (
        f"{path}: has 3 picks of 2 micrographs (such as mic8.mrc), and none of the 2 micrographs "
        "given (such as M/mic1.mrc); names must agree except for folder and extension"
    )


@pytest.mark.parametrize("text", [EMPTY_LOOP, EMPTY_LOOP.replace("data_", "data_particles")])
def test_an_empty_star_says_that_it_has_no_picks(tmp_path: Path, text: str):
    with pytest.raises(
        InputError, match=r"picks\.star: has no picks \(0 rows\), and is not called"
    ):
        assign(tmp_path / "picks.star", text)


def test_the_empty_star_of_a_micrograph_is_an_empty_micrograph(tmp_path: Path):
    found = assign(tmp_path / "mic2_autopick.star", EMPTY_LOOP)
    assert {key: len(each) for key, each in found.items()} == {"mic2": 0}
    assert found.messages == []


def test_picks_that_all_lie_outside_name_their_file(tmp_path: Path):
    with pytest.raises(InputError, match=r"far\.csv: every pick \(1\) lies outside"):
        assign(tmp_path / "far.csv", "micrograph,x,y\nmic1,500,5\n", shapes={"mic1": (100, 200)})
    found = assign(tmp_path / "in.csv", "micrograph,x,y\nmic1,150,5\n", shapes={"mic1": (100, 200)})
    np.testing.assert_array_equal(found["mic1"].coords, [[5, 150]])
    assert found.messages == []


def test_picks_named_by_a_binned_image_are_reported(tmp_path: Path):
    path = tmp_path / "p.csv"
    found = assign(path, "micrograph,x,y\nmic1_bin4_denoised,10,5\nmic2,1,1\n")
    np.testing.assert_array_equal(found["mic1"].coords, [[5, 10]])
    (said,) = found.messages
    assert said.startswith("picks of mic1_bin4_denoised are read as pixels of M/mic1.mrc; if")
    for name in ("mic1_denoised", "mic1", "M/bin4/mic1.mrc"):
        assert assign(path, f"micrograph,x,y\n{name},10,5\n").messages == []
