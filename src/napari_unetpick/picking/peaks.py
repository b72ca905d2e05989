"""Candidates from a score map: smoothed local maxima with sub-pixel positions."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

FLOOR = 0.02  # raw scores below this are background ripple, not candidates
CROWD = 4  # peaks in a window: true ones keep half a window's distance, so these are plateaus


def find_peaks(
    score_map: NDArray[np.float32], diameter: float, *, floor: float = FLOOR, rim: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the score map's peaks, at least a quarter of the diameter apart.

    The map is smoothed by a Gaussian of a twelfth of the diameter, since a disc target makes
    plateaus; a parabola through each peak and its neighbours gives the sub-pixel position.

    Parameters
    ----------
    score_map
        (rows, cols) raw scores in [0, 1].
    diameter
        Particle diameter in pixels of the map.
    rim
        Width of the map's rim that lies outside the micrograph. Peaks there are of particles whose
        centre is outside: they go, after they have suppressed weaker ones beside them.

    Returns
    -------
    coords
        (N, 2) float64 (row, col) in pixels of the map without its rim, by descending score.
    scores
        (N,) float64 smoothed score at the peak.
    """
    smooth = smoothed(score_map, diameter)
    width = max(3, 2 * int(diameter / 8) + 1)
    highest = scipy.ndimage.maximum_filter(smooth, size=width, mode="nearest")
    top = (smooth == highest) & (smooth >= floor)
    if np.count_nonzero(top) > CROWD * top.size / width**2:
        top &= ~scipy.ndimage.binary_erosion(top) | _lattice(top.shape, width // 2)
    rows, cols = np.nonzero(top)
    scores = smooth[rows, cols].astype(np.float64)
    order = np.lexsort((cols, rows, -scores))
    rows, cols, scores = rows[order], cols[order], scores[order]
    coords = np.stack(
        [
            rows + parabola_offset(smooth, rows, cols, axis=0),
            cols + parabola_offset(smooth, rows, cols, axis=1),
        ],
        axis=1,
    )
    keep = keep_distant(coords, scores, diameter / 4)
    coords, scores = coords[keep] - rim, scores[keep]
    limit = np.asarray(score_map.shape, float) - 1 - 2 * rim
    inside = ((coords >= -0.5) & (coords <= limit + 0.5)).all(axis=1)
    return np.clip(coords[inside], 0.0, limit), scores[inside]


def _lattice(shape: tuple[int, ...], step: int) -> NDArray[np.bool_]:
    """Return every `step`-th pixel along both axes: what is left of the inside of a plateau."""
    chosen = np.zeros(shape, dtype=bool)
    chosen[::step, ::step] = True
    return chosen


def sample_scores(
    score_map: NDArray[np.float32], coords: NDArray[np.float64], diameter: float, *, rim: int = 0
) -> NDArray[np.float64]:
    """Return (N,) what a map gives at peaks of another one, such as that of a whole ensemble.

    Parameters are those of `find_peaks`, whose `coords` these are.
    """
    rows, cols = np.rint(coords + rim).astype(np.intp).reshape(-1, 2).T
    return np.asarray(smoothed(score_map, diameter)[rows, cols], dtype=np.float64)


def smoothed(score_map: NDArray[np.float32], diameter: float) -> NDArray[np.float32]:
    """Smooth a score map as its peaks are looked for: by a twelfth of the diameter."""
    return np.asarray(scipy.ndimage.gaussian_filter(score_map, diameter / 12, mode="nearest"))


def parabola_offset(
    image: NDArray[np.float32], rows: NDArray[np.intp], cols: NDArray[np.intp], *, axis: int
) -> NDArray[np.float64]:
    """Vertex of the parabola through a peak and its two neighbours along `axis`, in (-0.5, 0.5).

    With values a, b, c: offset = (a - c) / (2 (a - 2 b + c)).
    """
    step = (1, 0) if axis == 0 else (0, 1)
    last = image.shape[axis] - 1
    along = rows if axis == 0 else cols
    inner = (along > 0) & (along < last)
    before = image[np.maximum(rows - step[0], 0), np.maximum(cols - step[1], 0)].astype(float)
    after = image[
        np.minimum(rows + step[0], image.shape[0] - 1),
        np.minimum(cols + step[1], image.shape[1] - 1),
    ].astype(float)
    here = image[rows, cols].astype(float)
    curvature = before - 2 * here + after
    usable = inner & (curvature < -1e-12)
    offset = np.zeros(len(rows))
    offset[usable] = (before[usable] - after[usable]) / (2 * curvature[usable])
    return np.clip(offset, -0.5, 0.5)


def keep_distant(
    coords: NDArray[np.float64], scores: NDArray[np.float64], distance: float
) -> NDArray[np.intp]:
    """Indices of the points that survive non-maximum suppression, best first.

    Each point in order of its score removes all lower ones closer than `distance` (ties: the
    earlier one stays).
    """
    order = np.argsort(-scores, kind="stable")
    if len(coords) < 2 or distance <= 0:
        return order
    alive = np.ones(len(coords), dtype=bool)
    rank = np.empty(len(coords), dtype=np.intp)
    rank[order] = np.arange(len(coords))
    tree = scipy.spatial.cKDTree(coords)
    close = tree.query_pairs(np.nextafter(distance, 0), output_type="ndarray")
    neighbours: dict[int, list[int]] = {}
    for a, b in close:
        better, worse = (a, b) if rank[a] < rank[b] else (b, a)
        neighbours.setdefault(int(better), []).append(int(worse))
    for index in order:
        if alive[index]:
            alive[neighbours.get(int(index), [])] = False
    return order[alive[order]]
