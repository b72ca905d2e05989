"""The supply of fresh micrographs: a window that moves on, and processes that don't outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.general.job import general_settings
from napari_unetpick.engine.general.render import render
from napari_unetpick.engine.general.supply import Supply

SCRIPT = """
import sys, time
from pathlib import Path
from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.general.job import general_settings
from napari_unetpick.engine.general.supply import Supply

if __name__ == "__main__":
    supply = Supply(general_settings(3200, 1), PatchSource(Path(sys.argv[1])), window=1, fresh=0,
                    last=1, processes=1, check_stop=lambda: None)
    supply.renew(0)
    print("ready", flush=True)
    time.sleep(120)
"""


@pytest.mark.slow
def test_each_epoch_holds_its_window_and_old_micrographs_go(tmp_path):
    settings = general_settings(3200, 4)
    source = PatchSource(tmp_path / "cache")
    supply = Supply(
        settings, source, window=3, fresh=2, last=7, processes=2, check_stop=lambda: None
    )
    try:
        supply.renew(0)
        assert sorted(supply.shapes) == [0, 1, 2]
        supply.renew(2)
        assert sorted(supply.shapes) == [4, 5, 6]
    finally:
        supply.close()
    expected = render(settings, 4, 5)
    np.testing.assert_array_equal(supply.centres[5], expected.centres)
    np.testing.assert_array_equal(source.image(5), expected.image.astype(np.float16))
    assert not source.has_image(0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_killed_training_leaves_no_process_behind(tmp_path):
    script = tmp_path / "supply.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path / "cache")]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    children = psutil.Process(started.pid).children(recursive=True)
    assert children
    os.kill(started.pid, 9)
    started.wait()
    deadline = time.monotonic() + 20
    while any(child.is_running() for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(child.is_running() for child in children)
