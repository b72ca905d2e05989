"""The main job on real micrographs and on simulated ones: labels in, good picks out."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "cli"))
from command_line import unetpick_process


def write_part(path: Path, rows: list[dict[str, str]], names: set[str]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["micrograph", "x", "y", "diameter"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in rows if row["micrograph"] in names)
    return path


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def run(*arguments: object) -> str:
    done = unetpick_process(*arguments, timeout=1500)
    assert done.returncode == 0, done.stderr
    return done.stdout


def score(picks: Path, truth: Path, micrographs: Path, *options: object) -> dict[str, float]:
    arguments = ["evaluate", picks, "--truth", truth, "--micrographs", micrographs, "--json"]
    found: dict[str, float] = json.loads(run(*arguments, *options))
    return found


@pytest.mark.slow
def test_simulated_particles_are_found_on_unseen_micrographs(tmp_path: Path):
    run("simulate", tmp_path / "set", "--sample", "ribosome", "--count", 5, "--size", 768)
    rows = read(tmp_path / "set" / "picks.csv")
    names = sorted({row["micrograph"] for row in rows})
    train = write_part(tmp_path / "train.csv", rows, set(names[:3]))
    truth = write_part(tmp_path / "test.csv", rows, set(names[3:]))
    diameter = float(rows[0]["diameter"]) * 4
    run(
        *("train", tmp_path / "set", "--picks", train, "--diameter", diameter),
        *("--run", tmp_path / "run", "--initial-epochs", 4),
    )
    run("pick", tmp_path / "set", "--model", tmp_path / "run", "--out", tmp_path / "picks")
    found = score(tmp_path / "picks", truth, tmp_path / "set")
    assert found["f1"] >= 0.85
    assert found["median_centring_error"] <= 0.15


@pytest.mark.slow
def test_apoferritin_is_picked_as_well_as_its_annotators_agree(real_data: Path, tmp_path: Path):
    folder = real_data / "apoferritin"
    split = {row["micrograph"]: row["split"] for row in read(folder / "split.csv")}
    rows = read(folder / "picks.csv")
    parts = {
        part: write_part(tmp_path / f"{part}.csv", rows, {m for m, s in split.items() if s == part})
        for part in ("train", "test")
    }
    size = ("--pixel-size", 1.5)
    run(
        *("train", folder, "--picks", parts["train"], "--diameter", 120, *size),
        *("--run", tmp_path / "run", "--initial-epochs", 5),
    )
    run("pick", folder, "--model", tmp_path / "run", "--out", tmp_path / "picks", *size)
    found = score(tmp_path / "picks", parts["test"], folder, *size, "--border", 60)
    assert found["f1"] >= 0.97


@pytest.mark.slow
def test_demo_shows_the_general_model_before_and_after_fine_tuning(tmp_path: Path):
    out = tmp_path / "demo"
    run("demo", "--out", out)
    before, after = read(out / "comparison.csv")
    assert (before["name"], after["name"]) == ("general model", "fine-tuned model")
    assert before["n_micrographs"] == after["n_micrographs"] == "4"
    assert float(before["particle.f1"]) >= 0.8
    assert float(after["particle.f1"]) >= float(before["particle.f1"])
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert round(results["f1"], 4) == float(after["particle.f1"])
    picked = {row["micrograph"] for row in read(out / "picks_general" / "picks.csv")}
    labelled = {row["micrograph"] for row in read(out / "labelled_picks.csv")}
    assert picked == {row["micrograph"] for row in read(out / "test_truth.csv")}
    assert not picked & labelled
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"{float(before['particle.f1']):.3f}" in page
    assert f"{float(after['particle.f1']):.3f}" in page
    model = (out / "run" / "model.safetensors").read_bytes()
    assert "already finished" in unetpick_process("demo", "--out", out).stderr
    assert (out / "run" / "model.safetensors").read_bytes() == model


@pytest.mark.parametrize("command", ["train", "pick", "evaluate", "simulate", "convert", "demo"])
def test_every_command_explains_itself(command: str):
    assert "--" in run(command, "--help")
