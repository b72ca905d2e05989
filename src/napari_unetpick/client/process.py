"""The engine as a child process: lines out, messages in, and how it ended."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from napari_unetpick.protocol.messages import decode, encode

log = logging.getLogger(__name__)
# -P: a folder named torch where the viewer was started must not be taken for the library
COMMAND = (sys.executable, "-P", "-m", "napari_unetpick", "worker")
LINES_A_TURN = 50
SECONDS_A_TURN = 0.01  # of the event loop; a burst of messages must not hold the canvas
LONGEST_LINE = 2**24  # bytes; whatever sends more without a line end is not the engine
KEPT_LINES = 20  # of what the engine wrote to stderr


class EngineProcess(QObject):
    """One life of the engine process.

    Signals
    -------
    received(dict)
        One message, in the order in which they were sent.
    ended(str)
        After the last message: how it ended, "" for an exit of its own accord.
    """

    received = Signal(object)
    ended = Signal(str)

    def __init__(self, command: Sequence[str] = COMMAND, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = list(command)
        self._buffer = b""
        self._lines: deque[bytes] = deque()
        self._errors: deque[str] = deque(maxlen=KEPT_LINES)
        self._how: str | None = None  # set once the process is gone
        self._over = False
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._drain)
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)

    def start(self) -> None:
        """Start the process; `ended` tells if that fails."""
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        self._process.setProcessEnvironment(environment)
        self._process.start(self._command[0], self._command[1:])

    @property
    def pid(self) -> int:
        """The process id, 0 where it does not run."""
        return int(self._process.processId() or 0)

    def send(self, message: dict[str, Any]) -> None:
        """Send one request; a process that is gone says so by `ended`."""
        if self._how is None:
            self._process.write(encode(message))

    def kill(self) -> None:
        """End it at once; `ended` follows."""
        self._process.kill()

    def close(self, patience_ms: int) -> None:
        """End it without a signal: close its stdin, wait, kill it where it does not go."""
        self._over = True
        self.blockSignals(True)
        self._turn.stop()
        if self._process.state() == QProcess.ProcessState.NotRunning:
            return
        self._process.closeWriteChannel()
        if not self._process.waitForFinished(patience_ms):
            self._process.kill()
            self._process.waitForFinished(1000)

    def _read(self) -> None:
        *lines, rest = (self._buffer + bytes(self._process.readAllStandardOutput().data())).split(
            b"\n"
        )
        self._lines.extend(lines)
        if len(rest) > LONGEST_LINE:
            log.warning("dropped %d bytes of the engine without a line end", len(rest))
            rest = b""
        self._buffer = rest
        if not self._turn.isActive():
            self._drain()

    def _drain(self) -> None:
        """Emit the messages that have come, some a turn of the event loop."""
        until = time.monotonic() + SECONDS_A_TURN
        for _ in range(LINES_A_TURN):
            if not self._lines or self._over or time.monotonic() > until:
                break
            self._take(self._lines.popleft())
        if self._over:
            return
        if self._lines:
            self._turn.start(0)
        elif self._how is not None:
            self._over = True
            self.ended.emit(self._how)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = decode(line, "event")
        except ValueError:
            log.warning("a foreign line on the engine's pipe: %r", line[:200])
            return
        self.received.emit(message)

    def _read_errors(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        for line in text.splitlines():
            if line.strip():
                self._errors.append(line.strip())
                log.debug("engine: %s", line)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read_errors()
        if status == QProcess.ExitStatus.CrashExit:
            signal = f"killed by signal {code}" if os.name == "posix" else f"crashed, code {code}"
            self._how = f"{signal}, perhaps out of memory" if code == 9 else signal
        elif code:
            last = f": {self._errors[-1][:200]}" if self._errors else ""
            self._how = f"exit code {code}{last}"
        else:
            self._how = ""
        self._read()

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:  # `finished` does not follow
            self._how = f"{self._command[0]} cannot be started: {self._process.errorString()}"
            self._turn.start(0)
