"""Compare models and pick files of other programs on one labelled set.

Every method's threshold is chosen on the same validation micrographs. These are scored with
cross-fitted thresholds or, with `final`, the test micrographs are, and that is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unetpick.errors import InputError
from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.evaluation.figures import figures_of
from napari_unetpick.evaluation.methods import (
    LabelledMicrograph,
    OperatingPoint,
    choose_threshold,
    choose_without_each,
    curve_of,
    f1_differences,
    label_micrograph,
    select_at,
)
from napari_unetpick.evaluation.metrics import Score, pool
from napari_unetpick.evaluation.protocols import match_by_distance
from napari_unetpick.evaluation.results import Evaluation
from napari_unetpick.events import Done, Event, Message, Progress
from napari_unetpick.inspection.correction import AS_IT_IS
from napari_unetpick.io.formats.cryoppp import flip_rows
from napari_unetpick.io.labels import Labels, labels_hash
from napari_unetpick.io.picks import Picks, tell_count
from napari_unetpick.project.evaluations import log_evaluation
from napari_unetpick.study.compare.files import MethodPicks, read_method
from napari_unetpick.study.compare.job import CompareJob
from napari_unetpick.study.compare.pick import pick_part, trained_on
from napari_unetpick.study.compare.question import Question, ask
from napari_unetpick.study.compare.result import ComparisonResult, MethodResult
from napari_unetpick.study.compare.sources import MethodSource

UPSIDE_DOWN = 0.3  # F1 that mirrored rows must gain before it is reported


def compare(job: CompareJob, check_stop: Callable[[], None] = lambda: None) -> Iterator[Event]:
    """Score all methods; only picks of models and the count of evaluations are written.

    Yields
    ------
    The events of picking, and Done with `comparison`, a `ComparisonResult`.

    Raises
    ------
    InputError, ModelError, EngineError
        Something cannot be used.
    Cancelled
        By `check_stop`.
    """
    failed = dict(job.images.failed)
    methods: list[MethodPicks] = []
    for source in job.methods:
        check_stop()
        paths = [source.path]
        if source.kind == "model":
            paths, lost = yield from _pick(job, source, check_stop)
            failed |= lost
        scope, correction = list(job.images.shapes), AS_IT_IS
        if source.kind == "picks":
            correction = job.corrections.of(source.name)
        methods.append(
            read_method(source.name, paths, scope, job.micrographs, job.known, correction)
        )
    question = ask(job, failed)
    results: list[MethodResult] = []
    for number, (source, method) in enumerate(zip(job.methods, methods, strict=True), 1):
        check_stop()
        results.append(score_method(source, method, question))
        yield Progress("scoring", number, len(methods))
    first = results[0]
    results[1:] = [
        replace(each, differences=f1_differences(first.evaluation, each.evaluation, job.seed))
        for each in results[1:]
    ]
    test_evaluation = _count_evaluation(job, question) if job.final else None
    if test_evaluation is not None:
        yield Message(
            f"test-set evaluation number {test_evaluation} on these micrographs, counted in "
            f"{job.evaluations_folder}"
        )
    found = ComparisonResult(
        part=job.part,
        methods=tuple(results),
        validation=len(question.validation),
        seed=job.seed,
        test_evaluation=test_evaluation,
        failed=failed,
        notes=(*job.notes, *_notes(question)),
    )
    yield Done({"comparison": found})


def score_method(source: MethodSource, method: MethodPicks, question: Question) -> MethodResult:
    """Choose a method's thresholds on validation and score it; without scores, as it is.

    Raises
    ------
    InputError
        It has scores, but no picks on validation micrographs.
    """
    delivered = _score_distance(method.delivered, question)
    notes = [*method.notes, *_unpicked(source.name, method, question)]
    if text := _upside_down(source.name, method.delivered, delivered, question):
        notes.append(text)
    seen = trained_on(source, question.scored)
    known = [] if question.crosswise else trained_on(source, question.validation)
    if known:
        notes.append(
            f"its threshold was chosen on {tell_count(len(known), 'micrograph')} that it was "
            f"trained on (such as {known[0]}), and may be too high or too low for others"
        )
    result = MethodResult(
        name=source.name,
        kind=source.kind,
        evaluation=_evaluate(method.delivered, question),
        figures={},
        delivered=delivered,
        leak=_leak(source.name, seen, question) if seen else None,
        notes=tuple(notes),
    )
    if method.candidates is not None:
        result = _at_thresholds(result, method.candidates, method.everything, question)
    return replace(result, figures=figures_of(result.evaluation))


def _unpicked(name: str, method: MethodPicks, question: Question) -> list[str]:
    """Say on which micrographs a method has no picks at all."""
    rows = method.delivered if method.candidates is None else method.candidates
    lacking = {
        what: [key for key in keys if not len(rows.get(key, ()))]
        for what, keys in (("validation", question.validation), ("scored", question.scored))
    }
    if method.candidates is not None and len(lacking["validation"]) == len(question.validation):
        raise InputError(
            f"{name}: has no picks on validation micrographs, so no threshold can be "
            f"chosen; pick those, too (such as {question.validation[0]})"
        )
    if question.crosswise or method.candidates is None:
        del lacking["validation"]
    return [
        f"no picks on {tell_count(len(keys), f'{what} micrograph')} (such as {keys[0]})"
        for what, keys in lacking.items()
        if keys and any(len(question.truth[key]) for key in keys)
    ]


def _leak(name: str, seen: Sequence[str], question: Question) -> str:
    return (
        f"leak: {name} was trained on {len(seen)} of the {len(question.scored)} scored "
        f"micrographs (such as {seen[0]}): its scores are too optimistic"
    )


def _at_thresholds(
    result: MethodResult, candidates: Mapping[str, Picks], everything: bool, question: Question
) -> MethodResult:
    """Score the candidates at the thresholds that validation chooses."""
    micrographs = {
        k: label_micrograph(pair, candidates.get(k)) for k, pair in question.pairs.items()
    }
    validation: Sequence[LabelledMicrograph] = [micrographs[key] for key in question.validation]
    choice = choose_threshold(validation)
    folds: tuple[OperatingPoint, ...] = ()
    chosen = dict.fromkeys(question.scored, choice)
    if question.crosswise:
        folds = tuple(choose_without_each(validation))
        chosen = dict(zip(question.validation, folds, strict=True))
    picks = {key: select_at(micrographs[key], each) for key, each in chosen.items()}
    return replace(
        result,
        evaluation=_evaluate(picks, question),
        choice=choice,
        folds=folds,
        curve=curve_of([micrographs[key] for key in question.scored], choice, everything),
    )


def _evaluate(picks: Mapping[str, Picks], question: Question) -> Evaluation:
    return evaluate(
        {key: replace(picks[key], scores=None) for key in question.scored if key in picks},
        {key: question.truth[key] for key in question.scored},
        question.diameters,
        question.shapes,
        question.border_px,
        exclusions=question.excluded,
        seed=question.seed,
    )


def _score_distance(picks: Mapping[str, Picks], question: Question) -> Score:
    """Score picks on the scored micrographs by the protocol `particle`."""
    scores = []
    for key in question.scored:
        coords = picks[key].coords if key in picks else np.empty((0, 2))
        scores.append(match_by_distance(question.pairs[key].with_picks(coords)).score)
    return pool(scores)


def _upside_down(
    name: str, picks: Mapping[str, Picks], score: Score, question: Question
) -> str | None:
    """Say where picks would fit with their rows counted from the other end."""
    turned = {key: flip_rows(each, question.shapes[key][0]) for key, each in picks.items()}
    other = _score_distance(turned, question)
    if other.f1 < score.f1 + UPSIDE_DOWN:
        return None
    return (
        f"its picks seem to be upside down: F1 is {score.f1:.3f} as delivered and "
        f"{other.f1:.3f} with the rows mirrored; give --orientation {name}=flip-y"
    )


def _pick(
    job: CompareJob, source: MethodSource, check_stop: Callable[[], None]
) -> Generator[Event, None, tuple[list[Path], dict[str, str]]]:
    """Let a model pick the validation micrographs and, if they are scored, the test ones."""
    paths: list[Path] = []
    failed: dict[str, str] = {}
    parts = {"validation": job.validation, **({"test": job.test} if job.final else {})}
    for part, keys in parts.items():
        usable = [key for key in keys if key in job.images.shapes]
        if usable:
            folder, lost = yield from pick_part(job, source, part, usable, check_stop)
            paths.append(folder)
            failed |= lost
    return paths, failed


def _count_evaluation(job: CompareJob, question: Question) -> int:
    truth = {key: Labels("full", question.truth[key].coords) for key in question.scored}
    names = [source.name for source in job.methods]
    return log_evaluation(job.evaluations_folder, names, labels_hash(truth), question.scored)


def _notes(question: Question) -> list[str]:
    """Say how thresholds were chosen."""
    count = tell_count(len(question.validation), "validation micrograph")
    if not question.crosswise:
        return [f"thresholds and minimum distances were chosen on {count}, which are not scored"]
    if len(question.validation) == 1:
        return [
            (
                "thresholds were chosen on the one micrograph that is scored: scores are too "
                "optimistic; give more validation micrographs"
            )
        ]
    return [
        (
            f"thresholds and minimum distances are cross-fitted: each of {count} is scored at "
            "those chosen on the others"
        )
    ]
