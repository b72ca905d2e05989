"""Suggests micrographs to label next; a click opens one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from qtpy.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_unetpick.errors import InputError
from napari_unetpick.picking.suggest import Features, Suggestion, suggest, uncertainty
from napari_unetpick.widgets.qt.controls import button, hint, say
from napari_unetpick.widgets.qt.workers import Background, Task
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import Snapshot, take_snapshot

COUNT = 3
MOST_UNLABELLED = 200  # micrographs, evenly from the list, that are compared
ROWS = 16  # of a micrograph that its brightness is taken from
WAIT_MS = 1000  # so that a picking job's hundreds of changes cost one look
LONGEST = 32  # letters of a name that fit beside the canvas
TIP = "Go to this micrograph to label it. {}"
NOTHING = "All kept micrographs have labels."

Found = list[tuple[str, str]]  # micrograph key and reason


class SuggestPanel(QWidget):
    """Up to three micrographs to label next, each with a reason."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.found: Found = []
        self._brightness: dict[str, float] = {}
        self._stale = True
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.words = hint()
        layout.addWidget(self.words)
        self.buttons: list[QPushButton] = []
        self.reasons = []
        for number in range(COUNT):
            made = button("", "", self._goer(number))
            made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            reason = hint()
            for widget in (made, reason):
                widget.hide()
                layout.addWidget(widget)
            self.buttons.append(made)
            self.reasons.append(reason)
        self.background = Background("suggest")
        self.background.done.connect(self._show)
        self.background.failed.connect(lambda text: say(self.words, text))
        self.destroyed.connect(self.background.close)
        self._look_soon = qthrottled(self.look, WAIT_MS, leading=False, parent=self)

    def later(self, *_: object) -> None:
        """Update soon; if the panel is hidden, once it is shown."""
        self._stale = True
        if self.isVisible():
            self._look_soon()

    def forget(self) -> None:
        """Another project: forget what was read."""
        self._brightness.clear()
        self._show([])
        say(self.words, "")
        self.later()

    def showEvent(self, event: object) -> None:  # Qt's name
        """Look for suggestions when the panel comes into sight."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self._stale:
            self._look_soon()

    def look(self) -> None:
        """Find suggestions in the background."""
        self._stale = False
        entries = self.session.project.entries
        if len(entries) < 2:
            say(self.words, "Suggestions need at least two micrographs.")
            self._show([])
            return
        keys = compared_keys(self.session.project.keys, lambda key: entries[key].state == "none")
        snapshot, brightness = take_snapshot(self.session), self._brightness
        self.background.start(lambda task: find_suggestions(snapshot, keys, brightness, task))

    def _show(self, found: Found) -> None:
        self.found = [each for each in found if each[0] in self.session.project.entries]
        names = self.session.project.keys
        for number, (made, reason) in enumerate(zip(self.buttons, self.reasons, strict=True)):
            there = number < len(self.found)
            made.setVisible(there)
            key, why = self.found[number] if there else ("", "")
            made.setText(shortened(key, names))
            made.setToolTip(TIP.format(f"{key}: {why}") if there else "")
            say(reason, why)
        if len(self.session.project.entries) >= 2:
            say(self.words, "" if self.found else NOTHING)

    def _goer(self, number: int) -> Callable[[], None]:
        def go() -> None:
            if number < len(self.found):
                self.session.browser.go(self.found[number][0])

        return go


def compared_keys(keys: Sequence[str], is_open: Callable[[str], bool]) -> list[str]:
    """Return all labelled and MOST_UNLABELLED other micrographs, evenly from the list, in order."""
    others = [key for key in keys if is_open(key)]
    step = max(1, -(-len(others) // MOST_UNLABELLED))
    chosen = set(others[::step])
    return [key for key in keys if key in chosen or not is_open(key)]


def find_suggestions(
    snapshot: Snapshot, keys: Sequence[str], brightness: dict[str, float], task: Task
) -> Found:
    """Read what is not known of some micrographs and suggest; runs in a thread.

    Parameters
    ----------
    brightness
        Mean grey values by key; what is read is added.
    """
    features = []
    for number, key in enumerate(keys):
        task.step(number, len(keys))
        entry = snapshot.entries[key]
        unsure = None
        try:
            if key not in brightness:
                brightness[key] = mean_grey(snapshot, key)
            found = snapshot.candidates_of(key) if entry.state == "none" else None
            if found is not None:
                scores = found.scores(snapshot.model.calibration)
                unsure = uncertainty(scores)
            readable = True
        except InputError:
            readable = False  # it says so when the user goes there; it is not suggested
        features.append(
            Features(
                defocus=entry.micrograph.defocus,
                brightness=brightness.get(key),
                unsure=unsure,
                labelled=entry.state != "none",
                open=entry.kept and readable,
            )
        )
    chosen: list[Suggestion] = suggest(features, COUNT)
    return [(keys[each.index], each.reason) for each in chosen]


def mean_grey(snapshot: Snapshot, key: str) -> float:
    """Mean of a few rows of a micrograph; an InputError where it cannot be read."""
    image = snapshot.open(key).image
    step = max(1, image.shape[0] // ROWS)
    rows = np.asarray(image[step // 2 :: step], np.float32)
    rows = rows[np.isfinite(rows)]
    return float(rows.mean()) if rows.size else 0.0


def shortened(name: str, names: Sequence[str]) -> str:
    """Return a name that fits into the dock: without what all `names` begin or end with.

    Example: FoilHole_17_Data_fractions.mrc among its like becomes "…17…".
    """
    if len(name) <= LONGEST:
        return name
    head = _same_start([*names, name])
    tail = _same_start([each[::-1] for each in (*names, name)])
    tail = min(tail, len(name) - head)
    if head + tail < len(name):
        spare = max(LONGEST - (len(name) - head - tail), 0)
        head, tail = max(head - spare // 2, 0), max(tail - spare // 2, 0)
        name = ("…" if head else "") + name[head : len(name) - tail] + ("…" if tail else "")
    if len(name) <= LONGEST + 2:
        return name
    half = LONGEST // 2
    return f"{name[:half]}…{name[-half:]}"


def _same_start(names: Sequence[str]) -> int:
    """How many letters all names begin with: as many as the first and last of the alphabet."""
    first, last = min(names), max(names)
    same = 0
    while same < len(first) and first[same] == last[same]:
        same += 1
    return same
