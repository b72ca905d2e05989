"""Colours that people with any colour vision can tell apart (Okabe and Ito 2008), by theme.

No meaning hangs on colour alone: every mark also has its own line style, symbol or letter.
"""

from __future__ import annotations

from dataclasses import dataclass

MATCHED = "#56B4E9"  # sky blue, solid
FALSE = "#FF7A33"  # vermilion, lightened to stand out from mid grey; dashed, with a cross
MISSED = "#F5E642"  # yellow, dotted, with a plus
LEFT_OUT = "#BDBDBD"  # grey, thin


@dataclass(frozen=True)
class Theme:
    """The colours of a figure: paper, ink, quiet ink for grids, and three for data."""

    paper: str
    ink: str
    quiet: str
    first: str
    second: str
    third: str


LIGHT = Theme("#ffffff", "#1d2733", "#d5dbe3", "#0072B2", "#D55E00", "#00795c")
DARK = Theme("#1a2029", "#e4e9f0", "#3a4553", "#56B4E9", "#FF8A4C", "#2cc295")
