"""A CSV that gives micrographs one of a few words each: their split, or their label state."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from napari_unetpick.errors import InputError
from napari_unetpick.io.names import micrograph_key
from napari_unetpick.io.text import read_table

Choice = TypeVar("Choice", bound=str)


def read_choices(path: Path, column: str, choices: tuple[Choice, ...]) -> dict[str, Choice]:
    """Read `micrograph,<column>`, by name as written.

    Raises
    ------
    InputError
        A column is missing, a word is none of `choices`, or two rows contradict each other.
    """
    table = read_table(path, ("micrograph", column))
    known = {str(choice): choice for choice in choices}
    found: dict[str, Choice] = {}
    first: dict[str, str] = {}
    for name, word in zip(table["micrograph"], table[column], strict=True):
        if word not in known:
            raise InputError(
                f"{path}: {column} '{word}' of {name or '(no name)'}; give one of "
                f"{', '.join(known)}"
            )
        key = micrograph_key(name)
        if first.setdefault(key, word) != word:
            raise InputError(
                f"{path}: {column} of {key} is '{first[key]}' in one row and '{word}' in another; "
                "keep one of them"
            )
        found[name] = known[word]
    return found
