"""The command of an External job, as RELION writes it: labels and values without quotes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unetpick.errors import InputError

FOLDER = "--o"
OTHER_INPUTS = {
    "--in_movies": "Input movies",
    "--in_parts": "Input particles",
    "--in_coords": "Input coordinates",
    "--in_3dref": "Input 3D reference",
    "--in_mask": "Input 3D mask",
}
"""What an External job can be given and a picking has no use for, as the GUI calls it."""


def plain_options(words: Sequence[str]) -> list[str]:
    """Return the options of a command `--o DIR --in_mics STAR --label value ... --j N`.

    A label without a value is left out: in RELION's window the field was empty. Labels may have
    hyphens for underscores, and dashes of their own.

    Raises
    ------
    InputError
        A value has a space, which RELION doesn't quote, or an input is none of a picking.
    """
    options: list[str] = []
    for label, values in _labelled(words):
        if not label or len(values) > 1:
            what = f"{label} {' '.join(values)}".strip()
            raise InputError(
                f"{what}: has a space, and RELION hands values over without quotes",
                "use names without spaces",
            )
        if values and label in OTHER_INPUTS:
            raise InputError(
                f"{label}: particles are picked on micrographs",
                f"leave '{OTHER_INPUTS[label]}' empty and give 'Input micrographs'",
            )
        options += [label, *values] if values else []
    return options


def job_folder_of(words: Sequence[str]) -> Path | None:
    """Return the job folder of a command that may be wrong elsewhere, or None."""
    given = dict(_labelled(words)).get(FOLDER, [])
    return Path(given[0]) if given else None


def _labelled(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return each label with the words that follow it; words before any have the label ""."""
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            label, _, value = word.partition("=")
            found.append(("--" + label.strip("-").replace("-", "_"), [value] * bool(value)))
        elif found:
            found[-1][1].extend([word] * bool(word))
        elif word:
            found.append(("", [word]))
    return found
