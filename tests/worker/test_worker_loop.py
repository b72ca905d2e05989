"""The loop in this process, with pipes and planted jobs: memory, bugs, idleness, prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from napari_unetpick.errors import EngineError, InputError, ModelError
from napari_unetpick.events import Done, Message, Progress
from napari_unetpick.worker.channel import Channel
from napari_unetpick.worker.inbox import Inbox
from napari_unetpick.worker.loop import Engine
from napari_unetpick.worker.memory import memory_in_use


class Line:
    """An engine in a thread, between two pipes."""

    def __init__(self, folder: Path, **options: object) -> None:
        request_read, request_write = os.pipe()
        message_read, message_write = os.pipe()
        self.requests = os.fdopen(request_write, "wb", buffering=0)
        self.messages = os.fdopen(message_read, "rb")
        self.channel = Channel(os.fdopen(message_write, "wb"), folder)
        inbox = Inbox(os.fdopen(request_read, "rb"), lambda *_: None)
        inbox.listen()
        self.engine = Engine(inbox, self.channel, **options)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self.engine.run, daemon=True)
        self.thread.start()

    def do(self, number: str, name: str) -> None:
        self.requests.write(json.dumps({"v": 1, "do": name, "id": number}).encode() + b"\n")

    def read(self) -> dict:
        return json.loads(self.messages.readline())

    def end(self, number: str) -> dict:
        while True:
            message = self.read()
            if message.get("id") == number and message["event"] in ("done", "error", "stopped"):
                return message


def failing(error: BaseException):
    def run(args: object, bench: object) -> Iterator[Message]:
        yield Message("about to fail")
        raise error

    return run


def working(args: object, bench: object) -> Iterator[Done]:
    yield Done({"works": True})


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "memory", "device cpu"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "memory", "device cpu"),
        (MemoryError(), "memory", "main memory is full"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory", "smaller batch"),
        (InputError("a.mrc: no such\nfile"), "input", "a.mrc: no such file"),
        (ModelError("m: damaged"), "model", "m: damaged"),
        (EngineError("disk full"), "engine", "disk full"),
        (RuntimeError("shape mismatch"), "engine", "RuntimeError: shape mismatch"),
        (KeyError("x"), "engine", "your picks are safe"),
    ],
)
def test_an_error_is_told_with_its_kind_and_the_next_job_runs(
    tmp_path: Path, error: BaseException, kind: str, says: str
):
    line = Line(tmp_path, jobs={"train": failing(error), "work": working})
    line.do("1", "train")
    line.do("2", "work")
    end = line.end("1")
    assert (end["event"], end["kind"]) == ("error", kind)
    assert says in end["text"]
    assert "\n" not in end["text"]
    assert line.end("2")["result"] == {"works": True}


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ("CUDA error: out of memory\nCompile with ...", "memory", "the GPU's memory is full"),
        ("CUDA error: unspecified launch failure\n...", "engine", "the GPU failed (CUDA error: un"),
    ],
)
def test_after_an_error_of_the_gpu_a_fresh_engine_must_come(
    tmp_path: Path, said: str, kind: str, told: str
):
    line = Line(tmp_path, jobs={"fail": failing(torch.AcceleratorError(said)), "work": working})
    line.do("1", "fail")
    end = line.end("1")
    assert (end["event"], end["kind"]) == ("error", kind)
    assert end["text"].startswith(told)
    assert "\n" not in end["text"]
    line.thread.join(10)
    assert not line.thread.is_alive()


def test_a_job_out_of_memory_lets_go_of_its_tensors(tmp_path: Path):
    import gc
    import weakref

    held: list[weakref.ref] = []

    def hungry(args: object, bench: object) -> Iterator[Message]:
        tensor = torch.zeros(1000)
        held.append(weakref.ref(tensor))
        yield Message("allocating")
        raise torch.OutOfMemoryError("CUDA out of memory")

    gc.disable()
    try:
        line = Line(tmp_path, jobs={"hungry": hungry})
        line.do("1", "hungry")
        assert line.end("1")["kind"] == "memory"
        assert held[0]() is None
    finally:
        gc.enable()


def test_idle_it_frees_memory_once_and_then_ends(tmp_path: Path):
    line = Line(tmp_path, jobs={"work": working}, free_after=0.2, exit_after=0.6)
    line.engine.scorers._scorer = object()  # type: ignore[assignment]
    begun = time.monotonic()
    line.thread.join(10)
    assert not line.thread.is_alive()
    assert 0.5 < time.monotonic() - begun < 5
    assert line.engine.scorers._scorer is None
    line.channel._pipe.close()
    events = [json.loads(each)["event"] for each in line.messages]
    assert events == ["device", "memory"]


def test_work_postpones_the_end(tmp_path: Path):
    line = Line(tmp_path, jobs={"work": working}, free_after=0.4, exit_after=0.8)
    for number in range(8):
        line.do(str(number), "work")
        assert line.end(str(number))["event"] == "done"
        time.sleep(0.2)
    assert line.thread.is_alive()
    line.thread.join(10)
    assert not line.thread.is_alive()


def test_progress_is_thinned_but_its_last_step_is_told(tmp_path: Path):
    def busy(args: object, bench: object) -> Iterator[Progress]:
        for step in range(5000):
            yield Progress("training", step + 1, 5000)

    line = Line(tmp_path, jobs={"busy": busy})
    line.do("1", "busy")
    steps = []
    while (message := line.read())["event"] != "done":
        if message["event"] == "progress":
            steps.append(message["step"])
    assert steps[0] == 1
    assert steps[-1] == 5000
    assert len(steps) < 100


def test_a_viewer_that_does_not_read_any_more_ends_the_loop(tmp_path: Path):
    line = Line(tmp_path, jobs={"work": working})
    assert line.read()["event"] == "device"
    line.messages.close()
    line.do("1", "work")
    line.thread.join(10)
    assert not line.thread.is_alive()


def test_memory_of_this_process_is_known():
    block = bytearray(os.urandom(1) * 2**28)
    size, unit = memory_in_use(torch.device("cpu")).split()
    assert unit == "GiB"
    assert float(size) >= len(block) / 2**30


PRINTING = """
import os, sys
from napari_unetpick.events import Done, Message
from napari_unetpick.worker import jobs, main
def run(args, bench):
    print("a library prints")
    os.write(1, b"and writes to fd 1\\n")
    os.system("echo so does its child")
    yield Message("still readable")
    yield Done({"read": sys.stdin.read()})
