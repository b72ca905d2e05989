"""`unetpick classes`: sorts, rejects, reads other programs' classes, and reports changes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from command_line import unetpick

from napari_unetpick.classes.labels import write_class_labels
from napari_unetpick.classes.table import read_classes
from napari_unetpick.engine.inputs import make_train_job
from napari_unetpick.evaluation.matching import match_particles
from napari_unetpick.io.formats.csv_picks import read_csv, write_csv
from napari_unetpick.io.picks import Picks
from planted_kinds import write_planted


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory):
    """A folder with micrographs and picks.csv; particles are the rings (kind 1)."""
    folder = tmp_path_factory.mktemp("set")
    places, kinds = write_planted(folder, each=30)
    write_csv(folder / "picks.csv", [Picks(name, at) for name, at in places.items()])
    return folder, kinds


@pytest.fixture(scope="module")
def made(planted, tmp_path_factory: pytest.TempPathFactory):
    folder, kinds = planted
    out = tmp_path_factory.mktemp("classes")
    given = ("--picks", folder / "picks.csv", "--diameter", 120, "--classes", 6)
    done = unetpick("classes", folder, *given, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("90 picks in ")
    return out, np.concatenate(list(kinds.values()))


def bad_classes(out: Path, kinds: np.ndarray) -> str:
    found = read_classes(out)
    bad = [n for n in range(1, found.count + 1) if kinds[found.numbers == n].mean() < 0.5]
    return ",".join(map(str, bad))


def test_rejected_classes_become_negatives_that_train_finds(planted, made, tmp_path: Path):
    folder, _ = planted
    out, kinds = made
    assert {"classes.png", "classes.mrcs", "particles.csv"} <= {f.name for f in out.iterdir()}
    done = unetpick("classes", "--out", out, "--reject", bad_classes(out, kinds))
    assert done.returncode == 0, done.stderr
    kept, rejected = (read_csv(out / name) for name in ("picks.csv", "negatives.csv"))
    counts = [sum(map(len, each.values())) for each in (kept, rejected)]
    assert sum(counts) == 90
    assert counts[0] == pytest.approx(kinds.sum(), abs=4)
    job, _ = make_train_job(
        micrographs=str(folder), picks=out / "picks.csv", diameter=120.0, run=tmp_path / "run"
    )
    assert {each.state for each in job.labels.values()} == {"full"}
    found = [
        sum(len(getattr(v, n)) for v in job.labels.values()) for n in ("positives", "negatives")
    ]
    assert found == counts
    again = unetpick("classes", "--out", out, "--reject", "1")  # of the numbers given last
    assert again.returncode == 0
    assert read_classes(out).rejected == {1}


def test_partial_labels_stay_partial(planted, tmp_path: Path):
    folder, _ = planted
    picks = tmp_path / "picks"
    picks.mkdir()
    (picks / "picks.csv").write_text((folder / "picks.csv").read_text())
    (picks / "labels.csv").write_text("micrograph,state\nmic0.mrc,partial\n")
    given = ("--picks", picks / "picks.csv", "--diameter", 120, "--classes", 4, "--reject", "2")
    out = tmp_path / "out"
    assert unetpick("classes", folder, *given, "--out", out).returncode == 0
    job, _ = make_train_job(
        micrographs=str(folder), picks=out / "picks.csv", diameter=120.0, run=tmp_path / "run"
    )
    assert {key: each.state for key, each in job.labels.items()}["mic0"] == "partial"


def test_what_changed_is_told_by_class(planted, made):
    folder, _ = planted
    out, kinds = made
    bad = bad_classes(out, kinds)
    assert unetpick("classes", "--out", out, "--reject", bad).returncode == 0
    done = unetpick(
        "classes", "--out", out, "--after", out / "picks.csv", "--picks", folder / "picks.csv"
    )
    assert done.returncode == 0, done.stderr
    lines = {tuple(line.split()[:2]): line.split()[2:] for line in done.stdout.splitlines()}
    assert lines["all", "kept"][-1] == "100%"
    assert lines["all", "rejected"][-1] == "0%"


def test_classes_of_another_program(planted, tmp_path: Path):
    folder, _ = planted
    rows = [(f"{i}@a.mrcs", 40.0 * i, 20.0, 4.0) for i in range(1, 7)]
    for name, some in (("particles.star", rows[:4]), ("run_it025_data.star", rows)):
        labels = "rlnImageName rlnCoordinateX rlnCoordinateY rlnOriginXAngst rlnOriginYAngst"
        head = "\n".join(f"_{label}" for label in (*labels.split(), "rlnMicrographName"))
        lines = "\n".join(f"{i} {x} {y} {dx} 0 job/mic1.mrc" for i, x, y, dx in some)
        (tmp_path / name).write_text(f"data_particles\nloop_\n{head}\n{lines}\n")
    files = [tmp_path / name for name in ("particles.star", "run_it025_data.star")]
    out = tmp_path / "out"
    done = unetpick(
        *("classes", folder, "--accepted", files[0], "--rejected-from", files[1], "--out", out),
        *("--diameter", 120),
    )
    assert done.returncode == 0, done.stderr
    assert "4 of 4 coordinates corrected" in done.stderr
    with open(out / "picks.csv", newline="") as file:
        assert [float(row["x"]) for row in csv.DictReader(file)] == [39.0, 79.0, 119.0, 159.0]
    assert read_csv(out / "negatives.csv")["mic1.mrc"].coords.tolist() == [[20, 200], [20, 240]]
    after = unetpick("classes", "--out", out, "--after", out / "picks.csv")
    assert "all    rejected             2            0    0%" in after.stdout


@pytest.mark.parametrize(
    "arguments,words",
    [
        ((), "give --picks to make classes"),
        (("--picks", "SET/picks.csv"), "missing argument 'MICROGRAPHS'"),
        (("--reject", "1"), "has no particles.csv"),
        (("--reject", "x"), "give numbers of classes"),
        (("--accepted", "a.star"), "given together"),
        (("SET", "--picks", "SET/picks.csv"), "give --diameter"),
    ],
)
def test_bad_input_is_one_line(planted, tmp_path: Path, arguments, words):
    given = [str(each).replace("SET", str(planted[0])) for each in arguments]
    if words.startswith("give --picks"):
        (tmp_path / "particles.csv").write_text(
            "micrograph,x,y,diameter,class,rejected,shift_x,shift_y,angle,correlation\n"
            "m.mrc,1,1,20,1,0,0,0,0,1\n"
        )
    done = unetpick("classes", *given, "--out", tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "picks.csv").exists()


# -- one round of the loop ------------------------------------------------------------------

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
