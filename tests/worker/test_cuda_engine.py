"""The engine process on a CUDA GPU, where there is one: its badge, and a GPU that is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from raw_engine import RawEngine, SmallProject, event_is

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
LEFT = 2**26  # bytes that another program leaves free
LARGE = {"network": {"width": 16, "depth": 2}, "train": {"epochs": 1, "batch": 64, "patch_px": 256}}


@pytest.fixture
def engine() -> Iterator[RawEngine]:
    with RawEngine() as engine:
        engine.until(event_is("device"))
        yield engine


def occupy() -> list[torch.Tensor]:
    """Take the GPU's memory as another program would."""
    torch.cuda.synchronize()
    free, _ = torch.cuda.mem_get_info()
    return [torch.empty(free - LEFT, dtype=torch.uint8, device="cuda")]


def test_the_badge_names_the_gpu(engine: RawEngine):
    (device,) = [m for m in engine.seen if m["event"] == "device"]
    assert device["device"] == "cuda"
    assert device["badge"] == f"GPU {torch.cuda.get_device_name()}"


def test_its_memory_is_told_while_a_job_runs_and_given_back_after_a_full_gpu(
    engine: RawEngine, small: SmallProject, tmp_path: Path
):
    fields = {"project": str(small.folder), "settings": LARGE, "device": "cuda"}
    others = occupy()
    try:
        engine.send("train", id="1", run=str(tmp_path / "one"), **fields)
        end = engine.last("1")
    finally:
        others.clear()
        torch.cuda.empty_cache()
    assert (end["event"], end["kind"]) == ("error", "memory"), end
    assert end["text"].startswith("the GPU's memory is full; close other programs")
    engine.send("train", id="2", run=str(tmp_path / "two"), **fields)
    assert engine.last("2")["event"] == "done"
    total = torch.cuda.get_device_properties(0).total_memory / 2**30
    told = [m["text"] for m in engine.seen if m["event"] == "memory"]
    assert all(text.endswith(f" of {total:.1f} GiB") for text in told)
    assert float(told[-1].split()[0]) < total / 2


def test_an_engine_that_starts_on_a_full_gpu_says_so_and_uses_the_cpu():
    others = occupy()
    try:
        with RawEngine() as engine:
            device = engine.until(event_is("device"))
    finally:
        others.clear()
        torch.cuda.empty_cache()
    assert device["device"] == "cpu"
    assert "does not compute" in device["why"]
    assert "memory" in device["why"]
