"""Rounds of stepping and training in the plugin's viewer, each after one of plain napari."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from _data import say
from _gaps import Stutter, measured, repeat, rest, run_loop, scattered, window
from _record import Worker, table, verdict

from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.widgets.train.job import training_of
from napari_unetpick.widgets.workspace import Workspace

ON_EACH = 150  # candidates on a micrograph
PLAIN = "plain napari"
MOST = 1.1  # times plain napari's p99


@dataclass(frozen=True)
class Rounds:
    """What was measured, by what went on and round by round.

    Parameters
    ----------
    found
        Stutter of each round; plain napari's first.
    collection
        The longest full collection of garbage in the plugin's viewer, in ms.
    previews
        Seconds from pressing Train to the first preview, in each round.
    """

    found: dict[str, list[Stutter]]
    collection: float
    previews: list[float]

    def as_dict(self) -> dict[str, Any]:
        """Return what the record keeps."""
        return asdict(self)

    def sections(self) -> list[str]:
        """Return a table of the p99s, and one of the worst gaps."""
        return [self._p99(), self._worst()]

    def _p99(self) -> str:
        rows, plain = [], statistics.median(each.p99 for each in self.found[PLAIN])
        for name, rounds in self.found.items():
            values = [each.p99 for each in rounds]
            middle = statistics.median(values)
            ratio = middle / plain
            told = ("", "") if name == PLAIN else (f"{ratio:.2f}", verdict(ratio, MOST))
            rows.append((name, *(f"{v:.1f}" for v in values), f"{middle:.1f}", *told))
        head = ("p99 of the gaps, ms", *self._numbers, "median", "ratio", f"at most {MOST}")
        return table(head, rows)

    def _worst(self) -> str:
        rows, plain = [], statistics.median(each.worst for each in self.found[PLAIN])
        for name, rounds in self.found.items():
            middle = statistics.median(each.worst for each in rounds)
            rise = middle - plain
            told = ("", "") if name == PLAIN else (f"{rise:+.1f}", verdict(rise, self.collection))
            each = [f"{one.worst:.0f} ({one.collection:.0f})" for one in rounds]
            rows.append((name, *each, f"{middle:.1f}", *told))
        head = ("worst gap (longest full collection), ms", *self._numbers, "median", "rise")
        return table((*head, f"at most +{self.collection:.0f}"), rows)

    @property
    def _numbers(self) -> list[str]:
        return [str(number) for number in range(1, len(self.found[PLAIN]) + 1)]


def measure_rounds(workspace: Workspace, count: int, seconds: float) -> Rounds:
    """Measure some rounds, each part of them for some seconds."""
    session = workspace.session
    workspace.open("Train")
    put_everywhere(workspace)
    session.selection.set_threshold(0.0)  # all of them are picks
    rest(3)
    plain = start_plain(workspace)
    found: dict[str, list[Stutter]] = {}
    previews: list[float] = []
    for number in range(count):
        stutters, preview = one_round(workspace, plain, seconds)
        previews.append(preview)
        for name, stutter in stutters.items():
            found.setdefault(name, []).append(stutter)
            say(f"round {number + 1}, {name}: p99 {stutter.p99:.1f}, worst {stutter.worst:.1f} ms")
    plain.close()
    session.selection.set_threshold(None)
    start = time.perf_counter()
    gc.collect()
    forced = 1000 * (time.perf_counter() - start)  # there may have been none
    collection = max(each.collection for name in found if name != PLAIN for each in found[name])
    return Rounds(found, collection or forced, previews)


def start_plain(workspace: Workspace) -> Worker:
    """Start napari without the plugin, with layers and a dock of the same size."""
    session = workspace.session
    shown = session.layers.image_of(session.browser.current)
    assert shown is not None
    asked = {
        "dock": (workspace.width(), workspace.height()),
        "window": (window().width(), window().height()),
        "image": shown.image.shape,
        "scale": shown.ratio[0],
        "points": ON_EACH,
        "size": session.pixel_sizes.diameter_px(session.browser.current),
    }
    return Worker(sys.executable, "_plain_worker.py", json.dumps(asked))


def one_round(
    workspace: Workspace, plain: Worker, seconds: float
) -> tuple[dict[str, Stutter], float]:
    """Measure plain napari, then the plugin: stepping, training, and both at once.

    The second value is the time to the first preview, in seconds.
    """
    session, training = workspace.session, training_of(workspace.session)
    found = {PLAIN: Stutter(**plain.ask(seconds=seconds))}
    window().raise_()
    rest(1)
    found["stepping"] = repeat(lambda: press_next(workspace), seconds)
    training.start({"train": {"epochs": 50}}, "scratch")
    assert training.job is not None
    previews: list[float] = []
    start = time.monotonic()
    training.job.found.connect(lambda event: previews.append(time.monotonic() - start))
    with measured() as idle:  # from pressing Train to some time after the first preview
        run_loop(lambda: bool(previews), 300)
        rest(seconds)
    found["training"] = idle
    found["training and stepping"] = repeat(lambda: press_next(workspace), seconds)
    assert training.job is not None, training.trouble
    training.job.stop()
    run_loop(lambda: session.jobs.current is None, 60)
    rest(1)
    return found, previews[0]


def put_everywhere(workspace: Workspace) -> None:
    """Give every micrograph candidates, as if all had been picked."""
    session, rng = workspace.session, np.random.default_rng(2)
    for key in session.project.keys:
        diameter = session.pixel_sizes.diameter_px(key)
        assert diameter is not None
        raw, near = rng.uniform(size=ON_EACH), np.zeros(ON_EACH)
        found = Candidates(scattered(rng, ON_EACH), raw, near, diameter)
        session.candidates.put(key, found)


def press_next(workspace: Workspace) -> None:
    """Go to the next micrograph, from the last to the first."""
    session = workspace.session
    keys = session.project.keys
    session.browser.go(keys[(keys.index(session.browser.current) + 1) % len(keys)])
