"""A slider that is dragged: the first value at once, then the newest, and none is lost."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_unetpick.widgets.qt.throttle import Throttle


def test_first_and_last_values_pass_and_most_others_do_not(qtbot):
    passed: list[int] = []
    owner = QObject()
    throttle = Throttle(passed.append, owner, every_ms=40)
    throttle(0)
    assert passed == [0]
    for value in range(1, 100):
        throttle(value)
    assert passed == [0]
    assert throttle.waiting
    qtbot.waitUntil(lambda: passed == [0, 99], timeout=1000)
    qtbot.wait(60)
    throttle(100)
    assert passed == [0, 99, 100]
    assert not throttle.waiting
