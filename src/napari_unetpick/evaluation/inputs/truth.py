"""What the files beside a truth say of it: which micrographs are complete, what is excluded."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from napari_unetpick.errors import InputError
from napari_unetpick.io.labels import Polygon, areas_beside, states_beside
from napari_unetpick.io.picks import Picks, tell_count

Areas = Mapping[str, tuple[Polygon, ...]]


def judge_truth(
    path: Path,
    true: dict[str, Picks],
    given: Sequence[str],
    notes: list[str],
    strangers: bool = False,
) -> tuple[dict[str, Picks], Areas]:
    """Return what of a truth can be scored, and its excluded areas, as the files beside it say.

    Parameters
    ----------
    true
        By micrograph key.
    given
        Names of the micrographs that are asked for.
    strangers
        Whether the files may name other micrographs.

    Raises
    ------
    InputError
        A file is damaged, or no micrograph is fully labelled.
    """
    path = path.expanduser()
    states = states_beside(path, given, strangers)
    if states:
        full = fully_labelled(true, states, path, notes)
        if empty := sorted(full - set(true)):
            notes.append(
                f"{tell_count(len(empty), 'micrograph')} (such as {empty[0]}) without "
                "particles (labels.csv beside the truth): each pick there is false"
            )
        kept = {key: each for key, each in true.items() if key in full}
        true = kept | {key: Picks(key) for key in empty}
    return true, read_exclusions(path, given, true, notes, strangers)


def fully_labelled(
    labelled: Iterable[str], states: Mapping[str, str], truth: Path, notes: list[str]
) -> set[str]:
    """Return the keys of what can be scored: an empty micrograph needs a state, but no rows.

    Parameters
    ----------
    labelled
        Keys of the micrographs that the truth names.
    states
        What a project, or `labels.csv` beside the truth, says; else they are complete.
    """
    full = {key for key, state in states.items() if state == "full"}
    left = {key for key in labelled if states.get(key, "full") != "full"}
    if left:
        notes.append(
            f"{tell_count(len(left), 'micrograph')} of the truth (such as {min(left)}) not "
            "fully labelled (labels.csv beside it): not scored"
        )
    if not (found := (full | set(labelled)) - left):
        raise InputError(
            f"{truth}: no micrograph is fully labelled (labels.csv beside it), so precision "
            "cannot be measured; label some completely"
        )
    return found


def read_exclusions(
    truth: Path,
    given: Sequence[str],
    keys: Container[str],
    notes: list[str],
    strangers: bool = False,
) -> Areas:
    """Return the areas that an `areas.json` beside a truth excludes on the micrographs `keys`.

    Other parameters are those of `io.labels.areas_beside`.
    """
    areas = areas_beside(truth, given, strangers)
    found = {
        key: kinds["exclusions"]
        for key, kinds in areas.items()
        if key in keys and kinds["exclusions"]
    }
    if found:
        notes.append(
            f"excluded areas in {tell_count(len(found), 'micrograph')} (such as "
            f"{min(found)}; areas.json beside the truth): picks and particles there are not "
            "counted"
        )
    return found
