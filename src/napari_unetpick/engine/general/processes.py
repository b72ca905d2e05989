"""Processes that render micrographs beside the one that trains and calibrates."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import TypeVar

from napari_unetpick.errors import EngineError

A = TypeVar("A")
T = TypeVar("T")


def start_processes(count: int) -> ProcessPoolExecutor:
    """Start processes that end with this one, however that ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent)


def result_of(future: Future[T], check_stop: Callable[[], None]) -> T:
    """Wait for a result.

    Raises
    ------
    EngineError
        A process died.
    Cancelled
        As `check_stop` raises it.
    """
    while not future.done():
        check_stop()
        wait([future], timeout=0.5)
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise EngineError(
            "a process that renders micrographs died (out of memory?); run the same command "
            "with --resume, and with fewer --processes"
        ) from error


def in_order(
    function: Callable[[A], T],
    arguments: Iterable[A],
    processes: int,
    check_stop: Callable[[], None],
) -> Iterator[T]:
    """Yield the function's results in the order of its arguments, a few made ahead."""
    pool = start_processes(processes)
    coming: deque[Future[T]] = deque()
    try:
        for argument in arguments:
            coming.append(pool.submit(function, argument))
            if len(coming) > 2 * processes:
                yield result_of(coming.popleft(), check_stop)
        while coming:
            yield result_of(coming.popleft(), check_stop)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait_for([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
