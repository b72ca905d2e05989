"""Signals end a command as Ctrl-C does; input that cannot work is refused before the work."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from command_line import TinySet, environment, unetpick

from napari_unetpick.cli.progress import STOPS, StopSwitch, run_stoppable, signals_as_exits
from napari_unetpick.engine.data.patches import PatchSource
from napari_unetpick.engine.runs.folder import CHECKPOINT, RunFolder
from napari_unetpick.errors import Cancelled, EngineError, InputError, UnetPickError
from napari_unetpick.events import Done
from napari_unetpick.io.formats.output_files import check_folder

LIMIT = 100_000  # bytes that fit on the "disk"


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_between_two_steps_with_its_exit_code(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    done = []

    def job(check):  # type: ignore[no-untyped-def]
        for step in range(3):
            check()
            done.append(step)
            os.kill(os.getpid(), number)
            time.sleep(0.01)
        yield Done()

    with pytest.raises(Cancelled) as caught:
        run_stoppable(job)
    assert done == [0]
    assert caught.value.exit_code == 128 + number
    assert "stopping after this step" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_as_exits(), StopSwitch("") as switch:
            os.kill(os.getpid(), signal.SIGHUP)
            switch.check()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_where_nothing_is_kept_a_signal_leaves_no_half_file(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from napari_unetpick.cli.progress import signals_as_exits\n"
        "from napari_unetpick.io.atomic import atomic_path\n"
        f"with signals_as_exits(), atomic_path({str(tmp_path / 'picks.csv')!r}) as path:\n"
        "    path.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, b"unetpick: cancelled\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_training_that_a_queue_ends_can_be_resumed(tiny: TinySet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "napari_unetpick", *tiny.train, "--run", str(run)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (run / "metrics.jsonl").exists():
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "--resume" in errors.splitlines()[-1]
    assert (run / CHECKPOINT).is_file()


@pytest.mark.slow
def test_a_training_whose_terminal_is_closed_can_be_resumed(tiny: TinySet, tmp_path: Path) -> None:
    """What it would still print has nowhere to go."""
    pty, run = pytest.importorskip("pty"), tmp_path / "run"
    child, terminal = pty.fork()
    if not child:
        command = [sys.executable, "-m", "napari_unetpick", *tiny.train, "--run", str(run)]
        os.execve(sys.executable, command, environment())
    printed, deadline = b"", time.monotonic() + 120
    while time.monotonic() < deadline and not (run / "metrics.jsonl").exists():
        printed += os.read(terminal, 4096)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129, printed.decode()
    assert (run / CHECKPOINT).is_file()
    assert not (run / "model.safetensors").exists()


def unwritable(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an output folder that cannot be, for one of several reasons."""
    if kind == "below a file":
        (folder / "file").touch()
        return folder / "file" / "out"
    if kind == "too long":
        return folder / ("x" * 300)
    if kind == "not UTF-8":
        return folder / os.fsdecode(b"out\xff")
    (folder / "locked").mkdir(mode=0o500)
    if os.geteuid() == 0:  # to whom all is permitted

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    return folder / "locked"


@pytest.mark.parametrize("kind", ["below a file", "too long", "not UTF-8", "locked"])
def test_a_folder_that_cannot_be_is_refused_before_the_work(
    kind: str, tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = unwritable(kind, tmp_path, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    for command in (
        ("pick", tiny.folder, "--diameter", tiny.diameter, "--format", "csv", "--out", out),
        ("evaluate", tiny.picks, "--truth", tiny.picks, "--diameter", "70", "--out", out),
        ("simulate", out, "--sample", "ribosome"),
        (*tiny.train, "--run", out),
    ):
        done = unetpick(*command)
        assert done.returncode == 2, (command, done.stderr)
        assert done.stderr.count("\n") == 1, done.stderr
        assert "picking" not in done.stderr
        assert "cannot be made or written to" in done.stderr or "not UTF-8" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_can_be_made_is_not_left_by_the_check(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").mkdir()
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_a_name_that_cannot_be_written_is_refused_before_the_work(
    tiny: TinySet, tmp_path: Path
) -> None:
    name = os.fsdecode(b"mic_\xe9.mrc")
    try:
        (tmp_path / name).write_bytes(next(tiny.folder.glob("*.mrc")).read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    done = unetpick("pick", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.endswith("is not UTF-8, so it cannot be written; rename it\n")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_name_of_two_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mic\n1.mrc").touch()
    done = unetpick("pick", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.endswith(
        "mic\\n1.mrc': the name has a line break, so it cannot be written; rename it\n"
    )
    assert done.stderr.count("\n") == 1


@pytest.fixture
def small_disk():  # type: ignore[no-untyped-def]
    """No file may grow beyond `LIMIT`: writing stops half way, as on a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_does_not_fit_is_one_line(tmp_path: Path, small_disk: None) -> None:
    folder = RunFolder(tmp_path)
    folder.save_checkpoint({"weights": torch.zeros(1000)})
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(UnetPickError, match=r"checkpoint\.pt: .*File too large") as caught:
        folder.save_checkpoint({"weights": torch.zeros(LIMIT)})
    assert "\n" not in str(caught.value)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [CHECKPOINT, "metrics.jsonl"]


def test_a_prepared_micrograph_that_does_not_fit_is_a_full_disk(
    tmp_path: Path, small_disk: None
) -> None:
    """NumPy says "1000000 requested and 99872 written", without an error number."""
    source = PatchSource(tmp_path / "cache")
    with pytest.raises(EngineError, match="no space left on the disk") as caught:
        source.put_image(0, torch.zeros(600, 600).numpy())
    assert not isinstance(caught.value, InputError)
    assert list((tmp_path / "cache").iterdir()) == []
