"""The general model picks in bfloat16 and in 8-bit integers what it picks in float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unetpick.engine.data.preprocess import prepare_micrograph
from napari_unetpick.engine.devices import computes_in_eight_bit, computes_in_half
from napari_unetpick.engine.nn.eight_bit import EightBitUNet
from napari_unetpick.engine.pick.ensemble import make_scorer
from napari_unetpick.engine.pick.find_one import find_one
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import general_model, load_model
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set

CPU = torch.device("cpu")
DIAMETER = 150.0  # A; what it sees need not be a particle for two ways to agree
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("wish", "computes"),
    [("UNETPICK_BFLOAT16", computes_in_half), ("UNETPICK_INT8", computes_in_eight_bit)],
    ids=["bfloat16", "int8"],
)
def test_the_general_models_raw_scores_move_by_less_than_a_fiftieth(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wish: str,
    computes: Callable[[torch.device], bool],
):
    list(simulate_set(get_sample("random-33"), tmp_path, 1, 5))
    path = tmp_path / "random-33_0001.mrc"
    path_of_model = general_model()
    assert path_of_model is not None
    model = ("general", load_model(path_of_model))
    exact = make_scorer([model], CPU)
    prepared = prepare_micrograph(
        Micrograph(path, path.name),
        diameter=DIAMETER,
        particle_px=exact.settings.particle_px,
    )
    expected = find_one(exact, prepared)
    monkeypatch.delenv(wish)
    if not computes(CPU):
        pytest.skip("no instructions for it here")
    scorer = make_scorer([model], CPU)
    assert isinstance(scorer.networks[0], EightBitUNet) == (computes is computes_in_eight_bit)
    found = find_one(scorer, prepared)
    picks, sure = (each.coords[each.picked(scorer.calibration)[0]] for each in (found, expected))
    assert len(sure) > 50
    assert abs(len(picks) - len(sure)) <= 0.02 * len(sure)
    apart = np.linalg.norm(found.coords[:, None] - expected.coords[None], axis=-1)
    own = apart.argmin(0)[: len(sure)]
    moved = np.abs(found.raw[own] - expected.raw[: len(sure)])
    assert moved.max() < 0.02
    assert np.median(moved) < 0.005
