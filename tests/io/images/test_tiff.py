"""TIFF micrographs: turned to MRC's row order, mapped where possible, damage told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.unmapped import UnmappedImage

IMAGE = np.zeros((6, 10), "f4")
IMAGE[1, 7] = 100.0


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}])
def test_a_bright_pixel_is_mirrored_in_its_rows(tmp_path: Path, options: dict):
    tifffile.imwrite(tmp_path / "mic.tif", IMAGE, **options)
    image = read_micrograph(tmp_path / "mic.tif")
    assert image.flipped
    assert image.data.shape == (6, 10)
    assert np.argwhere(image.data == 100).tolist() == [[6 - 1 - 1, 7]]


def test_uncompressed_data_is_mapped_read_only(tmp_path: Path):
    tifffile.imwrite(tmp_path / "mic.tiff", np.ones((512, 512), "u2"))
    image = read_micrograph(tmp_path / "mic.tiff")
    assert not image.data.flags.writeable
    assert not image.data.flags.owndata


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"resolution": (1e8 / 1.5, 1e8 / 1.5), "resolutionunit": "CENTIMETER"}, 1.5),
        ({"resolution": (2.54e8 / 1.5, 2.54e8 / 1.5), "resolutionunit": "INCH"}, 1.5),
        ({"resolution": (1 / 0.15, 1 / 0.15), "imagej": True, "metadata": {"unit": "nm"}}, 1.5),
        ({"resolution": (1 / 1.5, 1 / 1.5), "imagej": True, "metadata": {"unit": "\\u00C5"}}, 1.5),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({}, None),
    ],
)
def test_pixel_size_of_the_tags(tmp_path: Path, options: dict, expected: float | None):
    tifffile.imwrite(tmp_path / "mic.tif", IMAGE, **options)
    found = read_micrograph(tmp_path / "mic.tif").pixel_size
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-4))


def one_page(path: Path, frames: np.ndarray) -> None:
    """Write a stack as ImageJ does a large one: all frames behind the tags of the first."""
    tifffile.imwrite(path, frames, truncate=True, photometric="minisblack")


def test_what_is_no_micrograph_is_told(tmp_path: Path):
    path = tmp_path / "mic.tif"
    hyperstack = np.zeros((4, 6, 10), "u1")
    cases = {
        "is a movie or stack of 4 frames": lambda: one_page(path, hyperstack),
        "4 frames; motion-correct": lambda: tifffile.imwrite(
            path, np.zeros((4, 6, 10), "u1"), photometric="minisblack"
        ),
        "not a grey-scale image": lambda: tifffile.imwrite(
            path, np.zeros((6, 10, 3), "u1"), photometric="rgb"
        ),
        "real numbers": lambda: tifffile.imwrite(path, np.zeros((6, 10), "c8")),
        "empty": lambda: path.write_bytes(b""),
        "not a readable TIFF": lambda: path.write_bytes(b"<html>404</html>"),
    }
    for words, make in cases.items():
        make()
        with pytest.raises(InputError, match=words):
            read_micrograph(path)
    tifffile.imwrite(path, np.ones((64, 64), "f4"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short"):
        read_micrograph(path)
    tifffile.imwrite(path, np.arange(4096, dtype="u2").reshape(64, 64), compression="zlib")
    path.write_bytes(path.read_bytes()[:-8])
    for read in (read_micrograph, UnmappedImage):
        with pytest.raises(InputError, match="cut short"):
            read(path)
    tifffile.imwrite(path, np.ones((64, 64), "f4"), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["ImageLength"].overwrite(1 << 20)
    with pytest.raises(InputError, match=r"its tags name 1 of 16,384 strips"):
        read_micrograph(path)


def test_the_pixel_size_is_read_without_the_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    resolution = (1e8 / 1.5, 1e8 / 1.5)
    more = {"compression": "zlib", "resolution": resolution, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "mic.tif", IMAGE, **more)
    monkeypatch.delattr(tifffile.TiffPage, "asarray")
    assert UnmappedImage(tmp_path / "mic.tif").pixel_size == 1.5
    (tmp_path / "mic.tif").write_bytes(b"II*")
    with pytest.raises(InputError, match="not a readable TIFF"):
        UnmappedImage(tmp_path / "mic.tif")
    with pytest.raises(InputError, match="no such file"):
        UnmappedImage(tmp_path / "other.tif")


def patch_compression(path: Path, code: int) -> None:
    """Say in the tags of an uncompressed file that it is compressed."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["Compression"].overwrite(code)


@pytest.mark.parametrize("code, name", [(5, "LZW"), (50000, "ZSTD"), (7, "JPEG")])
def test_a_missing_codec_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, name: str
):
    tifffile.imwrite(tmp_path / "mic.tif", np.ones((64, 64), "u1"))
    patch_compression(tmp_path / "mic.tif", code)
    decompressors = type(tifffile.TIFF.DECOMPRESSORS)

    def missing(self, key):
        raise KeyError(f"{key!r} requires the 'imagecodecs' package")

    monkeypatch.setattr(decompressors, "__getitem__", missing)
    for read in (read_micrograph, UnmappedImage):
        with pytest.raises(InputError, match=rf"mic\.tif: is compressed with {name}; install imag"):
            read(tmp_path / "mic.tif")


@pytest.mark.parametrize(
    "compression, predictor",
    [("lzw", False), ("lzw", True), ("zstd", False), ("zstd", True), ("jpeg", False)],
)
def test_what_imagecodecs_unpacks(tmp_path: Path, compression: str, predictor: bool):
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")
    image = np.zeros((64, 64), "u1")
    image[10, 20] = 200
    tifffile.imwrite(tmp_path / "mic.tif", image, compression=compression, predictor=predictor)
    data = read_micrograph(tmp_path / "mic.tif").data
    assert np.unravel_index(data.argmax(), data.shape) == (64 - 1 - 10, 20)
    if compression != "jpeg":
        np.testing.assert_array_equal(data, image[::-1])
