"""The chosen model's calibration, and which candidates it makes picks at the current threshold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_unetpick.errors import ModelError
from napari_unetpick.io.labels import inside_any
from napari_unetpick.io.models import read_card
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.peaks import keep_distant
from napari_unetpick.picking.scale import SAME_PARTICLE
from napari_unetpick.project.project import Annotations
from napari_unetpick.renamed_keys import carry_over

MODEL = "model.safetensors"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """Candidates neither picked, rejected, excluded nor in junk, far enough from each other.

    Parameters
    ----------
    coords
        (N, 2) (row, col), pixels of the file, by descending score.
    scores
        (N,) calibrated scores in [0, 1].
    above
        (N,) whether the score reaches the threshold.
    """

    coords: Floats
    scores: Floats
    above: NDArray[np.bool_]


class PickModel:
    """A model as the viewer knows it: card, calibration and the user's threshold.

    `threshold` and `min_distance` (in diameters) are None while the model's own are used; `adapted`
    is what the calibration became on the micrographs at hand, None where it is the card's.
    """

    def __init__(self) -> None:
        self.adapted: dict[str, Any] | None = None
        self.path: Path | None = None
        self.card: dict[str, Any] = {}
        self.calibration = Calibration()
        self.threshold: float | None = None
        self.min_distance: float | None = None
        self._last: tuple[tuple[Any, ...], tuple[Floats, Floats]] | None = None

    def choose(self, run: Path | None) -> None:
        """Read a run's card (None: no model); threshold and distance go back to the model's.

        Raises
        ------
        ModelError
            The model cannot be read.
        """
        card: dict[str, Any] = {}
        calibration = Calibration()
        if run is not None:
            run = run / MODEL if run.is_dir() else run
            card = read_card(run)
            try:
                calibration = Calibration(**carry_over(card["calibration"], "calibration"))
            except (LookupError, TypeError) as error:
                raise ModelError(
                    f"{run}: the model's card is incomplete; train it again"
                ) from error
        self.path, self.card, self.calibration = run, card, calibration
        self.threshold = self.min_distance = self.adapted = None

    def adapt(self, table: dict[str, Any] | None) -> None:
        """Use a calibration that was found on the micrographs at hand; a damaged one is none."""
        try:
            calibration = Calibration(**(table or {}))
        except TypeError:
            return
        if table:
            self.calibration, self.adapted = calibration, table

    @property
    def name(self) -> str:
        """The run's name, or the file's where it lies in no run folder; "" without a model."""
        if self.path is None:
            return ""
        return self.path.parent.name if self.path.name == MODEL else self.path.stem

    @property
    def general(self) -> bool:
        """Whether it is the general model, which is of no diameter."""
        return bool(self.card.get("general"))

    @property
    def threshold_now(self) -> float:
        """The score from which candidates are picks."""
        return self.calibration.threshold if self.threshold is None else self.threshold

    @property
    def min_distance_now(self) -> float:
        """The minimum distance between picks, in diameters."""
        own = self.calibration.min_distance
        return own if self.min_distance is None else self.min_distance

    def choose_among(
        self,
        found: Candidates,
        marks: Annotations,
        diameter_px: float | None = None,
        preview: float | None = None,
    ) -> Chosen:
        """Score candidates, keep those far enough apart, leave out what the user has decided.

        Thinning goes by descending score, so it is the same for every threshold: moving the
        threshold needs `above` alone. The candidates of a network in training are a preview: the
        model's calibration does not fit them, so they are shown by their raw score from the raw
        threshold `preview` on.
        """
        diameter = diameter_px or found.diameter_px
        threshold = self.threshold_now if preview is None else preview
        coords, scores = self._thin(found, marks, diameter, preview is not None)
        return Chosen(coords, scores, scores >= threshold)

    def _thin(
        self, found: Candidates, marks: Annotations, diameter: float, preview: bool
    ) -> tuple[Floats, Floats]:
        """Return places and scores of what is left; the last answer is kept, several docks ask."""
        question = (found, marks, self.calibration, self.min_distance_now, diameter, preview)
        last = self._last  # once: threads ask as well
        if last is not None and _same(last[0], question):
            return last[1]
        scores = np.clip(found.raw, 0.0, 1.0)
        if not preview:
            scores = found.scores(self.calibration)
        coords, scores = found.coords[~found.in_junk], scores[~found.in_junk]
        keep = keep_distant(coords, scores, self.min_distance_now * diameter)
        coords, scores = coords[keep], scores[keep]
        free = undecided(coords, marks, SAME_PARTICLE * diameter)
        answer = coords[free], scores[free]
        self._last = question, answer
        return answer


def _same(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Tell whether objects are the very same and numbers equal: nobody changes marks in place."""
    return all(
        a == b if isinstance(a, float | bool) else a is b
        for a, b in zip(first, second, strict=True)
    )


def undecided(coords: Floats, marks: Annotations, distance: float) -> NDArray[np.bool_]:
    """Tell which (N, 2) places are not marked within `distance` pixels, nor excluded."""
    free = np.ones(len(coords), dtype=bool)
    if not len(coords):
        return free
    marked = np.concatenate([marks.picks.coords, marks.negatives])
    if len(marked):
        near, _ = scipy.spatial.cKDTree(marked).query(coords, distance_upper_bound=distance)
        free &= ~np.isfinite(near)
    return free & ~inside_any(coords, marks.exclusions)
