"""The benchmark of self-training: what share of a round's pseudo-labels are particles."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_pseudo_labels_count_against_all_particles_of_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from self_training import true_share

    header = "micrograph,x,y,diameter\n"
    (tmp_path / "picks.csv").write_text(
        header + "a.mrc,100,50,40\na.mrc,200,50,40\nb.mrc,60,60,40\nc.mrc,60,60,40\n"
    )
    taken = tmp_path / "round-1.csv"
    rows = ["a.mrc,119,50", "a.mrc,190,50", "a.mrc,205,50", "b.mrc,60,81"]  # twice one; too far
    taken.write_text("micrograph,x,y,score\n" + "".join(f"{row},0.9\n" for row in rows))
    assert true_share(SimpleNamespace(train_on=str(tmp_path)), taken) == 2 / 4
