"""`unetpick ablate` on a tiny ladder: made once, shared parts once, gone on with, and refused."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import TinySet, unetpick

from napari_unetpick.project.evaluations import read_evaluations
from napari_unetpick.project.table import PROJECT_FILE, format_project
from napari_unetpick.settings import RECIPES, NetworkSettings
from napari_unetpick.study.ablation import ladder
from napari_unetpick.study.ablation.job import make_ablate_job

BASE = RECIPES["baseline"]
TINY_BASELINE = replace(
    BASE,
    network=NetworkSettings(attention=False, width=8, depth=2),
    train=replace(BASE.train, epochs=2, batch=8, patch_px=64),
    self_train=replace(BASE.self_train, epochs=1),
)


@pytest.fixture
def tiny_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps alone: another loss, and pseudo-labels by quantiles."""
    monkeypatch.setitem(RECIPES, "baseline", TINY_BASELINE)
    steps = tuple(s for s in ladder.STEPS if s[0].startswith(("combined", "dynamic")))
    monkeypatch.setattr(ladder, "STEPS", steps)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_ladder")
def test_the_ladder_is_made_once_and_gone_on_with(tiny: TinySet, tmp_path: Path):
    out = tmp_path / "ablation"
    ask = [
        *("ablate", tiny.folder, "--picks", tiny.picks, "--diameter", tiny.diameter),
        *("--out", out, "--labelled", "1", "--seeds", "2"),
    ]
    nothing = unetpick(*ask, "--budget", "0")
    assert nothing.returncode == 2
    assert "no results yet" in nothing.stderr

    short = unetpick(*ask, "--budget", "0.01")
    assert short.returncode == 0, short.stderr
    assert "the budget is too short for another run: 6 of 7 runs are left" in short.stderr
    assert "test-set evaluation number 1 on these micrographs" in short.stderr
    assert "not run:" in short.stdout
    done = unetpick(*ask, "--budget", "10")
    assert done.returncode == 0, done.stderr
    assert "1 labelled and 1 unlabelled micrographs for training, 2 for testing" in done.stderr
    for method in ("baseline", "+ combined loss", "+ dynamic pseudo-labels, gate", "+ ensemble"):
        assert method in done.stdout
    assert done.stderr.count("test-set evaluation number") == 1  # of six runs
    assert "test-set evaluation number 2 on these micrographs" in done.stderr
    records = sorted((out / "records").glob("*.json"))
    assert len(records) == 7  # three rungs with two seeds, and the ensemble
    assert not list((out / "records").glob("*.safetensors"))
    # baseline and + combined loss are trained with each seed; + dynamic shares the latter's
    supervised = [p for p in (out / "runs").iterdir() if p.name.endswith(("_42", "_43"))]
    assert len(supervised) == 4
    one = json.loads(records[0].read_text())
    # the tiny baseline is never as sure as .98: its rung stays supervised
    assert "lower the confidence score" in done.stderr
    assert {*one["scores"]} == {"particle", "iou0.6", "pixel"}
    assert len(one["scores"]["particle"]) == 2
    assert one["minutes"] > 0
    assert str(tiny.folder) not in records[0].read_text()

    tables = {name: (out / name).read_text() for name in ("ladder.md", "ladder.csv", "ladder.tex")}
    again = unetpick("ablate", "--out", out, "--budget", "0")  # from the records alone
    assert again.returncode == 0, again.stderr
    assert {name: (out / name).read_text() for name in tables} == tables
    assert again.stdout == done.stdout
    looks = read_evaluations(out)  # of the calls that scored
    assert [look.methods for look in looks] == [("ablation",), ("ablation",)]
    assert [len(look.names) for look in looks] == [2, 2]

    for path in records:  # as if the recipe had changed since
        key = json.loads(path.read_text())["key"]
        path.write_text(path.read_text().replace(key, key[::-1]))
    for budget in ("0", "1"):
        orphans = unetpick(*ask, "--budget", budget)
        assert orphans.returncode == 2
        assert "its 7 records are of another version" in orphans.stderr.splitlines()[-1]
    assert {name: (out / name).read_text() for name in tables} == tables

    for more, wrong in (
        (("--shard", "1/2"), "--shard: give --batches as well"),
        (("--shard", "3/2", "--batches", "1"), "--shard 3/2: give I/N"),
    ):
        refused = unetpick(*ask, *more)
        assert refused.returncode == 2
        assert wrong in refused.stderr
    other = unetpick(*ask[:-4], "--seeds", "2")
    assert other.returncode == 2
    assert "ablation with other micrographs, labels, truth or split" in other.stderr


SPLIT = """\
micrograph,split
ribosome_0001.mrc,train
ribosome_0003.mrc,validation
ribosome_0004.mrc,test
"""


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_ladder")
def test_a_splits_validation_validates_and_a_projects_looks_are_counted(
    tiny: TinySet, tmp_path: Path
):
    """What the split does not name trains; both are said."""
    project, split, out = tmp_path / "project", tmp_path / "split.csv", tmp_path / "out"
    shutil.copytree(tiny.folder, project)
    (project / PROJECT_FILE).write_text(format_project(tiny.diameter, [], project))
    split.write_text(SPLIT)
    ask = ["ablate", project, "--picks", tiny.picks, "--diameter", tiny.diameter]
    ask += ["--split", split, "--labelled", "1", "--seeds", "1", "--out", out]
    done = unetpick(*ask, "--budget", "0.01")
    assert done.returncode == 0, done.stderr
    assert (
        "1 labelled and 1 unlabelled micrographs for training, 1 for validation, 1 for testing"
        in done.stderr
    )
    assert "1 micrograph (such as ribosome_0002) not in split.csv: used for training" in done.stderr
    configs = [tomllib.loads(p.read_text()) for p in (out / "runs").glob("*/config.toml")]
    assert configs
    assert all(each["validation"] == ["ribosome_0003"] for each in configs)
    assert f"test-set evaluation number 1 on these micrographs, counted in {project}" in done.stderr
    assert len(read_evaluations(project)) == 1
    assert not read_evaluations(out)


