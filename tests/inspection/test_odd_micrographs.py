"""Micrographs that are unusual and right: pixels and sizes are read, and no check says a word."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cs_files import write_cs
from napari_unetpick.inspection.assign_inspected import assign_inspected
from napari_unetpick.io.images.image import open_images, read_micrograph
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.picks import Picks, PickSet

SIZE = 4.0  # A/px of the set
Images = Mapping[str, np.ndarray]
Write = Callable[[Path, Images], Path]
WRITERS: dict[str, tuple[Write, dict[str, float]]] = {}
"""What writes the images and returns the list to read; and the pixel sizes that are not 4 A/px."""


def odd(**sizes: float) -> Callable[[Write], Write]:
    def keep(write: Write) -> Write:
        WRITERS[write.__name__] = (write, sizes)
        return write

    return keep


def mrc(
    data: np.ndarray,
    mode: int,
    *,
    order: str = "<",
    size: float = SIZE,
    extended: bytes = b"",
    stamp: bytes = b"MAP ",
    imod: bool = False,
) -> bytes:
    """Write a header field by field: independent of the reader."""
    header = bytearray(1024)
    rows, cols = data.shape
    struct.pack_into(f"{order}4i", header, 0, cols, rows, 1, mode)
    struct.pack_into(f"{order}3i", header, 28, cols, rows, 1)
    struct.pack_into(f"{order}3f", header, 40, cols * size, rows * size, 1.0)
    struct.pack_into(f"{order}3f", header, 76, data.min(), data.max(), data.mean())
    struct.pack_into(f"{order}i", header, 92, len(extended))
    header[104:108] = b"FEI2" if extended else bytes(4)
    if imod:
        struct.pack_into(f"{order}2i", header, 152, 1146047817, 0)
    header[208:212] = stamp
    header[212:216] = b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0"
    return bytes(header) + extended + data.astype(data.dtype.newbyteorder(order)).tobytes()


def save(folder: Path, images: Images, make: Callable[[np.ndarray], bytes], end=".mrc") -> Path:
    for key, image in images.items():
        (folder / f"{key}{end}").write_bytes(make(image))
    return folder


@odd()
def big_endian(folder: Path, images: Images) -> Path:
    return save(folder, images, lambda image: mrc(image, 2, order=">"))


@odd()
def with_an_extended_header(folder: Path, images: Images) -> Path:
    """As EPU writes it, 768 bytes a frame; not a whole number of pixels wide here."""
    return save(folder, images, lambda image: mrc(image, 2, extended=b"\x01\x02\x03" * 259))


@odd()
def unsigned_bytes_of_imod(folder: Path, images: Images) -> Path:
    return save(folder, images, lambda image: mrc(image.astype("u1"), 0, imod=True))


@odd()
def half_floats(folder: Path, images: Images) -> Path:
    return save(folder, images, lambda image: mrc(image.astype("f2"), 12))


@odd()
def unsigned_words(folder: Path, images: Images) -> Path:
    """Far from zero, as counts of a camera without gain correction."""
    return save(folder, images, lambda image: mrc(image.astype("u2") + 40000, 6))


@odd()
def without_the_stamp_map(folder: Path, images: Images) -> Path:
    return save(folder, images, lambda image: mrc(image, 2, stamp=bytes(4)))


@odd()
def compressed(folder: Path, images: Images) -> Path:
    return save(folder, images, lambda image: gzip.compress(mrc(image, 2), 1), ".mrc.gz")


@odd(barrel_2=4.08, barrel_3=3.93)
def calibrated_twice(folder: Path, images: Images) -> Path:
    for key, image in images.items():
        size = {"barrel_2": 4.08, "barrel_3": 3.93}.get(key, SIZE)
        save(folder, {key: image}, lambda image, size=size: mrc(image, 2, size=size))
    return folder


@odd(barrel_3=4.8)
def of_two_optics_groups(folder: Path, images: Images) -> Path:
    """Two microscopes, which the list tells apart; their headers say nothing."""
    save(folder, images, lambda image: mrc(image, 2, size=0))
    rows = [f"{key}.mrc {2 if key == 'barrel_3' else 1}" for key in images]
    head = (
        "data_optics\r\nloop_\r\n_rlnOpticsGroup\r\n_rlnMicrographPixelSize\r\n1 4.0\r\n2 4.8\r\n"
    )
    table = "data_micrographs\r\nloop_\r\n_rlnMicrographName\r\n_rlnOpticsGroup\r\n"
    (folder / "all.star").write_bytes((head + table + "\r\n".join(rows)).encode())
    return folder / "all.star"


@odd()
def tiff(folder: Path, images: Images) -> Path:
    for key, image in images.items():
        tags = {"resolution": (1e8 / SIZE, 1e8 / SIZE), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(folder / f"{key}.TIF", image[::-1], compression="zlib", **tags)
    return folder


@odd()
def linked(folder: Path, images: Images) -> Path:
    """Links with the micrographs' names to files with none, one of them through another link."""
    (folder / "raw").mkdir()
    (folder / "data").symlink_to("raw")
    (folder / "links").mkdir()
    for number, (key, image) in enumerate(images.items()):
        (folder / "raw" / f"{number}").write_bytes(mrc(image, 2))
        (folder / "links" / f"{key}.mrc").symlink_to(f"../data/{number}")
    return folder / "links"


