"""The form that exports picks: which, where to, in which formats, and what to click next."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_unetpick.errors import UnetPickError
from napari_unetpick.export.write import ExportOptions, ExportResult, What, check_options
from napari_unetpick.io.formats.box_size import BOX_PER_DIAMETER, even_box, good_box
from napari_unetpick.widgets.export.gather import diameter_of, export_project
from napari_unetpick.widgets.export.messages import FORMATS, WHATS, describe_export, next_steps
from napari_unetpick.widgets.qt.controls import button, hint, row, say
from napari_unetpick.widgets.qt.workers import Background
from napari_unetpick.widgets.session.session import Session
from napari_unetpick.widgets.session.snapshot import take_snapshot

FACTORS = (BOX_PER_DIAMETER, 1.75, 2.0)
OWN = "Custom"
CHECKED = ("relion", "cryosparc", "csv")
FOLDER = "export"
LARGEST = 8192  # px
A_ROW = 2


class ExportForm(QWidget):
    """Writes picks of all kept micrographs in a thread."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.result: ExportResult | None = None
        self.work = Background("export")
        self.work.done.connect(self._show)
        self.work.failed.connect(lambda text: say(self.trouble, text))
        self.work.progress.connect(self._progress)
        self.work.finished.connect(self._at_rest)
        self.destroyed.connect(self.work.close)
        self._build()
        self.project_changed()

    # -- building ------------------------------------------------------------------------------

    def _build(self) -> None:
        self.what = QComboBox()
        for name, text in WHATS.items():
            self.what.addItem(text, name)
        self.what.setToolTip(
            "Accepted picks are the cyan rings; candidates are the rings coloured by score. A "
            "particle with both is written once."
        )
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("output folder")
        self.folder.setToolTip(
            "Output folder. For RELION, choose a folder in its project directory, so that paths "
            "are relative to it. Files with the same names are replaced."
        )
        self.browse = button("Browse…", "Choose the folder.", self._choose_folder)
        self.browse.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.boxes: dict[str, QCheckBox] = {}
        for fmt, (name, tip) in FORMATS.items():
            self.boxes[fmt] = QCheckBox(name)
            self.boxes[fmt].setToolTip(tip)
            self.boxes[fmt].setChecked(fmt in CHECKED)
        self.factor = QComboBox()
        for factor in FACTORS:
            self.factor.addItem(f"{factor:g} x diameter", factor)
        self.factor.addItem(OWN, None)
        self.size = QSpinBox()
        self.size.setRange(2, LARGEST)
        self.size.setSingleStep(2)
        self.size.setSuffix(" px")
        self.length = QLabel()
        for widget in (self.factor, self.size):
            widget.setToolTip(
                "Box size for extraction: 1.5 to 2 x diameter, an even number of pixels of the "
                "micrograph with small factors (2, 3, 5, 7). Where pixel sizes differ, each "
                "micrograph gets its own, except with a custom size."
            )
        self.whole = QCheckBox("Exclude boxes that cross the edge")
        self.whole.setToolTip(
            "RELION pads boxes that cross the edge with repeated pixels; cryoSPARC leaves such "
            "particles out."
        )
        self.go = button("Export", "Write the picks of all kept micrographs.", self._go)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.bar.setToolTip("Micrographs read so far.")
        self.bar.hide()
        self.trouble, self.written, self.next = hint(), hint(), hint()
        for label in (self.written, self.next):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()
        self.factor.activated.connect(lambda _: self._fit_box())
        self.size.valueChanged.connect(lambda _: self.factor.setCurrentText(OWN))
        self.size.valueChanged.connect(lambda _: self._say_length())
        self.size.editingFinished.connect(self._make_even)

    def _lay_out(self) -> None:
        formats = QWidget()
        grid = QGridLayout(formats)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, box in enumerate(self.boxes.values()):
            grid.addWidget(box, place // A_ROW, place % A_ROW)
        place = row(self.folder, self.browse)
        place.layout().setStretch(0, 1)
        self.length.setToolTip(self.size.toolTip())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (
            self.what,
            place,
            formats,
            row(self.length, self.factor, self.size),
            self.whole,
            self.go,
            self.bar,
            self.trouble,
            self.written,
            self.next,
        ):
            layout.addWidget(widget)

    # -- what the dock calls -------------------------------------------------------------------

    def project_changed(self) -> None:
        """Suggest a folder in the project; a scratch project is no place for an export."""
        project = self.session.project
        self.work.stop()
        self.folder.setText("" if project.temporary else str(project.folder / FOLDER))
        self.factor.setCurrentIndex(0)
        self._forget()
        self.refresh()

    def refresh(self) -> None:
        """Fit the box to the diameter, unless the user has given a size."""
        if self.factor.currentData() is not None:
            self._fit_box()
        self._say_length()

    # -- within --------------------------------------------------------------------------------

    def _fit_box(self) -> None:
        factor, diameter = self.factor.currentData(), self._diameter_px()
        if factor is None or diameter is None:
            return
        self.size.blockSignals(True)
        self.size.setValue(good_box(factor * diameter))
        self.size.blockSignals(False)
        self._say_length()

    def _say_length(self) -> None:
        """Show the box size in A, where the pixel size is known."""
        key = self.session.browser.current
        size = self.session.pixel_sizes.known(key) if key else None
        self.length.setText("Box" if size is None else f"Box {size * self.size.value():.0f} Å")

    def _diameter_px(self) -> float | None:
        """Particle diameter in pixels of the current micrograph, or of the first."""
        session = self.session
        key = session.browser.current or next(iter(session.project.keys), "")
        snapshot = take_snapshot(session)
        diameter = diameter_of(snapshot)
        if not key or diameter is None:
            return None
        size = session.pixel_sizes.known(key)
        if size is None:
            try:
                snapshot.open(key)
            except UnetPickError:  # what cannot be read is said where it is shown
                found = session.candidates.of(key)
                return None if found is None else found.diameter_px
        return diameter / (size or 1.0)

    def _make_even(self) -> None:
        self.size.setValue(even_box(self.size.value()))

    def ask_folder(self) -> Path | None:
        """Ask for the folder."""
        name = QFileDialog.getExistingDirectory(self, "Export to", self.folder.text())
        return Path(name) if name else None

    def _choose_folder(self) -> None:
        chosen = self.ask_folder()
        if chosen is not None:
            self.folder.setText(str(chosen))

    def options(self) -> ExportOptions:
        """Return what is chosen."""
        formats = tuple(fmt for fmt, box in self.boxes.items() if box.isChecked())
        what = cast("What", self.what.currentData())
        factor = self.factor.currentData()
        return ExportOptions(formats, what, self.size.value(), factor, self.whole.isChecked())

    def _go(self) -> None:
        """Export, or stop what is being exported."""
        if self.work.busy:
            self.work.stop()
            say(self.trouble, "Stopped. Files already written are complete.")
            return
        self._forget()
        self._make_even()
        folder, options = self.folder.text().strip(), self.options()
        try:
            check_options(options)
        except UnetPickError as error:
            say(self.trouble, error.in_viewer)
            return
        if not folder:
            say(self.trouble, "Choose an output folder.")
            return
        if not Path(folder).expanduser().is_absolute():
            say(self.trouble, f"{folder}: enter the absolute path of the folder.")
            return
        out, snapshot = Path(folder).expanduser(), take_snapshot(self.session)
        self.go.setText("Stop")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.work.start(lambda task: export_project(snapshot, out, options, task))

    def _progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _at_rest(self) -> None:
        self.go.setText("Export")
        self.bar.hide()

    def _show(self, result: ExportResult) -> None:
        self.result = result
        say(self.written, "\n".join(describe_export(result)))
        say(self.next, "\n\n".join(next_steps(result)))

    def _forget(self) -> None:
        self.result = None
        for label in (self.trouble, self.written, self.next):
            say(label, "")
