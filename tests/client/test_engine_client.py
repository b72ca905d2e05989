"""The client against an engine that behaves, misbehaves, dies and does not start."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heard import Ask, Heard

from napari_unetpick.client import EngineClient
from napari_unetpick.client import engine as engine_module
from napari_unetpick.events import Failed, Message, Metrics, Progress

Until = Callable[..., None]
Make = Callable[..., EngineClient]


def run(client: EngineClient, until: Until, do: str, **args: Any) -> Heard:
    heard = Heard(client.submit(Ask(do, **args)))
    until(lambda: heard.over)
    return heard


def test_memory_is_shown_while_a_job_runs_alone(make_client: Make, until: Until):
    client = make_client()
    memory: list[str] = []
    client.memory_changed.connect(memory.append)
    run(client, until, "late")
    until(lambda: client.badge == "CPU, later")  # said after the memory
    assert client.memory == ""
    assert memory == []


def test_a_job_says_what_the_engine_says_and_finishes_last(
    make_client: Make, until: Until, tmp_path: Path
):
    client = make_client()
    states: list[str] = []
    memory: list[str] = []
    devices: list[tuple[str, str]] = []
    client.state_changed.connect(states.append)
    client.memory_changed.connect(memory.append)
    client.device_changed.connect(lambda *each: devices.append(each))
    heard = run(client, until, "all", size=3)
    assert heard.of("message") == [(Message("hello", "warning"),)]
    assert heard.of("progress") == [(Progress("training", 1, 2, 3.5),)]
    assert heard.of("metrics") == [(Metrics(1, {"loss": 0.5}),)]
    ((found,),) = heard.of("found")
    assert (found.key, found.preview) == ("a", False)
    each = found.candidates
    assert each.diameter_px == 40.0
    np.testing.assert_array_equal(each.coords, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(each.raw, [0.9, 0.5])
    np.testing.assert_array_equal(each.nearness, [0, 0.25])
    assert [event.micrograph for (event,) in heard.of("failed")] == ["b", "lost", "evil"]
    assert heard.of("failed")[0] == (Failed("b", "unreadable"),)
    assert heard.names[-2:] == ["done", "finished"]
    assert heard.of("done") == [({"life": 0, "size": 3},)]
    assert heard.job.state == "done"
    assert states == ["starting", "ready", "busy", "ready"]
    assert devices == [("CPU", "no GPU was found")]
    assert client.gpus == ("Old GPU", "New GPU")
    assert memory == ["1.5 GiB", ""]
    (arrays,) = tmp_path.glob("unetpick-engine-*")
    assert not (arrays / "a.npy").exists()


def test_jobs_run_one_after_the_other_in_one_engine(make_client: Make, until: Until):
    client = make_client()
    jobs = [Heard(client.submit(Ask("echo", number=number))) for number in range(3)]
    assert [heard.job.state for heard in jobs] == ["queued"] * 3
    until(lambda: all(heard.over for heard in jobs))
    assert [heard.job.result for heard in jobs] == [{"life": 0, "number": n} for n in range(3)]


def test_the_next_job_may_be_submitted_as_the_last_one_ends(make_client: Make, until: Until):
    client, heard = make_client(), []
    first = client.submit(Ask("echo"))
    first.done.connect(lambda _: heard.append(Heard(client.submit(Ask("echo")))))
    until(lambda: bool(heard) and heard[0].over)
    assert heard[0].job.state == "done"


def test_an_error_is_handed_on_with_its_kind(make_client: Make, until: Until):
    heard = run(make_client(), until, "fail")
    assert heard.calls == [
        ("error", ("memory", "the GPU's memory is full; choose cpu")),
        ("finished", ()),
    ]


def test_stop_of_a_running_and_of_a_waiting_job(make_client: Make, until: Until, tmp_path: Path):
    client = make_client()
    running, waiting = Heard(client.submit(Ask("wait"))), Heard(client.submit(Ask("echo")))
    until(lambda: running.job.started)
    waiting.job.stop()
    assert waiting.names == ["stopped", "finished"]
    running.job.stop()
    until(lambda: running.over)
    assert running.names == ["stopped", "finished"]
    assert not running.job.preview("a")
    running.job.stop()
    assert running.names == ["stopped", "finished"]
    asked = [json.loads(line) for line in (tmp_path / "requests").read_text().splitlines()]
    assert [each["do"] for each in asked] == ["wait", "stop"]
    assert all(each["v"] == 1 for each in asked)


def test_a_job_that_does_not_stop_is_ended_with_its_engine(
    make_client: Make, until: Until, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine_module, "STOP_PATIENCE_MS", 200)
    client = make_client()
    hanging, next_one = Heard(client.submit(Ask("hang"))), Heard(client.submit(Ask("echo")))
    until(lambda: hanging.job.started)
    hanging.job.stop()
    until(lambda: next_one.over)
    assert hanging.names == ["stopped", "finished"]
    assert next_one.job.result["life"] == 1


def test_previews_come_through_the_running_training_only(
    make_client: Make, until: Until, monkeypatch: pytest.MonkeyPatch
):
    from napari_unetpick.client import job as job_module

    monkeypatch.setattr(job_module, "ANSWERS_PREVIEWS", ("wait",))
    client = make_client()
    heard = Heard(client.submit(Ask("wait")))
    assert not heard.job.preview("a")
    until(lambda: heard.job.started)
    assert heard.job.preview("a")
    until(lambda: bool(heard.of("found")))
    ((found,),) = heard.of("found")
    assert (found.key, found.preview, found.threshold) == ("a", True, 0.4)


def test_a_crash_is_an_error_and_a_fresh_engine_does_the_rest(
    make_client: Make, until: Until, tmp_path: Path
):
    client = make_client()
    crashing, queued = Heard(client.submit(Ask("crash"))), Heard(client.submit(Ask("echo")))
    until(lambda: queued.over)
    assert crashing.names == ["error", "finished"]
    ((kind, text),) = crashing.of("error")
    assert kind == "engine"
    assert "the engine stopped unexpectedly (killed by signal 9" in text
    assert "your picks are safe" in text
    assert queued.job.state == "done"
    assert queued.job.result["life"] == 1
    assert len(list(tmp_path.glob("unetpick-engine-*"))) == 1, "the dead engine's arrays are left"


def test_the_last_words_of_an_engine_are_part_of_the_error(make_client: Make, until: Until):
    ((_, text),) = run(make_client(), until, "exit").of("error")
    assert "exit code 3: library: the last words" in text


def test_a_request_that_an_ending_engine_did_not_read_goes_to_a_fresh_one(
    make_client: Make, until: Until
):
    heard = run(make_client("forgetful"), until, "echo")
    assert heard.names == ["done", "finished"]
    assert heard.job.result["life"] == 1


def test_a_failed_start_is_tried_once_more(make_client: Make, until: Until):
    heard = run(make_client("second-life"), until, "echo")
    assert heard.job.result["life"] == 1


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        ("dead", "ImportError: no engine here"),
        ("broken-torch", "torch cannot be loaded: DLL"),
    ],
)
def test_an_engine_that_does_not_start_is_said_to_all_who_wait(
    make_client: Make, until: Until, scenario: str, says: str
):
    client = make_client(scenario)
    jobs = [Heard(client.submit(Ask("echo"))), Heard(client.submit(Ask("echo")))]
    until(lambda: all(heard.over for heard in jobs))
    for heard in jobs:
        ((kind, text),) = heard.of("error")
        assert kind == "engine"
        assert text.startswith("the engine does not start")
        assert says in text
    assert client.state == "off"
    assert client.badge == "no engine"
    assert says in client.why


def test_a_missing_program_is_said_too(qapp: Any, until: Until):
    client = EngineClient(command=["/nowhere/python"])
    ((_, text),) = run(client, until, "echo").of("error")
    assert "/nowhere/python cannot be started" in text


def test_an_engine_of_another_version_is_refused(make_client: Make, until: Until, tmp_path: Path):
    ((kind, text),) = run(make_client("other-version"), until, "echo").of("error")
    assert kind == "engine"
    assert "version 7" in text
    assert "restart napari" in text
    assert (tmp_path / "lives").read_text() == "x", "a second start would not help"


def test_foreign_and_broken_lines_are_passed_over(
    make_client: Make, until: Until, caplog: pytest.LogCaptureFixture
):
    heard = run(make_client(), until, "noise")
    assert heard.names == ["done", "finished"]
    assert "foreign line" in caplog.text
    assert "broken 'progress' message" in caplog.text


@pytest.mark.slow
def test_a_burst_leaves_the_event_loop_its_turns(qapp: Any, make_client: Make, until: Until):
    from qtpy.QtCore import QTimer

    count = 30_000
    client = make_client()
    heard = Heard(client.submit(Ask("burst", count=count)))
    gaps: list[float] = []
    last = [time.monotonic()]

    def tick() -> None:
        now = time.monotonic()
        gaps.append(now - last[0])
        last[0] = now

    timer = QTimer()
    timer.setInterval(1)
    timer.timeout.connect(tick)
    until(lambda: client.state == "busy")
    last[0] = time.monotonic()
    timer.start()
    until(lambda: heard.over, 60)
    timer.stop()
    assert [event.step for (event,) in heard.of("progress")] == list(range(1, count + 1))
    assert len(gaps) > 20
    assert np.percentile(gaps, 90) < 0.05


def test_warm_up_starts_once_and_shutdown_ends_it(make_client: Make, until: Until, tmp_path: Path):
    client = make_client()
    client.warm_up()
    client.warm_up()
    until(lambda: client.state == "ready")
    pid = client.pid
    assert pid > 0
    running, waiting = Heard(client.submit(Ask("wait"))), Heard(client.submit(Ask("echo")))
    until(lambda: running.job.started)
    client.shutdown()
    assert running.names == waiting.names == ["stopped", "finished"]
    assert (client.state, client.pid) == ("off", 0)
    assert not list(tmp_path.glob("unetpick-engine-*"))
    assert (tmp_path / "lives").read_text() == "x"
    client.shutdown()
    assert run(client, until, "echo").job.state == "done"


def test_a_hanging_engine_does_not_hold_the_shutdown(
    make_client: Make, until: Until, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine_module, "PATIENCE_MS", 200)
    client = make_client()
    heard = Heard(client.submit(Ask("hang")))
    until(lambda: heard.job.started)
    start = time.monotonic()
    client.shutdown()
    assert time.monotonic() - start < 5
    assert heard.names == ["stopped", "finished"]


def test_the_default_command_starts_the_worker_of_this_python():
    from napari_unetpick.client.process import COMMAND

    assert COMMAND[0] == sys.executable
    assert COMMAND[-2:] == ("napari_unetpick", "worker")
