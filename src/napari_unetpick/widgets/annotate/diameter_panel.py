"""The particle's diameter: typed, measured by two clicks, or estimated from the picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_unetpick.errors import InputError, UnetPickError
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.sizes import DIAMETERS, PIXEL_SIZES
from napari_unetpick.picking.diameter import FEWEST, Estimate, Picture, estimate_diameter
from napari_unetpick.widgets.layers.images import DisplaySettings, Shown, prepare_image
from napari_unetpick.widgets.layers.tools import TOOLS, Tools
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.workers import Background, Task

PIXEL_SIZE_STEP = 0.01  # A/px
IN_PIXELS = "diameter in pixels"  # of a session: (0, or px where no size was known; A made of it)
AVERAGED = 6  # micrographs with picks that the estimate averages over
DIAMETER_TIP = (
    "Particle diameter in Å (of an elongated particle, anything between its axes). It sets the "
    "size of the rings, the scale of training and picking, and the box size on export. "
    "20 % off is fine."
)
PIXEL_SIZE_TIP = (
    "Pixel size in Å/px, from the file's header. Enter it if it is missing or wrong; it then "
    "applies to all micrographs of the project, also on export."
)
MEASURE_TIP = (
    "Click one edge of a particle, then the opposite edge. The distance becomes the diameter. "
    "Escape cancels."
)
ESTIMATE_TIP = (
    f"Finds the edge of the average of the picked particles (at least {FEWEST}). An elongated "
    "particle gives its shorter axis; a sphere comes out a few percent too small."
)
UNIT_WARNING = " The pixel size is unknown: 1 px counts as 1 Å until you enter it above."

Source = tuple[Micrograph, Shown | None, Any]  # Any: (N, 2) picks, pixels of the file


class DiameterPanel(QWidget):
    """The diameter in A, and two ways to measure it."""

    def __init__(self, tools: Tools) -> None:
        super().__init__()
        self.tools, self.session = tools, tools.session
        self.number = _field(DIAMETERS[1], 1, " Å", "not set", DIAMETER_TIP, self._typed)
        self.pixel_size = _field(
            PIXEL_SIZES[1],
            4,
            " Å/px",
            "unknown",
            PIXEL_SIZE_TIP,
            self._pixel_size_typed,
        )
        self.pixel_size.setSingleStep(PIXEL_SIZE_STEP)
        self.measure = button("Measure (2 clicks)", MEASURE_TIP, self._measure, checkable=True)
        self.estimate = button("Estimate from picks", ESTIMATE_TIP, self._estimate)
        self.words = hint()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        self.in_pixels = QLabel()
        diameter_row = row(self.number, self.in_pixels)
        diameter_row.layout().setStretch(0, 1)
        form.addRow("Diameter", diameter_row)
        form.addRow("Pixel size", self.pixel_size)
        layout.addLayout(form)
        layout.addWidget(row(self.measure, self.estimate))
        layout.addWidget(self.words)
        self.background = Background("diameter")
        self.background.done.connect(self._estimated)
        self.background.failed.connect(self._failed)
        self.background.finished.connect(self._idle)
        self.destroyed.connect(self.background.close)
        self.refresh()

    def refresh(self) -> None:
        """Show the session's diameter, and the pixel size of the current micrograph."""
        session, key = self.session, self.session.browser.current
        size = session.pixel_sizes.known(key) if key else None
        for box, value in ((self.number, session.project.diameter), (self.pixel_size, size)):
            box.blockSignals(True)
            box.setValue(value or 0.0)
            box.blockSignals(False)
        self.pixel_size.setEnabled(bool(key) and not session.project.read_only)
        known = bool(size and session.project.diameter)
        self.in_pixels.setText(f"({session.project.diameter / size:,.0f} px)" if known else "")
        self.in_pixels.setVisible(known)

    def show_tool(self) -> None:
        """Show whether the measuring tool is active."""
        self.measure.setChecked(self.tools.active == "measure")
        if self.tools.active == "measure":
            say(self.words, TOOLS["measure"])
        elif self.words.text() == TOOLS["measure"]:
            say(self.words, "")

    def measured(self, diameter: float) -> None:
        """Set the diameter to a distance between two clicks."""
        if self._set_measured(round(diameter, 1)):
            say(self.words, f"Measured {self._in_both(diameter)}.{self._unit_warning()}")

    # -- within --------------------------------------------------------------------------------

    def _typed(self, value: float) -> None:
        if self._set(value or None):
            say(self.words, self._unit_warning().strip())

    def _pixel_size_typed(self, value: float) -> None:
        session = self.session
        pixels, diameter = session.extras.get(IN_PIXELS, (0.0, None))
        try:
            session.project.set_pixel_size(value)
        except UnetPickError as error:
            say(self.words, error.in_viewer)
        else:
            count = tell_count(len(session.project.keys), "micrograph")
            text = f"{value:g} Å/px now applies to {count}."
            if not pixels or diameter != session.project.diameter:
                say(self.words, text)
            elif self._set(round(pixels * value, 1), pixels):  # as wide as it was measured
                say(
                    self.words,
                    f"{text} The diameter is {session.project.diameter:,.0f} Å ({pixels:,.0f} px).",
                )
        self.refresh()

    def _set(self, diameter: float | None, pixels: float = 0.0) -> bool:
        """Set the diameter; if it is impossible, show why and return False."""
        try:
            self.session.project.set_diameter(diameter)
        except UnetPickError as error:
            say(self.words, error.in_viewer)
            return False
        else:
            self.session.extras[IN_PIXELS] = pixels, diameter
            return True
        finally:
            self.refresh()

    def _set_measured(self, diameter: float) -> bool:
        return self._set(diameter, diameter if self._unsized else 0.0)

    @property
    def _unsized(self) -> bool:
        """Whether the current micrograph has no pixel size."""
        key = self.session.browser.current
        return bool(key) and not self.session.pixel_sizes.known(key)

    def _in_both(self, diameter: float, spread: float | None = None) -> str:
        """Return a length as "180 Å (45 px)", or in px alone where no pixel size is known."""
        text = f"{diameter:,.0f}" + ("" if spread is None else f" ± {spread:,.0f}")
        key = self.session.browser.current
        size = self.session.pixel_sizes.known(key) if key else None
        return f"{text} Å ({diameter / size:,.0f} px)" if size else f"{text} px"

    def _unit_warning(self) -> str:
        return "" if not self._unsized else UNIT_WARNING

    def _measure(self) -> None:
        if self.tools.active == "measure":
            self.tools.stop()
        else:
            self.tools.start("measure")
        self.show_tool()

    def _estimate(self) -> None:
        try:
            sources = self._sources()
        except UnetPickError as error:
            say(self.words, error.in_viewer)
            return
        count = sum(len(coords) for _, _, coords in sources)
        if count < FEWEST:
            say(
                self.words,
                f"Only {tell_count(count, 'pick')}: pick at least {FEWEST} particles first.",
            )
            return
        settings = replace(self.session.layers.images.settings, deconvolve=False)
        say(self.words, "Averaging the picks…")
        self.estimate.setEnabled(False)
        self.background.start(lambda task: estimate_from(sources, settings, task))

    def _sources(self) -> list[Source]:
        """Return micrographs with picks, the current one first, and their images where shown."""
        session = self.session
        keys = [
            key
            for key in session.project.keys
            if session.project.entry(key).picks and key != session.browser.current
        ]
        keys = ([session.browser.current] if session.browser.current else []) + keys[: AVERAGED - 1]
        micrographs = [(key, session.project.entry(key).micrograph) for key in keys]
        images = session.layers.images
        return [
            (m, images.unchanged(m), session.annotations.of(key).picks.coords)
            for key, m in micrographs
        ]

    def _estimated(self, found: Estimate | None) -> None:
        if found is None:
            say(
                self.words,
                "No particle edge found in the average of the picks. Measure it by two clicks.",
            )
            return
        text = (
            f"{self._in_both(found.diameter, found.spread)} from {tell_count(found.count, 'pick')}"
        )
        if not found.sure:
            say(
                self.words,
                f"Not used, too uncertain: {text}. Pick more particles, or measure one.",
            )
            return
        if self._set_measured(round(found.diameter, 1)):
            say(self.words, f"{text}.{self._unit_warning()}")

    def _failed(self, text: str) -> None:
        say(self.words, text)

    def _idle(self) -> None:
        self.estimate.setEnabled(True)


