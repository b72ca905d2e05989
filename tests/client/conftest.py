"""Clients of a stand-in engine, and what their signals said."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_unetpick.client import EngineClient

sys.path.insert(0, str(Path(__file__).parent.parent / "worker"))
FAKE = Path(__file__).parent / "fake_engine.py"


@pytest.fixture
def until(qapp: Any) -> Callable[..., None]:
    """A function that runs the event loop until something holds."""

    def wait(holds: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "did not happen in time"
            qapp.processEvents()
            time.sleep(0.002)

    return wait


@pytest.fixture
def make_client(qapp: Any, tmp_path: Path) -> Iterator[Callable[..., EngineClient]]:
    clients = []

    def make(scenario: str = "good") -> EngineClient:
        clients.append(EngineClient(command=[sys.executable, str(FAKE), scenario, str(tmp_path)]))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown()
