"""How micrographs are shown: filters, contrast, deconvolution, images of another folder."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unetpick.widgets.layers.images import LOW_PASS, SPREAD, DisplaySettings
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.session import lifetime
from napari_unetpick.widgets.session.session import Session

LARGEST_LOW_PASS = 200.0  # A
NO_CTF = "Needs defocus, kV and Cs: open CtfFind's micrographs_ctf.star (Open > Micrographs STAR)."
NO_PIXEL_SIZE = "Needs the pixel size: enter it in Annotate, under the diameter."
VIEW_TIP = (
    "A folder of denoised or binned images that are shown in place of the micrographs, matched by "
    "name, also with an ending such as _denoised. Picks and exports stay those of the micrographs. "
    "Enter looks for new images."
)


class DisplayForm(QWidget):
    """Filters, contrast and the folder that is viewed; training and picking never change.

    The dock calls `look_again` when another image is shown.
    """

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
        self._build_deconvolution(now)
        self._build_view_from()
        self.reset: QPushButton = button(
            "Reset",
            f"Back to {LOW_PASS:g} Å and {SPREAD:g} sigma, without deconvolution, strength and "
            "falloff 1. The folder stays.",
            self._reset,
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Low-pass", self.low_pass)
        form.addRow("Contrast", self.spread)
        form.addRow("CTF", self.deconvolve)
        form.addRow("", row(self.strength, self.falloff))
        form.addRow(self.ctf_words)
        form.addRow("View from", row(self.folder, self.choose))
        form.addRow(self.view_words)
        form.addRow("", self.reset)
        for field in (self.low_pass, self.spread, self.strength, self.falloff):
            field.valueChanged.connect(self._apply)
        self.deconvolve.toggled.connect(self._apply)
        self.look_again()

    def _build_deconvolution(self, now: DisplaySettings) -> None:
        self.deconvolve = QCheckBox("Deconvolution")
        self.deconvolve.setChecked(now.deconvolve)
        self.deconvolve.setToolTip(
            "Undo the CTF for display with a Wiener filter (as in Warp): small particles far from "
            "focus get their contrast, without fringes. Training and picking are not affected."
        )
        self.strength = _number(0.1, 2.0, 0.1, now.strength, "", "Strength ")
        self.strength.setToolTip(
            "Assumed signal-to-noise ratio at low resolution, 1000 to this power. Larger values "
            "raise low frequencies more."
        )
        self.falloff = _number(0.3, 3.0, 0.1, now.falloff, "", "Falloff ")
        self.falloff.setToolTip(
            "How fast the assumed signal-to-noise ratio falls with resolution. Smaller values show "
            "finer detail and more noise; the low-pass limits it as well."
        )
        self.ctf_words = hint()

    def _build_view_from(self) -> None:
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("denoised or binned images")
        self.folder.setClearButtonEnabled(True)
        self.folder.setMinimumWidth(60)
        self.folder.returnPressed.connect(lambda: self._view(self.folder.text()))
        self.folder.editingFinished.connect(self._typed)
        self.folder.textChanged.connect(lambda text: text or self._typed())  # cleared
        self.choose: QPushButton = button(
            "Folder\u2026", "Choose the folder of the images to view.", self._choose
        )
        self.view_words = hint()
        self._folder = ""  # as it was shown last

    # -- what the user does --------------------------------------------------------------------

    def _apply(self, *_: object) -> None:
        settings = DisplaySettings(
            self.low_pass.value(),
            self.spread.value(),
            self.deconvolve.isChecked(),
            self.strength.value(),
            self.falloff.value(),
        )
        if settings != self.session.layers.images.settings:
            self.session.layers.change_display(settings)
        self.look_again()

    def _reset(self) -> None:
        start = DisplaySettings()
        with signals_blocked(self.deconvolve):
            self.deconvolve.setChecked(start.deconvolve)
        for field, value in (
            (self.low_pass, start.low_pass),
            (self.spread, start.spread),
            (self.strength, start.strength),
            (self.falloff, start.falloff),
        ):
            with signals_blocked(field):
                field.setValue(value)
        self._apply()

    def _typed(self) -> None:
        if self.folder.text() != self.session.layers.view_from.folder:
            self._view(self.folder.text())

    def _choose(self) -> None:
        folder = self.ask_folder()
        if folder is not None:
            self._view(str(folder))

    def _view(self, folder: str) -> None:
        self.session.layers.view_from.choose(folder.strip())
        self.look_again()

    def ask_folder(self) -> Path | None:
        """Ask for the folder to view from; replaced in tests."""
        start = self.session.layers.view_from.folder or lifetime.start_folder(self.session)
        found = QFileDialog.getExistingDirectory(self, "View denoised or binned images from", start)
        return Path(found) if found else None

    # -- answering to the session --------------------------------------------------------------

    def look_again(self) -> None:
        """Show which folder is viewed, and what keeps a wish from being fulfilled."""
        layers = self.session.layers
        obstacle = self._ctf_obstacle()
        self.deconvolve.setEnabled(not obstacle)
        for field in (self.strength, self.falloff):
            field.setEnabled(self.deconvolve.isChecked() and not obstacle)
        say(self.ctf_words, obstacle)
        view = layers.view_from
        if view.folder != self._folder:  # else it may be being typed
            self._folder = view.folder
            self.folder.setText(view.folder)  # folders differ at their end, where the cursor is
        self.folder.setToolTip("\n".join(filter(None, (view.folder, VIEW_TIP))))
        say(self.view_words, self._own_trouble() or view.trouble())

    def _own_trouble(self) -> str:
        """Say why the image of the micrograph in view is not shown, or ""."""
        layers = self.session.layers
        shown = layers.shown
        if shown is None or not shown.trouble or layers.view_from.of(layers.shown_key) is None:
            return ""
        return f"{shown.trouble}. The micrograph itself is shown."

    def _ctf_obstacle(self) -> str:
        """Say why the micrograph in view cannot be deconvolved, or ""."""
        key = self.session.browser.current
        if not key:
            return ""
        if self.session.project.entry(key).micrograph.ctf is None:
            return NO_CTF
        return "" if self.session.pixel_sizes.known(key) else NO_PIXEL_SIZE


def _number(
    low: float, high: float, step: float, value: float, suffix: str, prefix: str = ""
) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(1)
    field.setPrefix(prefix)
    field.setSuffix(suffix)
    field.setValue(value)
    field.setKeyboardTracking(False)  # apply when the number is whole
    return field
