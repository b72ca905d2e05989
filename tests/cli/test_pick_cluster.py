"""`unetpick pick --cluster`: the picks of one process, whatever happens to the workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from command_line import TinySet, environment, unetpick

from napari_unetpick.engine.pick import cluster
from napari_unetpick.engine.pick.find import FindJob
from napari_unetpick.errors import EngineError, InputError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.picking.calibration import Calibration

pytest.importorskip("distributed")
COUNT = 24  # three tasks


@pytest.fixture(scope="module")
def many(tiny: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated micrographs under many names, and one that is damaged."""
    folder = tmp_path_factory.mktemp("many")
    files = sorted(tiny.folder.glob("*.mrc"))
    for number in range(COUNT - 1):
        shutil.copy(files[number % len(files)], folder / f"mic_{number:02d}.mrc")
    (folder / "mic_zz.mrc").write_bytes(files[0].read_bytes()[:5000])
    return folder


def contents(out: Path) -> dict[str, bytes]:
    """Return the files, with paths as if the folder were called OUT."""
    files = [file for file in out.rglob("*") if file.is_file()]
    place = str(out).encode()
    return {str(file.relative_to(out)): file.read_bytes().replace(place, b"OUT") for file in files}


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_time_alone(many: Path, tiny_run: Path, tmp_path: Path):
    command = ["pick", str(many), "--model", str(tiny_run), "--device", "cpu", "--out"]
    assert unetpick(*command, tmp_path / "alone").returncode == 3  # one is damaged
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_unetpick", *command, tmp_path / "there"]
        + ["--cluster", "local"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    until = time.monotonic() + 300
    while not list((tmp_path / "there").glob("mic_*")):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    workers = [each for each in workers if "spawn_main" in " ".join(each.cmdline())]
    assert workers
    workers[-1].send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 3, said
    assert "dashboard at" in said
    assert "mic_zz.mrc" in said
    assert "Traceback" not in said
    assert contents(tmp_path / "there") == contents(tmp_path / "alone")


@pytest.mark.slow
def test_ctrl_c_stops_the_workers_too(tiny: TinySet, tiny_run: Path, tmp_path: Path):
    """A terminal sends SIGINT to the workers as well; they must not say so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_unetpick", "pick", tiny.folder, "--model", tiny_run]
        + ["--device", "cpu", "--out", tmp_path / "out", "--cluster", "local"]
        + ["--format", "csv"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    assert "dashboard at http://127.0.0.1:" in said
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_a_worker_of_another_version_is_one_line(monkeypatch: pytest.MonkeyPatch):
    import distributed

    def other(*_: object) -> None:
        raise ImportError("no such module")

    monkeypatch.setattr(cluster, "find_batch", other)
    job = FindJob(micrographs=[Micrograph(Path("a.mrc"), "a.mrc")])
    networks = cluster.Networks([], "cpu", False, False, Calibration())
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local,
        distributed.Client(local, set_as_default=False) as client,
        pytest.raises(EngineError, match=r"no such module.*same version"),
    ):
        list(cluster._computed(client, networks, job, [job.micrographs], lambda: None))


@pytest.mark.parametrize("address", ["foo", "tls://127.0.0.1:9"])
def test_an_address_that_is_none_ends_the_program(address: str, tiny: TinySet, tmp_path: Path):
    """In a process of its own: a client of Dask that did not start kept it from ending."""
    done = subprocess.run(
        [sys.executable, "-m", "napari_unetpick", "pick", tiny.folder, "--out", tmp_path / "out"]
        + ["--cluster", address],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"--cluster {address}: no Dask scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_program_at_the_address_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "ANSWER", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    with server.accept()[0] as there:
                        there.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(InputError, match="no Dask scheduler answers"),
            cluster.connected(address),
        ):
            pass


def test_an_empty_address_is_given(tiny: TinySet, tmp_path: Path):
    done = unetpick("pick", tiny.folder, "--out", tmp_path / "out", "--watch", "--cluster", "")
    assert done.returncode == 2
    assert "--watch with --cluster: not possible" in done.stderr


def test_no_scheduler_and_no_dask_are_one_line(
    tiny: TinySet, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster, "ANSWER", 1.0)
    command = ["pick", tiny.folder, "--model", tiny_run, "--out", tmp_path / "out", "--cluster"]
    done = unetpick(*command, "tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if "no Dask scheduler answers" in line])
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"napari-unetpick\[cluster\]"), cluster.connected("local"):
        pass
    assert not (tmp_path / "out").exists()
