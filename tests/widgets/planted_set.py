"""What the micrographs of `planted` are like, for tests that count in their pixels."""

import numpy as np

from napari_unetpick.picking.candidates import Candidates

PIXEL_SIZE = 4.0  # A/px
DIAMETER = 80.0  # A: 20 px
SHAPE = (240, 320)


def planted_candidates(session, key, low=6):
    """All true particles: `low` of them score 0.3, the rest 0.9."""
    coords = session.truth[key]
    raw = np.r_[np.full(len(coords) - low, 0.9), np.full(low, 0.3)]
    return Candidates(coords, raw, np.zeros(len(raw)), 20.0, model="run-1")
