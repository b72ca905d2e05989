"""Keys pressed on a layer."""

from __future__ import annotations

from typing import Any


def press(layer: Any, key: str) -> None:
    """Call what is bound to a key on a layer, as napari does."""
    from app_model.types import KeyBinding
    from napari.utils.key_bindings import coerce_keybinding

    wanted: KeyBinding = coerce_keybinding(key)
    layer.keymap[wanted](layer)
