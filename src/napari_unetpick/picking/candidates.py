"""Candidates of one micrograph: found in score maps, turned into picks by a calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import InputError
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.border import Border
from napari_unetpick.picking.calibration import Calibration, nearness, select
from napari_unetpick.picking.junk import JunkMap, junk_map
from napari_unetpick.picking.peaks import find_peaks, keep_distant, sample_scores
from napari_unetpick.picking.scale import Scale

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of one micrograph, before any threshold.

    Parameters
    ----------
    coords
        (N, 2) float64 (row, col), pixels of the file, by descending raw score.
    raw
        (N,) float64, the network's score, before calibration.
    nearness
        (N,) float64, 1 at a stronger candidate, falling to 0 (see `calibration.nearness`).
    diameter_px
        Particle diameter that they were found with, pixels of the file.
    disagreement
        (N,) of an ensemble: standard deviation of its members' raw scores, or None.
    model
        Name of the run or model that found them, or "".
    junk
        Where there must be no picks, or None where the model doesn't know.
    """

    coords: Floats
    raw: Floats
    nearness: Floats
    diameter_px: float
    disagreement: Floats | None = None
    model: str = ""
    junk: JunkMap | None = None

    def __post_init__(self) -> None:
        count = len(self.coords)
        shapes = (self.coords.shape, self.raw.shape, self.nearness.shape)
        if shapes != ((count, 2), (count,), (count,)):
            raise InputError("the arrays of candidates need one length")

    def __len__(self) -> int:
        return len(self.coords)

    def scores(self, calibration: Calibration) -> Floats:
        """Return the calibrated scores, (N,); they are 0 in junk."""
        return np.where(self.in_junk, 0.0, calibration.apply(self.raw, self.nearness))

    def distant(self, distance: float) -> NDArray[np.intp]:
        """Return which are left, best raw score first, at a minimum distance, and not in junk.

        The distance is in diameters.
        """
        clean = np.flatnonzero(~self.in_junk)
        return clean[keep_distant(self.coords[clean], self.raw[clean], distance * self.diameter_px)]

    @cached_property
    def in_junk(self) -> NDArray[np.bool_]:
        """(N,) which lie where there must be no picks."""
        return np.zeros(len(self), bool) if self.junk is None else self.junk.at(self.coords)

    def all_in_junk(self, shape: tuple[int, int]) -> Candidates:
        """Return them in a micrograph of a shape (rows, cols) that is all junk."""
        cells = np.ones((1, 1) if self.junk is None else self.junk.cells.shape, bool)
        return replace(self, junk=JunkMap(cells, shape))

    def outside_junk(self) -> Candidates:
        """Return those that may become picks."""
        clean = ~self.in_junk
        spread = None if self.disagreement is None else self.disagreement[clean]
        return replace(
            self,
            coords=self.coords[clean],
            raw=self.raw[clean],
            nearness=self.nearness[clean],
            disagreement=spread,
        )

    def picked(
        self,
        calibration: Calibration,
        threshold: float | None = None,
        min_distance: float | None = None,
    ) -> tuple[NDArray[np.intp], Floats]:
        """Return which become picks, best first, and the calibrated scores of all.

        Parameters
        ----------
        threshold
            Calibrated score from which a candidate is a pick, or None for the model's.
        min_distance
            Between picks, in diameters, or None for the model's.
        """
        scores = self.scores(calibration)
        least = calibration.threshold if threshold is None else threshold
        distance = calibration.min_distance if min_distance is None else min_distance
        chosen = select(self.coords, scores, least, distance * self.diameter_px)
        return chosen[~self.in_junk[chosen]], scores  # a threshold of 0 lets everything through

    def picks_in_junk(
        self,
        calibration: Calibration,
        threshold: float | None = None,
        min_distance: float | None = None,
    ) -> NDArray[np.intp]:
        """Return which would be picks if the junk did not matter, but lie in it."""
        chosen, _ = replace(self, junk=None).picked(calibration, threshold, min_distance)
        return chosen[self.in_junk[chosen]]

    def picks(
        self,
        calibration: Calibration,
        threshold: float | None = None,
        min_distance: float | None = None,
        *,
        most: int | None = None,
        micrograph: str = "",
    ) -> Picks:
        """Return the picks, best first, at most `most`; the others are those of `picked`."""
        chosen, scores = self.picked(calibration, threshold, min_distance)
        return self._as_picks(micrograph, scores, chosen[:most])

    def scored(self, calibration: Calibration, *, micrograph: str = "") -> Picks:
        """Return every candidate with its calibrated score, best first."""
        scores = self.scores(calibration)
        return self._as_picks(micrograph, scores, np.argsort(-scores, kind="stable"))

    def _as_picks(self, micrograph: str, scores: Floats, keep: NDArray[np.intp]) -> Picks:
        sizes = np.full(len(keep), self.diameter_px)
        spread = None if self.disagreement is None else self.disagreement[keep]
        found = Picks(micrograph, self.coords[keep], scores[keep], sizes, uncertainties=spread)
        return found.made_by("model")


def find_candidates(
    maps: NDArray[np.float32],
    scale: Scale,
    *,
    rim: int,
    weights: Floats | None = None,
    junk: NDArray[np.float32] | None = None,
    border: Border | None = None,
) -> Candidates:
    """Find the candidates of one micrograph in its score maps.

    Parameters
    ----------
    maps
        (members, rows, cols) float32 at the network's scale, widened by `rim` pixels.
    junk
        (rows, cols) as wide, scores of junk; None: the model doesn't know.
    border
        Has no candidates.
    weights
        (members,) of an ensemble, adding up to 1; None: they count alike.
    """
    count = len(maps)
    shares = np.full(count, 1 / count) if weights is None else weights
    mean = maps[0] if count == 1 else np.tensordot(shares.astype(np.float32), maps, 1)
    peaks, raw = find_peaks(mean, scale.network_diameter, rim=rim)
    if border is not None:
        inside = ~border.holds(scale.to_file(peaks), scale.file_shape)
        peaks, raw = peaks[inside], raw[inside]
    spread = None
    if count > 1:
        members = [sample_scores(each, peaks, scale.network_diameter, rim=rim) for each in maps]
        spread = np.std(members, axis=0)
    coords = scale.to_file(peaks)
    near = nearness(coords, raw, scale.diameter_px)
    known = None if junk is None else junk_map(junk, scale, rim=rim)
    return Candidates(coords, raw, near, scale.diameter_px, spread, junk=known)
