"""cryoSPARC's exposures as a list of micrographs: names, sizes, defocus."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.listing import list_micrographs

NAME = "J3/motioncorrected/000000633063778279389_mic{}_patch_aligned_doseweighted.mrc"
EXPOSURES = [
    ("uid", "u8"),
    ("micrograph_blob/path", "S100"),
    ("micrograph_blob/psize_A", "f4"),
    ("ctf/df1_A", "f4"),
    ("ctf/df2_A", "f4"),
    ("ctf/df_angle_rad", "f4"),
    ("ctf/accel_kv", "f4"),
    ("ctf/cs_mm", "f4"),
    ("ctf/amp_contrast", "f4"),
    ("ctf/phase_shift_rad", "f4"),
    ("ctf/exp_group_id", "u4"),
    ("ctf_stats/ctf_fit_to_A", "f4"),
]


def exposures(*names: str) -> np.ndarray:
    table = np.zeros(2, EXPOSURES)[list(names) or [name for name, _ in EXPOSURES]]
    table["uid"] = [7, 8]
    planted = {
        "micrograph_blob/path": [f">{NAME.format(i)}".encode() for i in (1, 2)],
        "micrograph_blob/psize_A": [1.25, 1.5],
        "ctf/df1_A": [10000, 20000],
        "ctf/df2_A": [11000, 21000],
        "ctf/df_angle_rad": [np.pi / 4, 0],
        "ctf/accel_kv": [300, 200],
        "ctf/cs_mm": [2.75, 2.75],
        "ctf/amp_contrast": [0.125, 0.125],
        "ctf/phase_shift_rad": [0, np.pi / 2],
        "ctf/exp_group_id": [1, 2],
        "ctf_stats/ctf_fit_to_A": [4.5, 3.5],
    }
    for name in set(table.dtype.names) - {"uid"}:
        table[name] = planted[name]
    return table


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for number in (1, 2):
        path = tmp_path / NAME.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with mrcfile.new(path) as file:
            file.set_data(np.zeros((4, 6), "f4"))
    (tmp_path / "J5").mkdir()
    return tmp_path


def save(path: Path, table: np.ndarray) -> Path:
    with open(path, "wb") as file:
        np.save(file, table)
    return path


def test_exposures_are_a_list_of_micrographs(project: Path):
    path = save(project / "J5" / "exposures_accepted.cs", exposures())
    first, second = list_micrographs(path)
    assert (first.name, first.path) == (NAME.format(1), project / NAME.format(1))
    assert (first.pixel_size, first.defocus, first.ctf_resolution) == (1.25, 10500, 4.5)
    assert (second.pixel_size, second.optics_group) == (1.5, 2)
    assert dataclasses.astuple(first.ctf) == pytest.approx((10000, 11000, 45, 300, 2.75, 0.125, 0))
    assert dataclasses.astuple(second.ctf) == pytest.approx((20000, 21000, 0, 200, 2.75, 0.125, 90))
    without = save(path, exposures("uid", "micrograph_blob/path", "ctf/df1_A"))
    assert [(each.ctf, each.defocus) for each in list_micrographs(without)] == [
        (None, 10000),
        (None, 20000),
    ]


def test_the_images_may_stand_in_the_passthrough_file(project: Path):
    save(project / "J5" / "J5_passthrough_exposures_accepted.cs", exposures()[::-1])
    path = save(
        project / "J5" / "exposures_accepted.cs", exposures("uid", "ctf_stats/ctf_fit_to_A")
    )
    assert [each.defocus for each in list_micrographs(path)] == [10500, 20500]
    assert [each.ctf_resolution for each in list_micrographs(path)] == [4.5, 3.5]


@pytest.mark.parametrize(
    "field, words",
    [
        ("movie_blob/path", "lists movies; motion-correct"),
        ("location/micrograph_path", "lists particles, not micrographs"),
        ("mscope_params/accel_kv", "no field micrograph_blob/path"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, field: str, words: str):
    save(tmp_path / "a.cs", np.zeros(1, [(field, "S9")]))
    with pytest.raises(InputError, match=words):
        list_micrographs(tmp_path / "a.cs")


def test_images_that_are_not_there(tmp_path: Path):
    path = save(tmp_path / "a.cs", exposures())
    with pytest.raises(InputError, match=r"none of its 2 micrographs is found \(the first is J3"):
        list_micrographs(path)
    with pytest.raises(InputError, match="lists no micrographs"):
        list_micrographs(save(path, exposures()[:0]))
