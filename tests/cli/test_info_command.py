"""`unetpick info`: a model's card in words."""

from __future__ import annotations

from pathlib import Path

from command_line import unetpick

from napari_unetpick.engine.nn.unet import build_network, count_parameters
from napari_unetpick.settings import NetworkSettings


def test_parameters_are_those_that_are_learned(tiny_run: Path):
    done = unetpick("info", tiny_run)
    assert done.returncode == 0, done.stderr
    learned = count_parameters(build_network(NetworkSettings(width=8, depth=2)))
    assert f"width 8, {learned:,} parameters" in done.stdout
