"""Picks whose rows or columns are a little too near or far: of images of another shape or size.

An image squeezed to a square, cropped to a multiple of 32, or binned by a factor that is not quite
the one assumed: near the first pixel picks fit, and at the far edges they lie beside the particles.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from napari_unetpick.inspection.finding import Finding
from napari_unetpick.inspection.orientation import AS_READ, Orientation
from napari_unetpick.inspection.sample import BETTER, CERTAIN, CLEAR, Sample
from napari_unetpick.inspection.spacing import Spacing

FAR = 0.7  # of the strength near the first pixel: by so much the far picks must fit worse
THIRD = 30  # picks, at least, in each third
ENDS = (0.9, 1.02)  # of the image's sides: where right picks end
STEPS = (
    tuple(np.arange(-3, 5) * 0.03),
    tuple(np.arange(-2, 3) * 0.01),
    tuple(np.arange(-2, 3) * 0.003),
)
"""Of the factors: a particle's width at the far edge is some percent of it."""
UNEVEN = 2.0  # times: images are not squeezed by more in one direction
LEAST = 2.0  # strength: the best of a hundred factors stays below 1.5 by chance
ALIKE = 0.025  # factors that differ by less may be one
NEARLY = 0.95  # of the strength, at which they are
PICKS = 400  # that are compared, or as many as there are


def check_stretch(
    sample: Sample,
    spacing: Spacing,
    say: str,
    beside: float = 1.0,
    orientation: Orientation = AS_READ,
) -> list[Finding]:
    """Report picks that fit the images much better with rows and columns stretched.

    Parameters
    ----------
    say
        What stands before the factor in options of the command line.
    beside
        The one factor that fits best, if another check found one.
    orientation
        In which the picks fit best; x and y as they are.
    """
    as_read = sample.strength(orientation)
    if spacing.extent is None or (as_read >= CERTAIN and not _fades(sample, orientation)):
        return []
    some = sample.first(PICKS)
    rows, cols, strength = find_stretch(some, spacing.extent, orientation)
    as_read = some.strength(orientation)
    known = max(as_read, some.stretched(beside, beside, orientation))
    if strength < max(LEAST, BETTER * known):
        return []
    turned = None if orientation == AS_READ else orientation
    what = (
        f"picks fit the images better with y {rows:.3g} and x {cols:.3g} times as large"
        f"{f', {turned.words}' if turned else ''} (evidence {strength:.1f} against {as_read:.1f}; "
        "chance is below 1): they seem to be pixels of images of another size"
    )
    option = f" --orientation {say}{turned}" if turned else ""
    if rows == cols:
        scale = float(f"{rows:.4g}")
        options = f"--scale {say}{scale:g}{option}"
        viewer = f"convert the file with {options.replace(say, '') if say else options} first"
        return [Finding("scale", what, f"give {options}", viewer, scale, turned)]
    fix = f"multiply them in the file{f', then give{option}' if turned else ''}"
    return [Finding("scale", f"{what} or shape", fix)]


def find_stretch(
    sample: Sample, extent: tuple[float, float], orientation: Orientation = AS_READ
) -> tuple[float, float, float]:
    """Return the factors of rows and columns that fit the images best, and how well they do.

    Parameters
    ----------
    extent
        Where the picks end, as fractions of the images' height and width.
    orientation
        Applied after the factors.
    """
    starts = [pair for pair in product(*_starts(sample, extent)) if max(pair) <= UNEVEN * min(pair)]
    best, strength = (1.0, 1.0), 0.0
    for steps in STEPS:
        pairs = {
            (rows * (1 + down), cols * (1 + right))
            for (rows, cols), down, right in product(starts, steps, steps)
        }
        fits = {pair: sample.stretched(*pair, orientation) for pair in sorted(pairs)}
        best = max(fits, key=lambda pair: fits[pair])
        starts, strength = [best], fits[best]
        if strength < CLEAR:
            break
    rows, cols = best
    mean = (rows + cols) / 2
    for simple in ((mean, mean), (1.0, cols), (rows, 1.0)):  # one factor, where it does as well
        near = max(abs(a / b - 1) for a, b in zip(simple, best, strict=True)) < ALIKE
        if near and sample.stretched(*simple, orientation) >= NEARLY * strength:
            return *simple, strength
    return rows, cols, strength


def _starts(sample: Sample, extent: tuple[float, float]) -> list[list[float]]:
    """Return likely factors of rows and columns: none, to where picks end, to a square's sides.

    Picks need not end at the edge: there may be carbon.
    """
    starts = [[1.0] if ENDS[0] <= end <= ENDS[1] else [1.0, 1 / end] for end in extent]
    if sample.seen:
        shape = sample.seen[0].view.shape
        longer = int(shape[1] > shape[0])
        if (ratio := shape[longer] / shape[1 - longer]) > ENDS[1]:
            starts[longer].append(ratio)
    return starts


def _fades(sample: Sample, orientation: Orientation) -> bool:
    """Tell whether picks fit worse the farther they are from the first row or column."""
    for axis in (0, 1):
        near, far = (sample.third(axis, last) for last in (False, True))
        enough = min(near.count, far.count) >= THIRD
        if enough and far.strength(orientation) < FAR * near.strength(orientation):
            return True
    return False