def test_a_validation_of_clicks_alone_is_left_out_and_that_is_said(tiny: TinySet, tmp_path: Path):
    split = tmp_path / "split.csv"
    split.write_text(SPLIT + "ribosome_0002.mrc,test\n")
    truth = tmp_path / "truth.csv"
    rows = tiny.picks.read_text().splitlines(keepends=True)
    truth.write_text("".join(row for row in rows if "ribosome_0002" not in row))
    job, messages = make_ablate_job(
        micrographs=[str(tiny.folder)],
        picks=tiny.picks,
        diameter=tiny.diameter,
        out=tmp_path / "out",
        split=split,
        truth=truth,
        partial=True,
    )
    assert job.train.validation is None
    assert [m.key for m in job.train.micrographs] == ["ribosome_0001"]
    assert (
        "1 micrograph (such as ribosome_0003) marked 'validation' but not fully labelled: skipped"
        in messages
    )
    assert "1 micrograph (such as ribosome_0002) marked 'test' but without truth: skipped" in (
        messages
    )


def test_what_is_not_fully_labelled_does_not_test(tiny: TinySet, tmp_path: Path):
    split, truth = tmp_path / "split.csv", tmp_path / "truth.csv"
    split.write_text(SPLIT + "ribosome_0002.mrc,test\n")
    truth.write_text(tiny.picks.read_text())
    (tmp_path / "labels.csv").write_text("micrograph,state\nribosome_0002.mrc,partial\n")
    given = {"micrographs": [str(tiny.folder)], "picks": tiny.picks, "diameter": tiny.diameter}
    given |= {"out": tmp_path / "out", "split": split, "truth": truth}
    job, messages = make_ablate_job(**given)
    assert [m.key for m in job.test] == ["ribosome_0004"]
    assert any("1 micrograph of the truth (such as ribosome_0002) not fully" in m for m in messages)
    square = [[0, 0], [0, 8], [8, 8], [8, 0]]
    areas = {"ribosome_0004.mrc": {"exclusions": [square]}}
    (tmp_path / "areas.json").write_text(json.dumps(areas))
    assert make_ablate_job(**given)[0].data != job.data


@pytest.mark.parametrize("name, budget", [("ablation.json", "1"), ("records/a.json", "0")])
def test_what_is_damaged_is_one_line(tiny: TinySet, tmp_path: Path, name: str, budget: str):
    (tmp_path / "records").mkdir()
    (tmp_path / name).write_text("{bad")
    ask = ["ablate", tiny.folder, "--picks", tiny.picks, "--diameter", tiny.diameter]
    done = unetpick(*ask, "--out", tmp_path, "--budget", budget)
    assert done.returncode == 2
    assert f"{tmp_path / name}: not " in done.stderr.splitlines()[-1]


def test_another_truth_or_split_is_another_ablation(tiny: TinySet, tmp_path: Path):
    out, truth, split = (tmp_path / name for name in ("out", "truth.csv", "split.csv"))
    names = [f"ribosome_{number:04d}.mrc" for number in range(1, 5)]
    split.write_text("micrograph,split\n" + "".join(f"{n},train\n" for n in names[:2]))
    with split.open("a") as file:
        file.writelines(f"{name},test\n" for name in names[2:])
    truth.write_text(tiny.picks.read_text())
    given = {"micrographs": [str(tiny.folder)], "picks": tiny.picks, "diameter": tiny.diameter}
    job, _ = make_ablate_job(**given, out=out, truth=truth, split=split)
    out.mkdir()
    ask = ["ablate", tiny.folder, "--picks", tiny.picks, "--diameter", tiny.diameter]
    ask += ["--out", out, "--truth", truth, "--split", split]
    (out / "ablation.json").write_text(json.dumps({"data": job.data, "batches": 2}))
    rows, parts = truth.read_text().splitlines(keepends=True), split.read_text()
    fewer, other = "".join(rows[:-1]), parts.replace(f"{names[0]},train", f"{names[0]},validation")
    for true_text, split_text in ((fewer, parts), ("".join(rows), other)):
        truth.write_text(true_text)
        split.write_text(split_text)
        done = unetpick(*ask)
        assert done.returncode == 2
        assert "ablation with other micrographs, labels, truth" in done.stderr


def test_what_cannot_be_ablated_is_one_line(tiny: TinySet, tmp_path: Path):
    ask = ["ablate", tiny.folder, "--picks", tiny.picks, "--diameter", tiny.diameter]
    split = tmp_path / "split.csv"
    for less in (["ablate"], ask[:2], ask[:4]):
        done = unetpick(*less, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert "give MICROGRAPHS, --picks and --diameter" in done.stderr
    for text, words in (
        ("micrograph,split\nnone.mrc,test\n", "has none of the given micrographs"),
        ("micrograph,part\n", "split"),
        ("micrograph,split\nribosome_0001.mrc,exam\n", "give one of train, validation, test"),
        ("micrograph,split\nribosome_0001.mrc,train\n", "an ablation needs both"),
    ):
        split.write_text(text)
        done = unetpick(*ask, "--split", split, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
