"""Micrographs made ready to be shown, ahead of need and in a thread of their own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.widgets.layers.images import DisplaySettings, Shown, prepare_image
from napari_unetpick.widgets.qt.main_thread import MainThread

KEPT = 24  # images kept in memory: a few MB each


def why_not(error: BaseException) -> str:
    """Say in words for the user why a micrograph was not prepared."""
    if isinstance(error, UnetPickError):
        return error.in_viewer
    return f"{str(error) or type(error).__name__}; click it in the list to try again"


def _is_lost(future: Future[Shown]) -> bool:
    """Tell whether nothing came of it; a file may be whole, or there, when asked again."""
    return future.cancelled() or (future.done() and future.exception() is not None)


def _load_scipy() -> None:
    """Load beside the viewer what candidates are chosen with: it takes a tenth of a second."""
    import scipy.spatial  # noqa: F401


WhenReady = Callable[[Micrograph, Future[Shown]], None]


class ImageStore:
    """Prepared micrographs: the current one and its neighbours, made in a background thread.

    Attributes
    ----------
    settings
        How they are shown.
    instead
        Returns by key the image that is shown in place of a micrograph's own, or None.
    """

    def __init__(self, settings: DisplaySettings, instead: Callable[[str], Path | None]) -> None:
        self.settings, self.instead = settings, instead
        self._images: OrderedDict[Micrograph, Future[Shown]] = OrderedDict()
        self._asked: Future[Shown] | None = None  # what is waited for
        self._main = MainThread()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1, "unetpick-images", _load_scipy)

    def unchanged(self, micrograph: Micrograph) -> Shown | None:
        """Return a prepared micrograph if it shows its own file as it is, or None."""
        shown = self.ready(micrograph)
        changed = self.settings.deconvolve or (shown is not None and shown.view)
        return None if changed else shown

    def ready(self, micrograph: Micrograph) -> Shown | None:
        """Return a prepared micrograph, or None where it is not ready (or cannot be read)."""
        with self._lock:
            future = self._images.get(micrograph)
        if future is None or not future.done() or _is_lost(future):
            return None
        return future.result()

    def prefetch(self, micrographs: list[Micrograph]) -> None:
        """Prepare micrographs that will probably be asked for next."""
        for micrograph in micrographs:
            self._request(micrograph)

    def request(self, micrograph: Micrograph) -> Future[Shown]:
        """Prepare a micrograph before all others."""
        with self._lock:
            for other, future in list(self._images.items()):
                if other != micrograph and future.cancel():  # what only waits in the queue
                    del self._images[other]
        return self._request(micrograph)

    def when_ready(self, micrograph: Micrograph, call: WhenReady) -> None:
        """Prepare a micrograph before all others, and call in the main thread when that is done.

        Only the last one that is waited for counts.
        """
        asked = self._asked = self.request(micrograph)

        def ready() -> None:
            if self._asked is asked:
                self._asked = None
                call(micrograph, asked)

        asked.add_done_callback(lambda _: self._main.call(ready))

    def change(self, settings: DisplaySettings) -> None:
        """Show everything with other settings from now on."""
        self.settings = settings
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for future in self._images.values():
                future.cancel()
            self._images.clear()

    def close(self) -> None:
        """End the thread."""
        self.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _request(self, micrograph: Micrograph) -> Future[Shown]:
        with self._lock:
            future = self._images.get(micrograph)
            if future is None or _is_lost(future):
                future = self._pool.submit(
                    prepare_image, micrograph, self.settings, self.instead(micrograph.key)
                )
                self._images[micrograph] = future
            self._images.move_to_end(micrograph)
            while len(self._images) > KEPT:
                _, oldest = self._images.popitem(last=False)
                oldest.cancel()
            return future
