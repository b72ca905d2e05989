"""Fixtures of the engine's tests: one thread, and labelled micrographs without files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unetpick.engine.data.training_set import Item
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.scale import make_scale


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Run torch on one thread, a module's own trainings too: small tensors gain nothing from more.

    Sums come out a little different on two, and so does a file that must be the same.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_item() -> Callable[..., Item]:
    """A function that makes a labelled micrograph of a training set."""

    def make(index: int, state: str = "full", positives: object = (), **labels: object) -> Item:
        coords = np.asarray(positives, float).reshape(-1, 2)
        name = f"mic_{index:02d}.mrc"
        return Item(
            index=index,
            micrograph=Micrograph(Path(name), name),
            labels=Labels(state, coords, **labels),  # type: ignore[arg-type]
            scale=make_scale((600, 480), 2.0, 160.0),
            pixel_size=2.0,
        )

    return make
