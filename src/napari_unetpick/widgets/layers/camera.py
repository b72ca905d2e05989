"""Where the viewer looks."""

from __future__ import annotations

from typing import Any


def camera_of(viewer: Any) -> Any:
    """Return a viewer's camera; since napari 0.9 it belongs to the scene."""
    return getattr(viewer, "scene", viewer).camera


def centre_on(viewer: Any, row: float, col: float, pixel_size: float) -> None:
    """Centre the view on a place in pixels of a file of `pixel_size` A/px."""
    camera_of(viewer).center = (0.0, row * pixel_size, col * pixel_size)
