"""Picks at a wrong scale or orientation, or twice: what each command says, and what corrects it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from command_line import TinySet, unetpick

SIDE = 512  # px of the tiny set's micrographs
KINDS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "flipped": lambda x, y: (x, SIDE - 1 - y),
    "binned": lambda x, y: (x / 4, y / 4),
}
SAID = {"flipped": "--orientation flip-y", "binned": "--scale 4"}


def rows_of(path: Path) -> list[tuple[str, float, float]]:
    with open(path, encoding="utf-8") as file:
        return [
            (row["micrograph"], float(row["x"]), float(row["y"])) for row in csv.DictReader(file)
        ]


def write(path: Path, rows: list[tuple[str, float, float]]) -> Path:
    lines = [f"{name},{x:.3f},{y:.3f}\n" for name, x, y in rows]
    path.write_text("micrograph,x,y\n" + "".join(lines))
    return path


@pytest.fixture(params=KINDS)
def wrong(request, tiny: TinySet, tmp_path: Path) -> tuple[Path, str]:
    """A file of wrong picks, and the option that corrects them."""
    move = KINDS[request.param]
    rows = [(name, *move(x, y)) for name, x, y in rows_of(tiny.picks)]
    return write(tmp_path / "wrong.csv", rows), SAID[request.param]


@pytest.fixture
def twice(tiny: TinySet, tmp_path: Path) -> Path:
    return write(tmp_path / "twice.csv", rows_of(tiny.picks) * 2)


def train(tiny: TinySet, picks: Path, run: Path, *options: str):
    arguments = [str(picks) if a == str(tiny.picks) else a for a in tiny.train]
    epochs = ("--initial-epochs", "1", "--run", run)
    return unetpick(*arguments, *epochs, *options)


def labels(run: Path) -> list[tuple[str, float, float]]:
    return sorted(rows_of(run / "labels" / "picks.csv"))


def test_train_says_what_is_wrong_and_takes_the_correction(
    tiny: TinySet, wrong: tuple[Path, str], tmp_path: Path
):
    picks, option = wrong
    done = train(tiny, picks, tmp_path / "run")
    assert done.returncode == 0
    assert f"give {option}" in done.stderr
    assert f"give {option}" in (tmp_path / "run" / "training.log").read_text()
    done = train(tiny, picks, tmp_path / "right", *option.split())
    assert done.returncode == 0
    assert "give --" not in done.stderr
    found, true = labels(tmp_path / "right"), sorted(rows_of(tiny.picks))
    np.testing.assert_allclose([r[1:] for r in found], [r[1:] for r in true], atol=0.01)


def test_train_merges_doubles_and_says_so(tiny: TinySet, twice: Path, tmp_path: Path):
    done = train(tiny, twice, tmp_path / "run")
    count = len(rows_of(tiny.picks))
    assert f"{count} of {2 * count} picks lie within a tenth of a diameter" in done.stderr
    assert len(labels(tmp_path / "run")) == count


def evaluate(tiny: TinySet, picks: Path, *options: object, truth: Path | None = None):
    done = unetpick(
        *(
            "evaluate",
            picks,
            "--truth",
            truth or tiny.picks,
            "--micrographs",
            tiny.folder / "*.mrc",
        ),
        *("--json", *options),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["f1"], " ".join(found["notes"])


def test_evaluate_says_what_is_wrong_and_takes_the_correction(
    tiny: TinySet, wrong: tuple[Path, str]
):
    picks, option = wrong
    f1, notes = evaluate(tiny, picks)
    assert f1 < 0.5
    assert f"give {option}" in notes
    f1, notes = evaluate(tiny, picks, *option.split())
    assert f1 == 1.0
    assert "give --" not in notes
    flag, value = option.split()
    f1, notes = evaluate(tiny, tiny.picks, "--diameter", tiny.diameter, truth=picks)
    assert "truth: picks" in notes
    assert f"give {flag} truth={value}" in notes
    options = ("--diameter", tiny.diameter, flag, f"truth={value}")
    f1, notes = evaluate(tiny, tiny.picks, *options, truth=picks)
    assert f1 == 1.0
    assert "give --" not in notes


def test_evaluate_merges_doubles_of_picks_and_truth(tiny: TinySet, twice: Path):
    f1, notes = evaluate(tiny, twice)
    assert f1 == 1.0
    assert "merged" in notes
    f1, notes = evaluate(tiny, tiny.picks, "--diameter", tiny.diameter, truth=twice)
    assert f1 == 1.0
    assert "truth: " in notes
    assert evaluate(tiny, tiny.picks)[1].count("merged") == 0


def compare(tiny: TinySet, out: Path, *options: object) -> tuple[list[float], str]:
    done = unetpick("compare", tiny.folder, "--out", out, "--json", *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    notes = [*found["notes"], *(note for side in found["sides"] for note in side["notes"])]
    return [side["figures"]["particle.f1"][0] for side in found["sides"]], " ".join(notes)


def test_compare_says_whose_picks_are_wrong(tiny: TinySet, wrong: tuple[Path, str], tmp_path: Path):
    picks, option = wrong
    flag, value = option.split()
    methods = ("--picks", f"mine={tiny.picks}", "--picks", f"other={picks}")
    common = ("--truth", tiny.picks, *methods)
    (mine, other), notes = compare(tiny, tmp_path / "out", *common)
    assert (mine, other < 0.5) == (1.0, True)
    assert f"give {flag} other={value}" in notes
    found, notes = compare(tiny, tmp_path / "out", *common, flag, f"other={value}")
    assert found == [1.0, 1.0]
    assert "give --" not in notes
    found, notes = compare(
        tiny,
        tmp_path / "out",
        "--truth",
        picks,
        "--diameter",
        tiny.diameter,
        *methods,
        flag,
        f"truth={value}",
        flag,
        f"other={value}",
    )
    assert found == [1.0, 1.0]


def test_convert_says_what_is_wrong_and_takes_the_correction(
    tiny: TinySet, wrong: tuple[Path, str], tmp_path: Path
):
    picks, option = wrong
    out = tmp_path / "out.csv"
    common = ("convert", picks, out, "--to", "csv", "--micrographs", tiny.folder / "*.mrc")
    assert f"give {option}" in unetpick(*common).stderr
    done = unetpick(*common, *option.split())
    assert done.stderr == ""
    found, true = sorted(rows_of(out)), sorted(rows_of(tiny.picks))
    np.testing.assert_allclose([r[1:] for r in found], [r[1:] for r in true], atol=0.01)


def test_few_picks_at_headers_of_exactly_one_are_explained(
    tiny: TinySet, tiny_run: Path, tmp_path: Path
):
    first = sorted(tiny.folder.glob("*.mrc"))[0]
    for name, size in (("unset", 1.0), ("other", 1.1)):
        path = tmp_path / f"{name}.mrc"
        shutil.copy(first, path)
        with mrcfile.open(path, "r+") as mrc:
            mrc.voxel_size = size
    picked = ("--model", tiny_run, "--diameter", 200, "--threshold", 0.999, "--out")
    said = "the headers say exactly 1 A/px"
    done = unetpick("pick", tmp_path / "unset.mrc", *picked, tmp_path / "out1")
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    for more in ([tmp_path / "other.mrc"], [tmp_path / "unset.mrc", "--pixel-size", "1"]):
        done = unetpick("pick", *more, *picked, tmp_path / f"out{len(more) + 1}")
        assert done.returncode == 0, done.stderr
        assert said not in done.stderr


def test_picks_that_all_lie_outside_end_with_the_scale_that_would_help(
    tiny: TinySet, tmp_path: Path
):
    rows = [(name, 4 * x + SIDE, 4 * y + SIDE) for name, x, y in rows_of(tiny.picks)]
    done = train(tiny, write(tmp_path / "far.csv", rows), tmp_path / "run")
    assert done.returncode == 2
    assert "lies outside its micrograph; give --scale 0.2" in done.stderr


@pytest.mark.parametrize("option", ["--scale=0", "--scale=-1", "--orientation=upwards"])
def test_a_correction_that_is_none_is_refused(tiny: TinySet, tmp_path: Path, option: str):
    for arguments in (
        [*tiny.train, "--run", tmp_path / "run"],
        ["convert", tiny.picks, tmp_path / "o.csv", "--to", "csv"],
        ["evaluate", tiny.picks, "--truth", tiny.picks],
        ["compare", tiny.folder, "--truth", tiny.picks, "--picks", tiny.picks, "--out", tmp_path],
    ):
        done = unetpick(*arguments, option)
        assert done.returncode == 2
        assert option.split("=")[1] in done.stderr
        assert len(done.stderr.splitlines()) == 1
