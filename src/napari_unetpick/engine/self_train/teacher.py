"""Teacher and students of a self-training: who makes pseudo-labels, who learns from them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from napari_unetpick.engine.data.training_set import Item
from napari_unetpick.engine.nn.unet import UNet
from napari_unetpick.engine.pick.ensemble import read_card
from napari_unetpick.engine.self_train.held_out import CheckedPart, without_areas
from napari_unetpick.engine.self_train.job import SelfTrainJob
from napari_unetpick.engine.self_train.pseudo_labels import (
    PseudoLabels,
    labelled_scores,
    limits_of,
    make_pseudo_labels,
    with_pseudo_labels,
)
from napari_unetpick.engine.self_train.state import State, round_file
from napari_unetpick.engine.train.job import Training
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.stage import candidates_of, ready_network, start_weights
from napari_unetpick.engine.train.threshold_transfer import CLICKS_ALONE
from napari_unetpick.evaluation.metrics import Score
from napari_unetpick.events import Event, Progress
from napari_unetpick.io.models import load_model
from napari_unetpick.io.picks import Picks
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates


@dataclass
class SelfTraining:
    """A self-training as it goes.

    Parameters
    ----------
    training
        Its items are the labelled micrographs, with their true labels.
    learners
        Micrographs that get pseudo-labels: unlabelled and partly labelled ones.
    parts
        What the acceptance test scores; empty where nothing is completely labelled.
    before
        The supervised model on them.
    picks
        How many the supervised model makes in a labelled micrograph.
    neighbours
        How near its picks may be, and what that costs of their scores.
    by_teacher
        Pseudo-labels by round and index, where folds are teachers.
    """

    job: SelfTrainJob
    state: State
    training: Training
    learners: list[Item] = field(default_factory=list)
    parts: list[CheckedPart] = field(default_factory=list)
    before: list[Score] | None = None
    picks: float = 0.0
    neighbours: Calibration = CLICKS_ALONE
    by_teacher: dict[int, dict[int, PseudoLabels]] = field(default_factory=dict)

    @property
    def labelled(self) -> set[int]:
        """Indices of the labelled micrographs."""
        return {item.index for item in self.training.items}

    @property
    def unlabelled(self) -> list[Item]:
        """Micrographs without labels."""
        return [item for item in self.learners if item.index not in self.labelled]

    def teacher_of(self, number: int) -> int:
        """Return the round (0: the supervised model) whose model is the teacher of a round."""
        if number <= len(self.state.rounds):
            return self.state.rounds[number - 1].teacher
        return self.state.best.number if self.state.best else 0

    @property
    def validated(self) -> bool:
        """Whether fully labelled micrographs were held out."""
        return any(part.item.held_out is not None for part in self.parts)

    @property
    def epochs(self) -> int:
        """Epochs of a round."""
        share = 1.0 if self.validated else PARTIAL_LABELS.final_share
        settings = self.training.job.settings
        return settings.self_train.epochs or max(1, round(share * settings.train.epochs))

    def picks_of(self, pseudo: Mapping[int, PseudoLabels]) -> Iterator[Picks]:
        """Return the pseudo-labels as picks of their micrographs."""
        items = {item.index: item for item in (*self.training.items, *self.learners)}
        for index, each in sorted(pseudo.items()):
            if len(each.positives):
                item = items[index]
                diameters = np.full(len(each.positives), item.scale.diameter_px)
                yield Picks(item.micrograph.name, each.positives, each.scores, diameters)


def find_all(
    run: SelfTraining, network: UNet, items: list[Item], stage: str
) -> Generator[Event, None, dict[int, Candidates]]:
    """Find the candidates of several micrographs, by index."""
    found = {}
    for number, item in enumerate(items, 1):
        run.training.check_stop()
        found[item.index] = candidates_of(run.training, network, item)
        yield Progress(stage, number, len(items))
    return found


def label_with_best(
    run: SelfTraining, number: int
) -> Generator[Event, None, dict[int, PseudoLabels]]:
    """Return the pseudo-labels, by index, that the best model so far makes for a round.

    They are held against what it makes of the labelled particles that it was trained on.
    """
    training, best = run.training, run.state.best
    file = round_file(training.folder.path, best.number) if best else run.job.supervised
    weights = run.state.weights(best.number) if best else start_weights(training) or {}
    network = ready_network(training, weights)
    known = [item for item in training.items if item.trains]
    asked = {item.index: item for item in (*known, *run.learners)}
    found = yield from find_all(run, network, list(asked.values()), f"round {number}: picking")
    settings = training.job.settings.self_train
    if settings.limits == "calibrated":
        _, calibration, _ = read_card(str(file), load_model(file))
        found = {
            index: replace(each, raw=each.scores(calibration)) for index, each in found.items()
        }
    distance = run.neighbours.min_distance
    scores = labelled_scores([(item, found[item.index]) for item in known], distance)
    limits = limits_of(scores, settings, number)
    return {i.index: make_pseudo_labels(i, found[i.index], limits, distance) for i in run.learners}


def students(
    run: SelfTraining,
    labelled: list[Item],
    unlabelled: list[Item],
    pseudo: dict[int, PseudoLabels],
) -> list[Item]:
    """Return what a round trains on: all true labels, and the pseudo-labels."""
    items = []
    for item in labelled:
        if item.trains:
            plain = without_areas(item, run.parts)
            own = pseudo.get(item.index)
            items.append(plain if own is None else with_pseudo_labels(plain, own))
    items += [
        with_pseudo_labels(item, pseudo[item.index])
        for item in unlabelled
        if item.trains and item.index in pseudo and len(pseudo[item.index].positives)
    ]
    return items
