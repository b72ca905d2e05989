"""The Micrographs dock: open, list, sort, keep or reject micrographs, and step through them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPushButton, QVBoxLayout, QWidget
from superqt.utils import qdebounced, qthrottled

from napari_unetpick.project.candidates import SUFFIX
from napari_unetpick.project.folder import CANDIDATES
from napari_unetpick.widgets.micrographs.display_form import DisplayForm
from napari_unetpick.widgets.micrographs.import_form import ImportForm
from napari_unetpick.widgets.micrographs.open_form import OpenForm
from napari_unetpick.widgets.micrographs.picks_check import PicksCheck
from napari_unetpick.widgets.micrographs.recover_form import LeftWorkForm
from napari_unetpick.widgets.micrographs.reject_form import RejectForm
from napari_unetpick.widgets.micrographs.row_scores import Choice, read_summary, summarise
from napari_unetpick.widgets.micrographs.selection_menu import SelectedMenu
from napari_unetpick.widgets.micrographs.sorting import FROM_CANDIDATES, KINDS, Wanted, count_line
from napari_unetpick.widgets.micrographs.table import MicrographTable
from napari_unetpick.widgets.micrographs.table_model import MicrographModel
from napari_unetpick.widgets.micrographs.thumbnails import make_thumbnail
from napari_unetpick.widgets.qt.controls import button, hint, row, say, section
from napari_unetpick.widgets.qt.dock import Dock
from napari_unetpick.widgets.qt.lazy_values import LateValues
from napari_unetpick.widgets.session.session import Session

NEXT, PREVIOUS = ".", ","
TYPED_MS = 150  # the list is filtered when typing pauses
CHOICE_MS = 250  # scores are read again when the threshold has come to rest
COUNT_MS = 50
SORT_MS = 500  # scores come one by one: the list is sorted again now and then
PICTURES = 400  # kept: 4 MB
SUMMARIES = 20_000  # kept: three numbers each
AT_ONCE = 100  # scores asked for to sort by: thousands at once would stop the window
UNSAVED = "Not saved as a project yet."


class MicrographsDock(Dock):
    """Open, list, sort, filter, keep and reject micrographs; step through them; set the display."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.pictures = LateValues(self._picture_came, PICTURES, "thumbnails")
        self.summaries = LateValues(self._summary_came, SUMMARIES, "scores")
        self.model = MicrographModel(self.session, self.pictures, self.summaries)
        self.news, self.trouble, self.place, self.counts = hint(), hint(), hint(), hint()
        self.open_form = OpenForm(self.session, self.report)
        self.left_work = LeftWorkForm(self.session, self.report)
        self.check = PicksCheck(self.session, self.report)
        self.import_form = ImportForm(
            self.session, self.report, self.open_form.ask_new_folder, self.check.add
        )
        self.table = MicrographTable(self.model)
        self.menu = SelectedMenu(self.session, self.table.selected_keys, self)
        self._narrow_soon = qdebounced(self._narrow, TYPED_MS, parent=self)
        self._read_scores_soon = qdebounced(self._choice_settled, CHOICE_MS, parent=self)
        self._list_soon = qdebounced(self.model.refresh, 0, parent=self)
        self._count_soon = qthrottled(self._count, COUNT_MS, leading=False, parent=self)
        self._sort_soon = qthrottled(self.model.refresh, SORT_MS, leading=False, parent=self)
        self.reject_form = RejectForm(self.session, self.summaries)
        self._build()
        self._connect()
        self._project_changed()

    def report(self, done: str, wrong: str) -> None:
        """Show what was done, or what went wrong, in one line each."""
        say(self.news, done)
        say(self.trouble, wrong)

    # -- building ------------------------------------------------------------------------------

    def _build(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter by name")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("List only micrographs whose name contains this text.")
        self.kind = QComboBox()
        self.kind.addItems(list(KINDS))
        self.kind.setToolTip(
            "List only these micrographs. Previous and Next step through the list as it is shown."
        )
        self.previous: QPushButton = button(
            "\u25c0 Previous",
            f"Previous micrograph in the list (key: comma {PREVIOUS}).",
            lambda: self.session.browser.step(-1),
        )
        self.next: QPushButton = button(
            "Next \u25b6",
            f"Next micrograph in the list (key: full stop {NEXT}).",
            lambda: self.session.browser.step(1),
        )
        self.selected = QPushButton("Selected")
        self.selected.setToolTip(
            "Keep or reject the selected micrographs (as in cryoSPARC's Curate Exposures), or set "
            "their split and labels. Ctrl-click or Shift-click selects several. A right-click "
            "opens the same menu."
        )
        self.selected.setMenu(self.menu)
        self.with_pictures = QCheckBox("Thumbnails in the list")
        self.with_pictures.setChecked(True)
        self.with_pictures.setToolTip("Without thumbnails more micrographs fit on the screen.")
        self.display = DisplayForm(self.session)
        self.body.setAlignment(Qt.AlignmentFlag(0))  # the list takes the height that is left
        self.body.addWidget(self.open_form)
        for widget in (
            *(self.left_work, self.import_form, self.news, self.trouble),
            *(self.check, self.place),
        ):
            self.body.addWidget(widget)
        self.body.addWidget(row(self.search, self.kind))
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.counts)
        self.body.addWidget(row(self.previous, self.next, self.selected))
        folded = QWidget()
        layout = QVBoxLayout(folded)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.display)
        layout.addWidget(self.with_pictures)
        self.reject_section = section("Reject where", self.reject_form, grows=True)
        self.body.addWidget(self.reject_section)
        self.display_section = section("Display", folded, grows=True)
        self.body.addWidget(self.display_section)

    def _connect(self) -> None:
        session, table = self.session, self.table
        self.search.textChanged.connect(lambda _: self._narrow_soon())
        self.kind.currentTextChanged.connect(lambda _: self._narrow())
        self.with_pictures.toggled.connect(table.show_pictures)
        table.chosen.connect(session.browser.go)
        table.clicked.connect(self._row_clicked)
        table.seen_changed.connect(self._want_seen)
        table.selectionModel().selectionChanged.connect(self._rows_selected)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(
            lambda place: self.menu.popup(table.viewport().mapToGlobal(place))
        )
        self.model.modelReset.connect(self._listed)
        self.reject_section.toggled.connect(self.reject_form.open)
        self.reject_form.wanted.connect(self._want_seen)
        self.follow(session.project.changed, self._project_changed)
        self.follow(session.project.entries_changed, self._entries_changed)
        self.follow(session.browser.current_changed, self._current_changed)
        self.follow(session.candidates.changed, self._candidates_changed)
        self.follow(session.selection.changed, self._selection_changed)
        self.follow(session.layers.shown_changed, self.display.look_again)
        self.follow(session.layers.view_from.changed, self.display.look_again)
        for key, by in ((NEXT, 1), (PREVIOUS, -1)):
            step = partial(session.browser.step, by)  # without the dock: the keys outlive it
            session.layers.keys.bind(key, step)
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(step)
        self.destroyed.connect(partial(_leave, session, [self.pictures, self.summaries]))

    # -- answering to the session --------------------------------------------------------------

    def _project_changed(self) -> None:
        self.pictures.forget()
        self.summaries.forget()
        self.model.knows_junk = False
        self.reject_form.forget()
        self.model.refresh()
        self._say_place()
        self.left_work.offer()
        self.import_form.offer()
        self.check.forget()

    def _entries_changed(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        self._try_again(keys)
        if self.model.fits(keys):
            self.model.changed(keys)
        else:
            self._list_soon()
        self._count_soon()

    def _current_changed(self, key: str) -> None:
        if not self.model.fits([key]):
            self.model.refresh()
        elif self.model.row_of(key) != self.table.currentIndex().row():
            self.table.show_current(key)
        self._try_again([key])
        self._say_walk()
        self.import_form.offer_soon()

    def _candidates_changed(self, key: str) -> None:
        self.summaries.forget([key])
        self.table.look_again()

    def _selection_changed(self) -> None:
        self._read_scores_soon()

    def _choice_settled(self) -> None:
        self.summaries.forget()
        self._want_seen()

    # -- the list ------------------------------------------------------------------------------

    def _narrow(self) -> None:
        old = self.model.wanted
        text, kind = self.search.text().strip(), self.kind.currentText()
        wanted = Wanted(text, kind, old.column, old.descending)
        if wanted != old:
            self.model.refresh(wanted)

    def _listed(self) -> None:
        self._count()
        self._say_walk()

    def _count(self) -> None:
        entries = self.session.project.entries
        say(self.counts, count_line(entries, len(self.model.keys)))
        self.table.fit_columns()
        self.reject_form.look_again()
        self._say_place()
        self.left_work.offer()

    def _say_place(self) -> None:
        project = self.session.project
        name = "" if project.temporary else f"Project: {project.folder.name}"
        if name and project.read_only:
            holder = f", open in {project.files.holder}" if project.files.holder else ""
            name += f" (read-only{holder}; changes are not saved)"
        if project.temporary and project.entries:
            name = UNSAVED
        if name != self.place.text():
            say(self.place, name)
            tip = "Use Save project as\u2026 to keep micrographs, picks and models."
            self.place.setToolTip(tip if project.temporary else str(project.folder))

    def _rows_selected(self, *_: object) -> None:
        self.session.browser.select(self.table.selected_keys())

    def _row_clicked(self, index: QModelIndex) -> None:
        if self.model.keys[index.row()] == self.session.browser.current:
            self._try_again([self.session.browser.current])
            self.session.layers.show_again()

    def _say_walk(self) -> None:
        row_now, last = self.model.row_of(self.session.browser.current), len(self.model.keys) - 1
        self.previous.setEnabled(row_now > 0)
        self.next.setEnabled(row_now < last)
        self.selected.setEnabled(last >= 0)

    # -- what comes late -----------------------------------------------------------------------

    def _want_seen(self) -> None:
        """Have pictures and scores made for the rows in view; all scores, to sort by them."""
        session, seen = self.session, self.table.seen()
        pictured = seen if self.model.with_pictures else []
        self.pictures.want(
            {
                key: partial(make_thumbnail, session.project.entry(key).micrograph)
                for key in pictured
            }
        )
        scored = seen + self._to_sort_by() + self.reject_form.missing()[:AT_ONCE]
        now = session.selection.model
        choice = Choice(now.calibration, now.threshold_now, now.min_distance_now)
        loaded = session.candidates.loaded
        folder = session.project.folder / CANDIDATES
        wide = {
            key: partial(
                session.project.headers.diameter_px,
                session.project.entry(key).micrograph,
                session.project.diameter,
            )
            for key in scored
        }
        self.summaries.want(
            {
                key: partial(summarise, found, choice, wide[key])
                if (found := loaded.get(key)) is not None
                else partial(read_summary, folder / f"{key}{SUFFIX}", choice, wide[key])
                for key in scored
            }
        )

    def _to_sort_by(self) -> list[str]:
        """Keys whose scores are missed where the list is sorted by them, some at a time."""
        if self.model.wanted.column not in FROM_CANDIDATES:
            return []
        return [key for key in self.model.keys if key not in self.summaries][:AT_ONCE]

    def _try_again(self, keys: list[str]) -> None:
        """Make thumbnails that failed again, of micrographs that are shown or added again."""
        if self.pictures.forget_failed(keys):
            self.table.look_again()

    def _picture_came(self, key: str) -> None:
        self.model.changed([key])

    def _summary_came(self, key: str) -> None:
        self.model.changed([key])
        found = self.model.summary(key)
        if not self.model.knows_junk and found is not None and found.usable is not None:
            self.model.knows_junk = True
            self.table.fit_columns()
        if self.model.wanted.column in FROM_CANDIDATES:
            self._sort_soon()
        if not self.summaries.waiting and (self._to_sort_by() or self.reject_form.missing()):
            self._want_seen()
        self.reject_form.look_again()


def _leave(session: Session, stores: list[LateValues[Any]], *_: object) -> None:
    """End what a closed dock started; the list's order no longer decides what comes next."""
    session.browser.order, session.browser.selected = [], []
    for store in stores:
        store.close()
