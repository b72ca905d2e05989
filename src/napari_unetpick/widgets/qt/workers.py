"""One piece of work in a thread for a dock: its progress and result come back to the main thread.

Only the last piece asked for counts: an earlier one is told to stop and its result is dropped.
Superqt's workers share one pool with all of napari: an earlier piece would go on beside the next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_unetpick.errors import Cancelled, UnetPickError
from napari_unetpick.widgets.qt.main_thread import MainThread

logger = logging.getLogger(__name__)


class Task:
    """What a piece of work is given: it says how far it is, and hears that it should stop."""

    def __init__(self, tell: Callable[[int, int], None] | None = None) -> None:
        self._stop = Event()
        self._tell = tell

    def stop(self) -> None:
        """Ask the work to end."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether it should end."""
        return self._stop.is_set()

    def step(self, done: int, total: int) -> None:
        """Say how far it is; raises Cancelled where it should stop."""
        if self.stopped:
            raise Cancelled("stopped")
        if self._tell is not None:
            self._tell(done, total)


class Background(QObject):
    """Runs functions of a `Task` one after the other; signals arrive in the main thread."""

    progress = Signal(int, int)
    done = Signal(object)
    failed = Signal(str)
    finished = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"unetpick-{name}")
        self._task: Task | None = None
        self._main = MainThread()

    @property
    def busy(self) -> bool:
        """Whether a result is still to come."""
        return self._task is not None

    def start(self, work: Callable[[Task], Any]) -> None:
        """Do `work` in place of what is being done."""
        if self._task is not None:
            self._task.stop()
        task = Task(lambda done, total: self._send(task, "progress", (done, total)))
        self._task = task
        self._pool.submit(self._run, work, task)

    def stop(self) -> None:
        """Stop what is being done; its result does not come."""
        if self._task is not None:
            self._task.stop()
            self._task = None
            self.finished.emit()

    def close(self) -> None:
        """End the thread."""
        if self._task is not None:
            self._task.stop()
            self._task = None
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, work: Callable[[Task], Any], task: Task) -> None:
        if task.stopped:
            return
        try:
            self._send(task, "done", work(task))
        except Cancelled:
            return
        except UnetPickError as error:
            self._send(task, "failed", error.in_viewer)
        except MemoryError as error:
            self._send(task, "failed", str(error) or "out of memory")
        except Exception as error:  # a mistake of the program's own is shown as one line, too
            logger.exception("background work failed")
            self._send(task, "failed", f"this did not work ({type(error).__name__}: {error})")

    def _send(self, task: Task, kind: str, content: Any) -> None:
        self._main.call(lambda: self._receive(task, kind, content))

    def _receive(self, task: Task, kind: str, content: Any) -> None:
        if task is not self._task:
            return
        if kind == "progress":
            self.progress.emit(*content)
            return
        self._task = None
        if kind == "done":
            self.done.emit(content)
        else:
            self.failed.emit(content)
        self.finished.emit()
