"""Numbers of picks from clicks: within their interval and never below the clicks, for any scores.

Each family draws logits of particles and of others; clicks are some of the particles, found or not.
The network that is kept gives scores of its own, from the same family with another separation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from napari_unetpick.engine.train.cross_fitting import (
    ClickThreshold,
    HeldOut,
    gather,
    make_folds,
    on_one_scale,
    picks_at,
    threshold_from_clicks,
)
from napari_unetpick.engine.train.partial_label_settings import PARTIAL_LABELS
from napari_unetpick.engine.train.threshold_transfer import transfer_threshold
from napari_unetpick.io.logits import sigmoid
from napari_unetpick.picking.calibration import Calibration
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.picking.peaks import FLOOR

SEEDS = range(4)
MICROGRAPHS = 3
PLACES = 200.0 * np.stack(np.meshgrid(np.arange(40), np.arange(40)), -1).reshape(-1, 2)
Draw = Callable[[np.random.Generator, float], tuple[np.ndarray, np.ndarray]]


def normal(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Particles and others overlap: no gap."""
    return rng.normal(apart - 1.5, 1, 60), rng.normal(-1.5, 1, 290)


def exponential(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(apart - 2.5, 1, 60), rng.exponential(1.0, 290) - 2.5


def heavy(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """A few scores far above all others, empty places between them."""
    return apart - 1.5 + rng.standard_t(2, 60), rng.standard_t(2, 290) - 1.5


def saturated(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Many scores within 1e-6 of 1, where logits end."""
    return rng.normal(6 * apart, 6, 60), rng.normal(0, 3, 290)


def tied(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Whole logits: a third of all candidates may have one score."""
    return tuple(np.round(each) for each in normal(rng, apart))


def few(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Hardly more candidates than clicks."""
    return rng.normal(apart, 1, 33), rng.normal(0, 1, 4)


def flat(rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """A network hardly trained: all scores nearly equal, though particles come first."""
    return tuple(0.01 * each - 2 for each in normal(rng, apart))


FAMILIES = (normal, exponential, heavy, saturated, tied, few, flat)


def random_clicks(rng: np.random.Generator, particles: np.ndarray, count: int) -> np.ndarray:
    return sigmoid(rng.choice(particles, count, replace=False))


def low_clicks(rng: np.random.Generator, particles: np.ndarray, count: int) -> np.ndarray:
    return sigmoid(np.sort(particles)[:count])


def missed_clicks(rng: np.random.Generator, particles: np.ndarray, count: int) -> np.ndarray:
    return random_clicks(rng, particles, count) * (np.arange(count) % 3 == 0)


CLICKS = (random_clicks, low_clicks, missed_clicks)


@dataclass(frozen=True)
class Drawn:
    """What held-out clicks say, and the candidates of the network that is kept."""

    held_out: HeldOut
    found: list[Candidates]
    particles: np.ndarray


def found_at(raw: np.ndarray) -> Candidates:
    raw = np.sort(raw)[::-1]
    return Candidates(PLACES[: len(raw)], raw, np.zeros(len(raw)), 80.0)


def drawn(family: Draw, clicks: Callable[..., np.ndarray], count: int, seed: int) -> Drawn:
    rng = np.random.default_rng([seed, count])
    apart = rng.uniform(0.5, 3.5)
    particles, others = family(rng, apart)
    marked = clicks(rng, particles, count)
    candidates = sigmoid(np.concatenate([particles, others]))
    held_out = HeldOut(marked * (marked >= FLOOR), candidates[candidates >= FLOOR], MICROGRAPHS)
    particles, others = (sigmoid(each) for each in family(rng, 1.15 * apart))
    scores = np.concatenate([particles, others])
    scores = scores[scores >= FLOOR]
    dealt = rng.permutation(len(scores)) % MICROGRAPHS
    found = [found_at(scores[dealt == number]) for number in range(MICROGRAPHS)]
    return Drawn(held_out, found, particles)


def cases() -> Iterator[Drawn]:
    for family in FAMILIES:
        for clicks in CLICKS:
            for count in (1, 6, 30):
                for seed in SEEDS:
                    yield drawn(family, clicks, count, seed)


@pytest.fixture(scope="module")
def decided() -> list[tuple[Drawn, ClickThreshold]]:
    """All cases, with what their clicks choose."""
    return [(each, decide(each)) for each in cases()]


def decide(each: Drawn) -> ClickThreshold:
    return threshold_from_clicks(each.held_out, np.random.default_rng(0))


def transferred(each: Drawn, chosen: ClickThreshold) -> tuple[float, float, float, float]:
    """Return least, made and most picks a micrograph, and the threshold."""
    held_out = each.held_out
    least = max(chosen.low, len(held_out.clicks) / held_out.micrographs)
    deviation = (chosen.high - chosen.low) / 4
    raw = transfer_threshold(each.found, chosen.picks, deviation, (least, chosen.high))
    return least, picks_at(each.found, Calibration(threshold=raw)), chosen.high, raw


def ties(each: Drawn) -> bool:
    """Tell whether candidates have one score, as picking sees them."""
    raw = np.concatenate([found.raw for found in each.found])
    return len(np.unique(np.round(np.clip(raw, 1e-6, 1 - 1e-6), 6))) < len(raw) - 30


@pytest.mark.slow
def test_the_number_that_clicks_choose_is_in_its_interval_and_no_lower_than_the_clicks(decided):
    for each, chosen in decided:
        held_out = each.held_out
        assert chosen.low <= chosen.picks <= chosen.high
        made = np.count_nonzero(held_out.candidates >= chosen.raw)
        assert made == pytest.approx(MICROGRAPHS * chosen.picks)
        assert made >= min(len(held_out.clicks), len(held_out.candidates))
        assert chosen.recall == np.mean(held_out.clicks >= chosen.raw)
        assert_doubt(chosen, held_out.clicks)


def assert_doubt(chosen: ClickThreshold, clicks: np.ndarray) -> None:
    """Whatever the clicks cannot tell is said in one line."""
    unfound = 2 * np.count_nonzero(clicks) < len(clicks)
    assert (chosen.doubt is not None) == (
        unfound or chosen.high > PARTIAL_LABELS.widest * chosen.low
    )
    if chosen.doubt:
        assert "label one micrograph completely" in chosen.doubt
        assert "\n" not in chosen.doubt


@pytest.mark.slow
def test_the_number_that_is_made_is_in_the_interval_and_no_lower_than_the_clicks(decided):
    """Of equal scores all are picks or none, and no more than all candidates are picked."""
    for each, chosen in decided:
        least, made, most, _ = transferred(each, chosen)
        every = sum(len(found.raw) for found in each.found) / MICROGRAPHS
        assert made >= min(least, every) - 1e-9
        assert made <= most + 1e-9 or ties(each)


@pytest.mark.slow
@pytest.mark.parametrize("family", [normal, exponential, heavy])
def test_an_empty_tail_is_not_a_gap(family: Draw):
    """The cut stays above half of the clicks' number, and costs little of the F1 there."""
    for count in (6, 30):
        for seed in range(15):
            each = drawn(family, random_clicks, count, seed)
            chosen = decide(each)
            _, made, _, raw = transferred(each, chosen)
            assert made >= min(chosen.picks, len(each.found[0].raw)) / 2 - 1
            own = transfer_threshold(each.found, chosen.picks)
            assert f1(each, raw) >= 0.75 * f1(each, own)


def f1(each: Drawn, raw: float) -> float:
    hits = np.count_nonzero(each.particles >= raw)
    picks = sum(np.count_nonzero(found.raw >= raw) for found in each.found)
    return float(2 * hits / (picks + len(each.particles)))


@pytest.mark.parametrize("seed", range(5))
def test_nearly_equal_scores_are_cut_where_the_same_ones_far_apart_are(seed: int):
    """The kernel's least width made one pick of all: the best ratio of smoothed recall to picks."""
    rng = rng_of(seed)
    particles, others = normal(rng, 3.0)
    clicks, candidates = rng.choice(particles, 30), np.concatenate([particles, others])
    numbers = []
    for scale in (1.0, 0.01):
        held_out = HeldOut(sigmoid(scale * clicks), sigmoid(scale * candidates), MICROGRAPHS)
        chosen = threshold_from_clicks(held_out, rng_of(0))
        assert chosen.recall > 0.5
        numbers.append(chosen.picks)
    assert numbers[1] == pytest.approx(numbers[0], rel=0.25)


def test_a_gap_within_the_interval_is_still_found():
    rng = np.random.default_rng(2)
    logits = np.concatenate([rng.normal(3, 1, 60), rng.normal(-4, 1, 84)])  # 60 are particles
    found = [found_at(sigmoid(logits))]
    for picks in (54.0, 66.0):
        raw = transfer_threshold(found, picks, 4.0, (picks - 8, picks + 8))
        assert picks_at(found, Calibration(threshold=raw)) == 60
        raw = transfer_threshold(found, picks, 4.0, (picks - 4, picks + 4))
        assert picks_at(found, Calibration(threshold=raw)) == picks  # the gap is out of bounds


@pytest.mark.parametrize("scores", [[0.3333337], [0.9999999, 0.99999985], [1.0, 1.0, 1.0], [0.2]])
def test_what_is_said_to_be_picked_is_picked_at_the_threshold_as_the_card_has_it(scores):
    found = [found_at(np.array(scores))]
    for picks, deviation in ((0.0, 0.0), (1.0, 0.0), (1.0, 2.0), (9.0, 3.0)):
        raw = transfer_threshold(found, picks, deviation)
        assert picks_at(found, Calibration(threshold=raw)) >= 1


def test_more_clicks_than_candidates_make_all_of_them_picks():
    clicks = np.concatenate([[0.7, 0.4], np.zeros(8)])
    chosen = threshold_from_clicks(HeldOut(clicks, np.array([0.7, 0.5, 0.4]), 1), rng_of(1))
    assert chosen.picks == 3
    assert "2 of 10 held-out clicks are found" in chosen.doubt


def test_clicks_that_can_tell_are_not_doubted():
    rng = rng_of(3)
    particles = rng.normal(2.5, 0.6, 300)
    candidates = sigmoid(np.concatenate([particles, rng.normal(-3, 0.8, 2500)]))
    held_out = HeldOut(random_clicks(rng, particles, 30), candidates, 3)
    assert threshold_from_clicks(held_out, rng).doubt is None


def test_one_scale_keeps_all_candidates_in_their_order(make_item):
    for seed in SEEDS:
        rng = rng_of(seed)
        places = 45.0 * (0.5 + np.stack(np.meshgrid(np.arange(12), np.arange(10)), -1))
        places = places.reshape(-1, 2)
        marked = [places[: rng.integers(1, 12)] for _ in range(3)]
        folds = make_folds([make_item(index, "partial", marked[index]) for index in range(3)])
        held = [
            [
                (
                    f[n],
                    Candidates(
                        places, np.sort(sigmoid(rng.standard_t(1, 120)))[::-1], np.zeros(120), 80.0
                    ),
                )
            ]
            for n, f in enumerate(folds)
        ]
        for (_, after), [(_, before)] in zip(on_one_scale(held), held, strict=True):
            assert ((after.raw > 0) & (after.raw < 1)).all()
            assert (np.diff(after.raw) <= 0).all()
            assert after.coords is before.coords
        assert len(gather(on_one_scale(held)).clicks) == sum(map(len, marked))


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
