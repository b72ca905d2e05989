"""`unetpick benchmark cryoppp`: one command from a downloaded tree to a table, kept and resumed."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import unetpick

from napari_unetpick.evaluation.figures import RATIOS
from napari_unetpick.report.tables.benchmark import (
    overview_table,
    setting_table,
    to_csv,
    write_benchmark,
)
from napari_unetpick.study.cryoppp.record import SetRecord

sys.path.insert(0, str(Path(__file__).parent.parent / "study"))
from cryoppp_tree import QUICK, plant_set


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("downloaded")
    plant_set(root / "10017", "barrel", 4)
    plant_set(root / "EMPIAR-10005", "barrel", 4, name="stack_{:04d}_2x_SumCorr", first=2)
    (root / "quick.toml").write_text(QUICK)
    return root


def options(tree: Path, out: Path) -> list[object]:
    return ["--out", out, "--recipe", tree / "quick.toml", "--device", "cpu"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_one_command_trains_picks_and_evaluates(tree: Path, tmp_path: Path):
    out = tmp_path / "out"
    command = ["benchmark", "cryoppp", tree, "--sets", "10017", *options(tree, out)]
    done = unetpick(*command)
    assert done.returncode == 3, "a micrograph of zero bytes was left out"
    assert "0 bytes" in done.stderr
    assert "1.77 A/px (published) instead of 9.9 (its headers)" in done.stdout
    for word in ("particle (macro)", "iou0.6 (pooled)", "pixel (mean)", "centring", "95 %"):
        assert word in done.stdout
    (row,) = read_csv(out / "benchmark.csv")
    assert (row["set"], row["part"], row["micrographs"]) == ("10017", "validation", "1")
    assert 0 <= float(row["particle.f1"]) <= 1
    assert "| 10017 |" in (out / "benchmark.md").read_text(encoding="utf-8")
    page = (out / "benchmark.html").read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert "optimistic" in page, "what a validation score is worth is said"

    refused = unetpick(*command)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    assert refused.stderr.count("\n") == 1
    model = out / "10017" / "run" / "model.safetensors"
    before = model.stat().st_mtime_ns
    kept = unetpick(*command, "--resume")
    assert "already scored" in kept.stderr
    assert "training" not in kept.stderr

    final = unetpick(*command, "--resume", "--final")
    assert final.returncode == 3
    assert model.stat().st_mtime_ns == before, "not trained again"
    assert read_csv(out / "benchmark.csv")[0]["part"] == "test"
    assert "points" in (out / "benchmark.md").read_text(encoding="utf-8"), "validation - test"


def test_a_leak_is_warned_of_and_starred(tree: Path, tmp_path: Path):
    out = tmp_path / "out"
    done = unetpick(
        *("benchmark", "cryoppp", tree, "--sets", "10017,10005", *options(tree, out)),
        *("--train-on", "published"),
    )
    assert done.returncode == 3
    assert "warning: 10005: leak: 10005 is a training set" in done.stderr
    assert "10005*" in done.stdout
    assert "10017*" not in done.stdout
    by_set = {row["set"]: row for row in read_csv(out / "benchmark.csv")}
    assert by_set["10005"]["leak"]
    assert not by_set["10017"]["leak"]


@pytest.mark.parametrize(
    "arguments,word",
    [
        (["--sets", "10017,10018"], "10018"),
        (["--sets", "10017", "--train-on", "both"], "each, published"),
        (["--sets", "10017", "--recipe", "none.toml"], "none.toml"),
    ],
)
def test_bad_input_is_one_line(tree: Path, tmp_path: Path, arguments: list[str], word: str):
    done = unetpick("benchmark", "cryoppp", tree, "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert word in done.stderr
    assert not (tmp_path / "out").exists()


def record(name: str, f1: float, **changes: object) -> SetRecord:
    rows = ("particle", "particle_macro", "iou0.6", "pixel", "quarter")
    figures = {f"{row}.{ratio}": (f1, f1 - 0.1, f1 + 0.1) for row in rows for ratio in RATIOS}
    made = SetRecord(name, "test", 8, 4, 100, 90, 108.0, 1.77, 0.5, figures, selected=0.9)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_mean_leaves_leaks_out():
    records = [record("1", 0.6), record("2", 0.8), record("3", 0.1, leaks=["seen"])]
    table = overview_table(records)
    f1 = table.headers.index("F1")
    assert [row[0] for row in table.rows] == ["1", "2", "3*", "mean of 2"]
    assert table.rows[-1][f1] == "0.700"
    assert table.rows[0][f1 + 1] == "0.500 to 0.700"
    assert table.rows[-1][1] == "8", "micrographs of the two"


def test_validation_stands_beside_the_test():
    records = [record("1", 0.6), record("2", 0.8, selected=None)]
    gaps = [row[-1] for row in setting_table(records, {}).rows]
    assert gaps == ["+30.0 points", "–"]
    seen = {"1": record("1", 0.65, part="validation")}
    assert setting_table(records, seen).rows[0][-1] == "+5.0 points"


def test_every_figure_is_in_the_csv_with_its_interval(tmp_path: Path):
    path = tmp_path / "benchmark.csv"
    path.write_text(to_csv([record("10017", 0.6)]), encoding="utf-8")
    (row,) = read_csv(path)
    assert row["pixel.f1"] == "0.6"
    assert (row["pixel.f1_low"], row["pixel.f1_high"]) == ("0.5", "0.7")
    assert row["centring.median"] == "", "no pick matched"
    assert row["diameter_px"] == "108.0"


def test_notes_reach_the_page_and_are_escaped(tmp_path: Path):
    made = record("10017", 0.6, failed={"a.mrc": "<a.mrc> is cut short"}, notes=["sizes differ"])
    files = write_benchmark(tmp_path, [made], "CryoPPP benchmark", "About.", notes=["10028 failed"])
    page = files[-1].read_text(encoding="utf-8")
    for text in ("&lt;a.mrc&gt; is cut short", "sizes differ", "10028 failed", "10017"):
        assert text in page
