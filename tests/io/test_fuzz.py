"""Damaged files of every kind are read, or refused in the program's own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_no_reader_is_surprised(tmp_path):
    """A minute; `python scripts/fuzz.py READER --seconds 600` goes deeper."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--seconds", "3"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("no surprise") >= 15
