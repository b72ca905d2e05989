"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch


@pytest.fixture(autouse=True, scope="session")
def scratch_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work outside a project lies in no folder of the user's, not even that of other processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNETPICK_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real micrographs; tests that need it skip, and say so, where it is absent."""
    if not (folder := os.environ.get("UNETPICK_TEST_DATA")):
        pytest.skip("UNETPICK_TEST_DATA does not name a folder of real micrographs")
    assert os.path.isdir(folder), f"UNETPICK_TEST_DATA: no folder {folder}"
    return Path(folder)
