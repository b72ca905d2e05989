"""The one line that says what to do next, from what there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session

ENOUGH_PICKS = 30
ENOUGH_MICROGRAPHS = 3


@dataclass(frozen=True)
class Stand:
    """How far the work has come.

    Parameters
    ----------
    micrographs, labelled, picked
        Number of micrographs, of those with picks of the user's, of those with candidates.
    picks
        Of the user's, over all micrographs.
    runs
        Finished trainings.
    fully
        Fully labelled micrographs.
    job
        What is running ("train", "pick", ...), or "".
    """

    micrographs: int
    diameter: float | None
    labelled: int
    picks: int
    runs: int
    picked: int
    fully: int = 0
    job: str = ""


def stand_of(session: Session) -> Stand:
    """Look at a session; cheap enough to be asked after every change."""
    entries = session.project.entries.values()
    return Stand(
        micrographs=len(session.project.entries),
        diameter=session.project.diameter,
        labelled=sum(entry.picks > 0 for entry in entries),
        picks=sum(entry.picks for entry in entries),
        runs=int(session.selection.model.path is not None),
        picked=session.candidates.count,
        fully=sum(entry.state == "full" for entry in entries),
        job=session.jobs.current.do if session.jobs.current is not None else "",
    )


def advise(stand: Stand) -> tuple[str, str]:
    """Return (dock, line): where the next step is taken, and what it is."""
    if stand.job == "train":
        return "Train", "Training: picks of this micrograph appear as the model learns."
    if stand.job:
        return "Pick", "Working: you can go on looking at micrographs meanwhile."
    if not stand.micrographs:
        return "Micrographs", "Open a folder of micrographs."
    if stand.diameter is None:
        return "Annotate", "Measure a particle: two clicks across it set the diameter."
    if stand.picks < ENOUGH_PICKS and not stand.runs:
        left = ENOUGH_PICKS - stand.picks
        where = "" if stand.labelled >= ENOUGH_MICROGRAPHS else ", on three micrographs in all"
        return "Annotate", f"Click particles: about {left} more{where}."
    if not stand.runs:
        return "Train", f"Press Train: {stand.picks:,} picks are enough to start."
    if not stand.picked:
        return "Pick", "Press Pick all: the model finds the particles of every micrograph."
    if not stand.fully:
        return (
            "Annotate",
            "Correct what is wrong and train again, or export. One fully labelled micrograph "
            "or area makes precision measurable.",
        )
    return "Evaluate", "Look at the picks in the gallery, correct, train again, or export."
