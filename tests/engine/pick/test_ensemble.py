"""Several models as one scorer: their maps, mean and disagreement; foreign models are named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unetpick.engine import devices
from napari_unetpick.engine.nn.unet import build_network, state_of
from napari_unetpick.engine.pick.ensemble import (
    averaged,
    make_scorer,
    mean_calibration,
    member_weights,
)
from napari_unetpick.engine.pick.score_map import RIM
from napari_unetpick.errors import ModelError, UnetPickError
from napari_unetpick.io.models import Model
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.settings import NetworkSettings, Settings, to_dict

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
NETWORK = NetworkSettings(width=4, depth=1, stride=2)


def make_model(seed=0, calibration=None, **settings):
    torch.manual_seed(seed)
    chosen = Settings(network=NETWORK, **settings)
    weights = {k: v.numpy() for k, v in state_of(build_network(NETWORK)).items()}
    card = {
        "settings": to_dict(chosen),
        "diameter": 160.0,
        "calibration": (calibration or Calibration()).to_dict(),
    }
    return Model(weights, card)


def image():
    return np.random.default_rng(0).normal(0, 1, (40, 52)).astype(np.float32)


def test_each_member_gives_its_own_map():
    first, second = make_model(1), make_model(2)
    alone = [make_scorer([("m", model)], CPU).score(image())[0] for model in (first, second)]
    both = make_scorer([("a", first), ("b", second)], CPU).score(image())[0]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    np.testing.assert_allclose(both, [alone[0][0], alone[1][0]], atol=1e-6)


def test_candidates_carry_the_mean_of_the_members_and_how_far_they_are_apart(monkeypatch):
    """One member sees both discs at 0.8, the other the second one alone, at 0.6."""
    from napari_unetpick.engine.data.preprocess import Prepared
    from napari_unetpick.engine.pick.ensemble import Scorer
    from napari_unetpick.engine.pick.find_one import find_one
    from napari_unetpick.picking.scale import make_scale

    shape = (64 + 2 * RIM, 96 + 2 * RIM)
    row, col = np.mgrid[: shape[0], : shape[1]] - RIM
    discs = [np.hypot(row - 32, col - at) < 8 for at in (24, 72)]
    maps = np.stack([0.8 * (discs[0] | discs[1]), 0.6 * discs[1]]).astype(np.float32)
    monkeypatch.setattr(Scorer, "score", lambda *_: (maps, None))
    scorer = make_scorer([("a", make_model(1)), ("b", make_model(2))], CPU)
    scale = make_scale((64, 96), 1.0, 24.0, particle_px=24.0)
    prepared = Prepared(scale, 1.0, np.zeros((64, 96), np.float32))
    found = find_one(scorer, prepared)
    np.testing.assert_allclose(found.coords, [[32, 72], [32, 24]], atol=0.1)
    np.testing.assert_allclose(found.raw, [0.7, 0.4], atol=0.01)
    np.testing.assert_allclose(found.disagreement, [0.1, 0.4], atol=0.01)
    monkeypatch.setattr(Scorer, "score", lambda *_: (maps[:1], None))
    scorer = make_scorer([("a", make_model(1))], CPU)
    alone = find_one(scorer, prepared)
    assert alone.disagreement is None


@pytest.mark.parametrize(("half", "apart"), [(False, 1e-5), (True, 0.01)])
def test_a_scorer_says_what_its_network_says(monkeypatch, half: bool, apart: float):
    monkeypatch.setattr(devices, "computes_in_half", lambda device: half)
    torch.manual_seed(1)
    network = build_network(NETWORK).eval()
    with torch.no_grad():
        wide = torch.from_numpy(np.pad(image(), RIM))[None, None]
        expected = torch.sigmoid(network(wide))[0, 0].numpy()
    scorer = make_scorer([("m", make_model(1))], CPU)
    scores = scorer.score(image())[0][0]
    np.testing.assert_allclose(scores, expected, atol=apart)
    # neighbours can be told apart in half precision, too: peaks are sought among them
    assert len(np.unique(scores)) > 0.5 * len(np.unique(expected))
    assert scorer.diameter == 160.0


def test_calibrations_are_averaged_and_a_rank_makes_it_a_rank():
    members = [
        Calibration("probability", slope=1.0, offset=-1.0, threshold=0.4, min_distance=0.5),
        Calibration("probability", slope=2.0, offset=0.0, threshold=0.6, min_distance=0.7),
    ]
    equal = np.array([0.5, 0.5])
    mean = mean_calibration(members, equal)
    assert (mean.kind, mean.slope, mean.offset, mean.threshold) == ("probability", 1.5, -0.5, 0.5)
    assert mean.min_distance == pytest.approx(0.6)
    assert mean_calibration(members, np.array([0.25, 0.75])).slope == 1.75
    assert mean_calibration([members[0], Calibration("rank")], equal).kind == "rank"
    assert mean_calibration(members[:1], np.ones(1)) == members[0]


def expecting(f1: float | None) -> Calibration:
    return Calibration("rank" if f1 is None else "probability", expected_f1=f1)


def test_a_member_that_errs_more_counts_less():
    weights = member_weights([expecting(0.9), expecting(0.8), expecting(0.9)], same_labels=True)
    np.testing.assert_allclose(weights * (2 + 1 / 64), [1, 1 / 64, 1])
    perfect = member_weights([expecting(1.0), expecting(0.996)], same_labels=True)
    np.testing.assert_allclose(perfect, 0.5)  # one micrograph without a mistake says little


def test_members_count_alike_where_their_f1_cannot_be_compared():
    for members, same in (((0.9, 0.8), False), ((0.9, None), True), ((None, None), True)):
        weights = member_weights([expecting(f1) for f1 in members], same)
        np.testing.assert_allclose(weights, 0.5)


@pytest.mark.parametrize(("data", "weight"), [(("a", "a"), 64 / 65), (("a", "b"), 0.5)])
def test_candidates_follow_the_better_member_of_the_same_labels(monkeypatch, data, weight):
    from napari_unetpick.engine.data.preprocess import Prepared
    from napari_unetpick.engine.pick.ensemble import Scorer
    from napari_unetpick.engine.pick.find_one import find_one
    from napari_unetpick.picking.scale import make_scale

    models = []
    for number, (labels, f1) in enumerate(zip(data, (0.9, 0.8), strict=True)):
        model = make_model(number, expecting(f1))
        models.append((str(number), Model(model.weights, {**model.card, "data": labels})))
    shape = (64 + 2 * RIM, 96 + 2 * RIM)
    row, col = np.mgrid[: shape[0], : shape[1]] - RIM
    disc = (np.hypot(row - 32, col - 24) < 8).astype(np.float32)
    monkeypatch.setattr(Scorer, "score", lambda *_: (np.stack([0.9 * disc, 0.1 * disc]), None))
    scale = make_scale((64, 96), 1.0, 24.0, particle_px=24.0)
    prepared = Prepared(scale, 1.0, np.zeros((64, 96), np.float32))
    found = find_one(make_scorer(models, CPU), prepared)
    np.testing.assert_allclose(found.raw, [0.9 * weight + 0.1 * (1 - weight)], atol=0.01)
    np.testing.assert_allclose(found.disagreement, [0.4], atol=0.01)


def test_members_of_different_scales_do_not_go_together():
    with pytest.raises(ModelError, match="different scales"):
        make_scorer([("a", make_model(1)), ("b", make_model(2, particle_px=32.0))], CPU)


def damaged(kind):
    model = make_model(1)
    weights, card = dict(model.weights), dict(model.card)
    if kind == "missing weight":
        weights.pop("head.weight")
    elif kind == "other shape":
        weights["head.weight"] = np.zeros((1, 9, 1, 1), np.float32)
    elif kind == "foreign weight":
        weights["extra"] = np.zeros(3, np.float32)
    elif kind == "text for a number":
        card["calibration"] = card["calibration"] | {"slope": "steep"}
    elif kind == "impossible F1":
        card["calibration"] = card["calibration"] | {"expected_f1": float("nan")}
    elif kind == "unknown calibration":
        card["calibration"] = card["calibration"] | {"temperature": 2.0}
    elif kind == "unknown setting":
        card["settings"] = card["settings"] | {"magic": 1}
    elif kind == "odd diameter":
        card["diameter"] = None
    else:
        card.pop(kind)
    return Model(weights, card)


@pytest.mark.parametrize(
    "kind",
    [
        "missing weight",
        "other shape",
        "foreign weight",
        "unknown calibration",
        "unknown setting",
        "text for a number",
        "impossible F1",
        "odd diameter",
        "settings",
        "calibration",
        "diameter",
    ],
)
def test_a_model_that_does_not_fit_is_one_line_with_its_name(kind):
    with pytest.raises(UnetPickError, match=r"run7/model\.safetensors") as caught:
        make_scorer([("run7/model.safetensors", damaged(kind))], CPU)
    assert "\n" not in str(caught.value)


def test_a_general_model_knows_no_diameter_and_joins_only_its_like():
    general = make_model(1, upsample=True)
    general.card.update(general=True, diameter=None)
    alone = make_scorer([("g", general)], CPU)
    assert alone.general
    assert alone.diameter is None
    beside = make_scorer([("g", general), ("own", make_model(2, upsample=True))], CPU)
    assert not beside.general
    assert beside.diameter == 160.0
    with pytest.raises(ModelError, match="different scales"):
        make_scorer([("g", general), ("own", make_model(2))], CPU)


def test_scores_of_all_orientations_come_back_to_their_places():
    """What is scored is the image itself, and junk a pixel to the right of a bright spot."""
    images = np.random.default_rng(5).random((3, 20, 31)).astype(np.float32)
    images[:, 8, 12] = 9.0

    def score(turned):
        assert turned.flags.c_contiguous
        return [(each[None], np.roll(each > 5, 1, axis=1).astype(np.float32)) for each in turned]

    for image, (maps, junk) in zip(images, averaged(score, images), strict=True):
        np.testing.assert_allclose(maps[0], image, rtol=1e-6)
        expected = np.zeros_like(image)
        for row, col in ((8, 11), (8, 13), (7, 12), (9, 12)):  # each twice
            expected[row, col] = 0.25
        np.testing.assert_array_equal(junk, expected)
    (maps, junk), *_ = averaged(lambda turned: [(each[None], None) for each in turned], images)
    assert junk is None


def test_a_thorough_scorer_does_not_mind_how_an_image_is_turned():
    square = image()[:, :40]
    scorer = make_scorer([("m", make_model(1))], CPU, thorough=True)
    plain = make_scorer([("m", make_model(1))], CPU)
    upright, turned = (each.score(square)[0][0] for each in (scorer, plain))
    assert np.abs(upright - turned).max() > 1e-3
    rotated = scorer.score(np.ascontiguousarray(np.rot90(square)))[0][0]
    np.testing.assert_allclose(np.rot90(rotated, -1), upright, atol=1e-5)
