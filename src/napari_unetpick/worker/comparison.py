"""What is compared: a project's models and other programs' picks, on its own complete labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_unetpick.errors import InputError
from napari_unetpick.project.evaluations import (
    comparisons_folder,
    missing_for_comparison,
    new_comparison,
)
from napari_unetpick.project.folder import PICKS
from napari_unetpick.protocol.requests import CompareRequest
from napari_unetpick.study.compare.job import CompareJob, make_compare_job
from napari_unetpick.study.compare.result import ComparisonResult
from napari_unetpick.worker.training_set import open_to_read


def make_comparison(request: CompareRequest) -> CompareJob:
    """Gather a comparison from a project: its fully labelled micrographs, by its own splits."""
    project = open_to_read(request.project)
    if missing := missing_for_comparison(project.entries, project.diameter, final=request.final):
        raise InputError(missing)
    for path in request.picks.values():
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; add these picks again")
    return make_compare_job(
        micrographs=[str(project.folder)],
        truth=project.folder / PICKS,
        out=comparisons_folder(project.folder),  # one place: no model picks the same twice
        models=request.models,
        picks=request.picks,
        border=request.border,
        final=request.final,
        device=request.device,
    )


def write_result(project: Path, found: ComparisonResult) -> dict[str, Any]:
    """Write the report into a new folder of the project; return what the viewer shows.

    Returns
    -------
    What `compare --json` prints, with all notes, a line on what was compared (`about`), and the
    path of the page.

    Raises
    ------
    InputError, EngineError
        The folder cannot be written to, or the disk is full.
    """
    # matplotlib takes its time, which only a comparison should wait for
    from napari_unetpick.report.pages.comparison import write_comparison
    from napari_unetpick.report.tables.comparison import about

    page = write_comparison(new_comparison(project), found)[-1]
    plain = {**found.to_dict(), "notes": found.all_notes}
    return {**plain, "about": about(found), "page": str(page)}
