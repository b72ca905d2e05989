"""Pseudo-labels of self-training, shown as candidates to accept or reject; no Qt."""

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

SELF_TRAINING = "self-training"  # the `model` of these candidates


def show_pseudo_labels(session: Session, run: Path) -> str:
    """Show pseudo-labels in place of the candidates, from the first on; return a line about them.

    They are a preview: the model's own candidates stay in the project (`Session.end_previews`).

    Raises
    ------
    InputError
        The run has no pseudo-labels, or the file is damaged.
    """
    pseudo = read_pseudo_labels(run)
    if pseudo is None:
        raise InputError(f"No pseudo-labels of {run.name} were kept: self-train it again.")
    pairs = match_names(pseudo.picks, session.project.keys).pairs
    found = {key: pseudo.picks[name] for name, key in pairs.items()}
    if not found:
        raise InputError(f"No micrograph with pseudo-labels of {run.name} is in the project.")
    session.candidates.end_previews()
    for key, picks in found.items():
        session.candidates.put_preview(key, _candidates(picks), 0.0)
    session.browser.go(
        next(key for key in (session.browser.order or session.project.keys) if key in found)
    )
    return _describe(pseudo, found)


def _candidates(picks: Picks) -> Candidates:
    scores = np.ones(len(picks)) if picks.scores is None else picks.scores
    best = np.argsort(-scores, kind="stable")
    diameter = 0.0 if picks.diameters is None else float(picks.diameters[0])
    return Candidates(
        picks.coords[best], scores[best], np.zeros(len(best)), diameter, model=SELF_TRAINING
    )


def _describe(pseudo: RoundPseudoLabels, found: dict[str, Picks]) -> str:
    count = tell_count(sum(map(len, found.values())), "pseudo-label")
    which = f"round {pseudo.number}, which {'was' if pseudo.kept else 'was not'} kept,"
    return (
        f"{count} of {which} on {tell_count(len(found), 'micrograph')}, shown as candidates. Point "
        "at one and press E to accept it or X to reject it, then continue with the next micrograph "
        "in the list. Your own picks are not repeated."
    )
