"""`unetpick compare`: a model against picks, its folder, its JSON, its exit codes."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from command_line import TinySet, unetpick


@pytest.fixture
def noisy(tiny: TinySet, tmp_path: Path) -> Path:
    """The truth of the tiny set, every tenth pick missing, the others 3 px aside."""
    with open(tiny.picks, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = [row for i, row in enumerate(rows) if i % 10]
    lines = [f"{row['micrograph']},{float(row['x']) + 3:.2f},{row['y']}" for row in kept]
    path = tmp_path / "noisy.csv"
    path.write_text("micrograph,x,y\n" + "\n".join(lines) + "\n")
    return path


def compare(tiny: TinySet, out: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return unetpick("compare", tiny.folder, "--truth", tiny.picks, "--out", out, *options)


def test_a_model_picks_once_and_is_told_apart_from_what_it_has_seen(
    tiny: TinySet, tiny_run: Path, noisy: Path, tmp_path: Path
):
    out = tmp_path / "out"
    sides = ("--model", f"net={tiny_run}", "--picks", noisy)
    done = compare(tiny, out, *sides, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["part"], found["n_micrographs"], found["look"]) == ("validation", 2, None)
    net, picks = found["sides"]
    assert (net["name"], net["kind"], picks["name"]) == ("net", "model", "noisy")
    assert "leak: net was trained on 2 of the 2" in net["leak"]  # all of the set has trained it
    assert picks["leak"] is None
    assert picks["figures"]["particle.recall"][0] == pytest.approx(0.9, abs=0.03)
    assert picks["figures"]["particle.precision"][0] == 1.0
    assert 0 < net["threshold"] < 1
    assert net["average_precision"] > 0.3
    folder = next((out / "picks").iterdir()) / "validation"
    before = (folder / "candidates.csv").stat().st_mtime_ns
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        *(f"comparison.{ending}" for ending in ("html", "md", "csv", "tex")),
        "precision_recall.png",
    }

    again = compare(tiny, out, *sides, "--final")
    assert again.returncode == 0, again.stderr
    assert "test-set evaluation number 1 on these micrographs" in again.stdout
    assert "net: its picks of the validation micrographs are kept from before" in again.stderr
    assert (folder / "candidates.csv").stat().st_mtime_ns == before
    assert "test-set evaluation number 1" in (out / "comparison.md").read_text()
    assert "note: leak: net" in again.stdout
    # another diameter is another picking
    third = compare(tiny, out, *sides, "--diameter", tiny.diameter * 1.1)
    assert third.returncode == 0, third.stderr
    assert (folder / "candidates.csv").stat().st_mtime_ns > before


def test_text_names_protocol_and_sides(tiny: TinySet, noisy: Path, tmp_path: Path):
    done = compare(tiny, tmp_path / "out", "--picks", f"Topaz={noisy}", "--picks", noisy)
    assert done.returncode == 0, done.stderr
    for word in ("Topaz", "noisy", "protocol particle", "F1 minus that of Topaz", "cross-fitted"):
        assert word in done.stdout
    assert done.stdout.endswith(f"written: {tmp_path / 'out' / 'comparison.html'}\n")


def test_a_damaged_micrograph_is_left_out_and_the_exit_code_is_3(
    tiny: TinySet, noisy: Path, tmp_path: Path
):
    folder = tmp_path / "mics"
    folder.mkdir()
    for number, path in enumerate(sorted(tiny.folder.glob("*.mrc"))):
        (folder / path.name).write_bytes(path.read_bytes() if number else b"<xml/>")
    split = tmp_path / "split.csv"
    split.write_text(
        "micrograph,split\n" + "".join(f"{p.name},validation\n" for p in folder.iterdir())
    )
    sides = ("--truth", tiny.picks, "--picks", noisy, "--split", split)
    done = unetpick("compare", folder, *sides, "--out", tmp_path / "out")
    assert done.returncode == 3, done.stderr
    assert "ribosome_0001 was skipped" in done.stdout


@pytest.mark.parametrize(
    "options, word",
    [
        ([], "nothing to compare"),
        (["--picks", "absent.csv"], "absent.csv"),
        (["--model", "absent.safetensors"], "absent.safetensors"),
        (["--picks", "=NOISY"], "--picks"),
        (["--picks", "a=NOISY", "--picks", "a=NOISY"], "two methods are called a"),
        (["--picks", "NOISY", "--validation", "2"], "--validation 2"),
        (["--picks", "NOISY", "--split", "absent.csv"], "absent.csv"),
        (["--picks", "NOISY", "--border", "1e9"], "--border"),
        (["--picks", "NOISY", "--device", "tpu", "--diameter", "nan"], "--diameter"),
        (["--picks", "NOISY", "--out", "NOISY"], "--out"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], word: str, tiny: TinySet, noisy: Path, tmp_path: Path
):
    out = tmp_path / "out"
    done = compare(tiny, out, *(option.replace("NOISY", str(noisy)) for option in options))
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("unetpick:")]
    assert len(told) == 1, done.stderr
    assert word in told[0]
    assert not out.exists()
