"""Micrographs with outlying counts are found, and only those."""

from __future__ import annotations

import numpy as np

from napari_unetpick.picking.outlying import outlying_counts, tell_outlying


def counts(spread: float, **planted: int) -> dict[str, int]:
    rng = np.random.default_rng(3)
    usual = np.exp(np.log(200) + spread * rng.standard_normal(200))
    return {f"m{number}": round(each) for number, each in enumerate(usual)} | planted


def test_planted_counts_are_found_the_farthest_first():
    assert outlying_counts(counts(0.1, empty=0, crowded=900, few=40)) == ["empty", "few", "crowded"]


def test_a_small_deviation_counts_only_beyond_a_factor_of_three():
    assert outlying_counts(counts(0.02, double=400, half=100)) == []


def test_where_counts_vary_much_none_is_outlying():
    assert outlying_counts(counts(0.6, quarter=50, four_times=800)) == []
    assert outlying_counts(dict.fromkeys("abcd", 5) | {}) == []


def test_a_few_are_named_and_the_others_counted():
    said = tell_outlying(counts(0.1, **{f"x{n}": n for n in range(7)}))
    assert "\n" not in said
    assert "median 20" in said
    assert "x0 (0), x1 (1), x2 (2), x3 (3), x4 (4) and 2 others" in said
    assert tell_outlying(counts(0.1)) == ""
