"""A stand-in for the engine process: speaks its messages, needs no torch, fails as it is told.

Usage: fake_engine.py SCENARIO FOLDER; what it was asked for is appended to FOLDER/requests.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SCENARIO, FOLDER = sys.argv[1], Path(sys.argv[2])
ARRAYS = Path(tempfile.mkdtemp(prefix="unetpick-engine-", dir=FOLDER))


def say(event: str, number: str | None = None, version: int = 1, **fields: object) -> None:
    head = {"v": version, "event": event, **({"id": number} if number else {})}
    sys.stdout.write(json.dumps({**head, **fields}) + "\n")
    sys.stdout.flush()


def candidates(number: str, key: str, name: str = "", **fields: object) -> None:
    table = np.array([[1.0, 2.0, 0.9, 0.0], [3.0, 4.0, 0.5, 0.25]])
    name = name or f"{key}.npy"
    np.save(ARRAYS / f"{key}.npy", table)
    say("candidates", number, key=key, file=name, count=2, diameter_px=40.0, **fields)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lives() -> int:
    """How many engines have been started before this one."""
    path = FOLDER / "lives"
    before = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (before + 1))
    return before


def work(number: str, do: str, args: dict) -> None:
    if SCENARIO == "forgetful" and LIFE == 0:
        sys.exit(0)  # as an engine that ends of idleness while the request is under way
    say("started", number, do=do)
    if do == "crash":
        die()
    elif do == "exit":
        sys.stderr.write("Segmentation fault\nlibrary: the last words\n")
        sys.exit(3)
    elif do == "hang":
        time.sleep(600)
    elif do == "wait":
        return  # until `stop` or `preview` comes
    elif do == "noise":
        sys.stdout.write("foreign\n\n[1, 2]\n\x00\xff{}\n")
        say("news", number)
        say("progress", number, stage="training")  # lacks its fields
        say("message", "another", text="of a job that nobody knows")
    elif do == "burst":
        for step in range(args["count"]):
            say("progress", number, stage="picking", step=step + 1, total=args["count"])
    elif do == "all":
        say("message", number, text="hello", level="warning")
        say("progress", number, stage="training", step=1, total=2, seconds_left=3.5)
        say("metrics", number, epoch=1, values={"loss": 0.5}, stage="training")
        say("failed", number, micrograph="b", reason="unreadable")
        say("memory", text="1.5 GiB")
        candidates(number, "a")
        candidates(number, "lost", name="nothing.npy")
        candidates(number, "evil", name="../../evil.npy")
    elif do == "late":
        say("done", number, result={})
        say("memory", text="0.5 GiB")
        say("device", device="cpu", badge="CPU, later", why="")
        return
    elif do == "fail":
        say("error", number, kind="memory", text="the GPU's memory is full; choose cpu")
        return
    say("done", number, result={"life": LIFE, **args})


LIFE = lives()
if SCENARIO == "dead" or (SCENARIO == "second-life" and LIFE == 0):
    sys.exit("ImportError: no engine here")
if SCENARIO == "broken-torch":
    say("hello", arrays=str(ARRAYS))
    say("error", kind="engine", text="torch cannot be loaded: DLL")
    sys.exit(1)
say("hello", version=7 if SCENARIO == "other-version" else 1, pid=os.getpid(), arrays=str(ARRAYS))
say("device", device="cpu", badge="CPU", why="no GPU was found", gpus=["Old GPU", "New GPU"])
for line in sys.stdin:
    request = json.loads(line)
    with open(FOLDER / "requests", "a", encoding="utf-8") as handle:
        handle.write(line)
    number, do = request.pop("id"), request.pop("do")
    if do == "stop":
        say("stopped", number, text="stopped")
    elif do == "preview":
        candidates(number, request["key"], preview=True, threshold=0.4, reply=request["reply"])
    else:
        work(number, do, {k: v for k, v in request.items() if k != "v"})
