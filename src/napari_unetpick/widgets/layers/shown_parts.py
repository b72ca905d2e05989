"""What the layers need of a session, which makes them: its parts that are seen in the viewer."""

from __future__ import annotations

from typing import Any, Protocol

from napari_unetpick.widgets.session.annotations import AnnotationStore
from napari_unetpick.widgets.session.browser import Browser
from napari_unetpick.widgets.session.candidates import CandidateStore
from napari_unetpick.widgets.session.open_project import OpenProject
from napari_unetpick.widgets.session.pixel_sizes import PixelSizes
from napari_unetpick.widgets.session.selection import Selection


class ShownParts(Protocol):
    """See `Session`, which has them."""

    viewer: Any
    closed: bool
    project: OpenProject
    browser: Browser
    annotations: AnnotationStore
    candidates: CandidateStore
    selection: Selection
    pixel_sizes: PixelSizes
