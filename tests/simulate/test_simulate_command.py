"""`unetpick simulate` writes a set, and refuses what it cannot do in one line."""

from __future__ import annotations

import pytest

from napari_unetpick.cli.simulate import simulate
from napari_unetpick.errors import InputError


def test_command_writes_the_set_and_says_how_far_it_is(tmp_path, capsys):
    simulate(tmp_path / "set", sample="globule", count=2, seed=3, pixel_size=5.0, size=128)
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert {"globule_0001.mrc", "globule_0002.mrc", "picks.csv", "truth.csv"} <= names
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sample": "banana"}, "contaminated"),
        ({"count": 0}, "count of 0"),
        ({"size": 10}, "two particles"),
        ({"pixel_size": 0.0}, "pixel size of 0"),
    ],
)
def test_command_refuses_before_anything_is_written(tmp_path, options, words):
    arguments = {"sample": "barrel", "count": 1, "seed": 1, "pixel_size": None, "size": None}
    with pytest.raises(InputError, match=words):
        simulate(tmp_path / "set", **(arguments | options))
    assert not (tmp_path / "set").exists()
