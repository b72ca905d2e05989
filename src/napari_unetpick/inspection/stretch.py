"""Picks whose rows or columns are a little too near or far: of images of another shape or size.

An image squeezed to a square, cropped to a multiple of 32, or binned by a factor that is not quite
the one assumed: near the first pixel picks fit, and at the far edges they lie beside the particles.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from napari_unetpick.inspection.finding import Finding
from napari_unetpick.inspection.sample import BETTER, CERTAIN, CLEAR, Sample
from napari_unetpick.inspection.spacing import Spacing

FAR = 0.7  # of the strength near the first pixel: by so much the far picks must fit worse
THIRD = 30  # picks, at least, in each third
ENDS = (0.9, 1.02)  # of the image's sides: where right picks end
STEPS = (np.arange(-4, 6) * 0.025, np.arange(-2, 3) * 0.01, np.arange(-2, 3) * 0.003)
"""Of the factors: a particle's width at the far edge is some percent of it."""
LEAST = 2.0  # strength: the best of a hundred factors stays below 1.5 by chance
ALIKE = 0.012  # factors that differ by less are one
READ = 4  # micrographs that are compared


def check_stretch(sample: Sample, spacing: Spacing, say: str, beside: float = 0.0) -> list[Finding]:
    """Report picks that fit the images much better with rows and columns stretched.

    Parameters
    ----------
    say
        What stands before the factor in options of the command line.
    beside
        Strength at the one factor that fits best, if another check found one.
    """
    as_read = sample.strength()
    if spacing.extent is None or (as_read >= CERTAIN and not _fades(sample)):
        return []
    rows, cols, strength = find_stretch(Sample(sample.seen[:READ]), spacing.extent)
    if strength < max(LEAST, BETTER * as_read, BETTER * beside):
        return []
    what = (
        f"picks fit the images better with y {rows:.3g} and x {cols:.3g} times as large (evidence "
        f"{strength:.1f} against {as_read:.1f}; chance is below 1): they seem to be pixels of "
        "images of another size"
    )
    if abs(rows - cols) <= ALIKE * max(rows, cols):
        scale = float(f"{(rows + cols) / 2:.4g}")
        viewer = f"convert the file with --scale {scale:g} first"
        return [Finding("scale", what, f"give --scale {say}{scale:g}", viewer, scale)]
    return [Finding("scale", f"{what} or shape", "multiply them in the file")]


def find_stretch(sample: Sample, extent: tuple[float, float]) -> tuple[float, float, float]:
    """Return the factors of rows and columns that fit the images best, and how well they do.

    Parameters
    ----------
    extent
        Where the picks end, as fractions of the images' height and width.
    """
    start = [1.0 if ENDS[0] <= end <= ENDS[1] else 1 / end for end in extent]
    strength = 0.0
    for steps in STEPS:
        ladders = [[float(each * (1 + step)) for step in steps] for each in start]
        fits = {pair: sample.stretched(*pair) for pair in product(*ladders)}
        start = list(max(fits, key=lambda pair: fits[pair]))
        strength = max(fits.values())
        if strength < CLEAR:
            break
    rows, cols = (1.0 if abs(each - 1) < ALIKE else each for each in start)
    return rows, cols, strength


def _fades(sample: Sample) -> bool:
    """Tell whether picks fit worse the farther they are from the first row or column."""
    for axis in (0, 1):
        near, far = (sample.third(axis, last) for last in (False, True))
        if min(near.count, far.count) >= THIRD and far.strength() < FAR * near.strength():
            return True
    return False
