"""`unetpick self-train`: what it keeps, what it replaces, what the gate refuses, and going on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import TinySet, environment, unetpick, unetpick_process

from napari_unetpick.engine.self_train import acceptance
from napari_unetpick.engine.self_train import run as self_train
from napari_unetpick.engine.self_train import state as self_train_state
from napari_unetpick.engine.self_train import teacher as teaching
from napari_unetpick.engine.self_train.pseudo_labels import PseudoLabels
from napari_unetpick.evaluation.metrics import score_counts
from napari_unetpick.io.formats.csv_picks import read_csv
from napari_unetpick.io.models import load_model
from napari_unetpick.project.runs import read_pseudo_labels, rounds_with_pseudo_labels

FILES = ("model.safetensors", "round-1.safetensors", "supervised.safetensors", "metrics.jsonl")


def some_picks(tiny: TinySet, path: Path, of_each: int = 999) -> Path:
    """Write the picks of three of the four micrographs."""
    header, *lines = tiny.picks.read_text().splitlines()
    by_name: dict[str, list[str]] = {}
    for line in lines:
        by_name.setdefault(line.split(",")[0], []).append(line)
    rows = [row for name in list(by_name)[:3] for row in by_name[name][:of_each]]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def train_on_three(tiny: TinySet, folder: Path, *more: object) -> Path:
    """Train on three micrographs, of which one validates."""
    arguments = [
        str(some_picks(tiny, folder / "some.csv")) if a == str(tiny.picks) else a
        for a in tiny.train
    ]
    done = unetpick(*arguments, "--run", folder / "run", *more)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def three_labelled(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_on_three(tiny, tmp_path_factory.mktemp("three"), "--initial-epochs", 6)


@pytest.fixture
def run(three_labelled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three_labelled, tmp_path / "run"))


def rounds_of(run: Path) -> list[dict]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "taken" in row]


def accept_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a round does, it passes and counts as better."""
    monkeypatch.setattr(acceptance, "HARM", -2.0)
    better = property(lambda each: each.decision == "accepted")
    monkeypatch.setattr(self_train_state.Round, "better", better)


