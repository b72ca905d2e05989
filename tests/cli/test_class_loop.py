"""One round of the class loop: junk that a model picks is gone after its classes are rejected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import unetpick

from napari_unetpick.classes.labels import write_class_labels
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.formats.csv_picks import read_csv, write_csv
from napari_unetpick.io.picks import Picks
from planted_kinds import write_planted

RECIPE = """\
[network]
width = 8
depth = 2
[train]
epochs = 6
patches_per_epoch = 160
batch = 8
patch_px = 64
"""
WRONG = 0.1  # of each kind in the wrong class


def run(*arguments: object) -> None:
    done = unetpick(*arguments)
    assert done.returncode == 0, done.stderr


def shares(picks: Path, places: dict[str, np.ndarray], kinds: dict[str, np.ndarray]):
    """Return the share of junk (kind 0) among the picks, and the recall of particles (kind 1)."""
    found = read_csv(picks)
    hits = {
        name: match_particles(found[name].coords, at[kinds[name] == 1], 15.0) >= 0
        for name, at in places.items()
    }
    total, right = sum(map(len, hits.values())), sum(int(each.sum()) for each in hits.values())
    return 1 - right / total, right / sum(int(each.sum()) for each in kinds.values())


@pytest.mark.slow
def test_one_round_takes_the_junk_out(tmp_path: Path):
    folder, recipe = tmp_path / "mics", tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    places, kinds = write_planted(folder, micrographs=4, each=60, noise=0.5)
    write_csv(folder / "picks.csv", [Picks(name, at) for name, at in places.items()])
    given = ("--diameter", 120, "--recipe", recipe, "--start", "scratch")
    run("train", folder, "--picks", folder / "picks.csv", *given, "--run", tmp_path / "first")
    run("pick", folder, "--model", tmp_path / "first", "--out", tmp_path / "before")
    before, found = shares(tmp_path / "before" / "picks.csv", places, kinds)
    assert before > 0.3

    rng = np.random.default_rng(0)
    kept, rejected = [], []
    for name, each in read_csv(tmp_path / "before" / "picks.csv").items():
        right = match_particles(each.coords, places[name][kinds[name] == 1], 15.0) >= 0
        right ^= rng.random(len(each)) < WRONG
        kept.append(each.select(right))
        rejected.append(each.select(~right))
    write_class_labels(tmp_path / "classes", kept, rejected)
    labels = ("--picks", tmp_path / "classes" / "picks.csv")
    run("train", folder, *labels, *given, "--run", tmp_path / "second")
    run("pick", folder, "--model", tmp_path / "second", "--out", tmp_path / "after")
    after, again = shares(tmp_path / "after" / "picks.csv", places, kinds)
    assert after <= 0.2 * before
    assert again >= found - 0.01
