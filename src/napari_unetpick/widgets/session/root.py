"""The session of a viewer, made with all that works in it whichever docks are open."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from napari_unetpick.widgets.layers.tools import get_tools
from napari_unetpick.widgets.qt.activity import Activity
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.train.job import training_of

_sessions: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()


def get_session(viewer: Any) -> Session:
    """Return the session of a viewer, made at the first call.

    Plugins get a proxy of the viewer, another one for each dock: the viewer behind it counts.
    """
    real = getattr(viewer, "__wrapped__", viewer)
    if real not in _sessions:
        made = _sessions[real] = Session(real)
        # else viewer and session would keep each other alive
        made.ended.connect(lambda: _sessions.pop(real, None))
        training_of(made)
        made.extras["activity"] = Activity(made)
        get_tools(made)  # binds E, X and undo, whichever dock is opened
    return _sessions[real]
