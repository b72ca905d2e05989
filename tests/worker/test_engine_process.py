"""The engine process from outside: training with previews, stop, resume, picking, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from raw_engine import SETTINGS, RawEngine, SmallProject, event_is, gone_within

from napari_unetpick.picking.calibration import Calibration, select

MODEL = "model.safetensors"
pytestmark = pytest.mark.slow  # each starts an engine, or trains in one


def start_training(engine: RawEngine, number: str, small: SmallProject, run: Path, **args) -> None:
    fields = {"project": str(small.folder), "run": str(run), "settings": SETTINGS, **args}
    engine.send("train", id=number, **fields)


def test_hello_comes_before_the_device(engine: RawEngine):
    assert [m["event"] for m in engine.seen[:2]] == ["hello", "device"]
    hello, device = engine.seen[:2]
    assert hello["v"] == 1
    assert hello["pid"] == engine.process.pid
    assert Path(hello["arrays"]).is_dir()
    assert device["badge"] == "CPU" or device["badge"].startswith(("GPU", "Apple"))
    assert device["why"]


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no priorities here")
def test_the_viewer_comes_first(engine: RawEngine):
    assert os.getpriority(os.PRIO_PROCESS, engine.process.pid) >= 10


def test_previews_come_in_time_and_do_not_change_the_model(
    engine: RawEngine, small: SmallProject, trained: Path, tmp_path: Path
):
    start_training(engine, "t1", small, tmp_path / "run")
    engine.until(lambda m: m["event"] == "progress" and m["stage"] == "training")
    engine.send("preview", id="t1", key=small.unseen, reply="r1")
    engine.send("preview", id="t1", key=small.labelled[0], reply="r2")
    engine.send("preview", id="t1", key="nothing", reply="r3")
    engine.until(lambda m: m.get("reply") == "r1")
    assert engine.last("t1")["event"] == "done"
    found = {m["reply"]: m for m in engine.of("t1", "candidates")}
    assert found["r1"]["key"] == small.unseen
    assert found["r2"]["key"] == small.labelled[0]
    for message in found.values():
        table = engine.array(message)
        assert message["preview"] is True
        assert table.shape == (message["count"], 4)
        assert 0 < message["threshold"] < 1
        assert (np.diff(table[:, 2]) <= 0).all()
    (lost,) = engine.of("t1", "failed")
    assert (lost["micrograph"], lost["reply"]) == ("nothing", "r3")
    assert (tmp_path / "run" / MODEL).read_bytes() == (trained / MODEL).read_bytes()


def test_a_training_tells_epochs_progress_and_memory(
    engine: RawEngine, small: SmallProject, trained: Path, tmp_path: Path
):
    before = len(engine.seen)
    start_training(engine, "t2", small, tmp_path / "run", start=str(trained))
    end = engine.last("t2")
    assert Path(end["result"]["model"]).is_file()
    assert end["result"]["card"]["diameter"] == small.diameter
    epochs = engine.of("t2", "metrics")
    assert [m["epoch"] for m in epochs] == [1, 2, 3]
    assert all(m["stage"] == "training" and m["values"]["loss"] > 0 for m in epochs)
    assert engine.of("t2", "progress")[-1]["step"] == 24
    assert any(m["event"] == "memory" and m["text"] for m in engine.seen[before:])


def test_stop_leaves_a_run_that_resumes_to_the_same_model(
    engine: RawEngine, small: SmallProject, trained: Path, tmp_path: Path
):
    run = tmp_path / "run"
    start_training(engine, "s1", small, run)
    engine.until(lambda m: m["event"] == "metrics" and m["id"] == "s1")
    engine.send("stop", id="s1")
    assert engine.last("s1")["event"] == "stopped"
    assert not (run / MODEL).exists()
    start_training(engine, "s2", small, run)
    refused = engine.last("s2")
    assert (refused["event"], refused["kind"]) == ("error", "input")
    start_training(engine, "s3", small, run, resume=True)
    assert engine.last("s3")["event"] == "done"
    assert (run / MODEL).read_bytes() == (trained / MODEL).read_bytes()


def test_a_job_that_waits_can_be_stopped(
    engine: RawEngine, small: SmallProject, trained: Path, tmp_path: Path
):
    start_training(engine, "q1", small, tmp_path / "one")
    start_training(engine, "q2", small, tmp_path / "two")
    engine.send("stop", id="q2")
    engine.send("stop", id="q1")
    assert engine.last("q1")["event"] == "stopped"
    assert engine.last("q2")["event"] == "stopped"
    assert not engine.of("q2", "started")
    assert not (tmp_path / "two").exists()


def test_picking_sends_each_micrograph_at_once_with_what_its_scores_need(
    engine: RawEngine, small: SmallProject, trained: Path
):
    keys = [*small.labelled, small.unseen]
    engine.send("pick", id="p1", project=str(small.folder), keys=keys, models=[str(trained)])
    end = engine.last("p1")
    assert end["result"]["micrographs"] == 4
    found = engine.of("p1", "candidates")
    assert [m["key"] for m in found] == keys
    order = [m["event"] for m in engine.seen if m.get("id") == "p1"]
    assert order.index("candidates") < order.index("progress") < len(order) - 2
    tables = [engine.array(message) for message in found]
    assert end["result"]["candidates"] == sum(map(len, tables))
    calibration = Calibration(**end["result"]["calibration"])
    coords, raw, near = tables[-1][:, :2], tables[-1][:, 2], tables[-1][:, 3]
    scores = calibration.apply(raw, near)
    picks = select(
        coords,
        scores,
        calibration.threshold,
        calibration.min_distance * found[-1]["diameter_px"],
    )
    truth = small.truth[small.unseen]
    nearest = np.linalg.norm(coords[picks][:, None] - truth[None], axis=2).min(axis=1)
    # three short epochs: far from good, and far from chance (a fifth of the area is particles)
    assert (nearest < found[-1]["diameter_px"] / 2).mean() > 0.45
    assert len(picks) > 0.5 * len(truth)


def test_the_viewer_gets_the_candidates_that_the_command_line_writes(
    engine: RawEngine, small: SmallProject, trained: Path, tmp_path: Path
):
    from napari_unetpick.engine.inputs import make_pick_job
    from napari_unetpick.engine.pick.run import pick
    from napari_unetpick.io.formats.read import read_picks

    engine.send(
        "pick", id="p2", project=str(small.folder), keys=[small.unseen], models=[str(trained)]
    )
    end = engine.last("p2")
    (found,) = engine.of("p2", "candidates")
    table = engine.array(found)
    scores = Calibration(**end["result"]["calibration"]).apply(table[:, 2], table[:, 3])
    images = str(small.folder.parent / "images")
    list(pick(make_pick_job(micrographs=images, models=[trained], out=tmp_path, formats="csv")))
    written = read_picks(tmp_path / "candidates.csv")
    (same,) = [each for name, each in written.items() if small.unseen in name]
    order = np.argsort(-scores, kind="stable")
    np.testing.assert_allclose(same.coords, table[order, :2], atol=0.01)
    np.testing.assert_allclose(same.scores, scores[order], atol=1e-4)


def test_a_request_that_cannot_be_done_is_one_line(
    engine: RawEngine, small: SmallProject, tmp_path: Path
):
    project = str(small.folder)
    wrong = {
        "w1": ("pick", {"project": project, "keys": ["no"], "models": ["m"]}, "input"),
        "w2": ("pick", {"project": project, "keys": [], "models": ["m"]}, "model"),
        "w3": ("train", {"project": str(tmp_path), "run": "r"}, "input"),
        "w4": ("train", {"project": project}, "input"),
        "w5": ("train", {"project": project, "run": "r", "settings": {"trian": 1}}, "input"),
        "w6": ("train", {"project": project, "run": "r", "validation": 7}, "input"),
        "w7": ("train", {"project": project, "run": "r", "start": "/no.safetensors"}, "model"),
        "w8": ("train", {"project": project, "run": "r", "keys": [small.unseen]}, "input"),
        "w9": ("dance", {}, "input"),
    }
    for number, (do, args, kind) in wrong.items():
        engine.send(do, id=number, **args)
        end = engine.last(number)
        assert (end["event"], end["kind"]) == ("error", kind), end
        assert end["text"]
        assert "\n" not in end["text"]
        assert "Traceback" not in end["text"]


def test_foreign_lines_do_not_harm(engine: RawEngine):
    assert engine.process.stdin is not None
    for line in (
        b"hello\n",
        b"[1]\n",
        b'{"v": 1}\n',
        b"\xff\xfe\n",
        b"\n",
        b'{"v":1,"do":"pick"}\n',
    ):
        engine.process.stdin.write(line)
    engine.process.stdin.write(b'{"v": 99, "do": "device", "id": "f1"}\n')
    engine.process.stdin.flush()
    assert "restart napari" in engine.last("f1")["text"]
    engine.send("device", id="f2")
    assert engine.last("f2")["event"] == "done"


def test_closing_stdin_stops_the_job_and_ends_the_process(small: SmallProject, tmp_path: Path):
    with RawEngine() as engine:
        arrays = Path(engine.until(event_is("hello"))["arrays"])
        start_training(engine, "1", small, tmp_path / "run")
        engine.until(event_is("metrics"))
        engine.close()
        assert engine.process.wait(30) == 0
        assert not arrays.exists()
    assert not (tmp_path / "run" / MODEL).exists()


def test_quit_ends_the_process():
    with RawEngine() as engine:
        engine.until(event_is("device"))
        engine.send("quit")
        assert engine.process.wait(30) == 0


PARENT = """
import subprocess, sys, json, time
engine = subprocess.Popen(
    [sys.executable, "-P", "-m", "napari_unetpick", "worker"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
)
engine.stdin.write(sys.argv[1].encode() + b"\\n")
engine.stdin.flush()
for line in engine.stdout:
    if json.loads(line)["event"] == "metrics":
        break
print(engine.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_no_orphan_stays_when_the_viewer_is_killed(small: SmallProject, tmp_path: Path):
    import json

    long = {**SETTINGS, "train": {**SETTINGS["train"], "epochs": 10_000}}
    args = {"project": str(small.folder), "run": str(tmp_path / "run"), "settings": long}
    request = json.dumps({"v": 1, "do": "train", "id": "1", **args})
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, request], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone_within(pid, 0.2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    begun = time.monotonic()
    assert gone_within(pid, 30)
    assert time.monotonic() - begun < 30
