"""Open napari with the first sample micrograph and its true particles: `make napari`."""

from __future__ import annotations

import napari

if __name__ == "__main__":
    viewer = napari.Viewer(title="napari-unetpick: sample")
    viewer.open_sample("napari-unetpick", "barrel")
    napari.run()
