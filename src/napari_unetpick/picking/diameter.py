"""The particle diameter from its picks: where the averaged particle ends.

The mean of many picks shows the particle without noise; around its centre it is averaged over all
directions too. Seen over the logarithm of the radius, an edge has the same width whatever the
particle's size, so that one filter finds it: the edge is where the profile is steepest. A disc of
radius R has its step at R; the shadow of a ball, sqrt(1 - (r / R)^2), falls steepest at R as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.picking.crop import average_blocks

FEWEST = 10  # picks
MOST = 200  # picks: more change nothing
WIDEST = 250  # pixels that a profile reaches to; larger images are binned first
STEPS = 160  # of the logarithm of the radius
WIDTH = 0.12  # of the edge filter, in the logarithm of the radius: 12 % of the radius
INNERMOST = 2.5  # pixels: nothing smaller has a shape
RESAMPLED = 60  # bootstrap: how often picks are resampled
UNSURE = 0.15  # spread of the diameter, relative, above which it should not be believed

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A diameter from picks.

    Parameters
    ----------
    diameter
        In the unit that the pictures' `pixel_size` is given in (A).
    spread
        Standard deviation of the diameter when picks are resampled (bootstrap).
    count
        How many picks went into it.
    """

    diameter: float
    spread: float
    count: int

    @property
    def sure(self) -> bool:
        """Whether the picks agree on it."""
        return self.spread <= UNSURE * self.diameter


@dataclass(frozen=True)
class Picture:
    """One micrograph and the picks on it.

    Parameters
    ----------
    image
        (rows, cols), any real type, low-passed or not.
    coords
        (N, 2) (row, col), pixels of `image`.
    pixel_size
        A/px of `image`.
    """

    image: NDArray[np.generic]
    coords: Floats
    pixel_size: float


def estimate_diameter(pictures: Sequence[Picture], rng: np.random.Generator) -> Estimate | None:
    """Estimate the particle diameter, or return None where fewer than ten picks are given.

    Parameters
    ----------
    pictures
        Micrographs with their picks; pixel sizes may differ.
    rng
        Draws the picks of the bootstrap.
    """
    pictures = [picture for picture in pictures if len(picture.coords)]
    count = min(sum(len(picture.coords) for picture in pictures), MOST)
    if count < FEWEST:
        return None
    binned = [_binned(picture) for picture in pictures]
    smallest = max(INNERMOST * picture.pixel_size for picture in binned)
    largest = min(_reach(picture) for picture in binned)
    if largest < 2 * smallest:
        return None
    radii = np.geomspace(smallest, largest, STEPS)
    profiles = np.concatenate([_profiles(picture, radii) for picture in binned])[:MOST]
    profiles = profiles[np.isfinite(profiles).all(axis=1)]
    if len(profiles) < FEWEST:
        return None
    radius = edge_radius(profiles.mean(axis=0), radii)
    if np.isnan(radius):
        return None
    drawn = [
        edge_radius(profiles[rng.integers(len(profiles), size=len(profiles))].mean(axis=0), radii)
        for _ in range(RESAMPLED)
    ]
    found = np.array(drawn)[np.isfinite(drawn)]
    if len(found) < len(drawn) / 2:
        return None
    return Estimate(2 * radius, 2 * float(np.std(found)), len(profiles))


def edge_radius(profile: Floats, radii: Floats) -> float:
    """Radius at which a profile over geometrically spaced radii (both (K,)) is steepest.

    NaN where it is steepest at one of the ends only: the edge lies beyond.
    """
    step = float(np.log(radii[1] / radii[0]))
    slope = scipy.ndimage.gaussian_filter1d(profile, WIDTH / step, order=1, mode="nearest")
    height = np.abs(slope)
    # the filter sees only half of an edge at either end, and what falls off towards an end has
    # its edge beyond it
    margin = max(1, round(WIDTH / step))
    peak = np.zeros(len(height), dtype=bool)
    peak[1:-1] = (height[1:-1] >= height[:-2]) & (height[1:-1] > height[2:])
    peak[:margin] = peak[-margin:] = False
    if not peak.any():
        return float("nan")
    best = int(np.argmax(np.where(peak, height, -1.0)))
    before, here, after = height[best - 1 : best + 2]
    curvature = before - 2 * here + after
    shift = float(0.5 * (before - after) / curvature) if curvature < 0 else 0.0
    return float(radii[best] * np.exp(np.clip(shift, -0.5, 0.5) * step))


def _binned(picture: Picture) -> Picture:
    """Average blocks of pixels until a quarter of the image is at most WIDEST pixels wide."""
    factor = max(1, int(np.ceil(min(picture.image.shape) / 4 / WIDEST)))
    if factor == 1:
        return picture
    image = average_blocks(picture.image, factor)
    # the first block of `factor` pixels has its centre at (factor - 1) / 2
    coords = (picture.coords - (factor - 1) / 2) / factor
    return Picture(image, coords, picture.pixel_size * factor)


def _reach(picture: Picture) -> float:
    """Largest radius worth looking at (A): a quarter of the image, and no further than neighbours.

    Particles do not overlap: a tenth of the picks have their neighbour nearer than the distance
    that is taken here, so that the radius cannot be more than that.
    """
    reach = min(picture.image.shape) / 4
    if len(picture.coords) >= FEWEST:
        apart, _ = scipy.spatial.cKDTree(picture.coords).query(picture.coords, k=2)
        reach = min(reach, max(float(np.quantile(apart[:, 1], 0.1)), 4 * INNERMOST))
    return float(reach * picture.pixel_size)


def _profiles(picture: Picture, radii: Floats) -> Floats:
    """Return the (N, K) mean over directions around each pick; NaN where it leaves the image."""
    pixels = radii / picture.pixel_size
    half = int(np.ceil(pixels[-1])) + 2
    rows, cols = picture.image.shape
    found = np.full((len(picture.coords), len(radii)), np.nan)
    for number, (row, col) in enumerate(picture.coords[:MOST]):
        y = np.arange(max(round(row) - half, 0), min(round(row) + half + 1, rows))
        x = np.arange(max(round(col) - half, 0), min(round(col) + half + 1, cols))
        if not len(y) or not len(x):
            continue
        away = np.hypot((y - row)[:, None], (x - col)[None, :])
        ring = np.rint(away).astype(np.intp)
        near = ring < half
        ring, away, values = (
            ring[near],
            away[near],
            picture.image[y[0] : y[-1] + 1, x[0] : x[-1] + 1][near],
        )
        hits = np.bincount(ring, minlength=half)
        if (hits[1:] == 0).any():  # too near a corner: a ring lies outside
            continue
        hits = np.maximum(hits, 1)
        # a ring's pixels lie at their own mean radius, not at its number
        at = np.bincount(ring, weights=away, minlength=half) / hits
        mean = np.bincount(ring, weights=values, minlength=half) / hits
        found[number] = np.interp(pixels, at[1:], mean[1:])
    return found
