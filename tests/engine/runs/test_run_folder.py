"""The run folder: never two runs in one, resumable, whole on a full disk."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from napari_unetpick.engine.runs import folder as run_folder
from napari_unetpick.engine.runs.folder import CHECKPOINT, LOG, RunFolder
from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io.atomic import explain_os_error
from napari_unetpick.project.runs import CONFIG, METRICS, MODEL

CONFIGURATION = {"diameter": 160.0, "settings": {"seed": 1}}


def begin(path, *, resume=False, config=CONFIGURATION):
    folder = RunFolder(path)
    saved = folder.check(config, resume=resume)
    folder.begin(config)
    return folder, saved


def test_a_fresh_run_writes_its_settings(tmp_path):
    _, saved = begin(tmp_path / "new" / "run")
    assert saved is None
    assert "diameter = 160.0" in (tmp_path / "new" / "run" / CONFIG).read_text()


def test_a_run_goes_on_where_it_stopped(tmp_path):
    folder, _ = begin(tmp_path)
    folder.history.append({"stage": "training", "epoch": 1, "loss": 0.5})
    state = {"stages": {"training": {"epoch": 1, "weights": torch.arange(6.0), "best": None}}}
    folder.save_checkpoint(state)
    again, saved = begin(tmp_path, resume=True)
    assert torch.equal(saved["stages"]["training"]["weights"], torch.arange(6.0))
    assert again.history == folder.history
    lines = (tmp_path / METRICS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == folder.history


def test_resuming_before_the_first_epoch_starts_afresh(tmp_path):
    begin(tmp_path)
    assert begin(tmp_path, resume=True)[1] is None
    assert begin(tmp_path / "never", resume=True)[1] is None


def test_another_run_is_not_overwritten(tmp_path):
    folder, _ = begin(tmp_path)
    folder.save_checkpoint({"epoch": 1})
    before = (tmp_path / CONFIG).read_text()
    with pytest.raises(InputError, match="already holds a run; add --resume"):
        begin(tmp_path)
    with pytest.raises(InputError, match="other settings"):
        begin(tmp_path, resume=True, config={"diameter": 161.0})
    assert (tmp_path / CONFIG).read_text() == before
    (tmp_path / CHECKPOINT).rename(tmp_path / MODEL)  # a model alone is a run, too
    with pytest.raises(InputError, match="already holds a run; add --resume"):
        begin(tmp_path)


def test_a_check_writes_nothing(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert folder.check(CONFIGURATION, resume=False) is None
    assert not folder.started
    assert not (tmp_path / "run").exists()
    folder.begin(CONFIGURATION)
    assert folder.started


def test_a_file_where_the_run_folder_should_be(tmp_path):
    path = tmp_path / "run"
    path.write_text("x")
    with pytest.raises(InputError, match="is a file"):
        begin(path)


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "pickle", "foreign"])
def test_a_damaged_checkpoint_is_one_clear_line(tmp_path, damage):
    folder, _ = begin(tmp_path)
    folder.save_checkpoint({"weights": torch.zeros(2000)})
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    if damage == "pickle":
        torch.save({"history": "[]", "run": Path("x")}, path)  # may run code when loaded
    elif damage == "foreign":
        torch.save({"model": torch.zeros(3)}, path)
    else:
        data = {"empty": b"", "garbage": b"not a checkpoint" * 50, "truncated": whole[:3000]}
        path.write_bytes(data[damage])
    with pytest.raises(InputError, match="damaged") as caught:
        begin(tmp_path, resume=True)
    assert CHECKPOINT in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "expected", "match"),
    [
        (MemoryError("planted"), MemoryError, "planted"),
        (RuntimeError("can't allocate memory: planted"), RuntimeError, "planted"),
        (PermissionError(13, "Permission denied"), InputError, "cannot be read .Permission denied"),
    ],
)
def test_what_the_machine_refuses_is_no_damage(tmp_path, monkeypatch, error, expected, match):
    folder, _ = begin(tmp_path)
    folder.save_checkpoint({"epoch": 1})

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(expected, match=match):
        folder.load_checkpoint()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_clear_line_and_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    folder, _ = begin(tmp_path)
    folder.save_checkpoint({"epoch": 1})
    before = (tmp_path / CHECKPOINT).read_bytes()

    @contextmanager
    def full(path):
        try:
            yield Path("/dev/full")
        except OSError as error:
            raise explain_os_error(error, path) from error

    monkeypatch.setattr(run_folder, "atomic_path", full)
    with pytest.raises(EngineError, match="no space left"):
        folder.save_checkpoint({"epoch": 2, "weights": torch.zeros(1_000_000)})
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_the_log_grows_line_by_line(tmp_path):
    folder, _ = begin(tmp_path)
    folder.log("device: CPU")
    folder.log("épître")
    lines = (tmp_path / LOG).read_text(encoding="utf-8").splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == ["device: CPU", "épître"]


def test_what_a_killed_run_left_half_written_goes_when_it_is_resumed(tmp_path):
    begin(tmp_path)
    (tmp_path / "labels").mkdir()
    leftovers = [tmp_path / "labels" / ".labels.csv.ab12.tmp", tmp_path / ".checkpoint.pt.x.tmp"]
    for path in leftovers:
        path.write_text("half")
    (tmp_path / "labels" / "notes.tmp").write_text("the user's own")
    begin(tmp_path, resume=True)
    assert [path.name for path in tmp_path.rglob("*.tmp")] == ["notes.tmp"]
