"""Micrographs that are read as they are looked at: the same pixels, and no map of the file."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from napari_unetpick.errors import InputError
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.unmapped import UnmappedImage

LOOKS = [slice(2, None, 3), (slice(5, 9), slice(10, 14)), (slice(4, 4), slice(0, 3)), slice(None)]


@pytest.fixture(params=["mrc", "tif"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    image = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    made = tmp_path / f"m.{request.param}"
    if request.param == "mrc":
        with mrcfile.new(made, data=image) as mrc:
            mrc.voxel_size = 1.5
    else:
        tifffile.imwrite(made, image, resolution=(2e8 / 3, 2e8 / 3), resolutionunit="CENTIMETER")
    return made


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_look_sees_what_the_whole_image_holds(path: Path, look: slice):
    whole, image = read_micrograph(path), UnmappedImage(path)
    assert image.shape == (20, 30)
    assert image.pixel_size == whole.pixel_size == pytest.approx(1.5)
    np.testing.assert_array_equal(image[look], whole.data[look])


def test_a_file_that_gets_shorter_or_goes_is_said(path: Path):
    image = UnmappedImage(path)
    path.write_bytes(path.read_bytes()[:1100])
    with pytest.raises(InputError, match=r"shorter|not a readable TIFF|cut short"):
        image[:]
    path.unlink()
    with pytest.raises(InputError, match=r"cannot be read|no such file"):
        image[:]
