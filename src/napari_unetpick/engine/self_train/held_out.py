"""What the acceptance test scores: completely labelled places that no round trains on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.training_set import Item, whole_of
from napari_unetpick.engine.self_train.acceptance import tally_blocks
from napari_unetpick.evaluation.matching import label_candidates
from napari_unetpick.evaluation.metrics import Score
from napari_unetpick.io.labels import Polygon, inside_any
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import SAME_PARTICLE

FEW = 2  # micrographs: up to here blocks of them are resampled
BLOCK = 4  # diameters: a block holds a handful of particles
SPARED = 0.5  # of the labelled particles must be left to train on


@dataclass(frozen=True)
class CheckedPart:
    """The part of a micrograph that is checked: what is held out of it, or some areas."""

    item: Item
    areas: tuple[Polygon, ...] = ()

    def holds(self, coords: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which of (N, 2), pixels of the file, are checked."""
        if self.areas:
            return inside_any(coords, self.areas)
        return (self.item.held_out or whole_of(self.item)).holds(coords)


def parts_to_check(items: list[Item]) -> list[CheckedPart]:
    """Return what was held out of the fully labelled micrographs, or else complete areas.

    The supervised model has trained on the areas, so it has an advantage there: a round that
    passes is none the worse. They check only if they hold at most half of the particles.
    """
    held_out = [i for i in items if i.held_out is not None and i.labels.state == "full"]
    if held_out:
        return [CheckedPart(item) for item in held_out]
    parts = [
        CheckedPart(item, item.labels.complete)
        for item in items
        if item.labels.complete and item.labels.state == "partial" and item.held_out is None
    ]
    inside = sum(int(part.holds(part.item.labels.positives).sum()) for part in parts)
    particles = sum(len(item.labels.positives) for item in items)
    return parts if inside <= (1 - SPARED) * particles else []


def without_areas(item: Item, parts: list[CheckedPart]) -> Item:
    """Return the micrograph without the areas that are checked: no round trains on them."""
    for part in parts:
        if part.areas and part.item.index == item.index:
            labels = item.labels
            return replace(
                item,
                labels=replace(
                    labels,
                    positives=labels.positives[~part.holds(labels.positives)],
                    exclusions=(*labels.exclusions, *part.areas),
                    complete=(),
                ),
            )
    return item


def tally(
    parts: list[CheckedPart], found: dict[int, Candidates], calibration: Calibration
) -> list[Score]:
    """Count hits, picks and truths at the automatic threshold, protocol `particle`.

    The units are micrographs; with one or two of them, blocks of four diameters.

    Parameters
    ----------
    found
        By index of the item.
    """
    units: list[Score] = []
    for part in parts:
        item, candidates = part.item, found[part.item.index]
        diameter, truths = candidates.diameter_px, part.item.labels.positives
        chosen, scores = candidates.picked(calibration)
        chosen = np.sort(chosen)
        coords = candidates.coords[chosen]
        true = label_candidates(coords, scores[chosen], truths, SAME_PARTICLE * diameter)
        counted = part.holds(coords)
        units += tally_blocks(
            coords[counted],
            true[counted],
            truths[part.holds(truths)],
            item.scale.file_shape,
            BLOCK * diameter if len(parts) <= FEW else np.inf,
        )
    return units
