"""What threads give to the main thread is called there, all of it, in order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from napari_unetpick.widgets.qt.main_thread import MainThread

COUNT = 5000


def test_many_calls_come_in_order_and_in_the_main_thread(qapp: Any, qtbot: Any) -> None:
    main, came, threads = MainThread(), list[int](), set[threading.Thread]()

    def take(number: int) -> None:
        came.append(number)
        threads.add(threading.current_thread())

    with ThreadPoolExecutor(1) as pool:
        for number in range(COUNT):
            pool.submit(main.call, partial(take, number))
        qtbot.waitUntil(lambda: len(came) == COUNT, timeout=20_000)
    assert came == list(range(COUNT))
    assert threads == {threading.main_thread()}


def test_a_call_after_qt_has_deleted_it_is_dropped(qapp: Any, qtbot: Any) -> None:
    main, came = MainThread(), list[int]()
    with qtbot.waitSignal(main.destroyed):
        main.deleteLater()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(main.call, lambda: came.append(1)).result(timeout=5)
    assert came == []
