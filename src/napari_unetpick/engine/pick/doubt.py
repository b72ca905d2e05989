"""Whether a micrograph holds particles at all: a second look at one whose picks are doubtful.

A general model finds something everywhere: in noise, in the texture of crystalline ice, in specks.
Three things tell that it isn't particles: nothing scores much; the negative, in which no particle
is, scores too; at half the diameter, where a particle fades, what is smaller doesn't.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_unetpick.engine.data.preprocess import Prepared
from napari_unetpick.engine.pick.ensemble import Scorer
from napari_unetpick.engine.pick.evidence import cover
from napari_unetpick.engine.pick.find_one import find_one
from napari_unetpick.engine.pick.windows import Evidence, look, open_some, thinned
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.scale import SMALLEST_PX

SURE = 0.8
"""Mean score of the picks, their expected precision, from which there is no second look."""
FAINT = 0.35
"""The same, below which there is nothing."""
AS_MUCH = 0.35
"""Evidence in the negative for that in the image above which what is found is noise."""
FADES = 1.7
"""How much stronger the evidence is, at least, than at half the diameter if it is particles."""
ACROSS = 40.0
"""Window at half the diameter, in its diameters."""


def nothing_here(
    scorer: Scorer,
    micrograph: Micrograph,
    prepared: Prepared,
    found: Candidates,
    *,
    negative: bool,
    mapped: bool = True,
    check_stop: Callable[[], None] = lambda: None,
) -> bool:
    """Tell whether what was found in a micrograph, or in its negative, is no particles."""
    scores = thinned(found, scorer)
    picks = scores[scores >= scorer.calibration.threshold]
    if not len(picks) or picks.mean() >= SURE:
        return False
    if picks.mean() < FAINT:
        return True
    area = float(np.prod(prepared.scale.file_shape)) / found.diameter_px**2
    evidence = cover([Evidence(scores, area)])
    decoys = thinned(find_one(scorer, prepared, check_stop, negative=not negative), scorer)
    if cover([Evidence(decoys, area)]) > AS_MUCH * evidence:
        return True
    if found.diameter_px / 2 < SMALLEST_PX:
        return False
    half = look(
        scorer,
        open_some([micrograph], prepared.pixel_size, mapped=mapped)[0],
        found.diameter_px / 2 * prepared.pixel_size,
        negative=negative,
        across=ACROSS,
        check_stop=check_stop,
    )
    return cover([half]) * FADES >= evidence
