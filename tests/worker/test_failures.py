"""Errors as the docks tell them: one line, in words of the docks."""

from __future__ import annotations

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.worker.failures import explain, without_options


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("check --diameter and --pixel-size", "check the diameter and the pixel size"),
        ("choose another --run", "choose another run"),
        ("give a smaller --border (in Angstrom)", "give a smaller border (in Angstrom)"),
        ("no pick above 0.31; lower --threshold", "no pick above 0.31; lower the threshold"),
        ("run--2/model.safetensors -- not there", "run--2/model.safetensors -- not there"),
    ],
)
def test_options_are_named_in_words(said: str, told: str):
    assert without_options(said) == told


def test_an_errors_line_has_none():
    kind, text = explain(InputError("mic.mrc: no pixel size;\ngive it with --pixel-size"), "pick")
    assert (kind, text) == ("input", "mic.mrc: no pixel size; give it with the pixel size")
