"""Training on clicks: what scores like them, by a network that has not seen them, is learned."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_unetpick.engine.data.training_set import training_centres
from napari_unetpick.engine.self_train.pseudo_labels import PseudoLabels
from napari_unetpick.engine.train import partial_labels as clicks
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.settings import Settings

DIAMETER = 80.0  # px of the file, of `make_item`'s micrographs of 600 x 480
CLICKED = [(100, 100), (300, 100), (500, 100)]
UNMARKED = [(100, 300), (300, 300), (500, 300)]  # particles that nobody clicked
DOUBTFUL = (100, 420)
DIRT = (400, 420)
NOTHING = PseudoLabels(np.empty((0, 2)), np.empty((0, 2)))
SCORES = [0.9, 0.8, 0.6, 0.95, 0.85, 0.82, 0.62, 0.2]


@pytest.fixture
def trained(monkeypatch, make_item):
    """Train on three micrographs with networks that give planted scores; return what they saw."""
    stages = []

    def run_stage(training, name, **given):
        yield from ()
        stages.append((name, given))
        return {}

    def candidates_of(training, network, item):
        places = np.array([*CLICKED, *UNMARKED, DOUBTFUL, DIRT], float)
        order = np.argsort(SCORES)[::-1]
        return Candidates(places[order], np.array(SCORES)[order], np.zeros(len(order)), DIAMETER)

    monkeypatch.setattr(clicks, "run_stage", run_stage)
    monkeypatch.setattr(clicks, "ready_network", lambda training, weights: None)
    monkeypatch.setattr(clicks, "candidates_of", candidates_of)
    monkeypatch.setattr(clicks, "card_of", lambda training, calibration: calibration.to_dict())

    def train(learn_unmarked: bool):
        stages.clear()
        settings = Settings()
        settings = replace(settings, train=replace(settings.train, learn_unmarked=learn_unmarked))
        items = [make_item(index, "partial", CLICKED) for index in range(3)]
        job = SimpleNamespace(settings=settings, start=None)
        list(clicks.train_on_clicks(SimpleNamespace(job=job, items=items, rate=1.0)))
        return stages

    return train


def test_what_scores_like_unseen_clicks_is_learned_and_the_doubtful_ignored(trained):
    stages = trained(learn_unmarked=True)
    assert [name for name, _ in stages] == ["cross-fit 1", "cross-fit 2", "cross-fit 3", "training"]
    final = stages[-1][1]
    for item in final["items"]:
        learned = {tuple(place) for place in item.labels.positives.tolist()}
        assert learned == {*CLICKED, *UNMARKED}
        assert len(training_centres(item)) == 6
        assert final["ignored"][item.index].tolist() == [list(DOUBTFUL)]


def test_cross_fitted_networks_never_see_the_clicks_they_are_asked_about(trained):
    for number, (_, given) in enumerate(trained(learn_unmarked=True)[:3]):
        assert [item.index for item in given["items"]] == [i for i in range(3) if i != number]
        assert all(len(item.labels.positives) == len(CLICKED) for item in given["items"])


def test_without_learning_the_unmarked_they_are_ignored(trained):
    final = trained(learn_unmarked=False)[-1][1]
    for item in final["items"]:
        assert {tuple(place) for place in item.labels.positives.tolist()} == {*CLICKED}
        ignored = {tuple(place) for place in final["ignored"][item.index].tolist()}
        assert ignored == {*UNMARKED, DOUBTFUL}


@pytest.fixture
def asked(trained, monkeypatch):
    """A training that goes on from a model with the planted candidates; its items are to come."""
    calibration = Calibration(kind="rank", threshold=0.5)
    monkeypatch.setattr(clicks, "start_weights", lambda training: {})
    monkeypatch.setattr(
        clicks, "read_card", lambda name, model: (Settings(), calibration, DIAMETER)
    )
    return SimpleNamespace(job=SimpleNamespace(start=SimpleNamespace(card={})))


def test_what_was_missed_and_rejected_counts_half(asked, make_item):
    above, below = 7, 1  # of CLICKED, UNMARKED, DOUBTFUL and DIRT
    negatives = np.array([DOUBTFUL], float)
    asked.items = [make_item(i, "partial", CLICKED, negatives=negatives) for i in range(3)]
    assert clicks.estimate_from_start(asked).picks == above - 1 / 2
    asked.items = [make_item(i, "partial", [*CLICKED, DIRT]) for i in range(3)]
    assert clicks.estimate_from_start(asked).picks == above + below / 2
    asked.items = [make_item(i, "partial", [*CLICKED, DIRT], negatives=negatives) for i in range(3)]
    assert clicks.estimate_from_start(asked).picks == above


def test_going_on_makes_no_fewer_picks_than_there_are_marks(asked, make_item, monkeypatch):
    """The model before picks next to nothing, as one of a bad threshold does."""
    calibration = Calibration(kind="rank", threshold=0.93)
    monkeypatch.setattr(
        clicks, "read_card", lambda name, model: (Settings(), calibration, DIAMETER)
    )
    asked.items = [make_item(i, "partial", [*CLICKED, DIRT]) for i in range(3)]
    assert clicks.estimate_from_start(asked).picks == 4


def said(training, estimate, monkeypatch):
    """Return the messages of a training whose estimate is planted."""

    def cross_fit(training):
        yield from ()
        return estimate

    monkeypatch.setattr(clicks, "cross_fit", cross_fit)
    return list(clicks.train_on_clicks(training))


@pytest.mark.parametrize("between, words", [((2, 8), ""), ((20, 30), ", all there are")])
def test_the_number_that_is_said_is_that_of_the_card(
    trained, make_item, monkeypatch, between, words
):
    trained(learn_unmarked=True)
    items = [make_item(index, "partial", CLICKED) for index in range(3)]
    training = SimpleNamespace(
        job=SimpleNamespace(settings=Settings(), start=None), items=items, rate=1.0
    )
    nothing = dict.fromkeys(range(3), NOTHING)
    estimate = clicks.PickEstimate(
        sum(between) / 2, 1.0, 0.5, nothing, "planted", between, "unsure"
    )
    *_, line, doubt = said(training, estimate, monkeypatch)
    count = 8 if words else 6
    assert line.text == f"threshold: {count} picks per micrograph{words} (planted)"
    assert (doubt.text, doubt.level) == ("unsure", "warning")


def test_going_on_ignores_unmarked_picks_and_what_scores_little_lower(asked, make_item):
    rejected = np.array([DIRT], float)
    asked.items = [
        make_item(0, "partial", CLICKED),
        make_item(1, "partial", CLICKED, negatives=rejected),
    ]
    pseudo = clicks.estimate_from_start(asked).pseudo
    for index, ignored in enumerate([{*UNMARKED, DOUBTFUL, DIRT}, {*UNMARKED, DOUBTFUL}]):
        assert {tuple(place) for place in pseudo[index].ignored.tolist()} == ignored
        assert len(pseudo[index].positives) == 0


def test_going_on_ends_halfway_between_the_weights_before_and_after(trained, monkeypatch):
    used = []
    before = {"weight": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    after = {"weight": torch.tensor([1.0, 4.0]), "count": torch.tensor(7)}

    def run_stage(training, name, **given):
        yield from ()
        return after

    monkeypatch.setattr(clicks, "run_stage", run_stage)
    monkeypatch.setattr(clicks, "ready_network", lambda training, weights: used.append(weights))
    monkeypatch.setattr(clicks, "start_weights", lambda training: before)
    estimate = clicks.PickEstimate(6.0, 0.0, None, dict.fromkeys(range(3), NOTHING), "planted")
    monkeypatch.setattr(clicks, "estimate_from_start", lambda training: estimate)
    monkeypatch.setattr(clicks, "fine_tunes", lambda training: True)
    trained(learn_unmarked=True)
    assert used[-1]["weight"].tolist() == [0.5, 3.0]
    assert int(used[-1]["count"]) == 7
    monkeypatch.setattr(clicks, "fine_tunes", lambda training: False)  # a model of other data
    trained(learn_unmarked=True)
    assert used[-1] is after
