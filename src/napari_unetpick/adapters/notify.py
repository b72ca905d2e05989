"""Tell the user of a napari window something, also where the window is not on the screen yet."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal
from weakref import ref

Level = Literal["info", "warning", "error"]
WAIT_MS = 200
TRIES = 50
SETTLED_MS = 1500  # after the last of those that are opened together; drawing the first is slow
LISTS = ("Workspace", "MicrographsDock")  # which offer it themselves

_opened: list[ref[Any]] = []

logger = logging.getLogger(__name__)


def current_viewer() -> Any | None:
    """Return napari's current viewer, or None where there is none (a script that reads by npe2)."""
    if "napari" not in sys.modules:
        return None
    from napari import current_viewer as napari_current_viewer

    return napari_current_viewer()


def tell(text: str, level: Level = "info") -> None:
    """Show `text` as a napari notification; without a viewer it goes to the log.

    Files named on napari's command line are opened before its window is shown, and napari drops
    notifications of hidden windows: these wait until the window is there.
    """
    if current_viewer() is None:
        logger.log(logging.INFO if level == "info" else logging.WARNING, text)
    else:
        _show_when_visible(text, level, TRIES)


def _show_when_visible(text: str, level: Level, tries: int) -> None:
    from napari.utils import notifications
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QMainWindow

    windows = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow)]
    if tries and windows and not any(window.isVisible() for window in windows):
        QTimer.singleShot(WAIT_MS, lambda: _show_when_visible(text, level, tries - 1))
        return
    show = {
        "info": notifications.show_info,
        "warning": notifications.show_warning,
        "error": notifications.show_error,
    }[level]
    show(text)


def offer_workspace() -> None:
    """Call for each micrograph that napari opens: of several together one line says where to go."""
    from qtpy.QtCore import QCoreApplication, QTimer

    viewer = current_viewer()
    if viewer is None or QCoreApplication.instance() is None:
        return
    weak = ref(getattr(viewer, "__wrapped__", viewer))  # plugins get a proxy that nobody keeps
    _opened.append(weak)
    count = len(_opened)

    def settled() -> None:
        if len(_opened) != count:
            return  # more have come
        _opened.clear()
        there = weak()
        if count > 1 and there is not None and not _lists_micrographs(there):
            tell(
                "several micrographs are open: to pick particles in them as one project, go to "
                "Plugins > UNetPick > Picking workspace"
            )

    QTimer.singleShot(SETTLED_MS, settled)


def _lists_micrographs(viewer: Any) -> bool:
    docked = getattr(getattr(viewer, "window", None), "dock_widgets", {})
    return any(type(each).__name__ in LISTS for each in docked.values())
