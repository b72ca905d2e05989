"""Display settings of micrographs: low-pass filter and contrast, folded away until wanted."""

from __future__ import annotations

from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QPushButton, QWidget

from napari_unetpick.widgets.layers.images import LOW_PASS, SPREAD, DisplaySettings
from napari_unetpick.widgets.qt.controls import button
from napari_unetpick.widgets.session.session import Session

LARGEST_LOW_PASS = 200.0  # A


class DisplayForm(QWidget):
    """Two numbers that change the display only."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        now = session.layers.images.settings
        self.low_pass = _number(0.0, LARGEST_LOW_PASS, 5.0, now.low_pass, " Å")
        self.low_pass.setSpecialValueText("none")
        self.low_pass.setToolTip(
            "Low-pass filter for display: smooths detail finer than this, so that particles stand "
            "out. 0: no filter. Training and picking are not affected."
        )
        self.spread = _number(0.5, 10.0, 0.5, now.spread, " sigma")
        self.spread.setToolTip(
            "Grey values from black to white: the mean plus or minus this many standard deviations "
            "(RELION's sigma contrast). Smaller values give more contrast."
        )
        self.reset: QPushButton = button(
            "Reset", f"Back to {LOW_PASS:g} Å and {SPREAD:g} sigma.", self._reset
        )
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Low-pass", self.low_pass)
        layout.addRow("Contrast", self.spread)
        layout.addRow("", self.reset)
        for field in (self.low_pass, self.spread):
            field.valueChanged.connect(self._apply)

    def _apply(self, *_: object) -> None:
        settings = DisplaySettings(self.low_pass.value(), self.spread.value())
        if settings != self.session.layers.images.settings:
            self.session.layers.change_display(settings)

    def _reset(self) -> None:
        self.low_pass.setValue(LOW_PASS)
        self.spread.setValue(SPREAD)


def _number(low: float, high: float, step: float, value: float, suffix: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(1)
    field.setSuffix(suffix)
    field.setValue(value)
    field.setKeyboardTracking(False)  # apply when the number is whole
    return field
