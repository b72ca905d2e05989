"""Thumbnails of micrographs for the list: block averages, so that noise does not hide ice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QImage

from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph

SIDE = 48  # px on the screen
PIXELS = 2 * SIDE  # of the longer side of a picture: sharp on screens with two pixels a point
ROWS_A_BLOCK = 8  # rows of the file read for a row of the picture: a fifth of 4,096 rows
LIMITS = (2.0, 98.0)  # percentiles that become black and white


def read_thumbnail(path: Path, pixels: int = PIXELS) -> NDArray[np.uint8]:
    """Reduce a micrograph to a grey picture.

    Parameters
    ----------
    pixels
        Of the longer side; smaller micrographs stay as they are.

    Returns
    -------
    (rows, cols) uint8, row 0 on top as the micrograph is shown.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    data = read_micrograph(path, mapped=False).data
    block = max(1, -(-max(data.shape) // pixels))
    rows, cols = (max(1, side // block) for side in data.shape)
    means = np.empty((rows, cols), np.float32)
    step = max(1, block // ROWS_A_BLOCK)
    for row in range(rows):  # a few rows at a time
        stripe = np.asarray(data[row * block : (row + 1) * block : step], np.float32)
        stripe = np.clip(np.nan_to_num(stripe), -1e30, 1e30)
        width = min(cols * block, stripe.shape[1])
        means[row] = stripe[:, :width].mean(axis=0).reshape(cols, -1).mean(axis=1)
    return _to_grey(means)


def _to_grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(image, LIMITS)
    span = high - low if high > low else 1.0
    return np.asarray(np.clip((image - low) / span, 0, 1) * 255, dtype=np.uint8)


def make_thumbnail(micrograph: Micrograph) -> QImage:
    """Return a micrograph's picture; QImage, unlike QPixmap, may be made in any thread."""
    grey = np.ascontiguousarray(read_thumbnail(micrograph.path))
    rows, cols = grey.shape
    image = QImage(grey.data, cols, rows, cols, QImage.Format.Format_Grayscale8)
    copy = image.copy()  # else it points into `grey`, which ends here
    copy.setDevicePixelRatio(PIXELS / SIDE)
    return copy
