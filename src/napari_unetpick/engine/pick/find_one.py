"""Finding the candidates of one micrograph that is ready for the network."""

from __future__ import annotations

from collections.abc import Callable

from napari_unetpick.engine.data.preprocess import Prepared
from napari_unetpick.engine.pick.ensemble import Scored, Scorer
from napari_unetpick.engine.pick.score_map import RIM
from napari_unetpick.picking.candidates import Candidates, find_candidates


def find_one(
    scorer: Scorer,
    prepared: Prepared,
    check_stop: Callable[[], None] = lambda: None,
    *,
    negative: bool = False,
) -> Candidates:
    """Find the candidates of a preprocessed micrograph, or of its negative."""
    image = -prepared.image if negative else prepared.image
    return candidates_of(scorer, prepared, scorer.score(image, check_stop))


def candidates_of(scorer: Scorer, prepared: Prepared, scored: Scored) -> Candidates:
    """Find the candidates of a preprocessed micrograph that was scored."""
    maps, junk = scored
    return find_candidates(
        maps,
        prepared.scale,
        rim=RIM,
        weights=scorer.weights,
        junk=junk,
        border=prepared.border,
    )
