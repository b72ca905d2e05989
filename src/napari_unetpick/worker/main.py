"""`python -m napari_unetpick worker`: the engine process of one viewer."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO

from napari_unetpick.project.lock import is_alive
from napari_unetpick.protocol.messages import ARRAYS
from napari_unetpick.version import __version__
from napari_unetpick.worker.channel import Channel
from napari_unetpick.worker.inbox import Inbox

OLD = 86_400.0  # seconds: in another container sharing the folder, a pid says nothing
GRACE = 60.0  # seconds to reach the next check once the viewer has gone


def main() -> int:
    """Serve the viewer on stdin and stdout; return the exit code."""
    requests, messages = take_over_streams()
    behave()
    remove_leftovers(Path(tempfile.gettempdir()))
    arrays = Path(tempfile.mkdtemp(prefix=f"{ARRAYS}{os.getpid()}-"))
    channel = Channel(messages, arrays)
    inbox = Inbox(requests, lambda number, text: complain(channel, number, text))
    try:
        channel.send("hello", version=__version__, pid=os.getpid(), arrays=str(arrays))
        inbox.listen(lambda: leave_in_time(arrays))
        try:
            from napari_unetpick.worker.loop import Engine  # torch takes seconds: after hello
        except Exception as error:  # a broken installation of torch has many faces
            channel.send("error", kind="engine", text=f"torch cannot be loaded: {error}")
            return 1
        Engine(inbox, channel).run()
    finally:
        shutil.rmtree(arrays, ignore_errors=True)
    return 0


def take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for messages; a library's print goes to stderr, its input is empty.

    Returns
    -------
    Where requests come from, and where messages go.
    """
    requests, messages = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(messages, "wb")


def behave() -> None:
    """Leave the viewer its frames, and Ctrl-C in its terminal to the viewer."""
    if hasattr(os, "nice"):
        os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def remove_leftovers(folder: Path) -> None:
    """Delete the arrays of engines that were killed together with their viewers."""
    for path in folder.glob(f"{ARRAYS}*-*"):
        pid = path.name.removeprefix(ARRAYS).split("-")[0]
        try:
            old = time.time() - path.stat().st_mtime > OLD
        except OSError:  # another engine was faster
            continue
        if old and pid.isdecimal() and not is_alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def complain(channel: Channel, number: str | None, text: str) -> None:
    """Tell the viewer of a request that cannot be read."""
    channel.send("error", number, kind="input", text=text)


def leave_in_time(arrays: Path) -> None:
    """End the process even where a job does not come to its next check: no orphan."""

    def leave() -> None:
        shutil.rmtree(arrays, ignore_errors=True)
        os._exit(1)

    timer = threading.Timer(GRACE, leave)
    timer.daemon = True
    timer.start()
