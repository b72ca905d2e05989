"""What a self-training took for labels, shown as candidates to accept or reject; no Qt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import match_names
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.runs import RoundPseudoLabels, read_pseudo_labels

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session

TAKEN = "self-training"  # what these candidates are marked as made by


def show_pseudo_labels(session: Session, run: Path) -> str:
    """Put what was taken in the place of the candidates, go to the first; return what to say.

    They are a preview: the model's own candidates stay in the project (`Session.end_previews`).

    Raises
    ------
    InputError
        Nothing is known of it, or the file is damaged.
    """
    taken = read_pseudo_labels(run)
    if taken is None:
        raise InputError(f"It is not known what {run.name} took: self-train it again.")
    pairs = match_names(taken.picks, session.project.keys).pairs
    found = {key: taken.picks[name] for name, key in pairs.items()}
    if not found:
        raise InputError(f"None of the micrographs that {run.name} learned from is in the project.")
    session.candidates.end_previews()
    for key, picks in found.items():
        session.candidates.put_preview(key, _candidates(picks), 0.0)
    session.browser.go(
        next(key for key in (session.browser.order or session.project.keys) if key in found)
    )
    return _words(taken, found)


def _candidates(picks: Picks) -> Candidates:
    scores = np.ones(len(picks)) if picks.scores is None else picks.scores
    best = np.argsort(-scores, kind="stable")
    diameter = 0.0 if picks.diameters is None else float(picks.diameters[0])
    return Candidates(picks.coords[best], scores[best], np.zeros(len(best)), diameter, model=TAKEN)


def _words(taken: RoundPseudoLabels, found: dict[str, Picks]) -> str:
    count = tell_count(sum(map(len, found.values())), "pick")
    what = (
        f"Round {taken.number} was kept. It took {count}"
        if taken.kept
        else f"No round was kept. The last one, round {taken.number}, took {count}"
    )
    return (
        f"{what} on {tell_count(len(found), 'micrograph')}, shown as candidates: with the mouse "
        "over one, E accepts and X rejects it; the list of micrographs leads on. What is already "
        "marked is not shown."
    )
