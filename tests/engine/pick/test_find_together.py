"""Several micrographs at once: in their order, the same bytes, and each failure its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_training import DIAMETER, make_tiny_job, write_micrograph

from napari_unetpick.engine.nn.unet import build_network
from napari_unetpick.engine.pick import find as finding
from napari_unetpick.engine.pick.find import FindJob, find, share_cores
from napari_unetpick.errors import Cancelled, InputError
from napari_unetpick.events import Failed, FoundCandidates
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.calibration import Calibration

COUNT = 7


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def listed(folder: Path) -> list[Micrograph]:
    return [Micrograph(folder / f"{n}.mrc", f"{n}.mrc") for n in range(COUNT)]


def scorer_of(folder: Path) -> Any:
    """An untrained network, ready to score."""
    from napari_unetpick.engine.pick.ensemble import Scorer

    settings = make_tiny_job(folder).settings
    torch.manual_seed(1)
    network = build_network(settings.network).eval()
    return Scorer(
        networks=(network.fused(),),
        weights=np.ones(1),
        settings=settings,
        calibration=Calibration(),
        diameter=DIAMETER,
        device=torch.device("cpu"),
    )


def test_results_are_those_of_one_after_the_other(tmp_path: Path, three_threads: None):
    rng = np.random.default_rng(2)
    for micrograph in listed(tmp_path):
        write_micrograph(micrograph.path, rng.uniform(40, 240, (9, 2)), seed=len(micrograph.name))
    (tmp_path / "3.mrc").write_bytes(b"")
    scorer = scorer_of(tmp_path)
    job = FindJob(micrographs=listed(tmp_path), threads=1)
    assert share_cores(job) == (3, 1)
    together = list(find(job, scorer))
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)
    assert share_cores(job) == (1, 1)
    alone = [
        event
        for one in job.micrographs
        for event in find(replace(job, micrographs=[one]), scorer)
        if isinstance(event, FoundCandidates | Failed)
    ]
    kept = [event for event in together if isinstance(event, FoundCandidates | Failed)]
    assert [type(event) for event in kept] == [type(event) for event in alone]
    assert [n for n, event in enumerate(kept) if isinstance(event, Failed)] == [3]
    for one, other in zip(kept, alone, strict=True):
        if isinstance(one, FoundCandidates) and isinstance(other, FoundCandidates):
            assert one.key == other.key
            assert len(one.candidates)
            np.testing.assert_array_equal(one.candidates.coords, other.candidates.coords)
            np.testing.assert_array_equal(one.candidates.raw, other.candidates.raw)


def test_order_failures_and_a_stop(
    tmp_path: Path, three_threads: None, monkeypatch: pytest.MonkeyPatch
):
    """Later micrographs are ready first; one cannot be read; then a stop is heard."""
    begun: list[str] = []

    def prepare(micrograph: Micrograph, **_: object) -> Any:
        begun.append(micrograph.name)
        time.sleep(0.05 if micrograph.name == "0.mrc" else 0)
        if micrograph.name == "2.mrc":
            raise InputError("2.mrc: planted")
        return micrograph.name

    monkeypatch.setattr(finding, "prepare_micrograph", prepare)
    monkeypatch.setattr(
        finding, "find_here", lambda *given: SimpleNamespace(name=given[3], junk=None)
    )
    scorer = scorer_of(tmp_path)
    job = FindJob(micrographs=listed(tmp_path))
    seen = [event for event in find(job, scorer) if isinstance(event, FoundCandidates | Failed)]
    names = [e.micrograph if isinstance(e, Failed) else e.candidates.name for e in seen]
    assert names == [m.name for m in job.micrographs]
    assert [isinstance(event, Failed) for event in seen] == [n == 2 for n in range(COUNT)]
    assert sorted(begun) == names

    begun.clear()
    stopped: list[object] = []

    def check() -> None:
        if len(stopped) == 2:
            raise Cancelled("planted")

    def listen() -> None:
        for event in find(job, scorer, check):
            stopped.extend([event] * isinstance(event, FoundCandidates))

    with pytest.raises(Cancelled):
        listen()
    assert len(begun) < COUNT