jobs.JOBS["print"] = run
sys.exit(main.main())
"""


def test_a_print_does_not_break_the_stream():
    requests = b'{"v": 1, "do": "print", "id": "1"}\n{"v": 1, "do": "device", "id": "2"}\n'
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(requests)
    process.stdin.flush()
    messages = []
    for line in process.stdout:
        messages.append(json.loads(line))
        if messages[-1]["event"] == "done" and messages[-1]["id"] == "2":
            break
    process.stdin.close()
    errors = process.stderr.read().decode()
    assert process.wait(30) == 0
    assert [m["text"] for m in messages if m["event"] == "message"] == ["still readable"]
    assert next(m for m in messages if m["event"] == "done")["result"] == {"read": ""}
    for text in ("a library prints", "and writes to fd 1", "so does its child"):
        assert text in errors


def test_arrays_of_engines_long_dead_are_removed(tmp_path: Path):
    from napari_unetpick.worker.main import ARRAYS, remove_leftovers

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    long_ago = time.time() - 2 * 86_400
    kept = {f"{ARRAYS}{os.getpid()}-a", f"{ARRAYS}odd-name", "unetpick-project", f"{ARRAYS}1"}
    dead, fresh = f"{ARRAYS}{ended.pid}-old", f"{ARRAYS}{ended.pid}-new"
    for name in (*kept, dead, fresh):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.npy").touch()
        if name != fresh:
            os.utime(tmp_path / name, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept | {fresh}


IDLE = """
import sys
from napari_unetpick.worker import loop, main
loop.EXIT_AFTER = 0.5
loop.Engine.__init__.__kwdefaults__["exit_after"] = 0.5
sys.exit(main.main())
"""


@pytest.mark.slow
def test_an_idle_process_ends_quietly_while_the_viewer_still_holds_the_pipe():
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.wait(60) == 0
    assert process.stdout is not None
    assert process.stderr is not None
    assert [json.loads(line)["event"] for line in process.stdout] == ["hello", "device"]
    assert process.stderr.read() == b""


def test_the_gpus_are_told_with_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("napari_unetpick.worker.loop.list_gpus", lambda: ["Old GPU", "New GPU"])
    line = Line(tmp_path, jobs={})
    told = line.read()
    assert (told["event"], told["gpus"]) == ("device", ["Old GPU", "New GPU"])
