"""Values that a list shows when they are there: made in one background thread, for what is seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

from napari_unetpick.errors import UnetPickError
from napari_unetpick.widgets.qt.main_thread import MainThread

Value = TypeVar("Value")


class LateValues(Generic[Value]):
    """A bounded store of values by key, made in the background.

    Parameters
    ----------
    ready
        Called in the main thread with the key of a value (or an error) that has come.
    most
        How many values are kept; the longest unused go first.
    """

    def __init__(self, ready: Callable[[str], object], most: int, name: str) -> None:
        self._ready = ready
        self._most = most
        self._values: OrderedDict[str, Value | UnetPickError] = OrderedDict()
        self._waiting: dict[str, Future[Any]] = {}
        self._round = 0  # what was asked for before `forget` is out of date when it comes
        self._main = MainThread()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"unetpick-{name}")

    def get(self, key: str) -> Value | UnetPickError | None:
        """Return a value, why it cannot be made, or None where it is not there yet."""
        return self._values.get(key)

    def __contains__(self, key: str) -> bool:
        """Tell whether a value, or why it cannot be made, is there."""
        return key in self._values

    @property
    def waiting(self) -> int:
        """How many values are still to come."""
        return len(self._waiting)

    def want(self, makers: Mapping[str, Callable[[], Value]]) -> None:
        """Make these values; what was wanted before and waits still is dropped.

        A maker runs in the background thread: it may read files and nothing else.
        """
        for key in [key for key in self._waiting if key not in makers]:
            if self._waiting[key].cancel():
                del self._waiting[key]
        for key, make in makers.items():
            if key in self._values:
                self._values.move_to_end(key)
            elif key not in self._waiting:
                self._waiting[key] = self._pool.submit(self._make, self._round, key, make)

    def forget(self, keys: list[str] | None = None) -> None:
        """Forget some values, or all: they are out of date."""
        if keys is None:
            for future in self._waiting.values():
                future.cancel()
            self._waiting.clear()
            self._values.clear()
            self._round += 1
            return
        for key in keys:
            self._values.pop(key, None)
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                waiting.cancel()

    def forget_failed(self, keys: Iterable[str]) -> bool:
        """Forget why some could not be made: it may go well now; tell whether there were any."""
        failed = [key for key in keys if isinstance(self._values.get(key), UnetPickError)]
        self.forget(failed)
        return bool(failed)

    def close(self) -> None:
        """End the thread; a value that is being made is dropped."""
        self.forget()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self, asked_in: int, key: str, make: Callable[[], Value]) -> None:
        found: Value | UnetPickError
        try:
            found = make()
        except UnetPickError as error:
            found = error
        except (OSError, ValueError, MemoryError) as error:  # a file that changed while it was read
            found = UnetPickError(f"{key}: cannot be read ({error})")
        self._main.call(partial(self._take, asked_in, key, found))

    def _take(self, asked_in: int, key: str, found: Value | UnetPickError) -> None:
        if asked_in != self._round or key not in self._waiting:
            return
        del self._waiting[key]
        self._values[key] = found
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        self._ready(key)
