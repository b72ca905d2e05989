"""Processes that render beside a training: results in order, and every end is told in one line."""

from __future__ import annotations

import math
import os

import pytest

from napari_unetpick.engine.general.processes import in_order
from napari_unetpick.errors import Cancelled, EngineError


def test_results_come_in_the_order_of_their_arguments():
    found = list(in_order(math.sqrt, [n * n for n in range(9)], 2, lambda: None))
    assert found == list(range(9))


def test_a_stop_is_heard_while_all_results_are_ready():
    results = in_order(math.sqrt, range(50), 1, stop := Stop())
    assert next(results) == 0
    stop.pressed = True
    with pytest.raises(Cancelled):
        list(results)


def test_a_process_that_dies_is_one_line():
    with pytest.raises(EngineError, match=r"a process that renders micrographs died"):
        list(in_order(os._exit, [1] * 9, 1, lambda: None))


class Stop:
    """A stop check that raises once it is pressed."""

    pressed = False

    def __call__(self) -> None:
        if self.pressed:
            raise Cancelled("stopped")
