"""Losses: values worked out by hand, and gradients that go the right way."""

from __future__ import annotations

import math

import pytest
import torch

from napari_unetpick.engine.nn.losses import (
    JUNK_WEIGHT,
    bce_loss,
    dice_loss,
    focal_loss,
    make_loss,
    pu_loss,
)
from napari_unetpick.settings import LossSettings

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = ["bce", "focal", "dice", "combined", "pu"]
P2 = 1 / (1 + math.exp(-2.0))  # sigmoid(2) = 0.8808


def maps(*values):
    """Each list of numbers as a (1, 1, 1, N) map."""
    return [torch.tensor(v, dtype=torch.float64).view(1, 1, 1, -1) for v in values]


def loss_of(kind, **settings):
    return make_loss(LossSettings(kind=kind, **settings))


def test_cross_entropy_by_hand():
    logits, target, weight = maps([0, 2, -2], [1, 0, 0], [1, 1, 2])
    # ln 2 at the undecided particle; -ln(1 - 0.8808) = 2.1269; -ln 0.8808 = 0.1269, twice
    expected = (math.log(2) - math.log(1 - P2) - 2 * math.log(P2)) / 4
    assert bce_loss(logits, target, weight).item() == pytest.approx(expected)
    assert expected == pytest.approx((0.6931 + 2.1269 + 2 * 0.1269) / 4, abs=1e-4)


def test_focal_by_hand():
    logits, target, weight = maps([0, 2], [1, 0], [1, 1])
    expected = (0.25 * math.log(2) - P2**2 * math.log(1 - P2)) / 2
    assert focal_loss(logits, target, weight).item() == pytest.approx(expected)
    # alpha 0.75 makes the particle count 1.5 times and the background half
    expected = (1.5 * 0.25 * math.log(2) - 0.5 * P2**2 * math.log(1 - P2)) / 2
    assert focal_loss(logits, target, weight, alpha=0.75).item() == pytest.approx(expected)


def test_focal_without_focus_is_cross_entropy():
    torch.manual_seed(0)
    logits, weight = torch.randn(2, 1, 5, 5), torch.rand(2, 1, 5, 5)
    target = (torch.rand(2, 1, 5, 5) < 0.3).float()
    focal = focal_loss(logits, target, weight, gamma=0.0)
    torch.testing.assert_close(focal, bce_loss(logits, target, weight))


def test_dice_by_hand():
    logits, target, weight = maps([2, 0, 0], [1, 0, 1], [1, 1, 0])
    overlap, total = P2, P2**2 + 0.25 + 1
    expected = 1 - (2 * overlap + 1) / (total + 1)
    assert dice_loss(logits, target, weight).item() == pytest.approx(expected)
    sure = maps([50, -50], [1, 0], [1, 1])
    assert dice_loss(*sure).item() == pytest.approx(0, abs=1e-9)


def test_positive_unlabelled_by_hand():
    logits, target, weight = maps([0, 2, -2], [1, 0, 0], [1, 1, 1])
    claimed = -(math.log(1 - P2) + math.log(P2)) / 2  # of the two unmarked pixels
    expected = 0.1 * math.log(2) + claimed - 0.1 * math.log(2)
    assert pu_loss(logits, target, weight, prior=0.1).item() == pytest.approx(expected)
    # more background than the prior allows is already explained: its part stops at 0
    sure = maps([3, -9], [1, 0], [1, 1])
    missed = math.log(1 + math.exp(-3))
    assert pu_loss(*sure, prior=0.1).item() == pytest.approx(0.1 * missed)


def test_positive_unlabelled_forgives_what_the_prior_expects():
    """A particle nobody marked pulls the network down less than under cross-entropy."""
    slopes = {}
    for kind in ("bce", "pu"):
        logits, target, weight = maps([2, 2, -2, -2], [1, 0, 0, 0], [1, 1, 1, 1])
        logits.requires_grad_()
        loss_of(kind, pu_prior=0.25)(logits, target, weight).backward()
        marked, unmarked = -logits.grad.flatten()[0], logits.grad.flatten()[1]
        slopes[kind] = (marked / unmarked).item()
    assert slopes["pu"] > 2 * slopes["bce"]


def test_combined_is_the_weighted_sum():
    torch.manual_seed(1)
    logits, weight = torch.randn(2, 1, 6, 6), torch.rand(2, 1, 6, 6)
    target = (torch.rand(2, 1, 6, 6) < 0.3).float()
    parts = {kind: loss_of(kind)(logits, target, weight) for kind in ("focal", "dice")}
    combined = loss_of("combined", focal_weight=0.7, dice_weight=0.3)(logits, target, weight)
    torch.testing.assert_close(combined, 0.7 * parts["focal"] + 0.3 * parts["dice"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_down_the_gradient_raises_particles_and_lowers_background(kind):
    logits, target, weight = maps([0.3, 0.3, -1, -1], [1, 0, 1, 0], [1, 1, 1, 1])
    logits.requires_grad_()
    loss_of(kind)(logits, target, weight).backward()
    slope = logits.grad.flatten()
    assert (slope[[0, 2]] < 0).all()
    assert (slope[[1, 3]] > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_ignored_pixels_have_no_say_at_all(kind):
    torch.manual_seed(2)
    logits = torch.randn(2, 1, 8, 8, requires_grad=True)
    target = (torch.rand(2, 1, 8, 8) < 0.3).float()
    weight = (torch.rand(2, 1, 8, 8) < 0.6).float()
    loss = loss_of(kind)(logits, target, weight)
    loss.backward()
    assert (logits.grad[weight == 0] == 0).all()
    assert (logits.grad[weight > 0] != 0).all()
    other = torch.where(weight == 0, torch.full_like(logits, 30.0), logits)
    torch.testing.assert_close(loss_of(kind)(other, target, weight), loss)
    torch.testing.assert_close(loss_of(kind)(logits, 1 - target, weight * 0), loss * 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_without_particles_is_finite_and_still_teaches(kind):
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    loss = loss_of(kind)(logits, torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8))
    loss.backward()
    assert 0 < loss.item() < 2
    assert (logits.grad > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_very_sure_network_keeps_finite_gradients(kind, gamma):
    logits = torch.tensor([200.0, -200.0, 200.0, -200.0]).view(1, 1, 1, 4).requires_grad_()
    target = torch.tensor([1.0, 0.0, 0.0, 1.0]).view(1, 1, 1, 4)
    loss = loss_of(kind, focal_gamma=gamma)(logits, target, torch.ones(1, 1, 1, 4))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_easy_pixels_count_little():
    easy, hard = (maps([x], [1], [1]) for x in (math.log(9), 0.0))  # p_t 0.9 and 0.5
    assert (focal_loss(*easy) / bce_loss(*easy)).item() == pytest.approx(0.01)
    assert (focal_loss(*hard) / bce_loss(*hard)).item() == pytest.approx(0.25)


def test_junk_adds_its_cross_entropy():
    logits, target, weight = maps([0, 2], [1, 0], [1, 0])
    junk, wrong = maps([2, 2], [1, 0])
    both = loss_of("bce")(torch.cat([logits, junk], 1), torch.cat([target, wrong], 1), weight)
    expected = math.log(2) + JUNK_WEIGHT * (-math.log(P2) - math.log(1 - P2)) / 2
    assert both.item() == pytest.approx(expected)
    # without a plane of junk, what the second output says has no part in it
    alone = loss_of("bce")(torch.cat([logits, junk], 1), target, weight)
    assert alone.item() == pytest.approx(math.log(2))
