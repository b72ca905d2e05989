"""Batches for a GPU, tried on the CPU: in order, the same candidates, smaller ones if need be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from tiny_training import DIAMETER, make_tiny_job, write_micrograph

from napari_unetpick.engine.nn.unet import build_network
from napari_unetpick.engine.pick import batches, find
from napari_unetpick.engine.pick.batches import Batches
from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer
from napari_unetpick.engine.pick.find import FindJob
from napari_unetpick.errors import Cancelled
from napari_unetpick.events import Failed, FoundCandidates
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import general_model, load_model
from napari_unetpick.picking.calibration import Calibration

COUNT = 9
pytestmark = pytest.mark.usefixtures("one_thread")


class NearlyCuda:
    """A device that is called a GPU and is the CPU, as far as `find` can tell."""

    type = "cuda"


def scorer_of(folder: Path) -> Scorer:
    """An untrained network, ready to score."""
    settings = make_tiny_job(folder).settings
    torch.manual_seed(1)
    return Scorer(
        networks=(build_network(settings.network).eval().fused(),),
        weights=np.ones(1),
        settings=settings,
        calibration=Calibration(),
        diameter=DIAMETER,
        device=torch.device("cpu"),
    )


@pytest.fixture
def job(tmp_path: Path) -> FindJob:
    """Nine micrographs, the fourth no file that can be read, the last two smaller."""
    rng = np.random.default_rng(2)
    micrographs = [Micrograph(tmp_path / f"{n}.mrc", f"{n}.mrc") for n in range(COUNT)]
    for number, micrograph in enumerate(micrographs):
        write_micrograph(micrograph.path, rng.uniform(40, 240, (9, 2)), seed=number)
    for micrograph in micrographs[-2:]:
        part = mrcfile.read(micrograph.path)[:200]
        with mrcfile.new(micrograph.path, part, overwrite=True) as file:
            file.voxel_size = 1.0
    micrographs[3].path.write_bytes(b"")
    return FindJob(micrographs=micrographs)


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of a GPU for a scorer whose device is called one, on the CPU."""
    prepare, maps = find.preprocess_on, batches.Scorer.score_many
    cpu = torch.device("cpu")
    monkeypatch.setattr(find, "preprocess_on", lambda _, *a, **k: prepare(cpu, *a, **k))
    monkeypatch.setattr(
        batches.Scorer, "score_many", lambda s, *a: maps(replace(s, device=cpu), *a)
    )
    monkeypatch.setattr(Batches, "fitting", lambda self, image: self.most)
    monkeypatch.setattr(batches, "MOST", 4)


def results(job: FindJob, scorer: Scorer) -> list[FoundCandidates | Failed]:
    found = find.find(job, scorer)
    return [each for each in found if isinstance(each, FoundCandidates | Failed)]


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("contrast", ["dark", "light"])
def test_batches_find_what_one_after_the_other_finds(job: FindJob, tmp_path: Path, contrast: str):
    path = general_model()
    assert path is not None
    scorer = make_scorer([("general", load_model(path))], torch.device("cpu"))  # its peaks are high
    job = replace(job, contrast=contrast, diameter=DIAMETER)
    for micrograph in job.micrographs if contrast == "light" else ():
        if micrograph.path.stat().st_size:
            with mrcfile.open(micrograph.path, "r+") as file:
                file.set_data(-file.data)
    alone = results(job, scorer)
    together = results(job, replace(scorer, device=NearlyCuda()))
    assert [type(each) for each in together] == [type(each) for each in alone]
    assert [n for n, each in enumerate(together) if isinstance(each, Failed)] == [3]
    for one, other in zip(together, alone, strict=True):
        if isinstance(one, FoundCandidates) and isinstance(other, FoundCandidates):
            assert one.key == other.key
            assert np.count_nonzero(one.candidates.raw > 0.5) > 3
            near, which = KDTree(other.candidates.coords).query(one.candidates.coords)
            assert sorted(which) == list(range(len(other.candidates)))
            assert near.max() < 0.05
            np.testing.assert_allclose(one.candidates.raw, other.candidates.raw[which], atol=1e-3)


@pytest.mark.usefixtures("on_gpu")
def test_too_large_a_batch_is_halved_and_the_smaller_size_kept(
    job: FindJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scorer, sizes = scorer_of(tmp_path), []
    inner = batches.Scorer.score_many

    def score_many(self: Scorer, images: np.ndarray, *more: Any) -> Any:
        sizes.append(len(images))
        if len(images) > 1:
            raise torch.cuda.OutOfMemoryError("planted")
        return inner(self, images, *more)

    monkeypatch.setattr(batches.Scorer, "score_many", score_many)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    found = results(job, replace(scorer, device=NearlyCuda()))
    assert sizes == [3, 1, 1, 1, 1, 1, 1, 1, 1]  # never again more than one
    assert len(found) == COUNT


@pytest.mark.usefixtures("on_gpu")
def test_a_batch_can_be_stopped(job: FindJob, tmp_path: Path):
    asked: list[int] = []

    def stop() -> None:
        asked.append(1)
        if len(asked) > 5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        list(find.find(job, replace(scorer_of(tmp_path), device=NearlyCuda()), stop))
