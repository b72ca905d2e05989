"""Messages of self-training: what it is about to do, and the result of each round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_unetpick.engine.self_train.held_out import CheckedPart
from napari_unetpick.engine.self_train.state import Round, round_file
from napari_unetpick.engine.self_train.teacher import SelfTraining
from napari_unetpick.io.picks import tell_count


def describe_plan(
    run: SelfTraining, rounds: int, seconds: float, folds: int, by_clicks: bool
) -> Iterator[str]:
    """Describe what is learned from what, the acceptance test, and the time.

    Parameters
    ----------
    seconds
        A step.
    folds
        Epochs that the folds' networks take in all rounds together.
    by_clicks
        Whether held-out clicks decide.
    """
    new, learners, epochs = len(run.unlabelled), run.learners, run.epochs
    settings = run.training.job.settings.train
    patches = (rounds * epochs + folds) * settings.patches_per_epoch
    minutes = max(patches / settings.batch * seconds / 60, 0.1)
    yield (
        f"{new:,} unlabelled and {len(learners) - new:,} partly labelled micrographs for "
        f"pseudo-labels; {tell_count(rounds, 'round')} of {tell_count(epochs, 'epoch')}: about "
        f"{minutes:,.1f} minutes plus picking"
    )
    if run.parts:
        yield f"acceptance test of each round: on {_checked(run.parts)}"
    elif by_clicks:
        yield (
            "acceptance test of each round: by held-out clicks; with few clicks it is often "
            "inconclusive"
        )


def describe_result(
    done: Round, best: Round | None, parts: list[CheckedPart], run: Path
) -> Iterator[str]:
    """Say how a round ended, which model is kept (None: the supervised), what the user can do."""
    took = (
        f"{tell_count(done.taken, 'pseudo-label')} from "
        f"{tell_count(done.micrographs, 'micrograph')}, "
        f"{tell_count(done.ignored, 'uncertain pick')} ignored"
    )
    if done.decision == "undecided":
        file = round_file(run, done.number)
        why = _by_clicks(done) if done.clicks else _why(parts)
        yield f"{done.name} inconclusive ({took}): {why}; the model stays as it was"
        yield (
            "to decide, click ten more particles, or label one micrograph or a rectangle "
            f"completely, and train again; or try this round by picking with {file}"
        )
        return
    if done.decision == "ungated" and done.f1 is None:
        yield f"{done.name} kept without test: {took}"
        return
    if done.clicks:
        numbers = _by_clicks(done)
    else:
        numbers = f"F1 {done.f1_before:.3f} -> {done.f1:.3f}, difference {done.low:+.3f} to "
        numbers += f"{done.high:+.3f} (90 %) on {_checked(parts)}"
    if done.decision == "accepted":
        kept = "the model stays as it was" if best is None else f"{best.name} is still the best"
        kept = "" if done == best else f"; {kept}"
        how = "accepted" if done.better else "accepted, but no better"
        yield f"{done.name} {how}: {numbers}; {took}{kept}"
    elif done.decision == "ungated":
        yield f"{done.name} kept without test: {numbers}; {took}"
    else:
        reason = "is probably worse" if done.clicks else "may be worse by more than one point"
        yield (
            f"{done.name} rejected, since it {reason}: {numbers}; {took}; the model stays as it was"
        )


def describe_end(done: Round) -> str:
    """Say why the rounds end here."""
    return f"no further round: its pseudo-labels would be those of {done.name}"


def _by_clicks(done: Round) -> str:
    change, low, high = (100 * (each or 0.0) for each in (done.change, done.low, done.high))
    return (
        f"by {tell_count(done.clicks, 'held-out click')} F1 changes by an estimated "
        f"{change:+.0f} % ({low:+.0f} to {high:+.0f} %, 90 % interval)"
    )


def _why(parts: list[CheckedPart]) -> str:
    if parts:
        return f"too few particles are labelled, or found, on {_checked(parts)}"
    return "with partial labels only, it cannot be tested"


def _checked(parts: list[CheckedPart]) -> str:
    areas = sum(len(part.areas) for part in parts)
    if areas:
        return f"{tell_count(areas, 'completely labelled area')}"
    return f"{tell_count(len(parts), 'held-out micrograph')}"
