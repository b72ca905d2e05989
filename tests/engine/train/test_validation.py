"""What is printed as validation is what `evaluate` would say of the picks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpick.engine.data.training_set import Region
from napari_unetpick.engine.train.validation import score_picks
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates

DIAMETER = 80.0  # px of the file, of `make_item`'s micrographs
CALIBRATION = Calibration(kind="probability", threshold=0.5, min_distance=0.5)


def found_at(places):
    """Candidates from (row, col, raw), best first."""
    table = np.array(sorted(places, key=lambda each: -each[2]), float)
    return Candidates(table[:, :2], table[:, 2], np.zeros(len(table)), DIAMETER)


def test_precision_recall_and_f1_of_hand_made_picks(make_item):
    # truths: found; missed; found off-centre; at the edge, found
    item = make_item(0, positives=[[200, 200], [200, 400], [400, 200], [10, 300]])
    found = found_at(
        [
            (201, 199, 0.9),
            (400, 230, 0.8),  # 30 px off: within half a diameter
            (12, 300, 0.7),  # at the edge
            (500, 100, 0.6),  # no particle
            (215, 200, 0.55),  # a second pick on the first particle, nearer than d/2: thinned
            (200, 400, 0.4),  # below the threshold
        ]
    )
    whole = score_picks([(item, found)], CALIBRATION, 0.0)
    assert whole["precision"] == pytest.approx(3 / 4)
    assert whole["recall"] == pytest.approx(3 / 4)
    assert whole["f1"] == pytest.approx(6 / 8)
    inner = score_picks([(item, found)], CALIBRATION, 0.5)
    assert (inner["precision"], inner["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_only_the_held_out_region_counts(make_item):
    item = replace(make_item(0, positives=[[200, 200], [400, 200]]), held_out=Region(300, 1e9))
    found = found_at([(200, 200, 0.9), (100, 100, 0.9), (400, 200, 0.9)])
    score = score_picks([(item, found)], CALIBRATION, 0.0)
    assert (score["precision"], score["recall"]) == (1.0, 1.0)


def test_no_picks_score_nothing(make_item):
    item = make_item(0, positives=[[200, 200]])
    score = score_picks([(item, found_at([(200, 200, 0.1)]))], CALIBRATION, 0.0)
    assert set(score.values()) == {0.0}
