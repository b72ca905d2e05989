"""Lists of micrographs, what their pixels must be like, and which pixel size holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import MicrographImage, check_values, resolve_pixel_size
from napari_unetpick.io.images.listing import list_micrographs, match_images
from napari_unetpick.io.images.micrograph import Ctf, Micrograph

OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnMicrographOriginalPixelSize #3
_rlnMicrographPixelSize #4
opticsGroup1 1 0.5 1.0
opticsGroup2 2 0.6 1.2

"""
MODERN = (
    OPTICS
    + """
# version 30001

data_micrographs

loop_
_rlnMicrographName #1
_rlnOpticsGroup #2
_rlnDefocusU #3
_rlnDefocusV #4
_rlnCtfMaxResolution #5
MotionCorr/job002/Movies/mic1.mrc 1 10000.0 12000.0 3.5
MotionCorr/job002/Movies/mic2.mrc 2 20000.0 20400.0 4.5

"""
)
OLD = """
data_

loop_
_rlnMicrographName
_rlnDefocusU
_rlnDefocusV
_rlnDetectorPixelSize
_rlnMagnification
MotionCorr/job002/Movies/mic1.mrc\t10000.0\t12000.0\t5.0\t50000
"""


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def project(folder: Path, text: str) -> Path:
    touch(folder, *(f"MotionCorr/job002/Movies/mic{i}.mrc" for i in (1, 2)))
    star = folder / "CtfFind" / "job003" / "micrographs_ctf.star"
    star.parent.mkdir(parents=True)
    star.write_text(text)
    return star


def test_folder_glob_and_several(tmp_path: Path):
    touch(
        tmp_path, "b.mrc", "a.MRC", "c.tif", "d.tiff", "e.mrcs", "notes.txt", "._a.mrc", "s/f.mrc"
    )
    assert [m.key for m in list_micrographs(tmp_path)] == ["a", "b", "c", "d"]
    assert [m.key for m in list_micrographs(f"{tmp_path}/[bc].*")] == ["b", "c"]
    assert [m.key for m in list_micrographs(f"{tmp_path}/[bs]*")] == ["b"]  # s is a folder
    both = list_micrographs([tmp_path / "b.mrc", str(tmp_path / "s" / "f.mrc"), tmp_path / "b.mrc"])
    assert [m.name for m in both] == [str(tmp_path / "b.mrc"), str(tmp_path / "s" / "f.mrc")]


def test_name_that_is_a_glob_pattern(tmp_path: Path):
    touch(tmp_path, "mic[1].mrc")
    assert [m.key for m in list_micrographs(tmp_path / "mic[1].mrc")] == ["mic[1]"]


def test_star_with_optics(tmp_path: Path):
    first, second = list_micrographs(project(tmp_path, MODERN))
    assert first.name == "MotionCorr/job002/Movies/mic1.mrc"
    assert first.path == tmp_path / first.name
    assert (first.pixel_size, second.pixel_size) == (1.0, 1.2)
    assert (first.defocus, second.defocus) == (11000.0, 20200.0)
    assert (first.ctf_resolution, second.ctf_resolution) == (3.5, 4.5)
    assert (first.optics_group, second.optics_group) == (1, 2)


def test_star_before_3_1(tmp_path: Path):
    (micrograph,) = list_micrographs(project(tmp_path, OLD))
    assert micrograph.pixel_size == pytest.approx(1.0)  # 5 um / 50,000
    assert micrograph.defocus == 11000.0
    assert micrograph.ctf_resolution is None
    assert micrograph.optics_group is None


def test_ctf_of_optics_groups(tmp_path: Path):
    text = MODERN.replace(
        "_rlnMicrographPixelSize #4\nopticsGroup1 1 0.5 1.0\nopticsGroup2 2 0.6 1.2",
        "_rlnMicrographPixelSize #4\n_rlnVoltage #5\n_rlnSphericalAberration #6\n"
        "_rlnAmplitudeContrast #7\nopticsGroup1 1 0.5 1.0 300 2.7 0.07\n"
        "opticsGroup2 2 0.6 1.2 200 0.01 0.1",
    )
    text = text.replace("_rlnCtfMaxResolution #5", "_rlnDefocusAngle #5").replace(" 3.5", " -42.5")
    first, second = list_micrographs(project(tmp_path, text))
    assert first.ctf == Ctf(10000.0, 12000.0, -42.5, 300.0, 2.7, 0.07)
    assert second.ctf == Ctf(20000.0, 20400.0, 4.5, 200.0, 0.01, 0.1)


@pytest.mark.parametrize("voltage,cs", [("300", "2.7"), ("0", "2.7"), ("300", "nan")])
def test_ctf_before_3_1_and_values_that_cannot_be(tmp_path: Path, voltage: str, cs: str):
    labels = "_rlnVoltage\n_rlnSphericalAberration\n_rlnPhaseShift\nMotionCorr"
    text = OLD.replace("MotionCorr", labels).replace("\t50000\n", f"\t50000 {voltage} {cs} 30\n")
    (micrograph,) = list_micrographs(project(tmp_path, text))
    known = Ctf(10000.0, 12000.0, 0.0, 300.0, 2.7, 0.1, 30.0)
    assert micrograph.ctf == (known if (voltage, cs) == ("300", "2.7") else None)


def test_no_ctf_where_the_list_lacks_a_value(tmp_path: Path):
    first, second = list_micrographs(project(tmp_path, MODERN))  # without voltage and Cs
    assert first.ctf is second.ctf is None


