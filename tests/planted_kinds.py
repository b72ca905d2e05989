"""Images of two kinds of particles, turned and shifted, for the tests of classes."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np

DIAMETER = 30.0  # px
PIXEL_SIZE = 4.0  # A/px


def draw(kind: int, rows: np.ndarray, cols: np.ndarray, angle: float) -> np.ndarray:
    """A bar with a head (0) or a ring (1) around (0, 0), turned from the columns to the rows."""
    along = np.cos(angle) * cols + np.sin(angle) * rows
    across = np.cos(angle) * rows - np.sin(angle) * cols
    if kind:
        return np.exp(-((np.hypot(rows, cols) - 8.0) ** 2) / 8.0)
    bar = np.exp(-((along / 9.0) ** 4) - (across / 3.0) ** 2)
    return bar + np.exp(-((along - 7.0) ** 2 + across**2) / 12.0)


def planted_images(count: int, noise: float, side: int = 48, seed: int = 0):
    """Return images (N, side, side), kinds, shifts (row, col) and angles (radians)."""
    rng = np.random.default_rng(seed)
    grid = np.arange(side) - (side - 1) / 2
    kinds = rng.integers(0, 2, count)
    shifts, angles = rng.normal(0, 1.5, (count, 2)), rng.uniform(0, 2 * np.pi, count)
    images = rng.normal(0, noise, (count, side, side))
    for number in range(count):
        rows, cols = np.meshgrid(*(grid - each for each in shifts[number]), indexing="ij")
        images[number] += draw(kinds[number], rows, cols, angles[number])
    return images.astype(np.float32), kinds, shifts, angles


def write_planted(folder: Path, micrographs: int = 3, each: int = 40, noise: float = 0.8):
    """Write dark particles on micrographs; return places (N, 2) (row, col) and kinds by name."""
    folder.mkdir(parents=True, exist_ok=True)
    places, kinds = {}, {}
    for number in range(micrographs):
        rng = np.random.default_rng(number)
        across = int(np.ceil(np.sqrt(each)))
        side = 50 * across + 20
        grid = np.stack(np.meshgrid(*[np.arange(across) * 50.0 + 35] * 2, indexing="ij"), axis=-1)
        at = grid.reshape(-1, 2)[:each] + rng.uniform(-4, 4, (each, 2))
        kind = rng.integers(0, 2, each)
        image = rng.normal(0, noise, (side, side))
        y, x = np.mgrid[:side, :side]
        for (row, col), one in zip(at, kind, strict=True):
            top, left = int(row) - 24, int(col) - 24
            window = slice(max(top, 0), top + 49), slice(max(left, 0), left + 49)
            angle = rng.uniform(0, 2 * np.pi)
            image[window] -= draw(one, y[window] - row, x[window] - col, angle)
        name = f"mic{number}.mrc"
        with mrcfile.new(folder / name, data=(100 + image).astype(np.float32)) as mrc:
            mrc.voxel_size = PIXEL_SIZE
        places[name], kinds[name] = at, kind
    return places, kinds
