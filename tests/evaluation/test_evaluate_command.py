"""The command: its JSON, its table, its folder, and its exit codes; and the real set."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from napari_unetpick.cli.evaluate import evaluate
from napari_unetpick.errors import InputError

TRUTH = "micrograph,x,y,diameter\na.mrc,20,10,8\na.mrc,60,10,8\nb.mrc,30,40,8\n"
PICKS = "micrograph,x,y,score\na.mrc,20.5,10,0.9\na.mrc,50,50,0.8\nz.mrc,1,1,0.5\n"


@pytest.fixture
def run(tmp_path):
    app = typer.Typer()
    app.command()(evaluate)
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "picks.csv").write_text(PICKS)

    def invoke(*options, picks="picks.csv", truth="truth.csv"):
        command = [str(tmp_path / picks), "--truth", str(tmp_path / truth), *map(str, options)]
        return CliRunner().invoke(app, command)

    return invoke


def test_json_is_one_object_and_nothing_else(run, tmp_path):
    result = run("--json", "--out", tmp_path / "out")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["protocol"] == "particle"
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 0.3333, 0.4)
    assert set(found["protocols"]) == {"particle", "iou0.6", "pixel"}
    assert found["n_micrographs"] == 2
    assert any("1 pick on 1 micrograph without truth" in note for note in found["notes"])
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == found


def test_the_documented_json_has_the_keys_of_the_real_one(run):
    page = Path(__file__).parents[2] / "docs" / "reference" / "evaluation.md"
    text = page.read_text(encoding="utf-8")
    documented = json.loads(text.split("```json")[1].split("```")[0])
    real = json.loads(run("--json").stdout)

    def compare(shown, there):
        assert set(shown) <= set(there)
        for key, value in shown.items():
            if isinstance(value, dict):
                compare(value, there[key])

    compare(documented, real)
    assert set(documented) == set(real)


def test_protocol_chooses_the_headline(run):
    found = json.loads(run("--json", "--protocol", "pixel").stdout)
    assert found["protocol"] == "pixel"
    assert found["pooling"] == "mean"
    assert found["f1"] == found["protocols"]["pixel"]["f1"] < 0.4
    assert found["f1_at_half_diameter"] == 0.4


def test_table_names_every_protocol(run):
    result = run()
    assert result.exit_code == 0
    for word in ("particle (pooled)", "iou0.6 (pooled)", "pixel (mean)", "0.400", "note: "):
        assert word in result.stdout


def test_empty_picks_miss_everything(run, tmp_path):
    (tmp_path / "none.csv").write_text("micrograph,x,y,score\n")
    found = json.loads(run("--json", picks="none.csv").stdout)
    assert (found["recall"], found["n_picks"], found["n_truth"]) == (0.0, 0, 3)


def test_bad_input_is_one_line(run):
    for options, message in (
        (("--protocol", "coco"), "--protocol coco"),
        (("--border", "4"), "--border needs"),
    ):
        result = run(*options)
        assert isinstance(result.exception, InputError)
        assert message in str(result.exception)
    assert isinstance(run(truth="absent.csv").exception, InputError)


@pytest.mark.slow
def test_apoferritin_with_planted_mistakes(run, tmp_path, real_data):
    rng = np.random.default_rng(0)
    truth_file = real_data / "apoferritin" / "picks.csv"
    with open(truth_file, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = [row for i, row in enumerate(rows) if i % 10]  # a tenth is missed
    shift = rng.normal(0, 3, (len(kept), 2))
    lines = [
        f"{row['micrograph']},{float(row['x']) + dx:.2f},{float(row['y']) + dy:.2f}"
        for row, (dx, dy) in zip(kept, shift, strict=True)
    ]
    # every tenth kept pick once more, half a diameter and a bit to the right
    lines += [f"{r['micrograph']},{float(r['x']) + 45:.2f},{r['y']}" for r in kept[::10]]
    (tmp_path / "apo.csv").write_text("micrograph,x,y\n" + "\n".join(lines) + "\n")
    result = run(
        "--json",
        "--micrographs",
        real_data / "apoferritin",
        "--out",
        tmp_path / "apo",
        picks="apo.csv",
        truth=truth_file,
    )
    found = json.loads(result.stdout)
    assert found["recall"] == pytest.approx(0.9, abs=0.03)
    assert found["precision"] == pytest.approx(1 / 1.1, abs=0.03)
    assert found["median_centring_error"] == pytest.approx(3 * 1.1774 / 78, abs=0.006)
    assert len(list((tmp_path / "apo" / "overlays").iterdir())) == 5
