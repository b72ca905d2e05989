"""`unetpick doctor` names what draws, and no broken driver can stop it."""

from __future__ import annotations

import os
import sys

import pytest
from command_line import unetpick, unetpick_process

from napari_unetpick.cli.renderer import Renderer, find_renderer

LLVMPIPE = Renderer("Mesa", "llvmpipe (LLVM 15.0.6, 256 bits)", "4.5 (Core) Mesa 22.3.6")


@pytest.mark.parametrize(
    ("renderer", "advice"),
    [
        (Renderer("NVIDIA Corporation", "NVIDIA A40/PCIe/SSE2", "4.6.0 NVIDIA 550.1"), ""),
        (LLVMPIPE, "software rendering"),
        (Renderer("Mesa", "Intel indirect", "1.4 (2.1 Mesa)"), "needs OpenGL 2.1"),
        (Renderer(), "VNC, NoMachine or VirtualGL instead of ssh -X"),
    ],
)
def test_advice_follows_from_the_renderer(renderer: Renderer, advice: str) -> None:
    assert advice in renderer.advice
    assert bool(advice) == bool(renderer.advice)
    assert "\n" not in renderer.advice


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        ("import os; os.abort()", 3.0),
        ("print('a\\nb\\nc'); raise SystemExit(1)", 3.0),
        ("import time; print('a\\nb\\nc', flush=True); time.sleep(60)", 0.5),
        ("print('only one line')", 3.0),
    ],
)
def test_a_driver_that_crashes_or_hangs_counts_as_none(probe: str, seconds: float) -> None:
    assert find_renderer(probe, seconds=seconds) == Renderer()


def test_of_the_lines_the_last_three_count() -> None:
    probe = "print('libGL: noise'); print('Mesa'); print('llvmpipe'); print('4.5')"
    assert find_renderer(probe) == Renderer("Mesa", "llvmpipe", "4.5")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_doctor_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    done = unetpick_process("doctor")
    assert done.returncode == 0, done.stderr
    assert "renderer       none\n" in done.stdout
    assert "napari cannot draw here" in done.stdout


@pytest.mark.skipif(
    sys.platform == "linux" and not os.environ.get("DISPLAY"), reason="needs a display"
)
def test_doctor_names_the_renderer() -> None:
    found = find_renderer()
    assert found.name
    assert f"{found.name} ({found.vendor}), OpenGL {found.version}" == str(found)


def test_doctor_lists_gpus_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_unetpick.engine.devices.list_gpus", lambda: ["Old GPU", "New GPU"])
    monkeypatch.setattr("napari_unetpick.cli.renderer.find_renderer", Renderer)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    done = unetpick("doctor")
    assert "GPU 1          New GPU: --device cuda:1\n" in done.stdout
    assert (
        "CUDA_VISIBLE_DEVICES=3,1: only these GPUs are seen, in this order from cuda:0"
        in done.stdout
    )
