"""At which scale picks were made: where they end, how close they lie, and what the images say."""

from __future__ import annotations

import numpy as np

from napari_unetpick.inspection.finding import Finding
from napari_unetpick.inspection.orientation import AS_READ, ORIENTATIONS, Orientation
from napari_unetpick.inspection.pixel_sizes import unset_size
from napari_unetpick.inspection.sample import BETTER, CLEAR, Sample
from napari_unetpick.inspection.spacing import USUAL, Spacing
from napari_unetpick.inspection.stretch import check_stretch

REACHED = (0.92, 1.005)  # of the factor that would bring the last picks to the very edge
STEP = 0.002  # of the factor: 8 pixels at the far edge of 4096
NEARLY = 0.75  # of the best strength, at which a whole factor is preferred
MOST_BINNED = 32
UNEVEN = 1.05  # times: by so much one side must end later for a factor each to be tried


def check_scale(spacing: Spacing, sample: Sample, say: str, *, alone: bool) -> list[Finding]:
    """Report picks that were made on images of another size.

    Parameters
    ----------
    say
        What stands before the factor in options of the command line.
    alone
        Whether where the picks end is enough where no image can be read.
    """
    largest = spacing.largest_scale
    if largest is None:
        return []
    assert spacing.extent is not None
    scale, orientation, strength = find_scale(sample, largest)
    confirmed = strength >= max(CLEAR, BETTER * sample.strength())
    uneven = max(spacing.extent) > UNEVEN * min(spacing.extent)
    if (uneven or not confirmed) and (odd := check_stretch(sample, spacing, say, scale)):
        return odd
    if largest > 1 and not (confirmed or spacing.close or (alone and not sample.seen)):
        return []
    rows, cols = spacing.extent
    binned = f"binned {scale:.4g}x" if scale > 1 else f"{1 / scale:.4g} times as large"
    what = (
        f"picks end at {rows:.0%} of the images' height and {cols:.0%} of their width"
        f"{_neighbours(spacing)}: they seem to be pixels of images {binned}"
    )
    options = f"--scale {say}{scale:.4g}"
    turned = None if orientation == AS_READ else orientation
    if turned:
        what += f", and fit {orientation.words}"
        options += f" --orientation {say}{orientation}"
    viewer = f"convert the file with {options.replace(say, '') if say else options} first"
    return [Finding("scale", what, f"give {options}", viewer, scale, turned)]


def find_scale(sample: Sample, largest: float) -> tuple[float, Orientation, float]:
    """Return the factor that fits the images best, with an orientation and how well it fits.

    The factor is whole, or the inverse of a whole number, where one fits nearly as well; where
    none fits as the picks are turned, whole ones are tried in every orientation.
    """
    whole = likely_scales(largest)
    likeliest = whole[0] if whole else float(f"{largest:.2g}")
    if not sample.seen:
        return likeliest, AS_READ, 0.0
    steps = np.arange(REACHED[1], REACHED[0], -STEP) * largest
    fits = {each: sample.strength(scale=each) for each in (*whole, *map(_shorten, steps))}
    best = max(fits, key=lambda each: fits[each])
    even = [each for each in whole if fits[each] >= NEARLY * fits[best]]
    if fits[best] >= CLEAR:
        best = max(even, key=lambda each: fits[each], default=best)
        return best, AS_READ, fits[best]
    turned = {
        (scale, each): sample.strength(each, scale)
        for scale in whole or [likeliest]
        for each in ORIENTATIONS
    }
    scale, orientation = max(turned, key=lambda each: turned[each])
    if turned[scale, orientation] < CLEAR:
        return likeliest, AS_READ, 0.0
    return scale, orientation, turned[scale, orientation]


def _shorten(scale: float) -> float:
    return float(f"{scale:.4g}")


def likely_scales(largest: float) -> list[float]:
    """Return the whole factors, or inverse ones, just below the largest possible one, that first.

    4.07 may be 4, and 0.508 is 1/2; 5.77 is none: no picks end at 13 % from every edge.
    """
    counts = np.arange(1, MOST_BINNED + 1)
    every = np.concatenate([counts[1:], 1 / counts[1:]])
    fit = every[(every >= REACHED[0] * largest) & (every <= REACHED[1] * largest)]
    return sorted(map(float, fit), reverse=True)


def too_close(spacing: Spacing, say: str, unset: int) -> Finding:
    """Report picks that lie on each other; `unset` headers say exactly 1 A/px."""
    assert spacing.neighbour is not None
    what = (
        f"picks are {spacing.neighbour:.2f} diameters from their nearest neighbour (median, "
        f"usually {USUAL:g})"
    )
    if unset:
        return unset_size(what, USUAL / spacing.neighbour)
    check = "the diameter or the pixel size may be wrong"
    if spacing.extent is not None:
        return Finding("spacing", what, f"{check}: check --diameter and --pixel-size", check)
    scale = float(round(USUAL / spacing.neighbour))
    fix = f"if they are pixels of binned images, give --scale {say}{scale:g}, else {check}"
    return Finding("spacing", what, fix, check, scale=scale)


def _neighbours(spacing: Spacing) -> str:
    if spacing.neighbour is None:
        return ""
    return f", {spacing.neighbour:.2f} diameters from their nearest neighbour (median)"
