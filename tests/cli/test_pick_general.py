"""`unetpick pick` without a model: contrast and diameter are found once, and used again."""

from __future__ import annotations

import csv
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from command_line import TinySet, unetpick, unetpick_process
from scipy.spatial import KDTree

from napari_unetpick import api
from napari_unetpick.engine.pick import ensemble
from napari_unetpick.engine.pick import run as picking
from napari_unetpick.io import models
from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.io.models import load_model, save_model

pytestmark = pytest.mark.slow  # a model of its own

RECIPE = """\
[network]
width = 8
depth = 2
[train]
epochs = 12
patches_per_epoch = 128
batch = 8
patch_px = 64
learning_rate = 5e-3
"""


@pytest.fixture(scope="module")
def trained(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows dark particles from light ones."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "recipe.toml").write_text(RECIPE)
    arguments = [str(folder / "recipe.toml") if a == str(tiny.recipe) else a for a in tiny.train]
    done = unetpick_process(*arguments, "--run", folder / "run")
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(autouse=True)
def general(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model in place of the general one of the package."""
    path = tmp_path / "general.safetensors"
    model = load_model(trained)
    settings = {**model.card["settings"], "upsample": True}
    training = {"command": "unetpick train-general", "micrographs": 4, "labels": ["simulated"]}
    card = {"general": True, "diameter": None, "settings": settings, "training": training}
    save_model(path, replace(model, card={**model.card, **card}))
    monkeypatch.setattr(models, "GENERAL", path)
    return path


def record(out: Path) -> dict:
    return tomllib.loads((out / "picking.toml").read_text())


def picked(out: Path) -> dict[str, np.ndarray]:
    return {name: each.coords for name, each in read_picks(out / "picks.csv").items()}


def test_it_picks_as_a_model_of_ones_own_would(tiny: TinySet, trained: Path, tmp_path: Path):
    own, none, named = (tmp_path / name for name in ("own", "none", "named"))
    size = ("--diameter", tiny.diameter)
    for out, model in ((own, ["--model", trained]), (none, []), (named, ["--model", "general"])):
        done = unetpick("pick", tiny.folder, *model, "--out", out, *size)
        assert done.returncode == 0, done.stderr
        assert ("dark on light" in done.stderr) == (out != own)
    for table in ("picks.csv", "candidates.csv"):
        assert (none / table).read_bytes() == (named / table).read_bytes()
        assert (none / table).read_bytes() == (own / table).read_bytes()
    assert sum(map(len, picked(none).values())) > 20
    assert record(none)["found"] == {"contrast": "dark"}
    assert "found" not in record(own)


def test_negatives_give_the_same_picks(tiny: TinySet, tmp_path: Path):
    folder = tmp_path / "negatives"
    folder.mkdir()
    for path in tiny.folder.glob("*.mrc"):
        with mrcfile.open(path) as file, mrcfile.new(folder / path.name) as negative:
            negative.set_data(100 - file.data.astype(np.float32))
            negative.voxel_size = file.voxel_size
    for source, out in ((tiny.folder, "dark"), (folder, "light")):
        done = unetpick("pick", source, "--out", tmp_path / out, "--diameter", tiny.diameter)
        assert done.returncode == 0, done.stderr
    assert "particles are light on dark" in done.stderr
    assert record(tmp_path / "light")["found"] == {"contrast": "light"}
    dark, light = picked(tmp_path / "dark"), picked(tmp_path / "light")
    assert dark.keys() == light.keys()
    for name, coords in dark.items():
        np.testing.assert_allclose(light[name], coords, atol=0.05)


def test_a_model_of_ones_own_keeps_its_contrast_but_where_told(
    tiny: TinySet, trained: Path, tmp_path: Path
):
    for out, options in (("auto", []), ("dark", ["--contrast", "dark"])):
        arguments = ("pick", tiny.folder, "--model", trained, "--out", tmp_path / out)
        assert unetpick(*arguments, *options).returncode == 0
    same = [(tmp_path / out / "candidates.csv").read_bytes() for out in ("auto", "dark")]
    assert same[0] == same[1]
    light = unetpick(*arguments[:-1], tmp_path / "light", "--contrast", "light")
    assert light.returncode == 0
    places = [sum(map(len, picked(tmp_path / out).values())) for out in ("auto", "light")]
    assert places[1] < places[0] / 2


def test_resume_uses_what_was_found_and_does_not_look_again(
    tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files, out = sorted(tiny.folder.glob("*.mrc")), tmp_path / "out"
    command = ("--out", out, "--keep", "balanced")
    first = unetpick("pick", *files[:2], *command)
    assert first.returncode == 0, first.stderr
    found = record(out)["found"]
    assert {"contrast", "diameter", "threshold"} < found.keys()
    assert f"{found['diameter']:.0f} A" in first.stderr
    assert f"{found['threshold']:.3f}" in first.stderr

    def fails(*_: object) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(picking, "survey", fails)
    done = unetpick("pick", *files, *command, "--resume")
    assert done.returncode == 0, done.stderr
    assert "as found before" in done.stderr
    assert record(out)["found"] == found
    picks = read_picks(out / "picks.csv")
    assert len(picks) == len(files)
    for path in files:
        each = picks[path.name]
        with mrcfile.open(path, header_only=True) as file:
            size = float(file.voxel_size.x)
        np.testing.assert_allclose(each.diameters, found["diameter"] / size, atol=0.01)
        assert (each.scores >= found["threshold"] - 1e-4).all()
    again = unetpick("pick", *files, *command, "--resume")
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stderr
    other = unetpick("pick", *files, *command, "--resume", "--diameter", "200")
    assert other.returncode == 2
    assert "diameter (auto, now 200.0)" in other.stderr.splitlines()[-1]


def test_at_most_the_best_picks_of_a_micrograph(tiny: TinySet, tmp_path: Path):
    for out, options in (("all", []), ("five", ["--max-picks", "5"])):
        arguments = ("pick", tiny.folder, "--out", tmp_path / out, "--diameter", tiny.diameter)
        assert unetpick(*arguments, *options).returncode == 0
    every, best = (read_picks(tmp_path / out / "picks.csv") for out in ("all", "five"))
    for name, picks in best.items():
        assert len(picks) == min(5, len(every[name]))
        expected = np.sort(every[name].scores)[::-1][:5]
        np.testing.assert_allclose(np.sort(picks.scores)[::-1], expected)


def test_thorough_picks_are_recorded_and_the_same_from_python(tiny: TinySet, tmp_path: Path):
    arguments = ("pick", tiny.folder, "--diameter", tiny.diameter, "--contrast", "dark", "--out")
    for name, options in (("plain", []), ("thorough", ["--thorough"])):
        done = unetpick(*arguments, tmp_path / name, *options)
        assert done.returncode == 0, done.stderr
    plain, thorough = (read_picks(tmp_path / out / "picks.csv") for out in ("plain", "thorough"))
    called = api.pick(tiny.folder, diameter=tiny.diameter, contrast="dark", thorough=True)
    for each in called:
        name = each.micrograph.path.name
        found, one_way = thorough[name], plain[name]
        np.testing.assert_allclose(each.picks.coords, found.coords, atol=0.01)
        near, which = KDTree(one_way.coords).query(found.coords)
        same = near < found.diameters[0] / 10
        assert same.mean() > 0.8
        assert np.abs(found.scores[same] - one_way.scores[which[same]]).max() > 1e-3
    other = unetpick(*arguments, tmp_path / "thorough", "--resume")
    assert other.returncode == 2
    assert "thorough" in other.stderr.splitlines()[-1]


def test_picks_in_junk_are_left_out_unless_wanted(
    tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The left half of each micrograph is junk to the model."""

    def half(maps: list[np.ndarray]) -> np.ndarray:
        junk = np.zeros_like(maps[0][0])
        junk[:, : junk.shape[1] // 2] = 1
        return junk

    monkeypatch.setattr(ensemble, "junk_of", half)
    with mrcfile.open(next(iter(tiny.folder.glob("*.mrc"))), header_only=True) as file:
        middle = int(file.header.nx) / 2
    arguments = ("pick", tiny.folder, "--diameter", tiny.diameter, "--contrast", "dark", "--out")
    without, every = (tmp_path / name for name in ("without", "every"))
    done = unetpick(*arguments, without)
    assert done.returncode == 0, done.stderr
    assert unetpick(*arguments, every, "--no-junk").returncode == 0
    cell = 8  # px: the edge of junk runs along cells
    left, right = 0, 0
    for name, coords in picked(every).items():
        left += int((coords[:, 1] < middle - cell).sum())
        right += int((coords[:, 1] > middle + cell).sum())
        assert (picked(without)[name][:, 1] > middle - cell).all()
    assert left > 10 < right
    assert sum(map(len, picked(without).values())) >= right
    said = re.search(r"(\d+) candidates in junk .* left out; usable area 0\.(\d\d)", done.stderr)
    assert said
    assert int(said[1]) >= left
    assert abs(int(said[2]) - 50) <= 3
    rows = [list(csv.DictReader((out / "micrographs.csv").open())) for out in (without, every)]
    assert all(abs(float(row["usable_area"]) - 0.5) < 0.03 for row in rows[0])
    assert sum(int(row["in_junk"]) for row in rows[0]) == int(said[1])
    assert {row["usable_area"] for row in rows[1]} == {""}
    assert [int(row["picks"]) for row in rows[1]] == [len(each) for each in picked(every).values()]
    other = unetpick(*arguments, without, "--no-junk", "--resume")
    assert other.returncode == 2
    assert "junk (none, now kept)" in other.stderr
    found = [
        sum(
            len(each.picks)
            for each in api.pick(
                tiny.folder, diameter=float(tiny.diameter), contrast="dark", junk=junk
            )
        )
        for junk in (True, False)
    ]
    assert found == [sum(map(len, picked(out).values())) for out in (without, every)]


def test_a_set_of_nothing_but_junk_says_so(
    tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ensemble, "junk_of", lambda maps: np.ones_like(maps[0][0]))
    arguments = ("--diameter", tiny.diameter, "--contrast", "dark", "--threshold", "0")
    done = unetpick("pick", tiny.folder, *arguments, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert not sum(map(len, picked(tmp_path / "out").values()))
    assert "all in junk; add --no-junk" in done.stderr
    assert "usable area 0.00 in the mean" in done.stderr


def test_a_package_without_a_general_model_says_so(tiny: TinySet, general: Path, tmp_path: Path):
    general.unlink()
    for arguments in (("pick", tiny.folder, "--out", tmp_path / "out"), ("info", "general")):
        done = unetpick(*arguments)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith(
            "unetpick: this version has no general model; give"
        )
    assert not (tmp_path / "out").exists()


def test_info_shows_its_card(general: Path):
    by_name, by_path = unetpick("info", "general"), unetpick("info", general)
    assert by_name.returncode == 0, by_name.stderr
    assert by_name.stdout == by_path.stdout
    assert "any diameter" in by_name.stdout
    assert "4 micrographs (labels: simulated)" in by_name.stdout
