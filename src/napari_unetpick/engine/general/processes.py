"""Processes that render micrographs beside the one that trains and calibrates."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import TypeVar

from napari_unetpick.errors import EngineError

A = TypeVar("A")
T = TypeVar("T")


def start_processes(count: int) -> ProcessPoolExecutor:
    """Start processes that end with this one, however that ends, and not by Ctrl-C."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_begin)


def result_of(future: Future[T], check_stop: Callable[[], None]) -> T:
    """Wait for a result.

    Raises
    ------
    EngineError
        A process died.
    Cancelled
        As `check_stop` raises it.
    """
    check_stop()
    while not future.done():
        wait([future], timeout=0.5)
        check_stop()
    with explained():
        return future.result()


@contextmanager
def explained() -> Generator[None, None, None]:
    """Say in one line that a process died."""
    try:
        yield
    except BrokenProcessPool as error:
        raise EngineError(
            "a process that renders micrographs died (out of memory?); run the same command "
            "again, with --resume if it has that, and with fewer --processes"
        ) from error


def in_order(
    function: Callable[[A], T],
    arguments: Iterable[A],
    processes: int,
    check_stop: Callable[[], None],
) -> Iterator[T]:
    """Yield the function's results in the order of its arguments, a few made ahead.

    Raises
    ------
    EngineError, Cancelled
        As `result_of`.
    """
    pool = start_processes(processes)
    coming: deque[Future[T]] = deque()
    try:
        for argument in arguments:
            with explained():
                coming.append(pool.submit(function, argument))
            if len(coming) > 2 * processes:
                yield result_of(coming.popleft(), check_stop)
        while coming:
            yield result_of(coming.popleft(), check_stop)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """End this process with the one that started it, which alone hears Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait_for([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
