"""Plain napari beside an empty dock: changes an image and a layer of points, as a step does."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import cycle

import napari
import numpy as np
from _gaps import repeat, rest, scattered, window
from qtpy.QtWidgets import QWidget

IMAGES = 6


def main() -> None:
    """Answer each line of seconds with the gaps meanwhile."""
    asked = json.loads(sys.argv[1])
    viewer = napari.Viewer(show=True)
    dock = QWidget()
    dock.setMinimumSize(*asked["dock"])
    viewer.window.add_dock_widget(dock, name="Empty")
    viewer.window.resize(*asked["window"])
    step = changing(viewer, tuple(asked["image"]), asked["scale"], asked["points"], asked["size"])
    rest(3)
    for line in sys.stdin:
        window().raise_()
        rest(1)
        found = repeat(step, json.loads(line)["seconds"])
        print(json.dumps(asdict(found)), flush=True)
    viewer.close()


def changing(
    viewer: napari.Viewer, shape: tuple[int, int], scale: float, count: int, size: float
) -> Callable[[], None]:
    """Return what puts the next image, of `shape`, and `count` points into their layers.

    Places of points, their `size` and the `scale` of the image are in pixels of the micrograph.
    """
    rng = np.random.default_rng(1)
    images = [rng.normal(size=shape).astype(np.float32) for _ in range(IMAGES)]
    places = [scattered(rng, count) for _ in range(IMAGES)]
    image = viewer.add_image(
        images[0], contrast_limits=(-3, 3), interpolation2d="linear", scale=(scale, scale)
    )
    points = viewer.add_points(
        places[0],
        size=size,
        face_color="transparent",
        border_width=0.06,
        features={"score": rng.uniform(size=count)},
        border_color="score",
    )
    turns = cycle(range(IMAGES))

    def step() -> None:
        turn = next(turns)
        image.data = images[turn]
        points.data = places[turn]

    return step


if __name__ == "__main__":
    main()
