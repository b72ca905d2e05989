"""The line that says what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unetpick.io.picks import tell_count

if TYPE_CHECKING:
    from napari_unetpick.widgets.session.session import Session

ENOUGH_PICKS = 30
ENOUGH_MICROGRAPHS = 3


@dataclass(frozen=True)
class ProjectState:
    """How far the work has come.

    Parameters
    ----------
    micrographs, labelled, picked
        Number of micrographs, of those with own picks, and of those with candidates.
    picks
        Own picks over all micrographs.
    runs
        Whether a model other than the general one is chosen.
    general
        Whether the general model is chosen.
    stale
        Micrographs with candidates of another model than the chosen one.
    fully
        Fully labelled micrographs.
    job
        The running job ("train", "pick", ...), or "".
    """

    micrographs: int
    diameter: float | None
    labelled: int
    picks: int
    runs: int
    picked: int
    stale: int = 0
    fully: int = 0
    job: str = ""
    general: bool = False


def state_of(session: Session) -> ProjectState:
    """Return the state of a session; fast enough to be called after every change."""
    entries = session.project.entries.values()
    model = session.selection.model
    return ProjectState(
        micrographs=len(session.project.entries),
        diameter=session.project.diameter,
        labelled=sum(entry.picks > 0 for entry in entries),
        picks=sum(entry.picks for entry in entries),
        runs=int(model.path is not None and not model.general),
        picked=session.candidates.count,
        stale=session.candidates.of_other_models(model.name),
        fully=sum(entry.state == "full" for entry in entries),
        job=session.jobs.current.do if session.jobs.current is not None else "",
        general=model.general,
    )


def advise(state: ProjectState) -> tuple[str, str]:
    """Return (step, line): the step of the workspace, and what to do there."""
    if state.job == "train":
        return "Train", "Training. Picks on this micrograph appear during training."
    if state.job:
        return "Pick", "A job is running. You can browse micrographs in the meantime."
    if not state.micrographs:
        return "Micrographs", "Open a folder of micrographs."
    if state.general:
        return advise_general(state)
    if state.diameter is None:
        return "Annotate", "Measure a particle: two clicks across it set the diameter."
    if state.picks < ENOUGH_PICKS and not state.runs:
        left = ENOUGH_PICKS - state.picks
        where = "" if state.labelled >= ENOUGH_MICROGRAPHS else ", on at least three micrographs"
        return "Annotate", f"Pick particles: about {left} more{where}."
    if not state.runs:
        return "Train", f"Press Train. {state.picks:,} picks are enough to start."
    if not state.picked:
        return "Pick", "Press Pick all to find the particles on all micrographs."
    if state.stale:
        count = tell_count(state.stale, "micrograph")
        return "Pick", f"Press Pick all: {count} with candidates of another model."
    if not state.fully:
        return (
            "Annotate",
            "Correct and train again, or export. Label one area fully to estimate precision.",
        )
    return "Evaluate", "Check the picks in the gallery and correct them; train again, or export."


def advise_general(state: ProjectState) -> tuple[str, str]:
    """Return (step, line) with the general model: pick, correct, then train."""
    if state.diameter is None:
        return "Pick", "Measure a particle or type its diameter; then pick with the general model."
    if not state.picked:
        return "Pick", "Pick with the general model. No training is needed."
    if state.picks < ENOUGH_PICKS:
        return (
            "Annotate",
            "Correct the picks: add missed particles, delete wrong ones. Then train, or export.",
        )
    return "Train", f"Press Train: a model of your own learns from your {state.picks:,} picks."
