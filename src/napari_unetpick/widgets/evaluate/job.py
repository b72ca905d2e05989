"""What the Evaluate dock asks and what it gets: the project's picks against truth, in a thread.

The figures are those of the `evaluation` room; here is only gathered what it needs.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_unetpick.errors import InputError, ModelError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.protocols import Protocol
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.io.labels import Labels, labels_hash
from napari_unetpick.io.models import read_card
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.io.training_micrographs import seen_by
from napari_unetpick.picking.scale import EDGE
from napari_unetpick.project.folder import RUNS
from napari_unetpick.project.project import Annotations
from napari_unetpick.widgets.evaluate.false_positives import UnmatchedCandidate, find_unmatched
from napari_unetpick.widgets.evaluate.truth import Own, Truth, find_truth
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.pick_model import MODEL, Chosen
from napari_unetpick.widgets.session.snapshot import Snapshot

Judged = Literal["candidates", "picks"]


@dataclass(frozen=True)
class EvaluationRequest:
    """What is compared with what.

    Parameters
    ----------
    evaluated
        The model's candidates at the current threshold, or the accepted picks.
    truth
        A pick file or folder, or which of the project's own fully labelled micrographs.
    border
        Whether a border of half a diameter is excluded.
    protocol
        Of the headline.
    """

    evaluated: Judged
    truth: Own | Path
    border: bool = True
    protocol: Protocol = "particle"


@dataclass(frozen=True)
class Answer:
    """An evaluation, the candidates that may be missed particles, and a caution.

    `caution` says that some of the micrographs trained the model; it is among the notes, too.
    `truth_hash` is that of `io.labels.labels_hash`.
    """

    question: EvaluationRequest
    evaluation: Evaluation
    unmatched: tuple[UnmatchedCandidate, ...] = ()
    caution: str = ""
    truth_hash: str = ""

    @property
    def keys(self) -> list[str]:
        """The micrographs that were scored."""
        return [row.key for row in self.evaluation.micrographs]


def answer(question: EvaluationRequest, snapshot: Snapshot, task: Task) -> Answer:
    """Score the project's picks.

    Raises
    ------
    InputError
        There is nothing to compare, in words that say what to do.
    Cancelled
        The task was stopped.
    """
    if question.evaluated == "picks" and not isinstance(question.truth, Path):
        raise InputError(
            "accepted picks cannot be evaluated against themselves: choose the model's picks, or a "
            "pick file as truth"
        )
    diameter = snapshot.diameter
    if diameter is None:
        raise InputError("the particle diameter is not set: measure it in the Annotate dock first")
    truth = find_truth(question.truth, snapshot, task)
    gather = _accepted if question.evaluated == "picks" else _from_model
    picks, candidates, found, caution = gather(truth, snapshot, diameter, task)
    diameters = {key: truth.images[key].diameter_px(diameter) for key in picks}
    evaluation = evaluate(
        picks,
        {key: truth.picks[key] for key in picks},
        diameters,
        {key: truth.images[key].shape for key in picks},
        {key: EDGE * px for key, px in diameters.items()} if question.border else 0.0,
        question.protocol,
        candidates=candidates,
        areas=truth.areas,
        exclusions={
            key: (*snapshot.marks_of(key).exclusions, *truth.exclusions.get(key, ()))
            for key in picks
        },
    )
    return Answer(
        question,
        replace(evaluation, notes=(*filter(None, [caution]), *truth.notes, *evaluation.notes)),
        find_unmatched(evaluation, found),
        caution,
        labels_hash({key: Labels("full", truth.picks[key].coords) for key in picks}),
    )


Gathered = tuple[dict[str, Picks], dict[str, Picks] | None, dict[str, Chosen], str]


def _accepted(truth: Truth, snapshot: Snapshot, diameter: float, task: Task) -> Gathered:
    picks = {}
    for done, key in enumerate(truth.picks):
        task.step(done, len(truth.picks))
        table = snapshot.marks_of(key).picks
        picks[key] = Picks(truth.picks[key].micrograph, table.coords, table.scores)
    return picks, None, {}, ""


def _from_model(truth: Truth, snapshot: Snapshot, diameter: float, task: Task) -> Gathered:
    """Choose among the candidates as the viewer does, but for what the user has marked.

    A candidate where the user has picked is no longer shown, and yet it is what the model found;
    and one in an excluded area may be on a particle outside it.
    """
    picks: dict[str, Picks] = {}
    everything: dict[str, Picks] = {}
    shown: dict[str, Chosen] = {}
    models: dict[str, list[str]] = {}
    for done, key in enumerate(truth.picks):
        task.step(done, len(truth.picks))
        found = snapshot.candidates_of(key)
        if found is None:
            continue
        models.setdefault(found.model, []).append(key)
        marks = snapshot.marks_of(key)
        px = truth.images[key].diameter_px(diameter)
        chosen = snapshot.model.choose_among(found, Annotations(), px)
        name = truth.picks[key].micrograph
        picks[key] = Picks(name, chosen.coords[chosen.above], chosen.scores[chosen.above])
        scores = found.scores(snapshot.model.calibration)
        everything[key] = Picks(name, found.coords, scores)
        shown[key] = snapshot.model.choose_among(found, marks, px)
    if not picks:
        raise InputError(
            f"none of {tell_count(len(truth.picks), 'labelled micrograph')} has been picked yet: "
            "pick in the Pick dock first"
        )
    if unpicked := len(truth.picks) - len(picks):
        truth.notes.append(f"{tell_count(unpicked, 'micrograph')} skipped: not picked yet")
    truth.notes.extend(_about_model(models, snapshot))
    return picks, everything, shown, _about_training(models, snapshot)


def _about_training(models: dict[str, list[str]], snapshot: Snapshot) -> str:
    """Say how many micrographs were used to train the model that picked them, or ""."""
    known, now = 0, snapshot.model
    for name, keys in models.items():
        path, card = now.path, now.card
        if name not in ("", now.name):
            path, card = snapshot.folder / RUNS / name / MODEL, {}
            with suppress(ModelError):  # it is gone: what its run has kept is known
                card = read_card(path)
        known += 0 if path is None else len(seen_by(path, card, keys))
    if not known:
        return ""
    total = sum(map(len, models.values()))
    return (
        f"{known:,} of {tell_count(total, 'micrograph')} used to train the model or to choose its "
        "threshold: these scores are too optimistic"
    )


def _about_model(models: dict[str, list[str]], snapshot: Snapshot) -> list[str]:
    """Say where candidates come from another model, or scores are uncalibrated."""
    notes = []
    now = snapshot.model.name
    others = {name: len(keys) for name, keys in models.items() if now and name != now}
    if others:
        names = ", ".join(sorted(others))
        notes.append(
            f"candidates in {tell_count(sum(others.values()), 'micrograph')} come from {names}, "
            f"not from {now}: pick again to evaluate {now}"
        )
    if snapshot.model.calibration.kind == "rank":
        notes.append(
            "scores are uncalibrated (the model was trained on partial labels), so the calibration "
            "error means little"
        )
    return notes
