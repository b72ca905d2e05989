"""What a training would use, what is missing for it, and where it may start from; no Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import napari_unetpick
from napari_unetpick.project.project import Entry, RunInfo

FEWEST_PICKS = 10
GOOD_PICKS = 30
FEW_FULL = 2  # fully labelled micrographs up to which a part of each validates
SHARE = 0.2  # of the fully labelled ones that validate where there are more
AFRESH, GENERAL = "scratch", "general"
GENERAL_MODEL = Path(napari_unetpick.__file__).parent / "models" / "general.safetensors"


@dataclass(frozen=True)
class TrainPlan:
    """What a training would use.

    Parameters
    ----------
    micrographs
        Number in the project.
    keys
        Of the micrographs that are labelled, kept, and not set aside for testing.
    full, partial
        How many of these are fully and partly labelled.
    picks
        Marked on these.
    validation
        Keys among these that the user set aside to validate; only full labels can.
    unfit
        How many were set aside to validate, but are partly labelled: they train.
    tests
        How many labelled ones are set aside for testing.
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
    """Say what is trained on and what validates."""
    if not plan.keys:
        return "Nothing is labelled yet."
    labels = [f"{plan.full:,} fully" if plan.full else "", f"{plan.partial:,} partly"]
    kinds = " and ".join(text for text in labels[: 2 if plan.partial else 1] if text)
    lines = [f"{_count(plan.picks, 'pick')} on {kinds} labelled {_micrographs(len(plan.keys))}."]
    lines.append(_what_validates(plan))
    if plan.tests:
        lines.append(f"{plan.tests:,} set aside for testing: not trained on.")
    if plan.unfit:
        lines.append(
            f"{plan.unfit:,} set aside to validate, but only partly labelled: used for training."
        )
    return " ".join(lines)


def _what_validates(plan: TrainPlan) -> str:
    if plan.validation:
        verb = "validates" if len(plan.validation) == 1 else "validate"
        return f"{len(plan.validation):,} set aside by you {verb}."
    if plan.full > FEW_FULL:
        count = max(1, round(SHARE * plan.full))
        return f"{count:,} of the fully labelled {'validates' if count == 1 else 'validate'}."
    if plan.full:
        return "A third of each fully labelled micrograph validates."
    return "With partial labels F1 is unknown; the threshold comes from held-out picks."


def obstacle(plan: TrainPlan, diameter: float | None, *, read_only: bool = False) -> str:
    """Say what keeps a training from starting, and the next step; "" where nothing does."""
    if not plan.micrographs:
        return "Open micrographs first, in Micrographs."
    if read_only:
        return "The project is open read-only: save it as another project, then train."
    if diameter is None:
        return "Set the particle diameter first: in Annotate, two clicks across a particle."
    if not plan.picks:
        return f"Mark some particles first, in Annotate: about {GOOD_PICKS} are a good start."
    return ""


def caution(plan: TrainPlan) -> str:
    """Say what will make a training poor, or "" where nothing speaks against it."""
    if plan.picks < FEWEST_PICKS:
        return (
            f"Only {_count(plan.picks, 'pick')}: mark {FEWEST_PICKS} or more first; "
            f"about {GOOD_PICKS} are a good start."
        )
    return ""


@dataclass(frozen=True)
class SelfTrainPlan:
    """What a self-training would learn from.

    Parameters
    ----------
    runs
        Finished trainings.
    unlabelled, partial
        Keys of the micrographs that are not labelled, and of those that are partly.
    """

    runs: int
    unlabelled: tuple[str, ...]
    partial: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all that it learns from."""
        return self.unlabelled + self.partial

    def obstacle(self, *, read_only: bool = False) -> str:
        """Say what keeps it from starting, and the next step; "" where nothing does."""
        if read_only:
            return "The project is open read-only: save it as another project first."
        if not self.runs:
            return "Train a model first, in Train."
        if not self.keys:
            return (
                "Every micrograph is labelled completely: there is nothing more to learn from. Add "
                "micrographs."
            )
        return ""

    def describe(self) -> str:
        """Say what it learns from."""
        kinds = {"unlabelled": len(self.unlabelled), "partly labelled": len(self.partial)}
        told = [f"{count:,} {kind}" for kind, count in kinds.items() if count]
        return f"{' and '.join(told)} {_micrographs(len(self.keys))} to learn from."


def make_self_train_plan(runs: Iterable[RunInfo], entries: dict[str, Entry]) -> SelfTrainPlan:
    """Look at a project's runs and micrographs."""
    kept = {key: e.state for key, e in entries.items() if e.kept}
    unlabelled, partial = (
        tuple(key for key in kept if kept[key] == state) for state in ("none", "partial")
    )
    return SelfTrainPlan(sum(run.finished for run in runs), unlabelled, partial)


def starts(runs: Iterable[RunInfo], general: bool | None = None) -> list[tuple[str, str]]:
    """Return (words, value of `start`) of what a training may start from, the default first.

    Going on from the last model keeps what it knows: that is what correcting its picks is for.
    """
    finished = [run for run in runs if run.finished]
    choices = [
        (f"{'Last model' if not number else 'Model'}: {run.name}", str(run.path))
        for number, run in enumerate(finished)
    ]
    if GENERAL_MODEL.is_file() if general is None else general:
        choices.append(("General model", GENERAL))
    return [*choices, ("Afresh, from nothing", AFRESH)]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _micrographs(number: int) -> str:
    return "micrograph" if number == 1 else "micrographs"