def test_images_of_a_second_folder_by_name(tmp_path: Path):
    touch(tmp_path, "mics/a.b_1.mrc", "mics/c_2.mrc", "mics/d.mrc", "mics/d_denoised.mrc")
    touch(tmp_path, "other/a.b_1.tif", "other/c_2_bin4_denoised.mrc", "other/e.mrc", "other/d.txt")
    touch(tmp_path, "other/a.b_1.mrc")
    micrographs = [
        Micrograph(tmp_path / "mics" / f"{n}.mrc", f"M/{n}.mrc") for n in ("a.b_1", "c_2", "d")
    ]
    found = match_images(tmp_path / "other", micrographs)
    assert {key: path.name for key, path in found.items()} == {
        "a.b_1": "a.b_1.mrc",
        "c_2": "c_2_bin4_denoised.mrc",
    }
    beside = match_images(tmp_path / "mics", micrographs)  # denoised images among the micrographs
    assert {key: path.name for key, path in beside.items()} == {"d": "d_denoised.mrc"}


def test_a_second_folder_without_fitting_images_is_one_line(tmp_path: Path):
    touch(tmp_path, "mics/a.mrc", "other/b.mrc")
    micrographs = [Micrograph(tmp_path / "mics" / "a.mrc", "a.mrc")]
    for folder, match in (("nowhere", "no such folder"), ("other", "name of a micrograph")):
        with pytest.raises(InputError, match=match) as caught:
            match_images(tmp_path / folder, micrographs)
        assert "\n" not in str(caught.value)
    assert match_images(tmp_path / "other", []) == {}


def test_star_found_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project(tmp_path / "project", MODERN)
    elsewhere = tmp_path / "list.star"
    elsewhere.write_text(MODERN)
    with pytest.raises(InputError, match="none of its 2 micrographs is found"):
        list_micrographs(elsewhere)
    monkeypatch.chdir(tmp_path / "project")
    assert list_micrographs(elsewhere)[0].path.is_file()


def test_one_missing_image_does_not_hide_the_others(tmp_path: Path):
    star = project(tmp_path, MODERN)
    (tmp_path / "MotionCorr/job002/Movies/mic1.mrc").unlink()
    first, second = list_micrographs(star)
    assert not first.path.exists()
    assert second.path.exists()


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "empty"),
        ("hello\n", "not a STAR"),
        ("data_micrographs\n\nloop_\n_rlnMicrographName #1\n", "0 rows"),
        ("data_\n\nloop_\n_rlnVoltage #1\n300\n", "no _rlnMicrographName.*_rlnVoltage"),
        ("data_movies\nloop_\n_rlnMicrographMovieName\nm.tif\n", "motion-correct"),
        (
            "data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\nm.mrc 1 2\n",
            "lists particles",
        ),
    ],
)
def test_star_that_is_no_list(tmp_path: Path, text: str, words: str):
    path = tmp_path / "list.star"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        list_micrographs(path)


def test_nothing_there(tmp_path: Path):
    for source, words in [
        (tmp_path, r"no \.mrc"),
        (tmp_path / "none.mrc", "no such file"),
        (f"{tmp_path}/*.mrc", "no file matches"),
        ([], "no micrographs"),
    ]:
        with pytest.raises(InputError, match=words):
            list_micrographs(source)


def test_two_of_one_name_are_refused(tmp_path: Path):
    touch(tmp_path, "one/mic.mrc", "two/mic.tif")
    with pytest.raises(InputError, match=r"one/mic\.mrc and .*two/mic\.tif have the same name"):
        list_micrographs([tmp_path / "one", tmp_path / "two"])


def noise(shape: tuple[int, int] = (700, 900)) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype("f4")


def test_a_few_bad_pixels_pass(tmp_path: Path):
    image = noise()
    image[::40, ::40] = np.nan
    image[5, 5] = np.inf
    check_values(MicrographImage(image, 1.0), "mic.mrc")


def test_sparse_counts_are_not_constant():
    image = np.zeros((900, 900), "u1")
    image[1, 1] = 1  # between the samples
    check_values(MicrographImage(image, 1.0), "mic.mrc")


def test_images_without_signal_are_refused():
    holed = noise()
    holed[:200] = np.nan
    for data, words in [
        (np.full((700, 900), 7, "i2"), "every pixel is 7"),
        (np.full((5, 5), np.nan, "f4"), "100% of its pixels are NaN"),
        (holed, "29% of its pixels are NaN or infinite"),
    ]:
        with pytest.raises(InputError, match=f"^mic.mrc: .*{words}"):
            check_values(MicrographImage(data, 1.0), "mic.mrc")


def test_pixel_size_of_user_then_list_then_header():
    def resolve(listed: float | None, header: float | None, override: float | None) -> float:
        micrograph = Micrograph(Path("mic.mrc"), "mic.mrc", pixel_size=listed)
        return resolve_pixel_size(micrograph, MicrographImage(np.ones((2, 2)), header), override)

    assert resolve(1.1, 1.2, 1.3) == 1.3
    assert resolve(1.1, 1.2, None) == 1.1
    assert resolve(None, 1.2, None) == 1.2
    assert resolve(0.0, 1.2, None) == 1.2
    with pytest.raises(InputError, match=r"mic\.mrc.*--pixel-size"):
        resolve(None, None, None)
    for absurd in (0.0, -1.0, 1000.0, float("nan")):
        with pytest.raises(InputError, match="out of range"):
            resolve(1.1, 1.2, absurd)
