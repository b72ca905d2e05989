"""What the window says: no phrase in its texts that has to be decoded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_unetpick.widgets

ROOMS = ("layers", "pick", "gallery", "session", "evaluate")
OUT = re.compile(
    r"""\b(
    sure(st|r)? | flatter\w* | afresh | anew | verdict | judged? | begun | mend(ed)?
    | left\ out | looks?\ (at\ the|through) | looked\ at | hand(ed)?\ over | go(es)?\ on | going\ on
    | (first|each|all|\d+)\ sides? | scores?\ (is|are)\ (a\ )?ranks? | model's\ own
    | false\ picks?,\ best | best\ of\ the | accept\ in\ all | teach\w* | clicks\ alone
    | was\ taken | takes?\ it\ back | worth\ a\ look | who(se)?\ candidates
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Phrases that users shall not read."""
FIXED = ("teach",)  # the mode of an engine that a request names


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the strings of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # a docstring is an expression of its own
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documents and node.value not in FIXED:
            yield node.lineno, node.value


def files() -> list[Path]:
    folder = Path(napari_unetpick.widgets.__file__).parent
    return [path for room in ROOMS for path in sorted((folder / room).glob("*.py"))]


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_window_speaks_plainly(path: Path) -> None:
    found = [f"{path.name}:{line}: {text!r}" for line, text in strings(path) if OUT.search(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "phrase",
    [
        "Model's own",
        "Those that trained the model flatter it",
        "Scores are a rank: precision cannot be known with partial labels.",
        "Best of the false picks",
        "12 micrographs left out",
        "Accept in all",
    ],
)
def test_the_phrases_of_before_are_found(phrase: str) -> None:
    assert OUT.search(phrase)
