"""Opens one dock as the first thing in a fresh napari, as its menu does; prints the ms it took."""

from __future__ import annotations

import sys
import time

import napari
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication


def main() -> None:
    """Wait until napari is at rest, then open the dock and let it be drawn."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    loop = QEventLoop()
    QTimer.singleShot(1000, loop.quit)
    loop.exec()
    start = time.perf_counter()
    viewer.window.add_plugin_dock_widget("napari-unetpick", sys.argv[1])
    QApplication.processEvents()
    print(f"{1000 * (time.perf_counter() - start):.1f}")
    viewer.close()


if __name__ == "__main__":
    main()
