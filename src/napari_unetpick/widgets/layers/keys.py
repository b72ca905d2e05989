"""Keys that are bound on the session's own layers, those that are made later as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DRAWN = ("exclusions", "complete")
PAINTED = "junk"  # the keys there are napari's own
STEPS = (".", ",")


class LayerKeys:
    """What each key does, and on which kinds of layers."""

    def __init__(self, made: dict[str, Any]) -> None:
        self._made = made  # layers by kind
        self._calls: dict[str, Callable[[], None]] = {}
        self._not_on_shapes: set[str] = set()

    def bind(self, key: str, call: Callable[[], None], *, shapes: bool = True) -> None:
        """Bind a key on all own layers, now and later; `shapes` False: but on drawn areas.

        Napari has letters of its own there (E: ellipse, X: remove a corner, Escape: end a shape).
        """
        self._calls[key] = call
        if not shapes:
            self._not_on_shapes.add(key)
        for kind in self._made:
            self._bind(kind, key)

    def made(self, kind: str) -> None:
        """Bind all keys on a layer that was made."""
        for key in self._calls:
            self._bind(kind, key)

    def _bind(self, kind: str, key: str) -> None:
        if kind in DRAWN and key in self._not_on_shapes:
            return
        if kind == PAINTED and key not in STEPS:
            return
        call = self._calls[key]
        self._made[kind].bind_key(key, lambda _: call(), overwrite=True)
