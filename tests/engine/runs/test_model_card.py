"""The lines that sum up a model and its picking: counts of one are in the singular."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_unetpick.engine.pick.run import tell_counts
from napari_unetpick.engine.runs.model_card import summarise
from napari_unetpick.export.pick_folder import PickCounts


@pytest.mark.parametrize(
    "count, words", [(1, "1 held-out micrograph,"), (2, "2 held-out micrographs,")]
)
def test_the_summary_counts_the_held_out_micrographs(count: int, words: str):
    card = {
        "calibration": {"threshold": 0.5, "expected_precision": 0.9},
        "validation": {"f1": 0.8, "f1_without_border": 0.85, "micrographs": count},
    }
    assert f"(protocol particle, {words} automatic threshold" in summarise(card)


def test_a_picking_counts_what_it_found():
    job = SimpleNamespace(threshold=0.5, out=Path("out"))
    scorer = SimpleNamespace(calibration=None)
    one = tell_counts(job, scorer, PickCounts(1, 1, 1)).text
    assert one == "1 pick in 1 micrograph at threshold 0.500 (1 candidate), written to out"
    none = tell_counts(job, scorer, PickCounts(1, 2_000, 0)).text
    assert none.startswith("no picks: of 2,000 candidates in 1 micrograph none reaches")
