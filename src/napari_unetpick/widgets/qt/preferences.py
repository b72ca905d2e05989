"""What the user set on the plugin's page in napari's preferences (napari 0.9 and newer)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_unetpick.widgets.layers.images import DisplaySettings

PLUGIN = "napari-unetpick"


@dataclass(frozen=True)
class Preferences:
    """What new viewers and docks start with."""

    display: DisplaySettings = field(default_factory=DisplaySettings)
    device: str = "auto"


def read_preferences() -> Preferences:
    """Return the preferences; the defaults where napari has no page for them yet."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # before napari 0.9
        return Preferences()
    try:
        page: Any = get_plugin_settings(PLUGIN)
    except KeyError:  # the plugin is disabled, or was installed while napari ran
        return Preferences()
    display = DisplaySettings(float(page.display.low_pass), float(page.display.spread))
    return Preferences(display, str(page.computing.device))
