"""Classes become labels of the project: kept picks are recentred, rejected ones are negatives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.errors import UnetPickError
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.project.annotations import add_picks, new_picks
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.classes.work import Sorted
from napari_unetpick.widgets.session.pick_model import undecided
from napari_unetpick.widgets.session.session import Session

Floats = NDArray[np.float64]
SAME_PLACE = 0.01  # px: a pick that was sorted is where it was
SOURCES = {"candidates": "model", "outside": "2D classes"}


@dataclass(frozen=True)
class Used:
    """How many picks were kept and rejected, on how many micrographs, and what went wrong."""

    kept: int = 0
    rejected: int = 0
    micrographs: int = 0
    trouble: str = ""


def use_classes(session: Session, found: Sorted, action: object, *, fully: bool) -> Used:
    """Make classes labels: kept picks are positives at their centres, rejected ones negatives.

    Picks that were changed or removed since are left as they are; so are candidates that were
    decided since, and those on fully labelled micrographs.

    Parameters
    ----------
    action
        Undoes it as one.
    fully
        Whether the micrographs count as fully labelled then.
    """
    used = Used()
    changed: dict[str, Annotations] = {}
    classes = found.classes
    out = np.isin(classes.numbers, list(classes.rejected))
    for key in dict.fromkeys(classes.micrographs.tolist()):
        entry = session.project.entries.get(key)
        if entry is None or (found.kind == "candidates" and entry.state == "full"):
            continue
        rows = np.flatnonzero(classes.micrographs == key)
        try:
            marks = session.annotations.of(key)
        except UnetPickError as error:
            used = replace(used, trouble=used.trouble or error.in_viewer)
            continue
        if found.kind == "candidates":
            reach = SAME_PARTICLE * float(classes.diameters[rows].max())
            rows = rows[undecided(classes.coords[rows], marks, reach)]
        after, kept, rejected = _marks_after(marks, found, rows, out[rows])
        if kept + rejected:
            changed[key] = after
            used = replace(used, kept=used.kept + kept, rejected=used.rejected + rejected)
    if fully and changed:
        session.annotations.label_fully(list(changed), action)
    for key, after in changed.items():
        session.annotations.set(key, after, action=action)
    return replace(used, micrographs=len(changed))


def _marks_after(
    marks: Annotations, found: Sorted, rows: NDArray[np.intp], out: NDArray[np.bool_]
) -> tuple[Annotations, int, int]:
    """Return the marks of a micrograph after some sorted picks, and how many those change."""
    classes = found.classes
    here = classes.coords[rows]
    outside = found.kind == "outside"
    reach = SAME_PARTICLE * classes.diameters[rows].max(initial=0) if outside else SAME_PLACE
    own = _nearest(marks.picks.coords, here, reach)
    if found.kind == "picks":
        still = own >= 0
        rows, here, out, own = rows[still], here[still], out[still], own[still]
    there = here + classes.shifts[rows]
    coords = marks.picks.coords.copy()
    moved = ~out & (own >= 0)
    coords[own[moved]] = there[moved]
    left = np.ones(len(coords), bool)
    left[own[out & (own >= 0)]] = False
    picks = replace(marks.picks, coords=coords).select(left)
    new = ~out & (own < 0)
    if new.any():
        scores = found.scores[rows][new]
        known = None if np.isnan(scores).any() else scores
        picks = add_picks(picks, new_picks(there[new], SOURCES[found.kind], known))
    stays = _nearest(there[~out], marks.negatives, max(reach, SAME_PLACE)) < 0
    fresh = _nearest(marks.negatives, here[out], SAME_PLACE) < 0
    negatives = np.concatenate([marks.negatives[stays], here[out][fresh]])
    return replace(marks, picks=picks, negatives=negatives), int((~out).sum()), int(out.sum())


def _nearest(places: Floats, asked: Floats, reach: float) -> NDArray[np.intp]:
    """Return the index of the nearest of some places to each one asked for, -1 beyond `reach`."""
    if not len(places) or not len(asked):
        return np.full(len(asked), -1, np.intp)
    distance, index = scipy.spatial.cKDTree(places).query(asked)
    return np.where(distance <= reach, index, -1)