@pytest.mark.slow
def test_accepted_rounds_replace_the_model_and_keep_the_supervised_one(
    tiny: TinySet, run: Path, monkeypatch: pytest.MonkeyPatch
):
    accept_all(monkeypatch)
    supervised = (run / "model.safetensors").read_bytes()
    done = unetpick("self-train", tiny.folder, "--run", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(run / "model.safetensors")
    assert "1 unlabelled and 0 partly labelled" in done.stderr
    assert (run / "supervised.safetensors").read_bytes() == supervised
    rounds = rounds_of(run)
    assert [(row["stage"], row["accepted"]) for row in rounds] == [("round 1", 1), ("round 2", 1)]
    assert all(row["taken"] > 0 and row["micrographs"] == 1 for row in rounds)
    assert {row["f1_before"] for row in rounds} == {rounds[0]["f1_before"]}
    best = 1 if rounds[0]["f1"] >= rounds[1]["f1"] else 2
    model, chosen = load_model(run), load_model(run / f"round-{best}.safetensors")
    for name, values in chosen.weights.items():
        np.testing.assert_array_equal(model.weights[name], values)
    table = model.card["self_training"]
    assert (table["round"], table["rounds"]) == (best, 2)
    assert table["taken"] == [row["taken"] for row in rounds]
    for number, row in enumerate(rounds, 1):
        (taken,) = read_csv(run / f"round-{number}.csv").values()
        assert taken.micrograph == sorted(tiny.folder.glob("*.mrc"))[-1].name
        assert len(taken) == row["taken"]
        assert ((taken.scores > 0) & (taken.scores <= 1)).all()
        assert (taken.diameters > 0).all()
    assert read_pseudo_labels(run).number == best
    assert read_pseudo_labels(run).kept
    assert table["verdicts"] == ["accepted", "accepted"]
    assert model.card["calibration"]["kind"] == "probability"
    assert "round 2 accepted: F1" in (run / "training.log").read_text()
    assert str(tiny.folder).encode() not in (run / "model.safetensors").read_bytes()
    assert not (run / "cache").exists()

    again = unetpick("self-train", tiny.folder, "--run", run)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    before = (run / "model.safetensors").read_bytes()
    finished = unetpick("self-train", tiny.folder, "--run", run, "--resume")
    assert "already finished" in finished.stderr
    assert (run / "model.safetensors").read_bytes() == before
    other = unetpick(
        "self-train", tiny.folder, "--run", run, "--resume", "--self-training-epochs", "2"
    )
    assert other.returncode == 2
    assert "other settings" in other.stderr


def poison(item, found, *_) -> PseudoLabels:
    """Everywhere but at the best candidates, which are the particles."""
    rows, cols = item.scale.file_shape
    step = 0.6 * found.diameter_px
    grid = np.mgrid[step:rows:step, step:cols:step].reshape(2, -1).T
    far = np.linalg.norm(grid[:, None] - found.coords[:30][None], axis=2).min(axis=1)
    return PseudoLabels(grid[far > 0.5 * found.diameter_px], np.empty((0, 2)))


@pytest.mark.slow
def test_a_poisoned_round_is_refused_and_changes_nothing(
    tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(teaching, "make_pseudo_labels", poison)
    run = train_on_three(tiny, tmp_path, "--initial-epochs", 12)  # else any training does good
    before = (run / "model.safetensors").read_bytes()
    learned = self_train.students  # of the poisoned micrograph alone: true ones would outweigh it
    monkeypatch.setattr(self_train, "students", lambda run, _, *more: learned(run, [], *more))
    done = unetpick(
        "self-train", tiny.folder, "--run", run, "--self-training-epochs", "6", "--rounds", "2"
    )
    assert done.returncode == 0, done.stderr
    assert "round 1 rejected" in done.stderr
    assert "no further round" in done.stderr
    (row,) = rounds_of(run)
    assert row["accepted"] == 0
    assert row["f1"] < row["f1_before"] - 0.02
    assert (run / "model.safetensors").read_bytes() == before
    assert (run / "supervised.safetensors").read_bytes() == before
    assert load_model(run / "round-1.safetensors").card["self_training"]["verdicts"] == ["refused"]


def test_a_harmless_round_that_is_no_better_neither_stays_nor_teaches(
    tiny: TinySet, run: Path, monkeypatch: pytest.MonkeyPatch
):
    """On forty units it loses half a point for sure: less than the gate calls harm."""
    verdict = acceptance.compare_on_labels(
        [score_counts(200, 200, 200)] * 40,
        [score_counts(hits, 200, 200) for hits in (199, 198, 200, 199)] * 10,
        np.random.default_rng(1),
    )
    assert verdict.decision == "accepted"
    assert verdict.high < 0
    monkeypatch.setattr(acceptance, "compare_on_labels", lambda *_: verdict)
    before = (run / "model.safetensors").read_bytes()
    short = ("self-train", tiny.folder, "--run", run, "--self-training-epochs", "1")
    done = unetpick(*short, "--rounds", "2")
    assert done.returncode == 0, done.stderr
    assert "round 1 accepted, but no better: F1" in done.stderr
    assert "the model stays as it was" in done.stderr
    assert "no further round" in done.stderr
    assert [row["accepted"] for row in rounds_of(run)] == [1]
    assert (run / "model.safetensors").read_bytes() == before
    again = unetpick(*short, "--rounds", "3", "--resume")
    assert "already finished" in again.stderr


@pytest.mark.slow
def test_without_the_gate_even_a_poisoned_round_is_kept(
    tiny: TinySet, run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(teaching, "make_pseudo_labels", poison)
    config = run / "config.toml"
    config.write_text(config.read_text().replace("gate = true", "gate = false"))
    done = unetpick(
        "self-train", tiny.folder, "--run", run, "--self-training-epochs", "3", "--rounds", "2"
    )
    assert done.returncode == 0, done.stderr
    assert "round 2 kept without test: F1" in done.stderr
    assert [row["accepted"] for row in rounds_of(run)] == [2, 2]
    kept, last = load_model(run), load_model(run / "round-2.safetensors")
    for name, values in last.weights.items():
        np.testing.assert_array_equal(kept.weights[name], values)
    assert kept.card["self_training"]["verdicts"] == ["ungated", "ungated"]


@pytest.mark.slow
def test_starting_over_goes_back_to_the_supervised_model(
    tiny: TinySet, run: Path, monkeypatch: pytest.MonkeyPatch
):
    accept_all(monkeypatch)
    supervised = (run / "model.safetensors").read_bytes()
    short = ("self-train", tiny.folder, "--run", run, "--self-training-epochs", "1")
    assert unetpick(*short, "--rounds", "1").returncode == 0
    first = (run / "round-1.safetensors").read_bytes()
    assert unetpick(*short, "--rounds", "2", "--resume").returncode == 0  # goes on with a second
    assert [row["stage"] for row in rounds_of(run)] == ["round 1", "round 2"]
    assert (run / "round-1.safetensors").read_bytes() == first
    assert (run / "model.safetensors").read_bytes() != supervised
    monkeypatch.setattr(acceptance, "HARM", 2.0)
    done = unetpick(*short, "--rounds", "1", "--start-over")
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == supervised
    assert [row["stage"] for row in rounds_of(run)] == ["round 1"]
    assert not (run / "round-2.safetensors").exists()
    assert rounds_with_pseudo_labels(run) == [1]
    assert not read_pseudo_labels(run).kept
    assert unetpick(*short, "--resume", "--start-over").returncode == 2


@pytest.mark.slow
def test_a_killed_self_training_resumes_to_the_same_files(tiny: TinySet, run: Path, tmp_path: Path):
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    arguments = ("self-train", str(tiny.folder), "--rounds", "1", "--run")
    done = unetpick_process(*arguments, whole)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "napari_unetpick", *arguments, str(run)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if '"round 1"' in (run / "metrics.jsonl").read_text():
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "round-1.safetensors").exists(), "it ended before it could be killed"
    done = unetpick_process(*arguments, run, "--resume")
    assert done.returncode == 0, done.stderr
    for name in FILES:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert not list(run.rglob("*.tmp"))


@pytest.fixture(scope="module")
def eighteen_clicks(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on six clicks in each of three micrographs."""
    folder = tmp_path_factory.mktemp("clicks")
    few = some_picks(tiny, folder / "few.csv", 6)
    arguments = [str(few) if a == str(tiny.picks) else a for a in tiny.train]
    done = unetpick(*arguments, "--run", folder / "run", "--partial", "--initial-epochs", "4")
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.mark.slow
def test_partial_labels_cannot_tell_and_say_what_would(
    tiny: TinySet, eighteen_clicks: Path, tmp_path: Path
):
    run = Path(shutil.copytree(eighteen_clicks, tmp_path / "run"))
    before = (run / "model.safetensors").read_bytes()
    done = unetpick("self-train", tiny.folder, "--run", run)
    assert done.returncode == 0, done.stderr
    assert "1 unlabelled and 3 partly labelled" in done.stderr
    assert "round 1 inconclusive" in done.stderr
    assert "by 18 held-out clicks F1 changes by an estimated" in done.stderr
    assert "label one micrograph or a rectangle completely" in done.stderr
    assert str(run / "round-1.safetensors") in done.stderr
    (row,) = rounds_of(run)
    assert row["accepted"] == -1
    assert "f1" not in row
    assert row["clicks"] == 18
    assert row["low"] <= row["change"] <= row["high"]
    assert (run / "model.safetensors").read_bytes() == before
    card = load_model(run / "round-1.safetensors").card
    assert card["calibration"]["kind"] == "rank"
    assert 0 < card["calibration"]["threshold"] < 1


@pytest.mark.slow
def test_clicks_that_suffice_judge_every_round_by_networks_that_have_not_seen_them(
    tiny: TinySet, eighteen_clicks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(acceptance, "ENOUGH", 18)
    accept_all(monkeypatch)
    run = Path(shutil.copytree(eighteen_clicks, tmp_path / "run"))
    done = unetpick("self-train", tiny.folder, "--run", run)
    assert done.returncode == 0, done.stderr
    assert [row["accepted"] for row in rounds_of(run)] == [1, 1]
    assert "round 2 accepted: by 18 held-out clicks" in done.stderr
    stages = {json.loads(row)["stage"] for row in (run / "metrics.jsonl").read_text().splitlines()}
    folds = {f"round {n}, cross-fit {fold}" for n in (1, 2) for fold in (1, 2, 3)}
    assert folds < stages
    best = max(rounds_of(run), key=lambda row: row["change"])
    card = load_model(run).card
    assert card["self_training"]["round"] == best["round"]
    assert 0 < card["calibration"]["expected_recall"] <= 1


def test_clicks_alone_give_no_probabilities_to_set_limits_by(
    tiny: TinySet, eighteen_clicks: Path, tmp_path: Path
):
    run = Path(shutil.copytree(eighteen_clicks, tmp_path / "run"))
    config = run / "config.toml"
    config.write_text(config.read_text().replace('limits = "quantiles"', 'limits = "calibrated"'))
    done = unetpick("self-train", tiny.folder, "--run", run)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "limits = 'calibrated' needs calibrated scores" in line
    assert not (run / "self_train.toml").exists()


def test_what_cannot_be_used_is_one_line(tiny: TinySet, run: Path, tmp_path: Path):
    def refused(*arguments: object) -> str:
        done = unetpick("self-train", *arguments)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]

    labelled = sorted(tiny.folder.glob("*.mrc"))[:3]
    assert "train one there first" in refused(tiny.folder, "--run", tmp_path / "none")
    assert "fully labelled or used for validation" in refused(*labelled, "--run", run)
    assert not (run / "self_train.toml").exists()
    labels = run / "labels" / "labels.csv"
    labels.write_text(labels.read_text().replace("full", "partial"))
    assert "changed since its model was trained" in refused(tiny.folder, "--run", run)
    labels.unlink()
    assert "labels.csv" in refused(tiny.folder, "--run", run)


def test_a_model_that_is_sure_of_nothing_is_one_line(
    tiny: TinySet, run: Path, monkeypatch: pytest.MonkeyPatch
):
    empty = PseudoLabels(np.empty((0, 2)), np.empty((0, 2)))
    monkeypatch.setattr(teaching, "make_pseudo_labels", lambda *_: empty)
    done = unetpick("self-train", tiny.folder, "--run", run)
    assert done.returncode == 2
    assert "no confident pick on 1 micrograph; lower the confidence quantile" in done.stderr
    assert not (run / "round-1.safetensors").exists()


def test_the_labelled_ones_need_not_be_named_again(tiny: TinySet, run: Path):
    unlabelled = sorted(tiny.folder.glob("*.mrc"))[-1]
    done = unetpick(
        "self-train", unlabelled, "--run", run, "--rounds", "1", "--self-training-epochs", "1"
    )
    assert done.returncode == 0, done.stderr
    assert "3 of the run's 3 labelled micrographs were not given" in done.stderr
    assert "1 unlabelled" in done.stderr
