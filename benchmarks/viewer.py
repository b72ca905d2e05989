"""How fluid the plugin is: docks, threshold, previews, and the viewer beside a training.

A gap is the time between two turns of napari's event loop, asked for every 5 ms: what a user feels
as a stutter. The gaps of a viewer in which one steps, trains, or does both are compared with those
of plain napari in a process of its own, which changes an image of the same size and as many points
as often beside an empty dock of the same size; round after round, since the machine's speed varies.

The engine trains on thirty clicks of simulated micrographs, as the Train button does. Training in
the plugin is compared with `unetpick train` on the same labels, both from a cold start.

    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/viewer.py
    ... --quick     one short round, one epoch
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from _data import DIAMETER, training_set
from _gaps import rest, run_loop
from _record import report, spread, table
from _rounds import measure_rounds
from qtpy.QtWidgets import QApplication

from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.workspace import STEPS, Workspace

CLICKS = 10  # on each of three micrographs
CANDIDATES = 1000
ROUNDS = 5
LIMITS = {"preview": 20.0, "rings": 50.0, "dock": 500.0, "ratio": 1.1}


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
    session.candidates.put(key, Candidates(coords, raw, near, diameter))
    workspace.open("Pick")
    rest(1)
    values = np.tile([0.3, 0.7, 0.5, 0.2], repeats // 4 + 1)[:repeats]
    times = []
    for value in values:
        times.append(clocked(lambda value=value: session.selection.set_threshold(float(value))))
        rest(0.1)
    session.selection.set_threshold(None)
    return times


def train(workspace: Workspace, epochs: int) -> float:
    """Train in the plugin; return the seconds it took."""
    session = workspace.session
    start = time.monotonic()
    training_of(session).start({"train": {"epochs": epochs}}, "scratch")
    job = session.jobs.current
    assert job is not None
    troubles: list[str] = []
    job.error.connect(lambda kind, text: troubles.append(text))
    run_loop(lambda: job.over, 3600)
    if job.state != "done":
        raise SystemExit(f"the training ended as {job.state}: {troubles}")
    took = time.monotonic() - start
    run_loop(lambda: session.jobs.current is None, 60)  # the micrograph in view is picked at once
    return took


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
        preexec_fn=(lambda: os.nice(10)) if hasattr(os, "nice") else None,  # as the engine's
    )
    return time.monotonic() - start


def main() -> None:
    """Measure one thing after the other in one viewer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    epochs, repeats, count, seconds = (1, 8, 1, 4.0) if options.quick else (6, 40, ROUNDS, 8.0)
    micrographs = training_set()
    first = measure_first(["Picking workspace", *STEPS, "Gallery"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        viewer = napari.Viewer(show=True)
        viewer.window.resize(1280, 800)
        rest(2)
        workspace = Workspace(viewer)
        viewer.window.add_dock_widget(workspace, name="Picking workspace")
        session = workspace.session
        picks = fill(workspace, folder, micrographs)
        docks = measure_docks(workspace)
        rounds = measure_rounds(workspace, count, seconds)  # the engine is warm
        session.jobs.engine.shutdown()  # the next training starts cold
        rest(3)
        plugin = train(workspace, epochs)
        command = train_by_command(folder, micrographs, picks, epochs)
        rings = measure_threshold(workspace, repeats)
        session.close()
        viewer.close()
    ratio, dock = plugin / command, LIMITS["dock"]
    rows = [
        ("opening a dock in a fresh napari, slowest, ms", f"{max(first.values()):.0f}", dock),
        ("opening a dock of the workspace, slowest, ms", f"{max(docks.values()):.0f}", dock),
        (f"threshold to new rings, {CANDIDATES} candidates, ms", spread(rings, 0), LIMITS["rings"]),
        (
            "Train to first preview, warm engine, s",
            spread(rounds.previews, 1),
            LIMITS["preview"],
        ),
        (f"training, plugin / command ({epochs} epochs)", f"{ratio:.2f}", LIMITS["ratio"]),
    ]
    report(
        "viewer",
        {
            "rounds": rounds.as_dict(),
            "first": first,
            "docks": docks,
            "rings": rings,
            "seconds": [plugin, command],
        },
        [
            table(("", "measured", "at most"), rows),
            *rounds.sections(),
            f"in a fresh napari, ms: {', '.join(f'{k} {v:.0f}' for k, v in first.items())}; "
            f"in the workspace: {', '.join(f'{k} {v:.0f}' for k, v in docks.items())}; "
            f"training {plugin:.0f} s in the plugin, {command:.0f} s by the command",
        ],
    )


if __name__ == "__main__":
    main()
