"""A preview: planted particles are found, and its threshold follows the picks there are."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_unetpick.engine.nn.unet import build_network
from napari_unetpick.engine.pick import score_map
from napari_unetpick.engine.train.job import TrainJob
from napari_unetpick.engine.train.preview import USUAL, Previewer, matched
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.labels import Labels
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.settings import NetworkSettings

DIAMETER = 40.0  # pixels of the file, at 1 A/px
PLACES = np.array([[60.0, 60.0], [60, 200], [200, 60], [200, 200], [130, 130]])
HEIGHTS = np.array([0.9, 0.8, 0.7, 0.6, 0.5])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in "abc":
        with mrcfile.new(tmp_path / f"{name}.mrc") as file:
            file.set_data(rng.normal(size=(256, 256)).astype(np.float32))
            file.voxel_size = 1.0
    return tmp_path


@pytest.fixture(autouse=True)
def planted_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score maps with blobs at the planted places, whatever the network."""

    def planted(network, image, device, *, check_stop):
        check_stop()
        rim = score_map.RIM
        rows = image.shape[0] - 2 * rim
        places = PLACES * rows / 256 + rim
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        scores = np.zeros(image.shape, np.float32)
        for (row, col), height in zip(places, HEIGHTS, strict=True):
            blob = height * np.exp(-((y - row) ** 2 + (x - col) ** 2) / 18)
            scores = np.maximum(scores, blob.astype(np.float32))
        return scores[None]

    monkeypatch.setattr(score_map, "score_map", planted)


def micrograph(folder: Path, name: str) -> Micrograph:
    return Micrograph(folder / f"{name}.mrc", f"{name}.mrc")


def previewer(
    folder: Path, labels: dict[str, Labels], picks: dict[str, np.ndarray] | None = None
) -> Previewer:
    job = TrainJob([micrograph(folder, k) for k in labels], labels, DIAMETER, folder / "run")

    def mark(key: str) -> tuple[Micrograph, np.ndarray]:
        return micrograph(folder, key), (picks or {}).get(key, np.empty((0, 2)))

    return Previewer(job, torch.device("cpu"), mark)


def network() -> torch.nn.Module:
    return build_network(NetworkSettings(width=4, depth=1))


def test_planted_particles_are_found_where_they_are(folder: Path):
    found = previewer(folder, {}).find(network(), "a")
    assert found.key == "a"
    assert found.preview
    each = found.candidates
    assert each.diameter_px == DIAMETER
    np.testing.assert_allclose(each.coords, PLACES, atol=1.0)
    assert (np.diff(each.raw) < 0).all()
    assert found.threshold == USUAL


def test_the_picks_of_the_micrograph_set_the_threshold(folder: Path):
    picks = {"a": PLACES[:4] + [3, -3], "b": PLACES[:2]}
    found = previewer(folder, {}, picks).find(network(), "a")
    assert found.threshold == pytest.approx(np.quantile(found.candidates.raw[:4], 0.3))


def test_too_few_picks_ask_the_labelled_micrographs(folder: Path):
    labels = {"b": Labels("full", PLACES[:3]), "c": Labels("partial", PLACES[3:])}
    found = previewer(folder, labels, {"a": PLACES[:2]}).find(network(), "a")
    assert found.threshold == pytest.approx(np.quantile(found.candidates.raw, 0.3), abs=0.02)


def test_a_file_is_read_once(folder: Path):
    looker = previewer(folder, {})
    first = looker.find(network(), "a")
    (folder / "a.mrc").unlink()
    again = looker.find(network(), "a").candidates
    np.testing.assert_array_equal(again.coords, first.candidates.coords)


def test_matched_takes_one_candidate_a_pick():
    coords = np.array([[0.0, 0.0], [0, 10], [100, 100]])
    raw = np.array([0.9, 0.8, 0.7])
    found = Candidates(coords, raw, np.zeros(len(raw)), 40.0)
    assert matched(found, np.array([[0.0, 8.0]])).tolist() == [0.8]
    assert len(matched(found, np.empty((0, 2)))) == 0
    none = Candidates(np.empty((0, 2)), np.empty(0), np.empty(0), 40.0)
    assert len(matched(none, coords)) == 0
