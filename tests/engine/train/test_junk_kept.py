"""Training from a model that knows junk: its junk is not background, and it goes on knowing it."""

from __future__ import annotations

from dataclasses import replace

import mrcfile
import numpy as np
import pytest
import torch
from tests.engine.tiny_training import SIDE, make_tiny_job

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.data.preprocess import prepare_micrograph
from napari_unetpick.engine.data.training_set import store_targets
from napari_unetpick.engine.nn.unet import build_network, state_of
from napari_unetpick.engine.pick.ensemble import make_scorer
from napari_unetpick.engine.train import stage
from napari_unetpick.engine.train.run import train
from napari_unetpick.io.models import Model, load_model
from napari_unetpick.settings import NetworkSettings, TargetSettings, to_dict

ICE = slice(0, 70)  # rows of the file under rough ice


def job_from(folder):
    """A tiny training that starts from an untrained network with two outputs; ice above."""
    job = make_tiny_job(
        folder, epochs=3, patches_per_epoch=400, learning_rate=0.1, average_decay=0.9
    )
    rng = np.random.default_rng(3)
    for micrograph in job.micrographs:
        with mrcfile.open(micrograph.path, "r+") as file:
            file.data[ICE] += 5 * rng.normal(size=file.data[ICE].shape)
    settings = replace(job.settings, network=NetworkSettings(width=4, depth=1, junk=True))
    weights = {k: v.numpy() for k, v in state_of(build_network(settings.network)).items()}
    start = Model(weights, {"settings": to_dict(settings)})
    labels = {
        key: replace(each, positives=each.positives[each.positives[:, 0] > 80])
        for key, each in job.labels.items()
    }
    return replace(job, settings=settings, start=start, labels=labels)


@pytest.fixture
def planted(monkeypatch):
    def junk_in(training, network, item):
        junk = np.zeros(item.scale.network_shape, bool)
        junk[: int(ICE.stop / item.scale.ratio[0])] = True
        return junk

    monkeypatch.setattr(stage, "junk_in", junk_in)


@pytest.mark.slow
def test_what_the_start_saw_as_junk_is_seen_so_afterwards(tmp_path, planted, one_thread):
    job = job_from(tmp_path)
    *_, done = train(job)
    scorer = make_scorer([("trained", load_model(done.result["model"]))], torch.device("cpu"))
    prepared = prepare_micrograph(
        job.micrographs[2], diameter=job.diameter, particle_px=job.settings.particle_px, threads=1
    )
    _, junk = scorer.score(prepared.image, lambda: None)
    rows = junk.mean(axis=1)
    border = round(len(rows) * ICE.stop / SIDE)
    assert rows[: border - 6].mean() > rows[border + 6 :].mean() + 0.3


def test_junk_teaches_only_what_is_marked_in_it(make_item, tmp_path, monkeypatch):
    item = make_item(0, positives=[(100, 100)])
    junk = np.zeros(item.scale.network_shape, bool)
    junk[: len(junk) // 2] = True
    source, planes = PatchSource(tmp_path), []
    monkeypatch.setattr(source, "put_targets", lambda index, each: planes.extend(each))
    store_targets(item, source, TargetSettings(), None, junk)
    target, weight, third = planes
    assert (third > 0).tolist() == junk.tolist()
    assert weight[len(junk) // 2 + 1 :].min() == 255
    assert (weight[junk] > 0).sum() == (target > 0).sum() > 0
