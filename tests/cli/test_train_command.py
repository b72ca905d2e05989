"""`unetpick train`: what the run folder holds, one seed one file, and going on after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import TinySet, environment, unetpick, unetpick_process

from napari_unetpick.io.models import load_model


def test_the_run_folder_holds_what_is_promised(tiny: TinySet, tiny_run: Path):
    names = {path.name for path in tiny_run.iterdir()}
    assert names == {
        *("config.toml", "record.json", "labels", "metrics.jsonl"),
        *("model.safetensors", "checkpoint.pt", "training.log"),
    }
    rows = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(0 <= row["validation_f1"] <= 1 and row["loss"] > 0 for row in rows)
    truth = (tiny.folder / "picks.csv").read_text().count("\n")
    assert (tiny_run / "labels" / "picks.csv").read_text().count("\n") == truth


def test_a_model_holds_no_path_and_no_date(tiny: TinySet, tiny_run: Path):
    data = (tiny_run / "model.safetensors").read_bytes()
    assert str(tiny.folder).encode() not in data
    assert time.strftime("%Y-%m").encode() not in data
    assert load_model(tiny_run).card["diameter"] == tiny.diameter


@pytest.mark.slow
def test_one_seed_gives_one_file_and_another_seed_another(
    tiny: TinySet, tiny_run: Path, tmp_path: Path
):
    for name, seed in (("again", "42"), ("other", "43")):
        done = unetpick_process(*tiny.train, "--run", tmp_path / name, "--seed", seed)
        assert done.returncode == 0, done.stderr
    first = (tiny_run / "model.safetensors").read_bytes()
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == first
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != first


@pytest.mark.slow
@pytest.mark.parametrize("epochs_before_the_kill", [0, 1])
def test_a_killed_run_resumes_to_the_same_file(
    tiny: TinySet, tiny_run: Path, tmp_path: Path, epochs_before_the_kill: int
):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "napari_unetpick", *tiny.train, "--run", str(run)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    metrics = run / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        begun = (run / "config.toml").exists()
        epochs = metrics.read_text().count("\n") if metrics.exists() else 0
        if begun and epochs >= epochs_before_the_kill:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "model.safetensors").exists(), "the run ended before it could be killed"
    done = unetpick_process(*tiny.train, "--run", run, "--resume")
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == (tiny_run / "model.safetensors").read_bytes()
    assert metrics.read_text() == (tiny_run / "metrics.jsonl").read_text()
    assert not list(run.rglob("*.tmp"))


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_the_run_resumes(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "napari_unetpick", *tiny.train, "--run", str(run)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (run / "metrics.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in errors
    assert "Traceback" not in errors
    done = unetpick_process(*tiny.train, "--run", run, "--resume")
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == (tiny_run / "model.safetensors").read_bytes()


def test_a_run_is_never_overwritten_nor_resumed_with_other_settings(tiny: TinySet, tiny_run: Path):
    before = (tiny_run / "model.safetensors").read_bytes()
    refused = unetpick(*tiny.train, "--run", tiny_run)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    other = unetpick(*tiny.train, "--run", tiny_run, "--resume", "--seed", "7")
    assert other.returncode == 2
    assert "other settings" in other.stderr
    finished = unetpick(*tiny.train, "--run", tiny_run, "--resume")
    assert finished.returncode == 0
    assert "already finished" in finished.stderr
    assert (tiny_run / "model.safetensors").read_bytes() == before


@pytest.mark.slow
def test_partial_labels_train_and_say_what_they_cannot_know(tiny: TinySet, tmp_path: Path):
    lines = tiny.picks.read_text().splitlines()
    by_name: dict[str, list[str]] = {}
    for line in lines[1:]:
        by_name.setdefault(line.split(",")[0], []).append(line)
    few = tmp_path / "few.csv"
    rows = [row for name in list(by_name)[:3] for row in by_name[name][:6]]
    few.write_text("\n".join([lines[0], *rows]) + "\n")
    run = tmp_path / "run"
    arguments = [str(few) if a == str(tiny.picks) else a for a in tiny.train]
    done = unetpick(*arguments, "--run", run, "--partial")
    assert done.returncode == 0, done.stderr
    assert "precision cannot be measured" in done.stderr
    assert "held-out clicks" in done.stderr
    card = load_model(run).card
    assert card["calibration"]["kind"] == "rank"
    assert card["validation"]["f1"] is None
    assert card["training"]["particles"] == 18
    # going on from it on the same micrographs: its picks are the estimate, nothing is cross-fitted
    more = tmp_path / "more"
    done = unetpick(*arguments, "--run", more, "--partial", "--start", run)
    assert done.returncode == 0, done.stderr
    assert "picks per micrograph (from the previous model" in done.stderr
    stages = {json.loads(row)["stage"] for row in (more / "metrics.jsonl").read_text().splitlines()}
    assert stages == {"training"}
    assert load_model(more).card["calibration"]["expected_recall"] == pytest.approx(
        card["calibration"]["expected_recall"]
    )


def test_picks_that_are_called_labels_train(tiny: TinySet, tmp_path: Path):
    from napari_unetpick.engine.inputs import make_train_job

    named = tmp_path / "labels.csv"
    named.write_bytes(tiny.picks.read_bytes())
    (job, _), (other, _) = (
        make_train_job(
            micrographs=str(tiny.folder), picks=picks, diameter=tiny.diameter, run=tmp_path / "run"
        )
        for picks in (tiny.picks, named)
    )
    assert other.labels.keys() == job.labels.keys()
    assert {each.state for each in other.labels.values()} == {"full"}


@pytest.mark.slow
def test_training_goes_on_from_a_model(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    arguments = [*tiny.train, "--run", tmp_path / "more", "--start", tiny_run]
    done = unetpick(*arguments, "--initial-epochs", "1")
    assert done.returncode == 0, done.stderr
    old, new = load_model(tiny_run), load_model(tmp_path / "more")
    drift = abs(old.weights["stem.0.weight"] - new.weights["stem.0.weight"]).max()
    assert 0 < drift < 0.1


def test_several_micrographs_can_be_named(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    files = sorted(tiny.folder.glob("*.mrc"))[:2]
    done = unetpick("pick", *files, "--model", tiny_run, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").glob("*_autopick.star")} == {
        f"{file.stem}_autopick.star" for file in files
    }


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_one_line_unless_it_is_looked_for(monkeypatch, capsys, debug: bool):
    from napari_unetpick import __main__, cli

    def broken(**_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(cli, "app", broken)
    if debug:
        monkeypatch.setenv("UNETPICK_DEBUG", "1")
        with pytest.raises(ZeroDivisionError):
            __main__.main()
        return
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    assert stopped.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "planted" in lines[0]
