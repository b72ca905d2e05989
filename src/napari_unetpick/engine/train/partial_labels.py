"""Training with partial labels alone: clicks say what a particle is, nothing says what is none.

How many picks a micrograph holds, and which unmarked places are particles, is estimated before the
network that is kept is trained: by cross-fitting, or, where training starts from a model that
knows these micrographs, by that model's picks as the user has corrected them. Folds that start
from such a model would not be held out from anything.

Particles that nobody clicked should not count as background, least of all where they lie close:
most of what scores like the clicks is learned as a particle, the doubtful is ignored.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_unetpick.engine.nn.unet import between
from napari_unetpick.engine.pick.ensemble import is_general, read_card
from napari_unetpick.engine.runs.model_card import card_of
from napari_unetpick.engine.self_train.pseudo_labels import (
    PseudoLabels,
    cross_labels,
    limits_of_picks,
    make_pseudo_labels,
    with_pseudo_labels,
)
from napari_unetpick.engine.train import cross_fitting as partial
from napari_unetpick.engine.train.job import Training
from napari_unetpick.engine.train.loop import Weights
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.stage import (
    candidates_of,
    ready_network,
    run_stage,
    start_weights,
)
from napari_unetpick.engine.train.threshold_transfer import (
    ANY,
    CLICKS_ALONE,
    rules_for_neighbours,
    transfer_threshold,
)
from napari_unetpick.events import Event, Message
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.training_micrographs import name_hash
from napari_unetpick.picking.adaptation import Scored, as_set, read_adaptation
from napari_unetpick.picking.calibration import Calibration


@dataclass(frozen=True)
class PickEstimate:
    """What is known before the network that is kept is trained.

    Parameters
    ----------
    picks, deviation
        A micrograph, and the standard deviation that the clicks leave; 0 where it is not known.
    recall
        Of the particles, at that number; None where it is not known.
    pseudo
        By index of the item: unmarked places that are certainly or perhaps particles.
    words
        How the number came about.
    between
        The least and the largest number of picks a micrograph that may be made.
    doubt
        Why the clicks cannot tell, None where they can.
    neighbours
        How near picks may be, and what that costs of their scores.
    """

    picks: float
    deviation: float
    recall: float | None
    pseudo: dict[int, PseudoLabels]
    words: str
    between: tuple[float, float] = ANY
    doubt: str | None = None
    neighbours: Calibration = CLICKS_ALONE


def train_on_clicks(training: Training) -> Generator[Event, None, tuple[dict[str, Any], Weights]]:
    """Estimate how many picks there are, then train on all clicks; return card and weights."""
    settings = training.job.settings
    if fine_tunes(training):
        estimate = estimate_from_start(training)
    else:
        yield Message(
            "partial labels: precision cannot be measured; the threshold comes from held-out clicks"
        )
        estimate = yield from cross_fit(training)
        added = sum(len(each.positives) for each in estimate.pseudo.values())
        yield Message(
            f"{added:,} unlabelled {'particle' if added == 1 else 'particles'} added to training"
        )
    weights = yield from run_stage(
        training,
        "training",
        number=0,
        items=[with_pseudo_labels(i, estimate.pseudo[i.index]) for i in training.items],
        epochs=max(1, round(final_share(training) * settings.train.epochs)),
        target=replace(settings.target, unknown_weight=PARTIAL_LABELS.clean_weight),
        ignored={index: each.ignored for index, each in estimate.pseudo.items()},
        rate=training.rate,
    )
    if fine_tunes(training):
        back = PARTIAL_LABELS.general_back if starts_general(training) else PARTIAL_LABELS.back
        weights = between(start_weights(training) or {}, weights, back)
    network = ready_network(training, weights)
    found = [candidates_of(training, network, item) for item in training.items]
    threshold = transfer_threshold(
        found, estimate.picks, estimate.deviation, estimate.between, estimate.neighbours
    )
    calibration = replace(estimate.neighbours, threshold=threshold, expected_recall=estimate.recall)
    picks = partial.picks_at(found, calibration)
    every = ", all there are" if picks < estimate.between[0] else ""
    yield Message(
        f"threshold: {tell_count(round(picks), 'pick')} per micrograph{every} ({estimate.words})"
    )
    if estimate.doubt:
        yield Message(estimate.doubt, "warning")
    return card_of(training, calibration), weights


def share_of_epochs(training: Training) -> float:
    """Return how many times the recipe's epochs the whole training takes."""
    folds = 0 if fine_tunes(training) else len(partial.make_folds(training.items))
    return folds * PARTIAL_LABELS.fold_share + final_share(training)


