"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real micrographs; tests that need it skip, and say so, where it is absent."""
    if not (folder := os.environ.get("UNETPICK_TEST_DATA")):
        pytest.skip("UNETPICK_TEST_DATA does not name a folder of real micrographs")
    assert os.path.isdir(folder), f"UNETPICK_TEST_DATA: no folder {folder}"
    return Path(folder)
