"""What seems wrong with the picks that were imported, and a button that corrects all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unetpick.errors import UnetPickError
from napari_unetpick.inspection.finding import Finding
from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
from napari_unetpick.inspection.orientation import AS_READ
from napari_unetpick.io.images.image import Images
from napari_unetpick.io.images.unmapped import UnmappedImage
from napari_unetpick.io.picks import Picks, join_picks, tell_count
from napari_unetpick.project.annotations import add_picks, new_picks
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.workers import Background
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import Snapshot, take_snapshot

Floats = NDArray[np.float64]


class PicksCheck(QWidget):
    """Checks imported picks in the background; hidden while nothing seems wrong.

    Parameters
    ----------
    report
        Shows (what was done, what went wrong), each one line or "".
    """

    def __init__(self, session: Session, report: Callable[[str, str], None]) -> None:
        super().__init__()
        self.session = session
        self.report = report
        self.imported: dict[str, Picks] = {}
        self.findings: list[Finding] = []
        self._action: object = None
        self._before: dict[str, Picks] = {}
        self.background = Background("checks")
        self.background.done.connect(self._show)
        self.background.failed.connect(lambda text: report("", text))
        self.destroyed.connect(self.background.close)
        self.words = hint()
        self.apply = button("Correct picks", "Change all imported picks.", self._apply)
        self.ignore = button("Ignore", "Leave the picks as they are.", self._ignore)
        self.undo = button(
            "Undo correction", "Put the picks back where they were imported.", self._undo
        )
        self.choices = row(self.apply, self.ignore)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.words, self.choices, self.undo):
            layout.addWidget(widget)
        self.hide()  # until it lies in a layout and something is found

    def add(self, imported: Mapping[str, Picks]) -> None:
        """Check picks that were imported, with those imported before.

        Parameters
        ----------
        imported
            By micrograph key, pixels of the file; those outside the image among them.
        """
        for key, picks in imported.items():
            earlier = [self.imported[key]] if key in self.imported else []
            self.imported[key] = join_picks(key, [*earlier, picks])
        if not self.imported:
            return
        snapshot, every = take_snapshot(self.session), dict(self.imported)
        self.background.start(lambda _: check(every, snapshot))

    def forget(self) -> None:
        """Forget all imports: another project is open."""
        self.background.stop()
        self.imported.clear()
        self._action = None
        self._show([])

    def _show(self, findings: list[Finding]) -> None:
        self.findings = findings
        offered = self._offered()
        lines = (each.what if each is offered else each.in_viewer for each in findings)
        say(self.words, "\n".join(map(_sentence, lines)))
        if offered is not None:
            self.apply.setToolTip(
                f"All imported picks are {name_correction(offered)}. Undo takes them back."
            )
        self.apply.setVisible(offered is not None)
        self.choices.setVisible(bool(findings))
        self.undo.setVisible(self._action is not None)
        self.setVisible(bool(findings) or self._action is not None)

    def _offered(self) -> Finding | None:
        return next((each for each in self.findings if each.scale or each.orientation), None)

    def _apply(self) -> None:
        finding = self._offered()
        if finding is None:
            return
        self._action, self._before = object(), dict(self.imported)
        try:
            for key, picks in self.imported.items():
                self.imported[key] = self._correct(key, picks, finding)
        except UnetPickError as error:
            self.report("", error.in_viewer)
        count = tell_count(len(self.imported), "micrograph")
        self.report(f"Corrected imported picks of {count}: {name_correction(finding)}.", "")
        self._show([])

    def _correct(self, key: str, picks: Picks, finding: Finding) -> Picks:
        """Move a micrograph's imported picks that were not removed since; return all of them."""
        marks = self.session.annotations.of(key)
        shape = UnmappedImage(self.session.project.entry(key).micrograph.path).shape
        moved = correct(picks, finding, shape)
        own = _among(marks.picks.coords, picks.coords)
        coords = marks.picks.coords.copy()
        coords[own] = correct(marks.picks.select(own), finding, shape).coords
        kept = replace(marks.picks, coords=coords).select(~own | _inside(coords, shape))
        came = moved.select(_inside(moved.coords, shape) & ~_inside(picks.coords, shape))
        came = came.select(~_among(came.coords, kept.coords))
        more = new_picks(came.coords, "file", came.scores)
        self.session.annotations.set(
            key, replace(marks, picks=add_picks(kept, more)), action=self._action
        )
        return moved

    def _undo(self) -> None:
        self.session.annotations.undo_action(self._action)
        self._action = None
        self.imported = self._before
        self.report("Correction undone.", "")
        self._show([])

    def _ignore(self) -> None:
        self._show([])


def check(picks: Mapping[str, Picks], snapshot: Snapshot) -> list[Finding]:
    """Check imported picks by key; in a thread. Micrographs that cannot be opened are passed over.

    Their doubles are merged where they are added, so that none is reported.
    """
    images, micrographs = Images(), {}
    for key in picks:
        try:
            found = snapshot.open(key)
        except UnetPickError:
            continue
        micrographs[key] = snapshot.entries[key].micrograph
        images.shapes[key] = found.shape
        if found.pixel_size is not None:
            images.pixel_sizes[key] = found.pixel_size
    known = Known(micrographs, images, snapshot.diameter, dark=True, open_image=UnmappedImage)
    _, findings = inspect_picks(picks, known, sizes=True)
    return [each for each in findings if each.kind != "doubles"]


def correct(picks: Picks, finding: Finding, shape: tuple[int, int]) -> Picks:
    """Return picks as a finding proposes them."""
    scaled = replace(picks, coords=picks.coords * (finding.scale or 1.0))
    return (finding.orientation or AS_READ).turn(scaled, shape)


def name_correction(finding: Finding) -> str:
    """Name what a finding proposes: "scaled by 4", "mirrored top to bottom"."""
    parts = [f"scaled by {finding.scale:.4g}"] if finding.scale else []
    parts += [finding.orientation.words] if finding.orientation else []
    return " and ".join(parts)


def _among(coords: Floats, others: Floats) -> NDArray[np.bool_]:
    """Tell which (N, 2) places are exactly one of some others."""
    places = {tuple(place) for place in others.tolist()}
    return np.array([tuple(place) in places for place in coords.tolist()], bool)


def _inside(coords: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    within = (coords >= -0.5) & (coords < np.asarray(shape) - 0.5)
    return np.asarray(within.all(axis=1))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (text[-1:] not in ".?")
