"""How fluid the plugin is: docks, threshold, previews, and the viewer beside a training.

A gap is the time between two turns of napari's event loop, asked for every 5 ms: what a user feels
as a stutter. The engine trains on thirty clicks of simulated micrographs, as the Train button does.
Training in the plugin is compared with `unetpick train` on the same labels, both from a cold start.

    xvfb-run -a python benchmarks/viewer.py
    xvfb-run -a python benchmarks/viewer.py --quick     fewer steps, one epoch
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import numpy as np
from _data import DIAMETER, training_set
from _record import report, spread, table, verdict
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.workspace import STEPS, Workspace

CLICKS = 10  # on each of three micrographs
CANDIDATES = 1000
ON_EACH = 150  # candidates while stepping
INTERVAL_MS = 5
STEP_MS = 150  # between two presses of Next
LIMITS = {"p99": 33.0, "worst": 100.0, "preview": 20.0, "rings": 50.0, "dock": 500.0, "ratio": 1.1}


class Gaps:
    """Times between turns of the event loop, in ms."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._tick)

    @contextmanager
    def measured(self) -> Iterator[list[float]]:
        """Collect the gaps while the block lets Qt work."""
        self.found = []
        self._last = time.perf_counter()
        self._timer.start()
        yield self.found
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.found.append(1000 * (now - self._last))
        self._last = now


def run_loop(until: Callable[[], bool], seconds: float) -> None:
    """Let Qt's own event loop run until something holds, or a time is over."""
    end = time.monotonic() + seconds
    loop, check = QEventLoop(), QTimer()
    check.timeout.connect(lambda: loop.quit() if until() or time.monotonic() > end else None)
    check.start(20)
    loop.exec()
    check.stop()


def clocked(do: Callable[[], Any]) -> float:
    """Return the ms that something and the drawing after it take."""
    start = time.perf_counter()
    do()
    QApplication.processEvents()
    return 1000 * (time.perf_counter() - start)


