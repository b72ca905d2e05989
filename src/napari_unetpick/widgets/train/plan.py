"""What a training would use, what is missing for it, and the models it can start from; no Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from napari_unetpick.io.models import general_model
from napari_unetpick.io.picks import tell_count
from napari_unetpick.project.project import Entry, RunInfo

FEWEST_PICKS = 10
GOOD_PICKS = 30
FEW_FULL = 2  # fully labelled micrographs up to which a part of each validates
SHARE = 0.2  # of the fully labelled ones that validate where there are more
SCRATCH, GENERAL = "scratch", "general"


@dataclass(frozen=True)
class TrainPlan:
    """What a training would use.

    Parameters
    ----------
    micrographs
        Number in the project.
    keys
        Of the labelled and kept micrographs outside the test split.
    full, partial
        How many of these are fully and partly labelled.
    picks
        On these.
    validation
        Keys of those in the validation split; only fully labelled ones count.
    unfit
        How many of the validation split are only partly labelled: they are trained on.
    tests
        How many labelled ones are in the test split.
    """

    micrographs: int
    keys: tuple[str, ...]
    full: int
    partial: int
    picks: int
    validation: tuple[str, ...]
    unfit: int
    tests: int


def make_plan(entries: dict[str, Entry]) -> TrainPlan:
    """Look at a project's micrographs."""
    labelled = {key: e for key, e in entries.items() if e.kept and e.state != "none"}
    used = {key: e for key, e in labelled.items() if e.split != "test"}
    full = [key for key, e in used.items() if e.state == "full"]
    wished = [key for key, e in used.items() if e.split == "validation"]
    validation = [key for key in wished if used[key].state == "full"]
    if len(validation) == len(used):
        validation = []  # something must train
    return TrainPlan(
        micrographs=len(entries),
        keys=tuple(used),
        full=len(full),
        partial=len(used) - len(full),
        picks=sum(e.picks for e in used.values()),
        validation=tuple(validation),
        unfit=sum(used[key].state != "full" for key in wished),
        tests=len(labelled) - len(used),
    )


def describe(plan: TrainPlan) -> str:
    """Return a line about what is trained on and what is used for validation."""
    if not plan.keys:
        return "No labels yet."
    labels = [f"{plan.full:,} fully" if plan.full else "", f"{plan.partial:,} partly"]
    kinds = " and ".join(text for text in labels[: 2 if plan.partial else 1] if text)
    lines = [
        f"{tell_count(plan.picks, 'pick')} on {kinds} labelled {_micrographs(len(plan.keys))}."
    ]
    lines.append(_validation_line(plan))
    if plan.tests:
        lines.append(f"Test split, not trained on: {tell_count(plan.tests, 'micrograph')}.")
    if plan.unfit:
        lines.append(
            "Validation split, but only partly labelled, so used for training: "
            f"{tell_count(plan.unfit, 'micrograph')}."
        )
    return " ".join(lines)


def _validation_line(plan: TrainPlan) -> str:
    if plan.validation:
        return f"Validation: {tell_count(len(plan.validation), 'micrograph')} of your choice."
    if plan.full > FEW_FULL:
        count = max(1, round(SHARE * plan.full))
        return f"Validation: {count:,} of the fully labelled ones, chosen at random."
    if plan.full:
        return "Validation: a third of each fully labelled micrograph."
    return "With partial labels only, F1 is unknown; your picks give the threshold."


def obstacle(plan: TrainPlan, diameter: float | None, *, read_only: bool = False) -> str:
    """Return what is missing before training can start, and what to do; "" if nothing is."""
    if not plan.micrographs:
        return "Open micrographs first (step Micrographs)."
    if read_only:
        return "The project is open read-only. Save it as another project to train."
    if diameter is None:
        return "Set the particle diameter first (step Annotate): two clicks across a particle."
    if not plan.picks:
        return f"Pick some particles first (step Annotate): about {GOOD_PICKS} are a good start."
    return ""


def caution(plan: TrainPlan) -> str:
    """Return a warning if the labels are too few for a good model, else ""."""
    if plan.picks < FEWEST_PICKS:
        return (
            f"Only {tell_count(plan.picks, 'pick')}: pick at least {FEWEST_PICKS} particles first; "
            f"about {GOOD_PICKS} are a good start."
        )
    return ""


@dataclass(frozen=True)
class SelfTrainPlan:
    """The micrographs that self-training would take pseudo-labels from.

    Parameters
    ----------
    runs
        Finished training runs.
    unlabelled, partial
        Keys of the micrographs that are not labelled, and of those that are partly.
    """

    runs: int
    unlabelled: tuple[str, ...]
    partial: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of both."""
        return self.unlabelled + self.partial

    def obstacle(self, *, read_only: bool = False) -> str:
        """Return what is missing before it can start, and what to do; "" if nothing is."""
        if read_only:
            return "The project is open read-only. Save it as another project to self-train."
        if not self.runs:
            return "Train a model first (step Train)."
        if not self.keys:
            return (
                "All micrographs are fully labelled. Add unlabelled micrographs to self-train on."
            )
        return ""

    def describe(self) -> str:
        """Return a line about where the pseudo-labels come from."""
        kinds = {"unlabelled": len(self.unlabelled), "partly labelled": len(self.partial)}
        counts = [f"{count:,} {kind}" for kind, count in kinds.items() if count]
        return f"Pseudo-labels from {' and '.join(counts)} {_micrographs(len(self.keys))}."


def make_self_train_plan(runs: Iterable[RunInfo], entries: dict[str, Entry]) -> SelfTrainPlan:
    """Look at a project's runs and micrographs."""
    kept = {key: e.state for key, e in entries.items() if e.kept}
    unlabelled, partial = (
        tuple(key for key in kept if kept[key] == state) for state in ("none", "partial")
    )
    return SelfTrainPlan(sum(run.finished for run in runs), unlabelled, partial)


def starts(runs: Iterable[RunInfo]) -> list[tuple[str, str]]:
    """Return (label, value of `start`) of the models to start from, the default first.

    The default is to fine-tune the last model, as after correcting its picks; where there is none,
    the general one, whose picks were corrected.
    """
    finished = [run for run in runs if run.finished]
    choices = [
        (f"{'Last model' if not number else 'Model'}: {run.name}", str(run.path))
        for number, run in enumerate(finished)
    ]
    if general_model() is not None:
        choices.append(("General model", GENERAL))
    return [*choices, ("From scratch", SCRATCH)]


def _micrographs(number: int) -> str:
    return "micrograph" if number == 1 else "micrographs"
