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
from napari_unetpick.widgets.evaluate.false_positives import FalsePick, find_false_picks
from napari_unetpick.widgets.evaluate.truth import Own, Truth, find_truth
from napari_unetpick.widgets.qt.workers import Task
from napari_unetpick.widgets.session.pick_model import MODEL, Chosen
from napari_unetpick.widgets.session.snapshot import Snapshot

Judged = Literal["candidates", "picks"]


@dataclass(frozen=True)
class Question:
    """What is compared with what.

    Parameters
    ----------
    judged
        The model's candidates at the current threshold, or the accepted picks.
    truth
        A pick file or folder, or which of the project's own fully labelled micrographs.
    border
        Whether a border of half a diameter is left out.
    protocol
        Of the headline.
    """

    judged: Judged
    truth: Own | Path
    border: bool = True
    protocol: Protocol = "particle"


@dataclass(frozen=True)
class Answer:
    """An evaluation, the candidates that may be particles which the truth misses, a caution.

    `caution` says that the model knew some of the micrographs; it is among the notes, too.
    `truth_hash` is that of `io.labels.labels_hash`.
    """

    question: Question
    evaluation: Evaluation
    false_picks: tuple[FalsePick, ...] = ()
    caution: str = ""
    truth_hash: str = ""

    @property
    def keys(self) -> list[str]:
        """The micrographs that were scored."""
        return [row.key for row in self.evaluation.micrographs]


def answer(question: Question, snapshot: Snapshot, task: Task) -> Answer:
    """Score the project's picks.

    Raises
    ------
    InputError
        There is nothing to compare, in words that say what to do.
    Cancelled
        The task was stopped.
    """
    if question.judged == "picks" and not isinstance(question.truth, Path):
        raise InputError(
            "the accepted picks are the truth here: judge the model's candidates, or choose a "
            "pick file to compare with"
        )
    diameter = snapshot.diameter
    if diameter is None:
        raise InputError("the particle diameter is not set: measure it in Annotate first")
    truth = find_truth(question.truth, snapshot, task)
    gather = _accepted if question.judged == "picks" else _from_model
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
        find_false_picks(evaluation, found),
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
            f"{tell_count(len(truth.picks), 'micrograph')} with truth, but the model has picked "
            "none of them yet: press Pick in the Pick dock first"
        )
    if unpicked := len(truth.picks) - len(picks):
        truth.notes.append(f"{tell_count(unpicked, 'micrograph')} not picked yet: left out")
    truth.notes.extend(_about_model(models, snapshot))
    return picks, everything, shown, _about_training(models, snapshot)


def _about_training(models: dict[str, list[str]], snapshot: Snapshot) -> str:
    """Say of how many micrographs the model whose candidates they have knew the labels, or ""."""
    seen, now = 0, snapshot.model
    for name, keys in models.items():
        path, card = now.path, now.card
        if name not in ("", now.name):
            path, card = snapshot.folder / RUNS / name / MODEL, {}
            with suppress(ModelError):  # it is gone: what its run has kept is known
                card = read_card(path)
        seen += 0 if path is None else len(seen_by(path, card, keys))
    if not seen:
        return ""
    total = sum(map(len, models.values()))
    return (
        f"{seen:,} of these {tell_count(total, 'micrograph')} trained the model, or chose its "
        "threshold: the figures flatter it"
    )


def _about_model(models: dict[str, list[str]], snapshot: Snapshot) -> list[str]:
    """Say where candidates are another model's, or scores are no probabilities."""
    notes = []
    now = snapshot.model.name
    others = {name: len(keys) for name, keys in models.items() if now and name != now}
    if others:
        names = ", ".join(sorted(others))
        notes.append(
            f"the candidates of {tell_count(sum(others.values()), 'micrograph')} are those of "
            f"{names}, not of {now}: pick again to judge {now}"
        )
    if snapshot.model.calibration.kind == "rank":
        notes.append(
            "scores are ranks, not probabilities (the model was trained on partly labelled "
            "micrographs), so the calibration error says little"
        )
    return notes
