"""What is there when a dock opens is left out of collections, until its session ends."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from napari_unetpick.widgets.micrographs.dock import MicrographsDock
from napari_unetpick.widgets.qt.garbage import AFTER_MS
from napari_unetpick.widgets.session.session import get_session


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


def add_image(viewer: Any) -> ref[Node]:
    """Add a layer; return what it holds."""
    held = Node()
    viewer.add_image(np.zeros((8, 8)), metadata={"large": held})
    return ref(held)


def test_a_dock_sets_aside_what_is_there_and_its_session_takes_it_back(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    before = objects_walked_through()
    show_dock(viewer, qtbot)
    assert objects_walked_through() < before / 10
    get_session(viewer).close()
    assert gc.get_freeze_count() == 0
    assert objects_walked_through() > before / 2


def test_a_layer_from_before_the_docks_is_freed_when_it_is_deleted(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    alive = add_image(viewer)
    show_dock(viewer, qtbot)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: alive() is None, timeout=4 * AFTER_MS)
    assert gc.get_freeze_count() > 0
    get_session(viewer).close()


def test_what_was_dropped_before_is_collected_soon(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    dropped = ref(Node())
    show_dock(viewer, qtbot)
    qtbot.waitUntil(lambda: dropped() is None, timeout=4 * AFTER_MS)
    assert gc.get_freeze_count() > 0
    get_session(viewer).close()


def test_what_is_dropped_while_docks_are_open_is_collected(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    show_dock(viewer, qtbot)
    dropped = ref(Node())
    gc.collect()
    assert dropped() is None
    get_session(viewer).close()
