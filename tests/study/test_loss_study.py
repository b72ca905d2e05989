"""The study of losses: what is easy costs little, what is wrong costs more the surer it is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_unetpick.cli import app
from napari_unetpick.settings import LossSettings
from napari_unetpick.study.losses import CONFIDENCES, SURE, kinds, study_losses


def test_every_loss_is_there_and_cross_entropy_is_right():
    study = study_losses(LossSettings())
    assert list(study.table) == list(kinds()) == ["bce", "focal", "dice", "combined", "pu"]
    # every pixel of the easy and of the empty example gets SURE of what is true
    for name in ("easy", "empty"):
        assert study.table["bce"][name] == pytest.approx(-math.log(SURE))
    combined = study.table["combined"]["hard"]
    parts = 0.7 * study.table["focal"]["hard"] + 0.3 * study.table["dice"]["hard"]
    assert combined == pytest.approx(parts)


def test_what_is_hard_costs_more_and_focal_minds_it_most():
    table = study_losses(LossSettings()).table
    assert all(row["hard"] > 2 * row["easy"] for kind, row in table.items() if kind != "pu")
    ratio = {kind: row["hard"] / row["easy"] for kind, row in table.items()}
    assert ratio["focal"] > 20 * ratio["bce"]


def test_curves_fall_for_particles_and_rise_for_inventions():
    study = study_losses(LossSettings())
    for kind in kinds():
        below = np.flatnonzero(CONFIDENCES < SURE)
        assert (np.diff(study.found[kind][below]) < 1e-9).all(), kind
        rising = np.diff(study.invented[kind])
        assert (rising > -1e-9).all(), kind
        if kind != "pu":  # the prior expects that much which nobody marked
            assert study.invented[kind][-1] > study.invented[kind][0], kind


def test_the_command_prints_the_table_and_draws(tmp_path: Path):
    out = tmp_path / "curves.png"
    result = CliRunner().invoke(app, ["losses", "--out", str(out)])
    assert result.exit_code == 0, result.output
    for word in (*kinds(), "easy", "hard", "empty"):
        assert word in result.output
    assert out.read_bytes().startswith(b"\x89PNG")
