"""Micrographs as they are shown: low-passed, without ice gradients' extremes, made ahead of need.

A micrograph is Fourier-cropped to the pixels that a low-passed image needs, so that stepping
through large micrographs is quick. Sample k of the crop lies at k N / n of the file, so the shown
image has scale N / n pixels and no translation against the picks (rows and columns apart).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.errors import UnetPickError
from napari_unetpick.io.images.image import read_micrograph
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.crop import fourier_crop
from napari_unetpick.picking.scale import fast_even_length
from napari_unetpick.widgets.qt.main_thread import MainThread

LOW_PASS = 20.0  # A
SPREAD = 3.0  # standard deviations on either side of the mean that the grey scale spans
PIXELS_A_PERIOD = 2.5  # samples in the shortest period shown: a little above Nyquist's 2
KEPT = 24  # images kept in memory: a few MB each


@dataclass(frozen=True)
class DisplaySettings:
    """How micrographs are shown: low-pass resolution in A (0: none) and grey-scale range."""

    low_pass: float = LOW_PASS
    spread: float = SPREAD


@dataclass(frozen=True)
class Shown:
    """A micrograph ready to be shown.

    Parameters
    ----------
    image
        (rows, cols) float32, in standard deviations from its mean: one grey scale fits all.
    ratio
        File pixels a pixel of `image`, along (row, col).
    file_shape
        (rows, cols) of the file.
    pixel_size
        A/px of the file, or None where unknown.
    """

    image: NDArray[np.float32]
    ratio: tuple[float, float]
    file_shape: tuple[int, int]
    pixel_size: float | None


def prepare_image(micrograph: Micrograph, settings: DisplaySettings) -> Shown:
    """Read and filter one micrograph.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    found = read_micrograph(micrograph.path, mapped=False)
    pixel_size = micrograph.pixel_size or found.pixel_size
    rows, cols = found.data.shape
    shape = rows, cols
    if settings.low_pass > 0 and pixel_size is not None:
        factor = min(1.0, pixel_size * PIXELS_A_PERIOD / settings.low_pass)
        shape = (
            min(rows, fast_even_length(rows * factor)),
            min(cols, fast_even_length(cols * factor)),
        )
    low, high = _outliers(found.data)
    image = fourier_crop(found.data, shape, low, high, threads=1)
    if settings.low_pass > 0 and pixel_size is not None:
        image = _low_pass(image, settings.low_pass / pixel_size / (rows / shape[0]))
    image = (image - image.mean()) / (float(image.std()) or 1.0)
    ratio = (rows / shape[0], cols / shape[1])
    return Shown(image, ratio, (rows, cols), pixel_size)


def _outliers(data: NDArray[np.generic]) -> tuple[float, float]:
    """Limits that X-ray hits are clipped to, from a sample of pixels."""
    step = max(1, int(np.sqrt(data.size / 100_000)))
    sample = np.asarray(data[::step, ::step], dtype=np.float32)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    middle = float(np.median(sample))
    reach = 8 * (float(sample.std()) or 1.0)
    return middle - reach, middle + reach


def _low_pass(image: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    """Gaussian filter that halves the amplitude at `period` pixels: sigma = 0.187 period."""
    from scipy.ndimage import gaussian_filter

    # exp(-2 pi^2 s^2 / period^2) = 1/2  ->  s = period sqrt(ln 2 / 2) / pi
    sigma = period * np.sqrt(np.log(2) / 2) / np.pi
    return np.asarray(gaussian_filter(image, sigma, mode="reflect"), dtype=np.float32)


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
    """Prepared micrographs: the current one and its neighbours, made in a background thread."""

    def __init__(self, settings: DisplaySettings | None = None) -> None:
        self.settings = settings or DisplaySettings()
        self._images: OrderedDict[Micrograph, Future[Shown]] = OrderedDict()
        self._asked: Future[Shown] | None = None  # what is waited for
        self._main = MainThread()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1, "unetpick-images", _load_scipy)

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
                future = self._pool.submit(prepare_image, micrograph, self.settings)
                self._images[micrograph] = future
            self._images.move_to_end(micrograph)
            while len(self._images) > KEPT:
                _, oldest = self._images.popitem(last=False)
                oldest.cancel()
            return future
