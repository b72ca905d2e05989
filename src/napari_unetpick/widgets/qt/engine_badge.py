"""A badge that shows the device jobs run on, CPU or GPU, why, and its memory in use."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

STATES = {
    "off": "Engine: off",
    "starting": "Engine starting…",
    "ready": "Engine ready",
    "busy": "Engine busy",
}
WHAT = "The engine is a separate process that trains and picks."
OFF = "It starts with the first training or picking job and ends when idle."


class EngineBadge(QLabel):
    """Follows an engine client's signals."""

    def __init__(self, engine: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = str(engine.state)
        self._device = str(getattr(engine, "badge", ""))
        self._why = str(getattr(engine, "why", ""))
        self._memory = str(getattr(engine, "memory", ""))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        engine.state_changed.connect(self._state_changed)
        engine.device_changed.connect(self._device_changed)
        engine.memory_changed.connect(self._memory_changed)
        self._show()

    def _state_changed(self, state: str) -> None:
        self._state = state
        self._show()

    def _device_changed(self, badge: str, why: str) -> None:
        self._device, self._why = badge, why
        self._show()

    def _memory_changed(self, text: str) -> None:
        self._memory = text
        self._show()

    def _show(self) -> None:
        running = self._device and self._state in ("ready", "busy")
        failed = self._device and self._why and self._state == "off"
        text = self._device if running else STATES.get(self._state, self._state)
        self.setText(" · ".join(part for part in (text, self._memory) if part))
        words = [WHAT, self._why if running or failed else OFF]
        self.setToolTip("\n".join(word for word in words if word))
