"""The project that is open: opened, saved elsewhere, made again, and its table of micrographs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import InputError
from napari_unetpick.io.images.listing import list_micrographs
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import tell_count
from napari_unetpick.io.sizes import check_pixel_size
from napari_unetpick.picking.candidates import Candidates
from napari_unetpick.project.copying import copy_project
from napari_unetpick.project.folder import real_folder
from napari_unetpick.project.project import Annotations, Entry, Project, RunInfo
from napari_unetpick.widgets.session.pixel_sizes import HeaderSizes

Unwritten = tuple[Mapping[str, Annotations], Mapping[str, Candidates]]

UNREVIEWED = (
    "{} not set to fully labelled: they have picks of the model that you have not reviewed. Open "
    "each and correct its picks first."
)


class OpenProject:
    """Holds the project folder of a viewer; micrographs and diameter are changed here.

    Signals (psygnal), each emitted after the change
    ------------------------------------------------
    closing()
        Another project is about to be opened: this one is still there.
    changed()
        Another project was opened, or this one was saved elsewhere: read everything again.
    entries_changed(keys)
        State, kept, split or number of picks of these micrographs changed, or they were added
        (those the project had: again, perhaps from another place).
    added(keys)
        These are new; may be empty, where known ones were added again.
    images_changed()
        Files or pixel sizes of micrographs are others.
    states_set(keys)
        The user said how complete the labels of these are.
    diameter_changed(diameter)
        A, or None.
    edited()
        Something is to be written.

    Parameters
    ----------
    switch
        Goes over to another project.
    release
        Returns what cannot be written in this one; an InputError where it is in use.

    Attributes
    ----------
    files
        The project folder itself.
    headers
        Pixel sizes as its micrographs' headers have them; another object for each project.
    unreviewed
        Returns which of some micrographs have picks of a model that nobody has looked at.
    """

    closing = Signal()
    changed = Signal()
    entries_changed = Signal(object)
    added = Signal(object)
    images_changed = Signal()
    states_set = Signal(object)
    diameter_changed = Signal(object)
    edited = Signal()

    def __init__(self, switch: Callable[[Project], None], release: Callable[[], Unwritten]) -> None:
        self.files: Project = Project.create_temporary()
        self.headers = HeaderSizes()
        self.unreviewed: Callable[[Sequence[str]], list[str]] = lambda _: []
        self._switch, self._release = switch, release

    def replace(self, files: Project) -> None:
        """Hold another project from now on; what was not saved of the old one is lost."""
        old, self.files = self.files, files
        old.close(discard=True)
        self.headers = HeaderSizes()

    # -- opening and saving --------------------------------------------------------------------

    def open(self, folder: Path) -> None:
        """Open a project in place of the current one.

        Raises
        ------
        InputError
            The folder holds no project that can be opened, or is open here.
        """
        if real_folder(folder) == self.folder and not self.read_only:
            raise InputError(f"{folder.name} is already open")
        self._switch(Project.open(folder))
        if self.read_only:
            who = f" ({self.files.holder} has it open)" if self.files.holder else ""
            tell(f"{folder.name} is open read-only{who}: changes are not saved", "warning")
        if self.files.missing:
            count = len(self.files.missing)
            tell(
                f"{tell_count(count, 'micrograph')} of {folder.name} not found (moved or deleted)",
                "warning",
            )

    def save_as(self, folder: Path) -> None:
        """Copy the project to a folder, with what could not be saved so far, and go on there.

        Raises
        ------
        InputError, EngineError
            The engine works on this project; or it cannot be copied there.
        """
        marks, candidates = self._release()
        self._switch(copy_project(self.files, folder, marks, candidates))

    def new(self, folder: Path, sources: str | Path | Sequence[str | Path] = ()) -> None:
        """Make a project of micrographs (or of none yet) in a folder and go on there."""
        self._switch(Project.create(folder, list_micrographs(sources) if sources else ()))

    # -- what it holds -------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Absolute, without links."""
        return self.files.folder

    @property
    def runs_folder(self) -> Path:
        """Where the runs are; it may not exist yet."""
        return self.files.runs_folder

    def runs(self) -> list[RunInfo]:
        """List the runs, newest first."""
        return self.files.runs()

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written."""
        return self.files.read_only

    @property
    def temporary(self) -> bool:
        """Whether it is a scratch project without a place of the user's own."""
        return self.files.temporary

    @property
    def entries(self) -> dict[str, Entry]:
        """The micrographs by key, in order."""
        return self.files.entries

    @property
    def keys(self) -> list[str]:
        """Keys of all micrographs, in order."""
        return list(self.files.entries)

    def entry(self, key: str) -> Entry:
        """Return what is known of a micrograph."""
        return self.files.entries[key]

    @property
    def diameter(self) -> float | None:
        """Particle diameter in A, or None where it is not set."""
        return self.files.diameter

    # -- changes -------------------------------------------------------------------------------

    def add(self, sources: str | Path | Sequence[str | Path]) -> list[str]:
        """Add the micrographs of a file, folder, glob or STAR; return their new keys.

        Raises
        ------
        InputError
            Nothing is found.
        """
        return self.add_listed(list_micrographs(sources))

    def add_listed(self, micrographs: Sequence[Micrograph]) -> list[str]:
        """Add micrographs that were listed before (in a thread); return their new keys.

        Those that the project has may lie elsewhere now, or be better known; what could not be
        read of them is read again.
        """
        before = self.entries
        self.headers.forget_unknown()
        new = self.files.add(micrographs)
        self.edited.emit()
        self.entries_changed.emit(list(dict.fromkeys(each.key for each in micrographs)))
        self.added.emit(new)
        if any(each.micrograph != self.entry(key).micrograph for key, each in before.items()):
            self.images_changed.emit()  # pixel sizes may be known now
        return new

    def change(self, keys: str | Sequence[str], **fields: Any) -> None:
        """Change state, kept or split of micrographs, as the user says.

        Micrographs with a model's picks that nobody has looked at do not become fully labelled;
        a line says so.
        """
        keys = [keys] if isinstance(keys, str) else list(keys)
        stay: list[str] = []
        if fields.get("state") == "full":
            stay = self.unreviewed([key for key in keys if self.entry(key).state != "full"])
        if stay:
            tell(UNREVIEWED.format(tell_count(len(stay), "micrograph")), "warning")
        if "state" in fields:
            self.states_set.emit([key for key in keys if key not in stay])
        others = {name: value for name, value in fields.items() if name != "state"}
        for key in keys:
            self.files.change(key, **(others if key in stay else fields))
        self.edited.emit()
        self.entries_changed.emit(keys)

    def set_pixel_size(self, size: float) -> None:
        """Give all micrographs a pixel size (A/px), where their headers have none or a wrong one.

        Raises
        ------
        InputError
            No micrograph has such a pixel size.
        """
        check_pixel_size(size)
        for key, entry in self.entries.items():
            self.files.change(key, micrograph=replace(entry.micrograph, pixel_size=size))
        self.edited.emit()
        self.entries_changed.emit(self.keys)
        self.images_changed.emit()

    def set_diameter(self, diameter: float | None) -> None:
        """Set the particle diameter in A."""
        if diameter != self.files.diameter:
            self.files.set_diameter(diameter)
            self.edited.emit()
            self.diameter_changed.emit(diameter)
