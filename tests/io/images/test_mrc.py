"""MRC files of every kind and damage: what is read is what was planted, and the rest is told."""

from __future__ import annotations

import bz2
import errno
import gzip
import os
import struct
import sys
import time
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import read_ahead, read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.mrc import open_mrc
from napari_unetpick.io.images.unmapped import UnmappedImage

ROWS, COLUMNS = 6, 10


def planted(dtype: str) -> np.ndarray:
    image = np.zeros((ROWS, COLUMNS), dtype)
    image[1, 7] = 100
    return image


def mrc_bytes(
    data: np.ndarray,
    mode: int,
    order: str = "<",
    *,
    frames: int = 1,
    extended: int = 0,
    stamp: bytes = b"MAP ",
    cell: float = 15.0,
) -> bytes:
    """Write a header field by field: independent of the reader and of mrcfile."""
    header = bytearray(1024)
    rows, columns = data.shape[-2:]
    struct.pack_into(f"{order}4i", header, 0, columns, rows, frames, mode)
    struct.pack_into(f"{order}3i", header, 28, columns, rows, frames)
    struct.pack_into(f"{order}3f", header, 40, cell, cell * rows / columns, 1.0)
    struct.pack_into(f"{order}i", header, 92, extended)
    header[208:212] = stamp
    header[212:214] = b"\x44\x44" if order == "<" else b"\x11\x11"
    return bytes(header) + b"E" * extended + data.astype(data.dtype.newbyteorder(order)).tobytes()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode, dtype", [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
def test_every_real_mode_in_both_byte_orders(tmp_path: Path, order: str, mode: int, dtype: str):
    path = write(tmp_path / "mic.mrc", mrc_bytes(planted(dtype), mode, order, extended=1280))
    image = read_micrograph(path)
    np.testing.assert_array_equal(image.data, planted(dtype))
    assert image.data.dtype.kind == np.dtype(dtype).kind
    assert image.pixel_size == pytest.approx(1.5)
    assert not image.flipped


def test_what_mrcfile_writes(tmp_path: Path):
    with mrcfile.new(tmp_path / "mic.mrc") as file:
        file.set_data(planted("f4"))
        file.voxel_size = 1.34
    image = read_micrograph(tmp_path / "mic.mrc")
    np.testing.assert_array_equal(image.data, planted("f4"))
    assert image.pixel_size == pytest.approx(1.34)


KINDS = [(0, "i1"), (0, "u1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")]


