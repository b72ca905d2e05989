"""Picks find their micrographs, without doubles, and are checked on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_unetpick.errors import InputError
from napari_unetpick.inspection.finding import Finding
from napari_unetpick.inspection.inspect_picks import Known, inspect_picks
from napari_unetpick.io.assign import drop_outside, match_picks
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.picks import PickSet


def assign_inspected(
    found: PickSet,
    given: Sequence[Micrograph],
    known: Known,
    *,
    name: str = "",
    sizes: bool = True,
    in_viewer: bool = False,
) -> PickSet:
    """Match picks to micrographs and drop those outside, as `io.assign.assign_picks` does.

    Before that doubles are merged, and the rest is checked; what is found is among the messages.

    Parameters
    ----------
    known
        What the picks are compared with.
    name
        What options of the command line call these picks, see `inspect_picks`.
    sizes
        Whether the pixel sizes are checked, too.
    in_viewer
        Whether messages are in the words of the viewer.

    Raises
    ------
    InputError
        No name matches, or every pick lies outside its image; with what would correct it.
    """
    known = replace(known, micrographs={each.key: each for each in given})
    shapes = known.images.shapes
    matched = match_picks(found, given)
    picks, findings = inspect_picks(matched, known, name, sizes=sizes)
    joined = PickSet(messages=matched.messages, source=found.source)
    joined.update(picks)
    try:
        assigned = drop_outside(joined, shapes)
    except InputError as error:
        raise _with_fix(error, findings) from None
    assigned.messages += [each.in_viewer if in_viewer else str(each) for each in findings]
    return assigned


def _with_fix(error: InputError, findings: Sequence[Finding]) -> InputError:
    """Return an error whose advice is what the checks propose, if they do."""
    found = next((each for each in findings if each.scale or each.orientation), None)
    return error if found is None else InputError(error.what, found.fix, viewer=found.viewer)
