"""Fresh micrographs for every epoch, rendered in processes beside the training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.general.processes import explained, result_of, start_processes
from napari_unetpick.engine.general.render import Rendered, render_or_none
from napari_unetpick.settings import Settings

AHEAD = 64  # micrographs rendered before they are needed


class Supply:
    """A window of rendered micrographs that moves on with every epoch.

    Which micrographs an epoch sees follows from its number alone, whoever rendered them and when:
    a run that was stopped, or has other processes, takes the same steps.

    Parameters
    ----------
    source
        Where the rendered micrographs lie while they are in the window.
    window
        How many micrographs an epoch draws from.
    fresh
        How many of them are new in each epoch.
    first, last
        Number of the first micrograph, and the one after the last that is ever needed.
    """

    def __init__(
        self,
        settings: Settings,
        source: PatchSource,
        *,
        window: int,
        fresh: float,
        first: int = 0,
        last: int,
        processes: int,
        check_stop: Callable[[], None],
    ) -> None:
        self.centres: dict[int, NDArray[np.float64]] = {}
        self.shapes: dict[int, tuple[int, int]] = {}
        self._settings, self._source = settings, source
        self._window, self._fresh, self._first, self._last = window, fresh, first, last
        self._check_stop = check_stop
        self._coming: dict[int, Future[Rendered | None]] = {}
        self._pool = start_processes(processes)

    def renew(self, epoch: int) -> None:
        """Hold the micrographs of an epoch, counted from 0; wait for those still in the making.

        Raises
        ------
        EngineError
            A rendering process died.
        Cancelled
            As `check_stop` raises it.
        """
        end = self._first + self._window + int(epoch * self._fresh)
        wanted = range(end - self._window, end)
        for number in [*self.shapes]:
            if number not in wanted:
                del self.centres[number], self.shapes[number]
                self._source.drop(number)
        for number in range(wanted.start, min(end + AHEAD, self._last)):
            if number not in self.shapes and number not in self._coming:
                seed = self._settings.train.seed
                with explained():
                    self._coming[number] = self._pool.submit(
                        render_or_none, self._settings, seed, number
                    )
        for number in wanted:
            if number not in self.shapes:
                self._take(number)

    def close(self) -> None:
        """End the rendering processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, number: int) -> None:
        rendered = result_of(self._coming.pop(number), self._check_stop)
        if rendered is None:  # without contrast: its number stays empty
            rendered = Rendered(
                np.zeros((8, 8), np.float32), np.zeros((3, 8, 8), np.uint8), np.empty((0, 2))
            )
        self._source.put_image(number, rendered.image)
        self._source.put_targets(number, rendered.planes)
        self.centres[number], self.shapes[number] = rendered.centres, rendered.image.shape
