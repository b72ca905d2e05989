"""`unetpick augmentations`: the cut-out holds the particles, and samples differ from it."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_unetpick.cli import app
from napari_unetpick.errors import InputError
from napari_unetpick.settings import Settings
from napari_unetpick.study.augmentations import SAMPLES, augment_examples

PLACES = np.array([[100.0, 130.0], [150.0, 180.0], [390.0, 400.0]])  # two of them are neighbours


@pytest.fixture
def micrograph(tmp_path: Path) -> Path:
    """Dark discs of 40 px at 4 A/px in noise, with picks.csv beside."""
    y, x = np.mgrid[:480, :512]
    image = np.random.default_rng(0).normal(100, 1, (480, 512))
    for row, col in PLACES:
        image -= 8 * ((y - row) ** 2 + (x - col) ** 2 < 18**2)
    path = tmp_path / "a.b_1.mrc"
    with mrcfile.new(path, data=image.astype(np.float32)) as mrc:
        mrc.voxel_size = 4.0
    lines = [f"a.b_1.mrc,{col},{row},40" for row, col in PLACES]
    (tmp_path / "picks.csv").write_text("\n".join(["micrograph,x,y,diameter", *lines]) + "\n")
    return path


def test_targets_lie_on_the_particles_before_and_after(micrograph: Path) -> None:
    found = augment_examples(micrograph, Settings())
    assert found.images.shape == found.targets.shape == (1 + SAMPLES, 96, 96)
    assert found.diameter == pytest.approx(24, rel=0.05)
    assert "160 A" in found.notes[0], "40 px of 4 A, as the picks say"
    disc = np.pi * (0.2 * 24) ** 2
    assert found.targets[0].sum() == pytest.approx(2 * disc, rel=0.15), "the two neighbours"
    for image, target in zip(found.images, found.targets, strict=True):
        assert image[target > 0].mean() < image.mean() - 0.5, "particles are dark"
    for target in found.targets[1:]:
        assert not np.array_equal(target, found.targets[0])


def test_without_picks_it_is_said_what_was_assumed(micrograph: Path) -> None:
    (micrograph.parent / "picks.csv").unlink()
    found = augment_examples(micrograph, Settings())
    assert "1/20 of the width" in found.notes[0]
    assert "no picks" in found.notes[1]
    assert not found.targets.any()


def test_picks_of_other_micrographs_are_an_error(micrograph: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("micrograph,x,y\nsomething_else.mrc,5,5\n")
    with pytest.raises(InputError, match="something_else"):
        augment_examples(micrograph, Settings(), other)


def test_the_command_draws(micrograph: Path, tmp_path: Path) -> None:
    out = tmp_path / "examples.png"
    result = CliRunner().invoke(app, ["augmentations", str(micrograph), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "6 augmented samples" in result.output
    assert out.read_bytes().startswith(b"\x89PNG")
