"""A second folder of denoised or binned images, which are shown in place of the micrographs'."""

from __future__ import annotations

import os
from pathlib import Path

from psygnal import Signal

from napari_unetpick.adapters.notify import tell
from napari_unetpick.errors import InputError
from napari_unetpick.io.images.listing import match_images
from napari_unetpick.io.picks import tell_count
from napari_unetpick.widgets.session.open_project import OpenProject

OWN = "The micrographs themselves are shown."


class ViewFrom:
    """Which image is shown of a micrograph; picks and exports stay those of the micrograph.

    Signals (psygnal)
    -----------------
    changed()
        Another folder is viewed, or the micrographs are others.
    edited()
        The user chose a folder, which is to be written.

    Attributes
    ----------
    folder
        Absolute, as it was chosen, whether or not it can be used; "" for none.
    """

    changed = Signal()
    edited = Signal()

    def __init__(self, project: OpenProject) -> None:
        self.folder = ""
        self._project = project
        self._images: dict[str, Path] | None = None  # not looked for yet
        self._trouble = ""
        project.added.connect(lambda _: self.folder and self._look_again())

    def choose(self, folder: str) -> None:
        """Show the images of a folder, read again if it is the same one; "": the micrographs'."""
        self.folder = folder and os.path.abspath(os.path.expanduser(folder))
        self._look_again()
        self.edited.emit()

    def restore(self) -> None:
        """Choose the folder that the project was left with."""
        self.folder = self._project.files.view.view_from
        self._look_again()
        self._find()
        if self._trouble:
            tell(self._trouble, "warning")

    def of(self, key: str) -> Path | None:
        """Return the image to be shown in place of a micrograph's own, or None."""
        return self._find().get(key)

    def trouble(self) -> str:
        """Say in one line why micrographs are shown themselves, or ""."""
        found, keys = self._find(), self._project.keys
        missing = [key for key in keys if key not in found]
        if self._trouble or not self.folder or not missing:
            return self._trouble
        return (
            f"No image in {Path(self.folder).name} for {len(missing):,} of "
            f"{tell_count(len(keys), 'micrograph')} (such as {missing[0]}): the micrograph itself "
            "is shown."
        )

    def _find(self) -> dict[str, Path]:
        """Return the images by key, looked for when they are first asked for."""
        if self._images is None:
            self._images, self._trouble = {}, ""
            entries = self._project.entries.values()
            if self.folder:
                try:
                    self._images = match_images(Path(self.folder), [e.micrograph for e in entries])
                except InputError as error:
                    self._trouble = f"{error.in_viewer}. {OWN}"
        return self._images

    def _look_again(self) -> None:
        self._images = None
        self.changed.emit()
