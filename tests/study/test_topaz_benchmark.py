"""The benchmark against Topaz: both sides' thresholds, found among the peaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.evaluation.inputs.load import load_inputs

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_threshold_of_the_highest_f1_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from topaz_finetune import choose_threshold, score

    particles = ((100, 50), (200, 50), (300, 50), (400, 50))
    rows = [f"a.mrc,{x},{y},40\n" for x, y in particles]
    (tmp_path / "truth.csv").write_text("micrograph,x,y,diameter\n" + "".join(rows))
    places = [*particles, (100, 300), (300, 300)]  # the last two are none
    scores = (0.9, 0.8, 0.7, 0.6, 0.65, 0.5)
    rows = [f"a.mrc,{x},{y},{s}\n" for (x, y), s in zip(places, scores, strict=True)]
    (tmp_path / "picks.csv").write_text("micrograph,x,y,score\n" + "".join(rows))
    inputs = load_inputs(tmp_path / "picks.csv", tmp_path / "truth.csv")
    threshold, f1 = choose_threshold(inputs)
    assert f1 == pytest.approx(2 * 4 / (5 + 4))
    assert 0.5 < threshold <= 0.6
    assert score(inputs, threshold).headline.f1 == pytest.approx(f1)