@pytest.mark.parametrize("machine", [b"\0\0", b"\x44\x44", b"\x11\x11"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode, dtype", KINDS)
def test_stamps_that_are_missing_or_wrong(
    tmp_path: Path, recwarn, mode: int, dtype: str, order: str, machine: bytes
):
    raw = bytearray(mrc_bytes(planted(dtype), mode, order, extended=640, stamp=b"\0\0\0\0"))
    raw[212:214] = machine
    if dtype == "u1":
        struct.pack_into(f"{order}2i", raw, 152, 1146047817, 0)
    path = write(tmp_path / "mic.mrc", bytes(raw))
    for mapped in (True, False):
        image = read_micrograph(path, mapped=mapped)
        np.testing.assert_array_equal(image.data, planted(dtype))
        assert image.data.dtype.kind == np.dtype(dtype).kind
        assert image.pixel_size == pytest.approx(1.5)
    assert len(recwarn) == 0


@pytest.mark.parametrize("sections", [0, 50])
def test_single_image_in_the_space_group_of_a_volume_stack(tmp_path: Path, sections: int):
    raw = bytearray(FLOATS)
    struct.pack_into("<i", raw, 36, sections)  # mz
    struct.pack_into("<i", raw, 88, 401)
    path = write(tmp_path / "mic.mrc", bytes(raw))
    np.testing.assert_array_equal(read_micrograph(path).data, planted("f4"))


def test_the_pixel_size_is_not_rounded_on_its_way(tmp_path: Path):
    path = write(tmp_path / "mic.mrc", mrc_bytes(planted("f4"), 2, cell=13.37))
    assert open_mrc(path)[1] == float(np.float32(13.37)) / COLUMNS


def test_missing_map_stamp_and_one_frame_stack(tmp_path: Path):
    old = write(tmp_path / "mic.mrcs", mrc_bytes(planted("f4")[None], 2, stamp=b"\0\0\0\0"))
    np.testing.assert_array_equal(read_micrograph(old).data, planted("f4"))


def test_imod_unsigned_bytes(tmp_path: Path):
    raw = bytearray(mrc_bytes(np.full((ROWS, COLUMNS), 200, "u1"), 0))
    struct.pack_into("<2i", raw, 152, 1146047817, 0)
    assert read_micrograph(write(tmp_path / "mic.mrc", bytes(raw))).data.max() == 200


def ranged(data: np.ndarray, mode: int, lowest: float, highest: float, order: str = "<") -> bytes:
    """Return a file whose header says what range its values have."""
    raw = bytearray(mrc_bytes(data, mode, order))
    struct.pack_into(f"{order}2f", raw, 76, lowest, highest)
    return bytes(raw)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode, dtype, value", [(0, "u1", 200), (1, "u2", 40000)])
def test_unsigned_values_are_told_by_the_headers_range(
    tmp_path: Path, mode: int, dtype: str, value: int, order: str
):
    image = planted(dtype)
    image[2, 3] = value
    path = write(tmp_path / "mic.mrc", ranged(image, mode, 0, value, order))
    for mapped in (True, False):
        np.testing.assert_array_equal(read_micrograph(path, mapped=mapped).data, image)
    np.testing.assert_array_equal(UnmappedImage(path)[:], image)


@pytest.mark.parametrize("mode, dtype, largest", [(0, "i1", 127), (1, "i2", 32767)])
@pytest.mark.parametrize("lowest, highest", [(-0.5, 1), (0, 1), (0, -1), (0, 0), (0, 9)])
def test_signed_values_stay_so(
    tmp_path: Path, mode: int, dtype: str, largest: int, lowest: float, highest: float
):
    """Ranges that signed values can have, unknown ones (0 to 0, 0 to -1), one in other units."""
    image = planted(dtype)
    image[2, 3] = -5
    raw = ranged(image, mode, lowest * largest, highest * largest)
    np.testing.assert_array_equal(read_micrograph(write(tmp_path / "m.mrc", raw)).data, image)


@pytest.mark.parametrize("flags, dtype", [(0, "u1"), (1, "i1")])
def test_imods_own_mark_goes_before_the_range(tmp_path: Path, flags: int, dtype: str):
    raw = bytearray(ranged(planted("u1") + 100, 0, 0, 0 if flags == 0 else 200))
    struct.pack_into("<2i", raw, 152, 1146047817, flags)
    path = write(tmp_path / "mic.mrc", bytes(raw))
    assert read_micrograph(path).data.dtype == np.dtype(dtype)
    struct.pack_into("<2f", raw, 76, -128, 100)  # a stamp copied from elsewhere
    assert read_micrograph(write(path, bytes(raw))).data.dtype == np.dtype("i1")


@pytest.mark.parametrize("name", ["mic.mrc.gz", "mic.mrc.bz2", "mic.mrc", "mic.MRC.GZ"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_compressed_files_are_read(tmp_path: Path, name: str, compress):
    path = write(tmp_path / name, compress(mrc_bytes(planted("i2"), 1, extended=640)))
    for mapped in (True, False):
        image = read_micrograph(path, mapped=mapped)
        np.testing.assert_array_equal(image.data, planted("i2"))
        assert image.pixel_size == pytest.approx(1.5)
    unmapped = UnmappedImage(path)
    assert unmapped.shape == (ROWS, COLUMNS)
    np.testing.assert_array_equal(unmapped[1:3], planted("i2")[1:3])
    (micrograph,) = list_micrographs(tmp_path)
    assert micrograph.key == "mic"


def test_width_that_looks_like_a_tag(tmp_path: Path):
    """60 columns: the file starts with '<' as an XML page does."""
    image = np.arange(120, dtype="f4").reshape(2, 60)
    path = write(tmp_path / "mic.mrc", mrc_bytes(image, 2))
    np.testing.assert_array_equal(read_micrograph(path).data, image)


def test_trailing_bytes_are_no_damage(tmp_path: Path):
    path = write(tmp_path / "mic.mrc", mrc_bytes(planted("f4"), 2) + b"tail")
    np.testing.assert_array_equal(read_micrograph(path).data, planted("f4"))


@pytest.mark.parametrize("cell", [0.0, float("nan"), -5.0, 0.5, 1e6])
def test_pixel_size_that_cannot_be(tmp_path: Path, cell: float):
    path = write(tmp_path / "mic.mrc", mrc_bytes(planted("f4"), 2, cell=cell))
    assert read_micrograph(path).pixel_size is None


def test_large_image_is_mapped_and_opens_at_once(tmp_path: Path):
    path = tmp_path / "mic.mrc"
    head = bytearray(mrc_bytes(planted("f4"), 2)[:1024])
    struct.pack_into("<4i", head, 0, 4096, 4096, 1, 2)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(1024 + 4 * 4096 * 4096)  # sparse: nothing of it need be read
    read_micrograph(path)
    start = time.perf_counter()
    image = read_micrograph(path)
    assert time.perf_counter() - start < 0.05
    assert image.data.shape == (4096, 4096)
    assert not image.data.flags.writeable
    assert not image.data.flags.owndata


def test_what_is_read_into_memory_outlives_its_file(tmp_path: Path):
    image = planted("f4")
    path = write(tmp_path / "mic.mrc", mrc_bytes(image, 2))
    data = read_micrograph(path, mapped=False).data
    path.write_bytes(b"")
    np.testing.assert_array_equal(data, image)  # a mapped one would end this process


def cut_short(content: bytes) -> bytes:
    return content[:-8]


def promised(rows: int, columns: int) -> bytes:
    """Return a header alone, of an image that isn't there."""
    head = bytearray(mrc_bytes(planted("f4"), 2)[:1024])
    struct.pack_into("<2i", head, 0, columns, rows)
    return bytes(head)


XML = b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>'
FLOATS = mrc_bytes(planted("f4"), 2)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", ["empty (0 bytes)"]),
        (FLOATS[:-8], ["cut short", "1,264 bytes", "1,256"]),
        (FLOATS[:500], ["cut short", "1,024", "500"]),
        (XML, ["XML page", "failed download"]),
        (b"\n <!DOCTYPE html><html>404</html>" * 60, ["HTML page", "failed download"]),
        (b"version https://example.org/spec\noid sha256:1234\nsize 99\n", ["text file"]),
        (b"\x1f\x8b\x08" + bytes(2000), ["cut short or damaged"]),
        (gzip.compress(FLOATS)[:-40], ["cut short or damaged"]),
        (gzip.compress(FLOATS[:-8]), ["is cut short: it ends in row 5"]),
        (bz2.compress(FLOATS)[:-40], ["cut short or damaged"]),
        (gzip.compress(promised(1 << 18, 1 << 18)), ["unpacks to 274,877,907,968 bytes"]),
        (bytes(2000), ["not an MRC"]),
        (mrc_bytes(planted("c8"), 4), ["complex", "mode 4"]),
        (mrc_bytes(planted("i4"), 3), ["complex", "mode 3"]),
        (mrc_bytes(planted("i1"), 101), ["4 bits", "101"]),
        (mrc_bytes(planted("i1"), 7), ["mode 7", "convert"]),
        (mrc_bytes(np.zeros((30, 6, 10), "f4"), 2, frames=30), ["30 frames", "motion-correct"]),
        (mrc_bytes(np.zeros((6, 6, 6), "f4"), 2, frames=6), ["volume of 6 sections"]),
        (mrc_bytes(planted("f4"), 2, extended=0).replace(b"MAP ", b"MAP ")[:92]
         + struct.pack("<i", -9) + FLOATS[96:], ["extended", "damaged"]),
    ],
)  # fmt: skip
def test_what_is_no_micrograph_is_told_in_one_line(tmp_path: Path, content: bytes, words: list):
    path = write(tmp_path / "bad.mrc", content)
    with pytest.raises(InputError) as error:
        read_micrograph(path)
    text = str(error.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "name, words",
    [
        ("mic.eer", "motion-correct"),
        ("ref.gain", "gain reference"),
        ("mic.tif.gz", "decompress"),
        ("mic.eer.bz2", "decompress"),
        ("mic.mrc.zst", "decompress"),
        ("mic.dm4", ".dm4 cannot be read"),
        ("mic", "no extension"),
    ],
)
def test_other_extensions_are_refused(tmp_path: Path, name: str, words: str):
    with pytest.raises(InputError, match=words):
        read_micrograph(write(tmp_path / name, FLOATS))


def test_missing_file_and_folder(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_micrograph(tmp_path / "none.mrc")
    (tmp_path / "folder.mrc").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_micrograph(tmp_path / "folder.mrc")


def test_real_micrographs_agree_with_mrcfile(real_data: Path):
    for path in sorted(real_data.glob("apoferritin/*.mrc"))[:2]:
        image = read_micrograph(path)
        with mrcfile.mmap(path, permissive=True) as file:
            np.testing.assert_array_equal(image.data, file.data)


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux tells of a drive that fails")
@pytest.mark.parametrize("name", ["a.mrc", "a.tif"])
def test_a_mapped_file_that_became_shorter_is_an_error_before_it_is_looked_at(
    tmp_path: Path, name: str
):
    path, image = tmp_path / name, np.ones((600, 600), np.float32)
    if path.suffix == ".tif":
        tifffile.imwrite(path, image)
    else:
        mrcfile.write(path, image)
    opened = read_micrograph(path)
    read_ahead(opened.data, path)
    assert opened.data.sum() == image.sum()
    os.truncate(path, 4096)
    with pytest.raises(InputError, match=r"it has become shorter.; check"):
        read_ahead(opened.data, path)


def test_what_is_not_mapped_needs_no_reading(tmp_path: Path):
    read_ahead(np.ones((3, 3)), tmp_path / "a.mrc")


@pytest.mark.parametrize("mapped", [True, False])
def test_a_full_memory_is_no_fault_of_a_micrograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
):
    """Else a training would leave it out and go on with the others."""
    path = tmp_path / "a.mrc"
    mrcfile.write(path, np.ones((600, 600), np.float32))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("numpy.memmap" if mapped else "numpy.empty", full)
    monkeypatch.setattr("mrcfile.mmap", full)
    with pytest.raises(MemoryError):
        read_micrograph(path, mapped=mapped)
