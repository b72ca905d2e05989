"""Errors as the docks tell them: one line, in words of the docks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import napari_unetpick
from napari_unetpick.errors import EngineError, InputError, ModelError
from napari_unetpick.picking.scale import make_scale
from napari_unetpick.worker.failures import explain

SOURCE = Path(napari_unetpick.__file__).parent


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (
            InputError("a.mrc: no\nsize", "give --size", viewer="type it"),
            "input",
            "a.mrc: no size; type it",
        ),
        (InputError("a.mrc: cut off", "copy it again"), "input", "a.mrc: cut off; copy it again"),
        (ModelError("m: is foreign"), "model", "m: is foreign"),
        (
            EngineError("disk full", "choose another --run", viewer="free some"),
            "engine",
            "disk full; free some",
        ),
    ],
)
def test_an_error_is_told_in_the_viewers_words(error: Exception, kind: str, line: str) -> None:
    assert explain(error, "pick") == (kind, line)


def test_the_command_line_names_its_options() -> None:
    with pytest.raises(InputError) as raised:
        make_scale((64, 64), 5.0, 10.0, particle_px=24, name="a.mrc")
    assert str(raised.value).endswith("; check --diameter and --pixel-size")
    assert raised.value.in_viewer.endswith("; check the diameter and the pixel size")
    assert str(raised.value) == f"{raised.value.what}; {raised.value.fix}"


# What train, self-train, pick, compare, Evaluate and Export run through; not what reads options.
REACHED = ("picking", "evaluation/pairs.py", "evaluation/evaluate.py", "engine/devices.py")
REACHED += ("engine/data", "engine/runs/folder.py", "engine/train", "engine/pick/find.py")
REACHED += ("io/images", "study/compare/question.py", "worker")


def raised_lines() -> list[tuple[str, ast.Call]]:
    found = []
    for name in REACHED:
        part = SOURCE / name
        for path in sorted(part.rglob("*.py")) if part.is_dir() else [part]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = node.func if isinstance(node, ast.Call) else None
                if isinstance(called, ast.Name) and called.id.endswith("Error"):
                    found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", node))
    return found


def test_no_error_that_reaches_the_viewer_names_an_option_there() -> None:
    lines = raised_lines()
    assert len(lines) > 30
    wrong = []
    for where, call in lines:
        viewer = any(each.arg == "viewer" for each in call.keywords)
        told = call.args[:1] if viewer else call.args
        if any("--" in ast.unparse(each) for each in told):
            wrong.append(where)
    assert wrong == []
