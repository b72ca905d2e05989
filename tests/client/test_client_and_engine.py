"""The client with the real engine: training with previews, a kill in mid-job, no torch here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from heard import Heard
from raw_engine import SETTINGS, SmallProject, make_project

from napari_unetpick.client import EngineClient
from napari_unetpick.protocol.requests import PickRequest, TrainRequest
from napari_unetpick.settings import from_dict


@pytest.fixture(scope="module")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return make_project(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def client(qapp: Any) -> Iterator[EngineClient]:
    client = EngineClient()
    yield client
    client.shutdown()


@pytest.mark.slow
def test_train_preview_and_pick(
    client: EngineClient, small_project: SmallProject, until: Callable[..., None], tmp_path: Path
):
    unseen = small_project.unseen
    request = TrainRequest(small_project.folder, tmp_path / "run", from_dict(SETTINGS))
    heard = Heard(client.submit(request))
    until(lambda: any(e.stage == "training" for (e,) in heard.of("progress")), 300)
    assert heard.job.preview(unseen)
    until(lambda: heard.over, 300)
    assert heard.names[-2:] == ["done", "finished"], heard.calls[-2:]
    ((found,),) = heard.of("found")
    assert found.key == unseen
    assert found.preview
    assert found.candidates.coords.shape == (len(found.candidates), 2)
    assert [event.epoch for (event,) in heard.of("metrics")] == [1, 2, 3]
    assert client.badge
    assert client.why

    keys = list(small_project.labelled)
    pick = PickRequest(small_project.folder, tuple(keys), (tmp_path / "run",))
    picked = Heard(client.submit(pick))
    until(lambda: picked.over, 300)
    assert [event.key for (event,) in picked.of("found")] == keys
    assert picked.job.result["micrographs"] == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_an_engine_killed_in_mid_job_is_replaced_and_the_run_resumes(
    client: EngineClient, small_project: SmallProject, until: Callable[..., None], tmp_path: Path
):
    request = TrainRequest(small_project.folder, tmp_path / "run", from_dict(SETTINGS))
    heard = Heard(client.submit(request))
    until(lambda: bool(heard.of("metrics")), 300)
    dead = client.pid
    os.kill(dead, signal.SIGKILL)
    until(lambda: heard.over)
    ((kind, text),) = heard.of("error")
    assert kind == "engine"
    assert "signal 9" in text
    assert "press Train again" in text
    again = Heard(client.submit(replace(request, resume=True)))
    until(lambda: again.over, 300)
    assert again.job.state == "done", again.calls[-2:]
    assert client.pid not in (0, dead)


WITHOUT_TORCH = """
import sys
from qtpy.QtCore import QCoreApplication
application = QCoreApplication([])
from napari_unetpick.client import EngineClient
from napari_unetpick.protocol.requests import DeviceRequest
client = EngineClient()
job = client.submit(DeviceRequest())
job.finished.connect(application.quit)
application.exec_() if hasattr(application, "exec_") else application.exec()
client.shutdown()
print(job.state, job.result["device"], "torch" in sys.modules, "napari" in sys.modules)
"""


@pytest.mark.slow
def test_the_viewers_process_never_imports_torch():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    state, device, torch, napari = done.stdout.split()
    assert (state, torch, napari) == ("done", "False", "False")
    assert device in ("cpu", "cuda", "mps")
    assert "Traceback" not in done.stderr
