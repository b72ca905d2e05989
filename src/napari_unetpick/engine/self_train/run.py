"""Self-training: rounds of pseudo-labels and training, each with an acceptance test."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.devices import choose_device, make_deterministic
from napari_unetpick.engine.pick.ensemble import read_card
from napari_unetpick.engine.runs.model_card import card_of
from napari_unetpick.engine.runs.record import Record
from napari_unetpick.engine.self_train import acceptance
from napari_unetpick.engine.self_train.folds import (
    compare_by_clicks,
    compares_by_clicks,
    crossfitted,
    epochs_of_all,
    label_round,
)
from napari_unetpick.engine.self_train.held_out import tally
from napari_unetpick.engine.self_train.job import SelfTrainJob
from napari_unetpick.engine.self_train.messages import describe_end, describe_plan, describe_result
from napari_unetpick.engine.self_train.prepare import prepare_all
from napari_unetpick.engine.self_train.pseudo_labels import PseudoLabels
from napari_unetpick.engine.self_train.state import Round, State, begin, open_state, round_file
from napari_unetpick.engine.self_train.teacher import (
    SelfTraining,
    find_all,
    label_with_best,
    students,
)
from napari_unetpick.engine.timing import seconds_a_step
from napari_unetpick.engine.train import cross_fitting as partial
from napari_unetpick.engine.train.job import ShowNetwork, Training
from napari_unetpick.engine.train.loop import Weights
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.run import calibrate_network, epoch_validation
from napari_unetpick.engine.train.stage import ready_network, run_stage, start_weights
from napari_unetpick.engine.train.threshold_transfer import rules_for_neighbours, transfer_threshold
from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.events import Done, Event, Message, Metrics
from napari_unetpick.io.formats.csv_picks import write_csv
from napari_unetpick.io.models import Model, load_model, save_model
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.occupied import occupied
from napari_unetpick.project.runs import MODEL, pseudo_labels_file

STAGE = 100  # number of round 0: training and cross-fitting draw with smaller numbers


class NoConfidentPicksError(InputError):
    """The supervised model has no confident pick, so there is nothing to learn."""


def self_train(
    job: SelfTrainJob,
    check_stop: Callable[[], None] = lambda: None,
    show_network: ShowNetwork = lambda network: None,
) -> Iterator[Event]:
    """Train a run further on its confident picks; only a better round replaces its model.

    Parameters
    ----------
    check_stop
        Called between steps; raises `Cancelled` to stop. The rounds can then be resumed.
    show_network
        Shown the averaged network between steps, for previews; must not change it.

    Yields
    ------
    Message, Progress, Metrics (each epoch, and each round after its test), Failed, and Done with
    the model's path and card, the rounds, and the number of the round it is (0: supervised).

    Raises
    ------
    InputError, ModelError, EngineError
        With one line that says what to do.
    """
    with occupied(job.train.run):
        yield from _self_train(job, check_stop, show_network)


def _self_train(
    job: SelfTrainJob, check_stop: Callable[[], None], show_network: ShowNetwork
) -> Iterator[Event]:
    device, why = choose_device(job.train.device)
    make_deterministic()
    state, folder = (opened := open_state(job)), opened.folder
    record = Record(folder.path, "self-train")
    wanted = job.train.settings.self_train.rounds
    if state.resumed and not state.open_rounds(job.train.settings.self_train):
        with suppress(UnetPickError):  # a copy of what the checkpoint holds
            folder.save_metrics()
        yield Message(f"the self-training of {folder.path} is already finished; nothing to resume")
        yield finish(job, state)
        return
    yield Message(f"device: {why}")
    source = PatchSource(folder.path / "cache", keep=state.resumed)
    training = Training(
        job.train, folder, source, device, check_stop, state.checkpoint, show_network
    )
    run = SelfTraining(job, state, training)
    left_out = yield from prepare_all(run)
    items = [*training.items, *run.learners]
    begin(job, state, items)
    record.begin(training, items, why, go_on=True)
    folder.log(f"self-training; device: {why}")
    for event in left_out:
        folder.log(f"skipped: {event.reason}")
    step = seconds_a_step(job.train.settings, device)
    for line in describe_plan(
        run, wanted, step, epochs_of_all(run, wanted), compares_by_clicks(run)
    ):
        yield from tell(run, line)
    with record:
        yield from score_supervised(run)
        yield from run_rounds(run)
    source.remove()
    last = finish(job, state)
    results = {name: last.result[name] for name in ("round", "rounds")}
    record.end(folder.history, validation=last.result["card"]["validation"], **results)
    yield last


def run_rounds(run: SelfTraining) -> Generator[Event, None, None]:
    """Run the rounds that are to come, and report the result of each and which model is kept."""
    state, settings = run.state, run.job.train.settings.self_train
    while state.open_rounds(settings):
        done = yield from run_round(run, len(state.rounds) + 1)
        if done is None:
            break
        for line in describe_result(done, state.best, run.parts, state.folder.path):
            yield from tell(run, line, warn=done.decision in ("refused", "undecided"))
        if state.ended(settings) and done.number < settings.rounds:
            yield from tell(run, describe_end(done))


def tell(run: SelfTraining, text: str, *, warn: bool = False) -> Iterator[Message]:
    """Log a line and say it."""
    run.state.folder.log(text)
    yield Message(text, "warning" if warn else "info")


def score_supervised(run: SelfTraining) -> Generator[Event, None, None]:
    """Measure the model that every round is compared with."""
    start, weights = run.job.train.start, start_weights(run.training)
    if start is None or weights is None:
        raise InputError(f"{run.job.train.run}: has no model to start from")
    _, calibration, _ = read_card(str(run.job.supervised), start)
    network = ready_network(run.training, weights)
    items = run.training.items
    found = yield from find_all(run, network, items, "scoring: supervised model")
    run.before = tally(run.parts, found, calibration) if run.parts else None
    if calibration.kind == "rank":
        run.neighbours = rules_for_neighbours(calibration)
    apart = replace(calibration, min_distance=run.neighbours.min_distance)
    picks = partial.picks_at(list(found.values()), apart)
    run.picks = max(picks, partial.marks_a_micrograph(items))


def run_round(run: SelfTraining, number: int) -> Generator[Event, None, Round | None]:
    """Pick with the best model so far, train on its confident picks, test; None: there are none.

    Raises
    ------
    NothingSureError
        The supervised model has no confident pick.
    """
    training = run.training
    if crossfitted(run):
        pseudo = yield from label_round(run, number)
    else:
        pseudo = yield from label_with_best(run, number)
    without = sum(not len(each.positives) for each in pseudo.values())
    if 0 < without < len(pseudo):
        yield from tell(
            run,
            f"round {number}: no confident picks on {without} of "
            f"{tell_count(len(pseudo), 'micrograph')}; the unlabelled ones of them are not "
            "used in this round",
        )
    taken = sum(len(each.positives) for each in pseudo.values())
    if not taken:
        by_quantile = training.job.settings.self_train.limits == "quantiles"
        text = (
            f"round {number}: the model has no confident pick on "
            f"{tell_count(len(run.learners), 'micrograph')}; lower the confidence "
            f"{'quantile' if by_quantile else 'score'}, or label more particles and train again"
        )
        if number == 1:
            training.source.remove()
            raise NoConfidentPicksError(text)
        yield from tell(run, text, warn=True)
        return None
    targets = training.job.settings.target
    weights = yield from run_stage(
        training,
        f"round {number}",
        number=STAGE + number,
        items=students(run, training.items, run.unlabelled, pseudo),
        epochs=run.epochs,
        validate=epoch_validation(training) if run.validated else None,
        target=replace(targets, unknown_weight=PARTIAL_LABELS.clean_weight),
        ignored={index: each.ignored for index, each in pseudo.items()},
    )
    result = yield from run_acceptance_test(run, number, weights, pseudo)
    return result


def run_acceptance_test(
    run: SelfTraining, number: int, weights: Weights, pseudo: dict[int, PseudoLabels]
) -> Generator[Event, None, Round]:
    """Calibrate a round, run the acceptance test, keep its model beside the others."""
    training, state = run.training, run.state
    network = ready_network(training, weights)
    found = yield from find_all(run, network, training.items, f"round {number}: acceptance test")
    apart, clicks = None, None
    if run.validated:
        calibration, apart = calibrate_network(training, network)
    else:
        if compares_by_clicks(run):
            clicks = yield from compare_by_clicks(run, number)
        # a number of picks: scores of two networks cannot be compared
        picks = clicks.picks if clicks else run.picks
        threshold = transfer_threshold(list(found.values()), picks, neighbours=run.neighbours)
        recall = clicks.recall if clicks else None
        calibration = replace(run.neighbours, threshold=threshold, expected_recall=recall)
    result = clicks.result if clicks else acceptance.AcceptanceResult("undecided")
    if run.before is not None:
        rng = np.random.default_rng([training.job.settings.train.seed, STAGE + number])
        result = acceptance.compare_on_labels(run.before, tally(run.parts, found, calibration), rng)
    if not training.job.settings.self_train.gate:
        result = replace(result, decision="ungated")
    done = Round(
        number=number,
        taken=sum(len(each.positives) for each in pseudo.values()),
        ignored=sum(len(each.ignored) for each in pseudo.values()),
        micrographs=sum(bool(len(each.positives)) for each in pseudo.values()),
        **asdict(result),
        teacher=run.teacher_of(number),
    )
    card = card_of(training, calibration, apart)
    card["self_training"] = summary([*state.rounds, done], number)
    write_csv(pseudo_labels_file(state.folder.path, number), run.picks_of(pseudo))
    path = round_file(state.folder.path, number)
    save_model(path, Model({name: value.numpy() for name, value in weights.items()}, card))
    state.add(done, run.epochs)
    yield Metrics(run.epochs, done.figures(), done.name)
    return done


def summary(rounds: list[Round], number: int) -> dict[str, Any]:
    """Return what a card says of the self-training; `round` is the one whose weights it has."""
    return {
        "round": number,
        "rounds": len(rounds),
        "taken": [each.taken for each in rounds],
        "ignored": [each.ignored for each in rounds],
        "verdicts": [each.decision for each in rounds],
    }


def finish(job: SelfTrainJob, state: State) -> Done:
    """Put the best round in the model's place, if one is better than the supervised model."""
    path, best = job.train.run / MODEL, state.best
    if best is not None:
        model = load_model(round_file(job.train.run, best.number))
        model.card["self_training"] = summary(state.rounds, best.number)
        save_model(path, model)
    return Done(
        {
            "model": str(path),
            "card": load_model(path).card,
            "round": best.number if best else 0,
            "rounds": [asdict(each) for each in state.rounds],
        }
    )