def _field(
    largest: float,
    decimals: int,
    unit: str,
    without: str,
    tooltip: str,
    call: Callable[[float], None],
) -> QDoubleSpinBox:
    """Return a field for a number above 0; 0 is shown as `without`."""
    made = QDoubleSpinBox()
    made.setRange(0, largest)
    made.setDecimals(decimals)
    made.setSuffix(unit)
    made.setSpecialValueText(without)
    made.setKeyboardTracking(False)
    made.setToolTip(tooltip)
    made.valueChanged.connect(call)
    return made


def estimate_from(sources: list[Source], settings: DisplaySettings, task: Task) -> Estimate | None:
    """Read what isn't read yet and estimate the diameter in A; runs in a thread.

    Raises
    ------
    InputError
        None of the micrographs can be read.
    """
    pictures, failed = [], []
    for number, (micrograph, shown, coords) in enumerate(sources):
        task.step(number, len(sources))
        if not len(coords):
            continue
        try:
            shown = shown or prepare_image(micrograph, settings)
        except InputError as error:
            failed.append(error)
            continue
        size = (shown.pixel_size or 1.0) * float(np.mean(shown.ratio))
        pictures.append(Picture(shown.image, coords / np.array(shown.ratio), size))
    if failed and not pictures:
        raise failed[0]
    return estimate_diameter(pictures, np.random.default_rng(0))
