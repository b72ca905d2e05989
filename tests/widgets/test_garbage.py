"""What is there when a dock opens is left out of collections, until the last session ends."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

from napari_unetpick.widgets.micrographs_dock import MicrographsDock
from napari_unetpick.widgets.session import get_session


class Node:
    """One that holds itself: only a collection of garbage finds it."""

    def __init__(self) -> None:
        self.itself = self


def objects_walked_through() -> int:
    return len(gc.get_objects())  # those set aside are not among them


def show_dock(viewer: Any, qtbot: Any) -> None:
    dock = MicrographsDock(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(dock.isVisible, timeout=5000)


def test_a_dock_sets_aside_what_is_there_and_the_last_session_takes_it_back(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewers = [make_napari_viewer(show=True) for _ in range(2)]
    before = objects_walked_through()
    for viewer in viewers:
        show_dock(viewer, qtbot)
    assert objects_walked_through() < before / 10
    get_session(viewers[0]).close()
    assert gc.get_freeze_count() > 0, "the other viewer is open still"
    get_session(viewers[1]).close()
    assert gc.get_freeze_count() == 0
    assert objects_walked_through() > before / 2


def test_what_is_dropped_while_docks_are_open_is_collected(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    show_dock(viewer, qtbot)
    dropped = ref(Node())
    gc.collect()
    assert dropped() is None
    get_session(viewer).close()
