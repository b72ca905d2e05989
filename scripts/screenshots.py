"""Make the documentation's screenshots by driving the plugin: a project, a training, picks.

    xvfb-run -a .venv/bin/python scripts/screenshots.py docs/images/napari
    ... docs/images/looks --looks all --format webp     every step in both sizes and themes
    ... --looks 1920x1080-light --steps Annotate,Pick   some of them, to look at

Everything is real: simulated micrographs, a training in the engine process, its picks.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_unetpick.io.formats.read import read_picks
from napari_unetpick.simulate.samples import get_sample
from napari_unetpick.simulate.write import simulate_set
from napari_unetpick.widgets.pick.job import picking_of
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.workspace import STEPS, Workspace

SAMPLE = "barrel"
COUNT = 6
SEED = 11
EPOCHS = 16  # as many as the Train button does
CLICKS = 12  # on each of the first three micrographs
LOOKS = "1280x800-dark,1280x800-light,1920x1080-dark,1920x1080-light"


def wait(until: Callable[[], bool], seconds: float, what: str) -> None:
    """Let Qt work until something holds."""
    end = time.monotonic() + seconds
    while not until():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:g} s in vain for {what}")


def settle(seconds: float = 0.6) -> None:
    """Let drawing and thumbnails finish."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def prepare(folder: Path) -> dict[str, np.ndarray]:
    """Simulate micrographs without carbon; return the true particles by key."""
    sample = get_sample(SAMPLE)
    clean = replace(sample, contamination=replace(sample.contamination, carbon=0.0))
    for _ in simulate_set(clean, folder, COUNT, SEED):
        pass
    return {Path(k).stem: v.coords for k, v in read_picks(folder / "picks.csv").items()}


def fill(workspace: Workspace, folder: Path, truth: dict[str, np.ndarray]) -> None:
    """Make the project, and click some particles."""
    session = workspace.session
    session.project.new(folder / "project", folder / "mics")
    session.project.set_diameter(get_sample(SAMPLE).diameter_A)
    for key in session.project.keys[:3]:
        session.annotations.add(key, truth[key][:CLICKS], None, "manual")


def train_and_pick(workspace: Workspace, epochs: int, shoot: Callable[[str], None]) -> None:
    """Train, with a picture in the middle of it; then pick everything."""
    session = workspace.session
    workspace.open("Train")
    training_of(session).start({"train": {"epochs": epochs}}, "scratch")
    job = session.jobs.current
    assert job is not None
    seen: list[object] = []
    job.metrics.connect(seen.append)
    job.error.connect(lambda kind, text: print(kind, text))
    wait(
        lambda: len(seen) > 3 * epochs // 4 or session.jobs.current is None, 900, "the first epochs"
    )
    settle(20)  # previews come every some seconds
    shoot("training")
    # when a training is done the micrograph in view is picked at once
    wait(
        lambda: session.jobs.current is None and not training_of(session).running,
        1200,
        "the training",
    )
    workspace.open("Pick")
    picking_of(session).start(session.project.keys)
    wait(lambda: session.jobs.current is None, 300, "picking")


def compare(workspace: Workspace, truth: dict[str, np.ndarray]) -> None:
    """Train a second model from the first, label the other micrographs, compare the two."""
    session = workspace.session
    first = session.selection.model.path
    training_of(session).start({"train": {"epochs": 2}}, str(first))
    wait(
        lambda: session.jobs.current is None and not training_of(session).running,
        600,
        "the second training",
    )
    for number, key in enumerate(session.project.keys[3:]):
        session.annotations.add(key, truth[key], None, "manual")
        session.project.change(key, state="full", split="validation" if number < 2 else "test")
    dock = workspace.open("Evaluate")
    dock.compare_fold.expand(animate=False)
    panel = dock.compare_panel
    for number in range(panel.methods.count()):
        panel.methods.item(number).setCheckState(Qt.CheckState.Checked)
    panel.compare()
    wait(lambda: session.jobs.current is None, 300, "the comparison")
    settle(6.0)  # notifications go
    scroll: QWidget | None = panel
    while not (scroll is None or isinstance(scroll, QScrollArea)):
        scroll = scroll.parentWidget()
    if scroll is not None:
        scroll.ensureWidgetVisible(panel.report)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--looks", default="1280x800-dark", help="sizes and themes, or all")
    parser.add_argument("--format", default="png", choices=("png", "webp"))
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--no-training", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    looks = (LOOKS if options.looks == "all" else options.looks).split(",")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        truth = prepare(folder / "mics")
        viewer = napari.Viewer(show=True)
        _, workspace = viewer.window.add_plugin_dock_widget("napari-unetpick", "Picking workspace")
        look = looks[0]

        def put_on(wanted: str) -> None:
            nonlocal look
            look = wanted
            size, viewer.theme = look.split("-")
            viewer.window.resize(*map(int, size.split("x")))
            settle()
            viewer.reset_view()

        def shoot(name: str) -> None:
            settle()
            file = options.out / f"{name}-{look}.{options.format}"
            picture = viewer.window.screenshot(canvas_only=False, flash=False)
            Image.fromarray(picture[..., :3]).save(file)
            print(file)

        put_on(look)
        shoot("empty")
        fill(workspace, folder, truth)
        wait(lambda: workspace.session.layers.shown_key != "", 20, "the first micrograph")
        if not options.no_training:
            train_and_pick(workspace, options.epochs, shoot)
        for wanted in looks:
            put_on(wanted)
            for step in options.steps.split(","):
                workspace.open(step)
                settle(1.0)
                shoot(step.lower())
        if not options.no_training:
            put_on(looks[0])
            compare(workspace, truth)
            shoot("compare")
        workspace.session.close()
        viewer.close()


if __name__ == "__main__":
    main()
