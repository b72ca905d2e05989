"""`--track`: training and self-training tell a tracker what metrics.jsonl holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import TinySet, unetpick


def rows_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def figures_of(rows: list[dict]) -> dict[tuple[str, int], float]:
    """By tag and epoch, as charts show them."""
    return {
        (f"{row['stage'].replace(' ', '-')}/{name}", row["epoch"]): value
        for row in rows
        for name, value in row.items()
        if name not in ("stage", "epoch")
    }


@pytest.mark.slow
def test_tensorboard_shows_what_the_metrics_hold(tiny: TinySet, tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def charts() -> dict[tuple[str, int], float]:
        board = EventAccumulator(str(run / "tensorboard"))
        board.Reload()
        return {(t, p.step): p.value for t in board.Tags()["scalars"] for p in board.Scalars(t)}

    header, *lines = tiny.picks.read_text().splitlines()
    names = sorted({line.split(",")[0] for line in lines})[:3]
    some = tmp_path / "some.csv"
    some.write_text("\n".join([header, *(x for x in lines if x.split(",")[0] in names)]) + "\n")
    arguments = [str(some) if a == str(tiny.picks) else a for a in tiny.train]
    run = tmp_path / "run"
    done = unetpick(*arguments, "--run", run, "--initial-epochs", "2", "--track", "tensorboard")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(run / "model.safetensors"), "only the result is printed"
    assert f"tensorboard --logdir {run / 'tensorboard'}" in done.stderr
    trained = figures_of(rows_of(run))
    assert set(trained) == {
        (f"training/{name}", epoch)
        for name in ("loss", "validation_f1", "rate")
        for epoch in (1, 2)
    }
    assert charts() == pytest.approx(trained, rel=1e-5)

    short = ("--rounds", "1", "--self-training-epochs", "1", "--track", "tensorboard")
    done = unetpick("self-train", tiny.folder, "--run", run, *short)
    assert done.returncode == 0, done.stderr
    both = figures_of(rows_of(run))
    assert ("round-1/loss", 1) in both
    assert ("round-1/taken", 1) in both
    assert charts() == pytest.approx(both, rel=1e-5)
    record = json.loads((run / "record.json").read_text())
    assert [entry["command"] for entry in record] == ["train", "self-train"]
    assert record[1]["results"]["epochs"] == {"training": 2, "round 1": 1}
    assert record[1]["data"]["micrographs"] != record[0]["data"]["micrographs"], "one more is read"


@pytest.mark.slow
def test_a_tracked_model_is_the_same_file(tiny: TinySet, tmp_path: Path):
    pytest.importorskip("tensorboard")
    for name, more in (("plain", ()), ("tracked", ("--track", "tensorboard"))):
        run = tmp_path / name
        done = unetpick(*tiny.train, "--run", run, "--initial-epochs", "1", *more)
        assert done.returncode == 0, done.stderr
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "tracked")]
    assert models[0] == models[1]
    assert not (tmp_path / "plain" / "tensorboard").exists()


@pytest.mark.parametrize(
    "kind, module", [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")]
)
def test_what_is_not_installed_is_one_line(
    kind: str, module: str, tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    done = unetpick(*tiny.train, "--run", tmp_path / "run", "--track", kind)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f'pip install "napari-unetpick[{kind}]"' in line
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_is_one_line(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    for done in (
        unetpick(*tiny.train, "--run", tmp_path / "run", "--track", "mlflow"),
        unetpick("self-train", tiny.folder, "--run", tiny_run, "--track", "mlflow"),
    ):
        assert done.returncode == 2
        assert "--track mlflow: give one of none, tensorboard, wandb" in done.stderr
    assert not (tmp_path / "run").exists()
    assert not (tiny_run / "self_train.toml").exists()
