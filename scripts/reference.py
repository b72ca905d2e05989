"""A hook of mkdocs: fills the reference pages' markers from the code, so that they can't be stale.

`<!-- commands -->` becomes every command with its options, `<!-- settings -->` every setting with
its default and label, `<!-- recipes -->` what the recipes change, `<!-- api -->` the public names,
`<!-- rooms -->` every folder of the package with the first line of its docstring.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import typer.main

from napari_unetpick.cli import app
from napari_unetpick.settings import RECIPES, Settings
from napari_unetpick.widgets.train.settings_labels import WORDS

PACKAGE = "napari_unetpick"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the markers of a page; mkdocs calls this for each."""
    for name, make in MARKERS.items():
        marker = f"<!-- {name} -->"
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    return markdown


def commands() -> str:
    """Return every command of the command line: usage, what it does, arguments and options."""
    group: Any = typer.main.get_command(app)
    return "\n\n".join(_command(name, each) for name, each in _leaves("", group))


def _leaves(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(f"{prefix}{name} ", command)
        elif not command.hidden:
            yield f"{prefix}{name}", command


def _command(name: str, command: Any) -> str:
    context = click.Context(command, info_name=f"unetpick {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [each for part in command.get_params(context) if (each := part.get_help_record(context))]
    table = "\n".join(
        f"| `{re.sub(r' <.*>', '', option)}` | {_cell(text)} |"
        for option, text in rows
        if option != "--help"
    )
    what = inspect.cleandoc(command.help or "")
    text = f"## {name}\n\n```\nunetpick {name} {usage}\n```\n\n{what}"
    return f"{text}\n\n| argument or option | |\n|---|---|\n{table}" if table else text


def settings() -> str:
    """Return a table of every section of the settings, in the order of the dataclasses."""
    parts = [_table("", Settings)]
    for name, kind in get_type_hints(Settings).items():
        if is_dataclass(kind):
            parts.append(f"## [{name}]\n\n{inspect.getdoc(kind)}\n\n{_table(name, kind)}")
    return "\n\n".join(parts)


def _table(section: str, kind: Any) -> str:
    hints, default = get_type_hints(kind), kind()
    lines = ["| setting | default | in the window | |", "|---|---|---|---|"]
    for name in (each.name for each in fields(kind)):
        if is_dataclass(hints[name]):
            continue
        label, what = WORDS.get(f"{section}.{name}" if section else name, ("", ""))
        choices = ", ".join(f"`{each}`" for each in get_args(hints[name]))
        what = f"{what} One of {choices}." if choices else what
        lines.append(f"| `{name}` | {_value(getattr(default, name))} | {label} | {_cell(what)} |")
    return "\n".join(lines)


def recipes() -> str:
    """Return what each recipe changes of the default."""
    names = [name for name in RECIPES if name != Settings().recipe]
    lines = [f"| setting | default | {' | '.join(names)} |", f"|---|---{'|---' * len(names)}|"]
    for section, kind in get_type_hints(Settings).items():
        for name in (each.name for each in fields(kind)) if is_dataclass(kind) else ():
            own, *other = (
                _value(getattr(getattr(recipe, section), name))
                for recipe in (Settings(), *(RECIPES[each] for each in names))
            )
            if any(each != own for each in other):
                cells = (each if each != own else "" for each in other)
                lines.append(f"| `{section}.{name}` | {own} | {' | '.join(cells)} |")
    return "\n".join(lines)


def api() -> str:
    """Return a directive for the docstring of every public name, wherever it is defined."""
    package = importlib.import_module(PACKAGE)
    parts = []
    for name in getattr(package, "__all__", ()):
        made = getattr(package, name)
        if inspect.isclass(made) or inspect.isroutine(made):
            path = f"{made.__module__}.{made.__qualname__}"
            options = f"    options:\n      heading: {name}\n      toc_label: {name}"
            parts.append(f"::: {path}\n{options}")
    return "\n\n".join(parts)


def rooms() -> str:
    """Return a table of the folders and top modules of the package, by their docstrings."""
    source = Path(__file__).parent.parent / "src" / PACKAGE
    files = [*source.rglob("__init__.py"), *source.glob("*.py")]
    lines = {
        name: (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]
        for file in files
        if (name := file.relative_to(source).as_posix().replace("__init__.py", "")) != ""
    }
    table = [f"| `{name}` | {_cell(line)} |" for name, line in sorted(lines.items())]
    return "\n".join(["| room | |", "|---|---|", *table])


def _value(value: Any) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


MARKERS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "recipes": recipes,
    "api": api,
    "rooms": rooms,
}
