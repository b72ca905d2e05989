"""What draws napari's canvas: an OpenGL context is opened in a process of its own, and named."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

PROBE_SECONDS = 60.0  # a broken driver may never answer
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software", "gdi generic")
OLDEST = 2.1  # the OpenGL that napari's canvas needs
PROBE = f"from {__name__} import probe; probe()"
REMOTE = "on a remote machine use VNC, NoMachine or VirtualGL instead of ssh -X"


@dataclass(frozen=True)
class Renderer:
    """Vendor, renderer and version as OpenGL names them; all "" where there is no context."""

    vendor: str = ""
    name: str = ""
    version: str = ""

    @property
    def advice(self) -> str:
        """One line about what to do, "" if a graphics card draws."""
        if not self.name:
            return (
                "napari cannot draw here (no display, or no OpenGL): run it in a desktop session; "
                f"{REMOTE}. The command line works without."
            )
        if _number(self.version) < OLDEST:
            return f"napari needs OpenGL {OLDEST}: update the graphics driver; {REMOTE}."
        if any(word in self.name.lower() for word in SOFTWARE):
            return (
                "software rendering on the CPU: correct but slower. To use a graphics card, "
                "install its driver; on a remote machine start napari with vglrun (VirtualGL)."
            )
        return ""

    def __str__(self) -> str:
        if not self.name:
            return "none"
        return f"{self.name} ({self.vendor}), OpenGL {self.version}"


def find_renderer(probe: str = PROBE, seconds: float = PROBE_SECONDS) -> Renderer:
    """Return what would draw napari's canvas; a driver that crashes or hangs counts as none."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", probe],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Renderer()
    lines = done.stdout.splitlines()
    return Renderer(*lines[-3:]) if done.returncode == 0 and len(lines) >= 3 else Renderer()


def probe() -> None:
    """Print vendor, renderer and version of a context made by Qt, as vispy would draw in it."""
    from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
    from vispy.gloo import gl

    application = QGuiApplication([])
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    if not context.create() or not context.makeCurrent(surface):
        raise SystemExit(1)
    for name in (gl.GL_VENDOR, gl.GL_RENDERER, gl.GL_VERSION):
        print(gl.glGetParameter(name), flush=True)
    context.doneCurrent()
    del application


def _number(version: str) -> float:
    """Return 4.5 of "4.5 (Compatibility Profile) Mesa 22.3.6"; unknown versions count as new."""
    digits = version.split(" ")[0].split(".")
    return float(".".join(digits[:2])) if len(digits) > 1 and digits[0].isdigit() else OLDEST
