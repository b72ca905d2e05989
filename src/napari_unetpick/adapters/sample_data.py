"""napari's Open Sample: simulated micrographs with their true particles."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from napari_unetpick.adapters.layer_data import LayerData, image_layer, points_layer
from napari_unetpick.io.picks import Picks
from napari_unetpick.simulate.micrograph import simulate_micrograph
from napari_unetpick.simulate.samples import get_sample

SEED = 42


def open_sample(name: str) -> list[LayerData]:
    """Simulate one micrograph of the named sample; return it and its true particles as layers."""
    truth = simulate_micrograph(get_sample(name), SEED)
    key = f"{name}_{SEED}"
    diameter = truth.diameter_A / truth.pixel_size
    sizes = np.full(len(truth.coords), diameter)
    picks = Picks(key, truth.coords, diameters=sizes).made_by("simulated truth")
    metadata: dict[str, Any] = {"path": None, "sample": name}
    return [
        image_layer(truth.image, key, truth.pixel_size, **metadata),
        points_layer(picks, key, truth.pixel_size, diameter, **metadata),
    ]


# One command a sample: a manifest command names a function and passes it no arguments.
barrel = partial(open_sample, "barrel")
cage = partial(open_sample, "cage")
rod = partial(open_sample, "rod")
globule = partial(open_sample, "globule")
tetramer = partial(open_sample, "tetramer")
ribosome = partial(open_sample, "ribosome")
contaminated = partial(open_sample, "contaminated")
