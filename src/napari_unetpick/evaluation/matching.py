"""Which pick belongs to which true particle: the best one-to-one match, and the greedy one."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Indices = NDArray[np.int64]
Coords = NDArray[np.float64]

# A distance that equals the radius on paper (0.5 d) must not fail by a rounding error.
_ROUNDING = 1.0 + 1e-9
# Larger groups of touching particles are solved sparsely: faster there, and no giant table.
_DENSE_ENTRIES = 100_000


def match_particles(picks: ArrayLike, truth: ArrayLike, radius: ArrayLike) -> Indices:
    """Match picks to true particles one-to-one: most matches first, then least total distance.

    Parameters
    ----------
    picks
        (N, 2), (row, col), pixels of the file.
    truth
        (M, 2), (row, col), pixels of the file.
    radius
        The largest distance of a match, pixels; one for all or one per true particle (M,).

    Returns
    -------
    (N,) int64: the index of the matched true particle, or -1.

    Raises
    ------
    ValueError
        A coordinate or radius is not finite, or the shapes do not fit.

    Notes
    -----
    The assignment problem (Kuhn 1955, Jonker and Volgenant 1987) is solved in each connected
    component of the graph of all pairs within the radius. Example: picks at columns 0 and 6, truth
    at 4 and 12, radius 6. Greedy by distance takes 6-4 (2 px) and loses the rest; the best match
    is 0-4 and 6-12: two particles found.
    """
    pick_points, true_points = as_points(picks), as_points(truth)
    rows, cols, distances = pairs_within(pick_points, true_points, radius)
    return match_pairs(rows, cols, distances, len(pick_points), len(true_points))


def match_pairs(rows: Indices, cols: Indices, cost: Coords, n_picks: int, n_truth: int) -> Indices:
    """Match one-to-one among the given pairs: most matches first, then least total cost.

    Parameters
    ----------
    rows, cols
        (E,) int64, the pick and the true particle of each allowed pair, no pair twice.
    cost
        (E,) finite, not negative.
    n_picks, n_truth
        How many there are of each, allowed or not.

    Returns
    -------
    (n_picks,) int64: the index of the matched true particle, or -1.
    """
    matched = np.full(n_picks, -1, dtype=np.int64)
    if len(rows) == 0:
        return matched
    graph = scipy.sparse.coo_matrix(
        (np.ones(len(rows)), (rows, cols + n_picks)), shape=(n_picks + n_truth,) * 2
    )
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    edge_component = component[rows]
    order = np.argsort(edge_component, kind="stable")
    rows, cols, cost = rows[order], cols[order], cost[order]
    starts = np.flatnonzero(np.diff(edge_component[order], prepend=-1))
    ends = np.append(starts[1:], len(rows))
    lonely = ends - starts == 1  # one pick, one particle: most of an uncrowded micrograph
    matched[rows[starts[lonely]]] = cols[starts[lonely]]
    for start, end in zip(starts[~lonely], ends[~lonely], strict=True):
        group = slice(start, end)
        chosen_rows, chosen_cols = _assign(rows[group], cols[group], cost[group])
        matched[chosen_rows] = chosen_cols
    return matched


def label_candidates(
    coords: ArrayLike, scores: ArrayLike, truth: ArrayLike, radius: ArrayLike
) -> NDArray[np.bool_]:
    """Tell true candidates from false ones, greedily in descending score.

    Each candidate in turn takes the nearest still free true particle within the radius. Whether a
    candidate is true so depends on better candidates only, and one labelling serves all thresholds.

    Parameters
    ----------
    coords
        (N, 2), (row, col), pixels of the file.
    scores
        (N,); equal scores are taken in the order given.
    truth
        (M, 2), (row, col), pixels of the file.
    radius
        The largest distance of a match, pixels; one for all or one per true particle (M,).

    Returns
    -------
    (N,) bool, True where the candidate took a true particle.
    """
    return match_greedily(coords, scores, truth, radius) >= 0


def match_greedily(
    coords: ArrayLike, scores: ArrayLike, truth: ArrayLike, radius: ArrayLike
) -> Indices:
    """Give the true particle that each candidate takes, as `label_candidates` does, or -1."""
    points, true_points = as_points(coords), as_points(truth)
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    if len(values) != len(points):
        raise ValueError(f"{len(values)} scores for {len(points)} candidates")
    matched = np.full(len(points), -1, dtype=np.int64)
    rows, cols, distances = pairs_within(points, true_points, radius)
    rank = np.empty(len(points), dtype=np.int64)
    rank[np.argsort(-values, kind="stable")] = np.arange(len(points))
    order = np.lexsort((distances, rank[rows]))
    taken = bytearray(len(true_points))
    done = -1
    for row, col in zip(rows[order].tolist(), cols[order].tolist(), strict=True):
        if row != done and not taken[col]:
            matched[row] = col
            taken[col] = 1
            done = row
    return matched


def pairs_within(
    points: Coords, truth: Coords, radius: ArrayLike
) -> tuple[Indices, Indices, Coords]:
    """List all pairs (point, true particle, distance in px) no further apart than the radius."""
    limits = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(truth),))
    if not np.isfinite(limits).all() or (limits < 0).any():
        raise ValueError("a matching radius must be finite and not negative")
    if len(points) == 0 or len(truth) == 0:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, np.empty(0)
    limits = limits * _ROUNDING
    table: NDArray[Any] = scipy.spatial.cKDTree(points).sparse_distance_matrix(
        scipy.spatial.cKDTree(truth), float(limits.max()), output_type="ndarray"
    )
    near = table["v"] <= limits[table["j"]]
    return (
        table["i"][near].astype(np.int64),
        table["j"][near].astype(np.int64),
        table["v"][near].astype(np.float64),
    )


def as_points(coords: ArrayLike) -> Coords:
    """Give coordinates as an (N, 2) float64 array; an empty list is (0, 2)."""
    points = np.asarray(coords, dtype=np.float64)
    if points.size == 0:
        return np.empty((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"coordinates must have the shape (N, 2), not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("coordinates must be finite")
    return points


def _assign(rows: Indices, cols: Indices, cost: Coords) -> tuple[Indices, Indices]:
    """Solve one connected component, given by its edges; return the chosen rows and columns."""
    row_ids, row_index = np.unique(rows, return_inverse=True)
    col_ids, col_index = np.unique(cols, return_inverse=True)
    # A missing match costs more than any sum of costs, so the number of matches comes first.
    missing = (min(len(row_ids), len(col_ids)) + 1) * (float(cost.max()) + 1.0)
    if len(row_ids) * len(col_ids) <= _DENSE_ENTRIES:
        table = np.full((len(row_ids), len(col_ids)), missing)
        table[row_index, col_index] = cost
        chosen_rows, chosen_cols = scipy.optimize.linear_sum_assignment(table)
        real = table[chosen_rows, chosen_cols] < missing
    else:
        # Each row gets a column of its own that stands for "unmatched"; + 1 since 0 means no edge.
        count = np.arange(len(row_ids))
        sparse = scipy.sparse.coo_matrix(
            (
                np.concatenate([cost + 1.0, np.full(len(count), missing + 1.0)]),
                (
                    np.concatenate([row_index, count]),
                    np.concatenate([col_index, len(col_ids) + count]),
                ),
            )
        )
        chosen_rows, chosen_cols = scipy.sparse.csgraph.min_weight_full_bipartite_matching(
            sparse.tocsr()
        )
        real = chosen_cols < len(col_ids)
    return row_ids[chosen_rows[real]], col_ids[chosen_cols[real]]
