"""Where the viewer looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def camera_of(viewer: Any) -> Any:
    """Return a viewer's camera; since napari 0.9 it belongs to the scene."""
    return getattr(viewer, "scene", viewer).camera


def centre_on(viewer: Any, row: float, col: float, pixel_size: float) -> None:
    """Centre the view on a place in pixels of a file of `pixel_size` A/px."""
    camera_of(viewer).center = (0.0, row * pixel_size, col * pixel_size)


class LookAt:
    """Centres the view on a place of a micrograph, now or when that is shown."""

    def __init__(self, viewer: Any, pixel_size: Callable[[str], float]) -> None:
        self._viewer, self._pixel_size = viewer, pixel_size
        self._wanted: tuple[str, float, float] | None = None

    def want(self, key: str, row: float, col: float) -> None:
        """Note a place in pixels of a micrograph's file."""
        self._wanted = (key, row, col)

    def look(self, shown: str) -> None:
        """Centre the view if the micrograph that is shown is the one of the place."""
        if self._wanted is not None and self._wanted[0] == shown:
            (key, row, col), self._wanted = self._wanted, None
            centre_on(self._viewer, row, col, self._pixel_size(key))


class Fit:
    """Fits the view to a layer, and again to a canvas of another size."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._left: list[float] = []
        self._size: tuple[float, float] | None = None

    def fit(self, layer: Any) -> None:
        """Show all of a layer."""
        try:
            self._viewer.fit_to_view(layers=[layer])
        except (AttributeError, TypeError):  # before napari 0.9: all layers
            self._viewer.reset_view()
        self._left = self._now()

    def fit_once(self, layer: Any, shape: tuple[int, int], pixel_size: float) -> None:
        """Show all of a layer of `shape` pixels, unless the last one was of that size."""
        size = float(np.hypot(*shape)) * pixel_size, pixel_size
        if self._size != size:
            self._size = size
            self.fit(layer)

    def again(self, layer: Any) -> None:
        """Show all of it again, unless the user has zoomed or moved the view since."""
        if layer is not None and self._left and np.allclose(self._left, self._now(), rtol=1e-4):
            self.fit(layer)

    def _now(self) -> list[float]:
        camera = camera_of(self._viewer)
        return [camera.zoom, *camera.center]
