"""One self-contained HTML page: everything inline, so that the one file can be sent around."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpick.io.atomic import write_text
from napari_unetpick.report.tables.evaluation import Table
from napari_unetpick.version import __version__

_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"<svg": "image/svg+xml"}


@dataclass(frozen=True)
class Tile:
    """A headline figure: what it is, its value, and a line that qualifies it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class PageImage:
    """A picture with its description for those who cannot see it.

    `data` is a PNG, JPEG or SVG, or the path of one; `dark` the same for dark mode, if there is
    one. A `wide` picture has a row to itself, others stand two in a row.
    """

    data: bytes | Path
    alt: str
    caption: str = ""
    dark: bytes | Path | None = None
    wide: bool = False

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return _data_uri(self.data)

    @property
    def dark_source(self) -> str | None:
        """The dark picture as a data URI."""
        return None if self.dark is None else _data_uri(self.dark)


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, paragraphs (parted by empty lines), pictures, a table."""

    title: str
    text: str = ""
    pictures: Sequence[PageImage] = ()
    table: Table | None = None
    notes: Sequence[str] = ()

    @property
    def paragraphs(self) -> list[str]:
        """The text's paragraphs."""
        return [part.strip() for part in self.text.split("\n\n") if part.strip()]


def write_report(
    path: str | Path,
    title: str,
    summary_rows: Sequence[Tile],
    sections: Sequence[Section],
    *,
    subtitle: str = "",
) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path
        The file to write, usually `report.html`.
    title, subtitle
        Its heading and the line below it.
    summary_rows
        The headline figures, three to six of them.
    sections
        The page's parts in order.

    Raises
    ------
    InputError, EngineError
        The file cannot be written (no right, no space); nothing half-written is left.
    """
    path = Path(path)
    write_text(path, render_report(title, summary_rows, sections, subtitle=subtitle))
    return path


def render_report(
    title: str, summary_rows: Sequence[Tile], sections: Sequence[Section], *, subtitle: str = ""
) -> str:
    """Give the page as text; all text that comes from files is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("napari_unetpick.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        subtitle=subtitle,
        tiles=summary_rows,
        sections=sections,
        version=__version__,
    )


def _data_uri(data: bytes | Path) -> str:
    content = data.read_bytes() if isinstance(data, Path) else data
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
    if kind is None:
        raise ValueError("a picture must be PNG, JPEG or SVG")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
