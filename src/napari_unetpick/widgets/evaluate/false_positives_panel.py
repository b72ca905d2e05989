"""Possible missed particles, one by one: the viewer goes to each, one key decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from weakref import WeakMethod

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.evaluate.false_positives import UnmatchedCandidate
from napari_unetpick.widgets.layers.camera import camera_of, centre_on
from napari_unetpick.widgets.layers.tools import get_tools
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.session.session import Session

WAIT_MS = 50  # between looks whether the micrograph is shown
VIEW_DIAMETERS = 12.0  # of the particle that the view spans
VIEW_PX = 600.0  # of the screen, about
EXPLANATION = (
    "Candidates above the threshold without a label, highest score first. Some may be particles "
    "that were missed in labelling. Particles that the model missed as well are not among them."
)


class MissedParticlesPanel(QWidget):
    """A queue of candidates without a true particle.

    A candidate that is decided elsewhere (picked or rejected in the viewer) is passed over.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.queue: tuple[UnmatchedCandidate, ...] = ()
        self.at = 0
        self._running = False
        self._decided: list[int] = []  # places in the queue, while no other mark was changed since
        self._led = ""  # the micrograph it went to last
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.place = hint()
        self.start_button = button(
            "Review one by one", EXPLANATION + " Keys in the viewer: E, N, K.", self.start
        )
        self.yes = button(
            "Particle (E)",
            "A particle that is missing in the labels: accept it as a pick. Key: E. Undo: Ctrl+Z.",
            self.accept,
        )
        self.no = button(
            "Not a particle (N)",
            "Reject it; the next training uses it as a negative. Key: N.",
            self.reject,
        )
        self.later = button("Skip (K)", "Leave it undecided and continue. Key: K.", self.skip)
        self.choices = row(self.yes, self.no, self.later)
        for widget in (self.place, self.start_button, self.choices):
            layout.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._centre)
        self._zoom_in = False
        queues = get_tools(session).queues
        self._answer = _weakly(self.by_key)
        self.destroyed.connect(partial(_leave, queues, self._answer))
        self._refresh()

    def put(self, queue: Sequence[UnmatchedCandidate]) -> None:
        """Take over a new queue; it waits for the user to start."""
        self.queue, self.at, self._running = tuple(queue), 0, False
        self._decided.clear()
        self._timer.stop()
        self._refresh()

    @property
    def current(self) -> UnmatchedCandidate | None:
        """What is asked about now."""
        return self.queue[self.at] if self._running and self.at < len(self.queue) else None

    def start(self) -> None:
        """Go to the first one that is open."""
        self.at, self._running, self._zoom_in = 0, True, True
        queues = get_tools(self.session).queues
        _leave(queues, self._answer)
        queues.append(self._answer)
        self._advance(0)

    def accept(self) -> None:
        """It is a particle."""
        if (item := self._asked()) is not None:
            self.session.annotations.accept(item.key, _place(item), np.array([item.score]))

    def by_key(self, key: str) -> str:
        """Act on a key of the viewer; return one line, or "" where nothing is asked in sight."""
        item = self.current
        if key == "Control-Z":
            return self._return()
        if item is None or not self.isVisibleTo(self.window()):
            return ""  # on another page E is for what lies under the pointer, N and K for nothing
        if self._asked() is None:
            return f"Back to the candidate under review in {item.key}."
        call, done = {
            "e": (self.accept, "Accepted"),
            "n": (self.reject, "Rejected"),
            "k": (self.skip, "Skipped"),
        }[key]
        call()
        return f"{done} the candidate under review (score {item.score:.2f})."

    def reject(self) -> None:
        """It is no particle."""
        if (item := self._asked()) is not None:
            self.session.annotations.reject(item.key, _place(item))

    def skip(self) -> None:
        """Leave it open."""
        if self._asked() is not None:
            self._advance(1)

    def _return(self) -> str:
        """Go back to the last decision, if the user is where it led: it is undone there."""
        if not self._decided or self.session.browser.current != self._led:
            return ""
        key = self.queue[self._decided[-1]].key
        self.session.browser.go(key)
        return f"Last decision undone in {key}."

    def _asked(self) -> UnmatchedCandidate | None:
        """Return what is asked about, if it is in view; else go back to it: nothing is decided."""
        item = self.current
        if item is None or self.session.layers.shown_key == item.key:
            return item
        self._advance(0)
        return None

    def marks_changed(self, key: str, origin: str) -> None:
        """Go on where the one asked about was decided; back where its decision was undone."""
        item, marks = self.current, self.session.annotations.of(key)
        back = self._decided[-1] if self._decided else self.at - 1
        before = self.queue[back] if back >= 0 else None
        if item is not None and item.key == key and not item.is_open(marks):
            self._decided.append(self.at)
            self._advance(0)
        elif (
            origin == "undo" and before is not None and before.key == key and before.is_open(marks)
        ):
            self.at = back
            del self._decided[-1:]
            self._advance(0)
        else:
            self._decided.clear()

    def _advance(self, by: int) -> None:
        """Go `by` further, and on to the next one that is open."""
        self.at += by
        while (item := self.current) is not None:
            if item.key in self.session.project.entries and item.is_open(
                self.session.annotations.of(item.key)
            ):
                break
            self.at += 1
        self._refresh()
        if item is not None:
            self._led = item.key
            self.session.browser.go(item.key)
            self._timer.start()
            self._centre()

    def _centre(self) -> None:
        """Centre the view as soon as the micrograph is shown."""
        item = self.current
        if item is None or self.session.browser.current != item.key:  # the user has gone elsewhere
            self._timer.stop()
            return
        if self.session.layers.shown_key != item.key:
            return
        self._timer.stop()
        size = self.session.pixel_sizes.of(item.key)
        centre_on(self.session.viewer, item.row, item.col, size)
        if self._zoom_in:
            self._zoom_in = False
            camera_of(self.session.viewer).zoom = VIEW_PX / (VIEW_DIAMETERS * item.diameter * size)

    def _refresh(self) -> None:
        item = self.current
        self.choices.setVisible(item is not None)
        self.start_button.setVisible(bool(self.queue) and not self._running)
        if item is not None:
            count = len(self.queue)
            say(self.place, f"{self.at + 1:,} of {count:,}: {item.key}, score {item.score:.2f}")
        elif self._running:
            say(
                self.place,
                f"All {len(self.queue):,} reviewed. Evaluate again.",
            )
        elif self.queue:
            say(
                self.place,
                f"{tell_count(len(self.queue), 'candidate')} above the threshold without a label.",
            )
        else:
            say(
                self.place,
                "None: every candidate above the threshold matches a label or was rejected.",
            )


def _place(item: UnmatchedCandidate) -> np.ndarray:
    return np.array([[item.row, item.col]])


def _weakly(method: Callable[[str], str]) -> Callable[[str], str]:
    """Return a call that does not hold the panel: the tools outlive it."""
    weak = WeakMethod(method)

    def call(key: str) -> str:
        there = weak()
        return "" if there is None else there(key)

    return call


def _leave(queues: list[Callable[[str], str]], answer: Callable[[str], str], *_: object) -> None:
    if answer in queues:
        queues.remove(answer)
