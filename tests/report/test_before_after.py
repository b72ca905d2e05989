"""Two models on one page: planted counts come out as figures, and a loss is shown as a loss."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.evaluation.evaluate import evaluate
from napari_unetpick.io.picks import Picks
from napari_unetpick.report.pages.before_after import (
    before_after_sections,
    before_after_tiles,
    meanings,
    middle_key,
    side_by_side,
)
from napari_unetpick.study.compare.delivered import compare_delivered

D = 20.0
SHAPE = (200, 200)
KEYS = ("a", "b", "c")
PLACES = np.array([[50.0, 50.0], [50.0, 150.0], [150.0, 50.0], [150.0, 150.0]])
TRUTH = {key: Picks(key, PLACES) for key in KEYS}


def evaluated(false: dict[str, int], missed: int = 0):
    """All particles but `missed` are picked on each micrograph, and `false` other places."""
    wrong = np.array([[100.0, 20.0 + 40 * i] for i in range(5)])
    picks = {}
    for key in KEYS:
        coords = np.vstack([PLACES[missed:], wrong[: false[key]]])
        picks[key] = Picks(key, coords, np.linspace(0.9, 0.5, len(coords)))
    return evaluate(picks, TRUTH, D, dict.fromkeys(KEYS, SHAPE))


@pytest.fixture
def found():
    before = evaluated({"a": 0, "b": 4, "c": 2})  # 12 of 18 picks are true
    after = evaluated(dict.fromkeys(KEYS, 0), missed=1)  # 9 of 9, of 12 particles
    return compare_delivered({"general model": before, "fine-tuned model": after})


def test_figures_of_both_by_hand(found):
    table = side_by_side(found, ("none", "2 micrographs"))
    figures = {row[0]: row[1:7] for row in table.rows}
    assert figures["general model"] == ("none", "18", "12", "0.667", "1.000", "0.800")
    assert figures["fine-tuned model"] == ("2 micrographs", "9", "9", "1.000", "0.750", "0.857")
    assert "3 test micrographs, 12 particles; protocol particle" in table.caption
    shown = {each.label: (each.value, each.note) for each in before_after_tiles(found)}
    assert shown["F1, general model"][0] == "0.800"
    assert shown["Precision"] == ("1.000", "before: 0.667")
    assert shown["Picks"] == ("9", "before: 18")


def test_picks_are_compared_as_delivered(found):
    assert [each.choice for each in found.methods] == [None, None]
    assert [each.delivered.f1 for each in found.methods] == pytest.approx([0.8, 0.857], abs=1e-3)
    assert "minus general model: +0.057" in meanings(found)[-1]
    turned = {each.name: each.evaluation for each in reversed(found.methods)}
    assert "minus fine-tuned model: -0.057" in meanings(compare_delivered(turned))[-1]


def test_the_micrograph_of_median_f1_is_shown_by_both(found):
    assert middle_key(found.methods[0]) == "c"
    noise = np.random.default_rng(0).normal(size=SHAPE)
    sections = before_after_sections(found, ("none", "some"), "What.", lambda key: noise, 4.0)
    captions = [each.caption for each in sections[1].pictures]
    assert captions == [
        "general model: 4 true, 2 false, 0 missed",
        "fine-tuned model: 3 true, 0 false, 1 missed",
    ]
