"""Suggestions pick the planted odd one out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpick.picking.suggest import Features, suggest, uncertainty


def test_uncertainty_is_one_at_a_half_and_ignores_sure_background() -> None:
    assert uncertainty(np.array([0.5, 0.5])) == pytest.approx(1.0)
    assert uncertainty(np.array([0.5, 1.0])) == pytest.approx(0.5)
    assert uncertainty(np.array([1.0, 0.01, 0.02])) == pytest.approx(0.0)
    assert uncertainty(np.empty(0)) == 0.0


def test_odd_defocus_is_first_and_named() -> None:
    features = [Features(defocus=10_000.0 + 100 * i, labelled=i < 2) for i in range(6)]
    features[4] = Features(defocus=25_000.0)
    found = suggest(features, 1)
    assert [(each.index, each.reason) for each in found] == [(4, "largest defocus yet")]


def test_thick_ice_is_named() -> None:
    features = [Features(brightness=100.0, labelled=True), *[Features(brightness=99.0)] * 3]
    features[2] = Features(brightness=40.0)
    found = suggest(features, 1)[0]
    assert found.index == 2
    assert "thicker ice" in found.reason


def test_doubt_wins_where_micrographs_are_alike() -> None:
    features = [Features(defocus=15_000.0, unsure=0.1, labelled=i == 0) for i in range(5)]
    features[1] = Features(defocus=15_000.0, unsure=0.8)
    found = suggest(features, 1)[0]
    assert (found.index, found.reason) == (1, "the model is uncertain here")


def test_suggestions_spread_over_the_defocus() -> None:
    """Two micrographs at the far end are alike: the second suggestion is not the other one."""
    defocus = [10_000.0, 30_000.0, 30_050.0, 20_000.0]
    features = [Features(defocus=each, labelled=i == 0) for i, each in enumerate(defocus)]
    found = [each.index for each in suggest(features, 2)]
    assert found[0] in (1, 2)
    assert found[1] == 3


def test_rejected_and_labelled_ones_are_never_suggested() -> None:
    features = [Features(labelled=True), Features(open=False), Features()]
    assert [each.index for each in suggest(features)] == [2]
    assert suggest(features[:2]) == []


def test_nothing_labelled_begins_with_a_typical_one() -> None:
    features = [Features(defocus=each) for each in (10_000.0, 20_000.0, 30_000.0)]
    found = suggest(features, 1)[0]
    assert (found.index, found.reason) == (1, "a typical micrograph to start with")


def test_nothing_known_spreads_over_the_list() -> None:
    features = [Features(labelled=i == 0) for i in range(9)]
    found = suggest(features, 2)
    assert [each.index for each in found] == [8, 4]
    assert "list" in found[0].reason