@odd()
def in_a_folder_with_blanks(folder: Path, images: Images) -> Path:
    place = folder / "Größe [2] 50% grid"
    place.mkdir()
    return save(place, images, lambda image: mrc(image, 2))


@odd()
def exposures_of_cryosparc(folder: Path, images: Images) -> Path:
    uid = "000000633063778279389_{}_patch_aligned_doseweighted"
    (folder / "J3").mkdir()
    named = {uid.format(key): image.astype("f2") for key, image in images.items()}
    save(folder / "J3", named, lambda image: mrc(image, 12))
    names = [f">J3/{uid.format(key)}.mrc".encode() for key in images]
    table = {
        "uid": np.arange(3, dtype="u8"),
        "micrograph_blob/path": np.array(names),
        "micrograph_blob/psize_A": np.full(3, SIZE, "f4"),
    }
    return write_cs(folder / "J4" / "exposures.cs", table)


@pytest.fixture(scope="module")
def images(barrel) -> dict[str, np.ndarray]:
    """The set's images in 20 to 235, whole numbers."""
    made = {}
    for each in barrel.micrographs:
        image = np.asarray(read_micrograph(each.path).data, np.float32)
        low, high = np.percentile(image, (0.1, 99.9))
        grey = np.rint(20 + 215 * ((image - low) / (high - low)).clip(0, 1))
        made[each.key] = grey.astype(np.float32)
    return made


def check(barrel, source: Path, picks: dict[str, Picks], diameter: float):
    given = list_micrographs(str(source))
    opened = open_images(given)
    assert opened.failed == {}
    known = replace(barrel.known, images=opened, diameter=diameter)
    found = assign_inspected(PickSet(picks.values()), given, known)
    assert found.messages == []
    return given, opened, found


@pytest.mark.parametrize("name", WRITERS)
def test_an_odd_micrograph_is_read_without_a_word(barrel, images, tmp_path: Path, name: str):
    write, sizes = WRITERS[name]
    given, opened, found = check(barrel, write(tmp_path, images), barrel.picks, barrel.diameter)
    assert len(found) == 3
    for each in given:
        key = next(own for own in images if own in each.key)
        data = np.asarray(read_micrograph(each.path).data, np.float64)
        np.testing.assert_array_equal(data - 40000 * (name == "unsigned_words"), images[key])
        assert opened.pixel_sizes[each.key] == pytest.approx(sizes.get(key, SIZE), rel=1e-4)
        np.testing.assert_array_equal(found[each.key].coords, barrel.picks[key].coords)


def test_a_header_of_1_angstrom_that_is_so(barrel, images, tmp_path: Path):
    """The same particle, four times smaller."""
    save(tmp_path, images, lambda image: mrc(image, 2, size=1.0))
    _, opened, _ = check(barrel, tmp_path, barrel.picks, barrel.diameter / 4)
    assert set(opened.pixel_sizes.values()) == {1.0}


def test_names_of_many_alphabets(barrel, images, tmp_path: Path):
    names = {"barrel_1": "網格 1.2 (a)", "barrel_2": "Größe 50%, #2", "barrel_3": "it's.frames"}
    save(tmp_path, {names[key]: image for key, image in images.items()}, lambda i: mrc(i, 2))
    picks = {k: replace(p, micrograph=f"d/{names[k]}.tif") for k, p in barrel.picks.items()}
    _, _, found = check(barrel, tmp_path, picks, barrel.diameter)
    assert {key: len(each) for key, each in found.items()} == {
        names[key]: len(each) for key, each in barrel.picks.items()
    }