def final_share(training: Training) -> float:
    """Return how many times the recipe's epochs the network that is kept takes."""
    shares = PARTIAL_LABELS
    return shares.general_share if starts_general(training) else shares.final_share


def cross_fit(training: Training) -> Generator[Event, None, PickEstimate]:
    """Score each micrograph by a network that has not seen its clicks."""
    settings, folds = training.job.settings, []
    for number, items in enumerate(partial.make_folds(training.items)):
        weights = yield from run_stage(
            training,
            partial.cross_fit_name(number),
            number=number + 1,
            items=[item for item in items if item.trains],
            epochs=max(1, round(PARTIAL_LABELS.fold_share * settings.train.epochs)),
            rate=training.rate,
        )
        network = ready_network(training, weights)
        held = [item for item in items if item.held_out is not None]
        folds.append([(item, candidates_of(training, network, item)) for item in held])
    pairs = partial.on_one_scale(folds)
    held_out = partial.gather(pairs)
    chosen = partial.threshold_from_clicks(held_out, np.random.default_rng(settings.train.seed))
    pseudo = cross_labels(pairs, replace(settings.self_train, limits="quantiles"), 1)
    if not settings.train.learn_unmarked:
        pseudo = {index: each.ignored_alone() for index, each in pseudo.items()}
    return PickEstimate(
        picks=chosen.picks,
        deviation=(chosen.high - chosen.low) / 4,  # of a 95 % interval
        recall=chosen.recall,
        pseudo=pseudo,
        words=(
            f"95 % interval {chosen.low:.0f} to {chosen.high:.0f}; "
            f"{100 * chosen.recall:.0f} % of {len(held_out.clicks)} held-out clicks are "
            "picked"
        ),
        between=(max(chosen.low, len(held_out.clicks) / held_out.micrographs), chosen.high),
        doubt=chosen.doubt,
    )


def fine_tunes(training: Training) -> bool:
    """Tell whether training starts from the general model, or one of clicks in most of these."""
    start = training.job.start
    if starts_general(training):
        return True
    if start is None or start.card.get("calibration", {}).get("kind") != "rank":
        return False
    known = set(start.card["training"].get("names", []))
    keys = [name_hash(item.micrograph.key) for item in training.items]
    return 2 * sum(key in known for key in keys) > len(keys)


def starts_general(training: Training) -> bool:
    """Tell whether training starts from the general model."""
    start = training.job.start
    return start is not None and is_general(start)


def estimate_from_start(training: Training) -> PickEstimate:
    """Take the picks of the model that training starts from, as the user has corrected them.

    Nobody shows every mistake, nor as many of each kind as there are: what was missed and what was
    rejected count half, and what is unmarked among the picks, or scores little lower, is ignored.
    There are no fewer picks than marks.
    """
    start, weights = training.job.start, start_weights(training)
    assert start is not None
    assert weights is not None
    _, calibration, _ = read_card("the model to start from", start)
    network = ready_network(training, weights)
    pseudo, corrected = {}, np.zeros(3, dtype=np.int64)
    every = [candidates_of(training, network, item) for item in training.items]
    if (adaptation := read_adaptation(start.card, "the model to start from")) is not None:
        decoys = (candidates_of(training, network, i, negative=True) for i in training.items)
        shapes = (item.scale.file_shape for item in training.items)
        scored = [Scored(*each) for each in zip(every, decoys, shapes, strict=True)]
        calibration = adaptation.calibrate(as_set(scored, calibration.min_distance), calibration)
    for item, found in zip(training.items, every, strict=True):
        corrected += partial.correct_picks(item, found, calibration)
        distance = calibration.min_distance
        limits = limits_of_picks(found, calibration.raw_at(calibration.threshold), distance)
        pseudo[item.index] = make_pseudo_labels(item, found, limits, distance)
    kept, missed, rejected = corrected.tolist()
    return PickEstimate(
        picks=max(
            (kept + PARTIAL_LABELS.corrections * (missed + rejected)) / len(training.items),
            partial.marks_a_micrograph(training.items),
        ),
        deviation=0.0,
        recall=calibration.expected_recall,
        pseudo=pseudo,
        words=f"from the previous model, corrected for {missed} missed and {rejected} rejected "
        "particles",
        neighbours=rules_for_neighbours(calibration),
    )