def fill(workspace: Workspace, folder: Path, micrographs: Path) -> Path:
    """Make a project with thirty clicks; return them as a pick file for the command line."""
    session = workspace.session
    session.project.new(folder / "project", micrographs)
    session.project.set_diameter(DIAMETER)
    truth = {Path(k).stem: v.coords for k, v in read_picks(micrographs / "picks.csv").items()}
    lines = ["micrograph,x,y"]
    for key in session.project.keys[:3]:
        session.annotations.add(key, truth[key][:CLICKS], None, "manual")
        lines += [f"{key},{x},{y}" for y, x in truth[key][:CLICKS]]
    (folder / "clicks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run_loop(lambda: session.layers.shown_key != "", 20)
    return folder / "clicks.csv"


def measure_first(docks: Iterable[str]) -> dict[str, float]:
    """Return the ms that opening each takes as the first thing in a fresh napari."""
    worker = str(Path(__file__).with_name("_dock_worker.py"))
    found = {}
    for dock in docks:
        command = [sys.executable, worker, dock]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[dock] = float(printed.split()[-1])
    return found


def measure_docks(workspace: Workspace) -> dict[str, float]:
    """Return the ms that opening each step takes; all but Micrographs for the first time."""
    return {step: clocked(lambda step=step: workspace.open(step)) for step in STEPS}


def measure_threshold(workspace: Workspace, repeats: int) -> list[float]:
    """Move the threshold with a thousand candidates in view."""
    session, rng = workspace.session, np.random.default_rng(1)
    key = session.browser.current
    coords = rng.uniform(20, 1000, (CANDIDATES, 2))
    raw = rng.uniform(size=CANDIDATES)
    diameter = session.pixel_sizes.diameter_px(key)
    assert diameter is not None
    near = np.zeros(CANDIDATES)
    session.candidates.put(key, Candidates(coords, raw, near, diameter), keep=False)
    workspace.open("Pick")
    run_loop(lambda: False, 1)
    values = np.tile([0.3, 0.7, 0.5, 0.2], repeats // 4 + 1)[:repeats]
    times = []
    for value in values:
        times.append(clocked(lambda value=value: session.selection.set_threshold(float(value))))
        run_loop(lambda: False, 0.1)
    session.selection.set_threshold(None)
    return times


def put_everywhere(workspace: Workspace) -> None:
    """Give every micrograph candidates, as if all had been picked."""
    session, rng = workspace.session, np.random.default_rng(2)
    for key in session.project.keys:
        diameter = session.pixel_sizes.diameter_px(key)
        assert diameter is not None
        coords = rng.uniform(20, 1000, (ON_EACH, 2))
        raw, near = rng.uniform(size=ON_EACH), np.zeros(ON_EACH)
        session.candidates.put(key, Candidates(coords, raw, near, diameter), keep=False)


def press_next(workspace: Workspace) -> None:
    """Go to the next micrograph, from the last to the first."""
    session = workspace.session
    keys = session.project.keys
    session.browser.go(keys[(keys.index(session.browser.current) + 1) % len(keys)])


def swap_images(viewer: Any, gaps: Gaps, seconds: float) -> list[float]:
    """Put another image into a layer of plain napari every so often: its own share of a step."""
    rng = np.random.default_rng(1)
    images = [rng.normal(size=(512, 512)).astype(np.float32) for _ in range(6)]
    layer = viewer.add_image(images[0], contrast_limits=(-3, 3))
    places = iter(range(1, 1_000_000))

    def swap() -> None:
        layer.data = images[next(places) % len(images)]

    found = repeat(swap, gaps, seconds)
    viewer.layers.remove(layer)
    return found


def repeat(do: Callable[[], None], gaps: Gaps, seconds: float) -> list[float]:
    """Do something every so often; return the gaps meanwhile."""
    pressing = QTimer()
    pressing.timeout.connect(do)
    pressing.start(STEP_MS)
    with gaps.measured() as found:
        run_loop(lambda: False, seconds)
    pressing.stop()
    return list(found)


def train(workspace: Workspace, epochs: int) -> tuple[float, float | None]:
    """Train in the plugin; return the seconds it took and those to the first preview."""
    session = workspace.session
    seen: list[float] = []
    start = time.monotonic()
    training_of(session).start({"train": {"epochs": epochs}}, "scratch")
    job = session.jobs.current
    assert job is not None
    job.found.connect(lambda event: seen.append(time.monotonic() - start))
    troubles: list[str] = []
    job.error.connect(lambda kind, text: troubles.append(text))
    run_loop(lambda: job.over, 3600)
    if job.state != "done":
        raise SystemExit(f"the training ended as {job.state}: {troubles}")
    took = time.monotonic() - start
    run_loop(lambda: session.jobs.current is None, 60)  # the micrograph in view is picked at once
    return took, seen[0] if seen else None


def train_by_command(folder: Path, micrographs: Path, picks: Path, epochs: int) -> float:
    """Train on the same clicks by the command line; return the seconds it took."""
    start = time.monotonic()
    subprocess.run(
        [
            *(sys.executable, "-m", "napari_unetpick", "train", str(micrographs)),
            *("--picks", str(picks), "--diameter", str(DIAMETER), "--partial"),
            *("--run", str(folder / "by_command"), "--initial-epochs", str(epochs)),
            *("--start", "scratch"),
        ],
        check=True,
        capture_output=True,
    )
    return time.monotonic() - start


def gap_row(name: str, gaps: list[float]) -> tuple[str, ...]:
    """One line of the table of gaps."""
    p99, worst = float(np.percentile(gaps, 99)), max(gaps)
    return (
        name,
        f"{np.median(gaps):.1f}",
        f"{p99:.1f}",
        f"{worst:.1f}",
        f"{verdict(p99, LIMITS['p99'])} / {verdict(worst, LIMITS['worst'])}",
    )


def main() -> None:
    """Measure one thing after the other in one viewer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    epochs, repeats, seconds = (1, 8, 3.0) if options.quick else (6, 40, 20.0)
    micrographs = training_set()
    first = measure_first(["Picking workspace", *STEPS, "Gallery"])
    gap: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        viewer = napari.Viewer(show=True)
        viewer.window.resize(1280, 800)
        gaps = Gaps()
        run_loop(lambda: False, 2)
        gap["plain napari, another image every 150 ms"] = swap_images(viewer, gaps, seconds)
        workspace = Workspace(viewer)
        viewer.window.add_dock_widget(workspace, name="Picking workspace")
        session = workspace.session
        picks = fill(workspace, folder, micrographs)
        docks = measure_docks(workspace)
        session.jobs.engine.shutdown()  # opening Train has woken it: this training starts cold
        run_loop(lambda: False, 3)
        plugin, _ = train(workspace, epochs)
        command = train_by_command(folder, micrographs, picks, epochs)
        with gaps.measured() as idle:
            run_loop(lambda: False, seconds)
        gap["idle"] = list(idle)
        put_everywhere(workspace)
        run_loop(lambda: False, 3)
        gap["stepping"] = repeat(lambda: press_next(workspace), gaps, seconds)
        workspace.open("Train")
        with gaps.measured() as training:
            _, preview = train(workspace, epochs)  # the engine is warm
        gap["training"] = list(training)
        training_of(session).start({"train": {"epochs": 50}}, "scratch")
        run_loop(lambda: bool(training_of(session).rows), 300)
        gap["training and stepping"] = repeat(lambda: press_next(workspace), gaps, seconds)
        training_of(session).job.stop()
        run_loop(lambda: session.jobs.current is None, 60)
        rings = measure_threshold(workspace, repeats)
        session.close()
        viewer.close()
    ratio, dock = plugin / command, LIMITS["dock"]
    wanted = f"p99 <= {LIMITS['p99']:g}, worst <= {LIMITS['worst']:g}"
    rows = [
        ("opening a dock in a fresh napari, slowest, ms", f"{max(first.values()):.0f}", dock),
        ("opening a dock of the workspace, slowest, ms", f"{max(docks.values()):.0f}", dock),
        (f"threshold to new rings, {CANDIDATES} candidates, ms", spread(rings, 0), LIMITS["rings"]),
        (
            "Train to first preview, warm engine, s",
            "none" if preview is None else f"{preview:.1f}",
            LIMITS["preview"],
        ),
        (f"training, plugin / command ({epochs} epochs)", f"{ratio:.2f}", LIMITS["ratio"]),
    ]
    report(
        "viewer",
        {
            "gaps": gap,
            "first": first,
            "docks": docks,
            "rings": rings,
            "preview": preview,
            "seconds": [plugin, command],
        },
        [
            table(("", "measured", "at most"), rows),
            table(
                ("gaps, ms", "median", "p99", "worst", wanted),
                [gap_row(k, v) for k, v in gap.items()],
            ),
            f"in a fresh napari, ms: {', '.join(f'{k} {v:.0f}' for k, v in first.items())}; "
            f"in the workspace: {', '.join(f'{k} {v:.0f}' for k, v in docks.items())}; "
            f"training {plugin:.0f} s in the plugin, {command:.0f} s by the command",
        ],
    )


if __name__ == "__main__":
    main()
