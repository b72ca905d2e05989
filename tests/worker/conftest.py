"""One small project, one engine and one trained model for all tests of the engine process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_engine import SETTINGS, RawEngine, SmallProject, event_is, make_project


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return make_project(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def engine() -> Iterator[RawEngine]:
    with RawEngine() as engine:
        engine.until(event_is("device"))
        yield engine


@pytest.fixture(scope="session")
def trained(small: SmallProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained without a single preview."""
    run = tmp_path_factory.mktemp("trained") / "run"
    with RawEngine() as engine:
        engine.send("train", id="1", project=str(small.folder), run=str(run), settings=SETTINGS)
        end = engine.last("1")
        assert end["event"] == "done", end
    return run
