"""Rooms import one way, and starting up costs nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "napari_unetpick"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

BASE = {"errors", "settings", "renamed_keys", "version"}
DATA = BASE | {"io", "project", "picking", "inspection", "classes", "export", "evaluation"}
THROUGH_REPORT = DATA | {"events", "engine", "study", "report"}

# What each room may import besides itself.
MAY_IMPORT = {
    "__init__": {"api", "version"},  # api for type checkers alone
    "version": set(),
    "errors": set(),
    "events": {"errors", "picking"},
    "renamed_keys": set(),
    "settings": {"errors", "renamed_keys", "version"},
    "io": BASE,
    "project": BASE | {"io", "picking"},
    "picking": BASE | {"io"},
    "inspection": BASE | {"io", "project", "picking"},
    "classes": BASE | {"io", "picking"},
    "export": BASE | {"io", "project", "picking"},
    "evaluation": BASE | {"io", "project", "picking", "inspection"},
    "relion": BASE | {"io", "export"},
    "simulate": BASE | {"io", "events", "picking"},
    "adapters": BASE | {"io", "simulate"},
    "engine": DATA | {"events", "simulate"},
    "study": DATA | {"events", "engine", "simulate"},
    "report": DATA | {"events", "engine", "study"},
    "api": THROUGH_REPORT | {"simulate"},
    "protocol": {"errors", "events", "settings", "picking"},
    "worker": THROUGH_REPORT | {"protocol"},
    "demo": THROUGH_REPORT | {"simulate"},
    "cli": THROUGH_REPORT | {"simulate", "worker", "demo", "relion"},
    "__main__": BASE | {"cli", "worker", "engine"},
    "client": BASE | {"events", "protocol"},
    "widgets": DATA | {"events", "client", "protocol", "adapters"},
}

QT = {"qtpy", "PySide6", "PySide2", "PyQt6", "PyQt5", "superqt", "magicgui", "pyqtgraph"}
MAY_USE_TORCH = {"engine", "study", "report", "worker", "cli", "demo"}
MAY_USE_NAPARI = {"client", "widgets", "adapters", "cli", "demo"}
HEAVY = {"torch", "napari", "pandas", "starfile", "matplotlib", "scipy", "skimage", *QT}


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path, *, types: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import, within functions too; with `types`, theirs too."""
    package = [PACKAGE, *path.relative_to(SOURCE).parent.parts]
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"), str(path))]
    while nodes:
        node = nodes.pop()
        if not types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        nodes += ast.iter_child_nodes(node)


ALL_IMPORTS = [
    (path, line, name)
    for path in sorted(SOURCE.rglob("*.py"))
    for line, name in imports(path, types=True)
]


def test_every_room_has_its_place() -> None:
    rooms = {room_of(path) for path in SOURCE.rglob("*.py")}
    assert rooms - set(MAY_IMPORT) == set(), "say in MAY_IMPORT what the new room may import"


def test_rooms_import_one_way() -> None:
    wrong = []
    for path, line, name in ALL_IMPORTS:
        parts = name.split(".")
        if parts[0] != PACKAGE or len(parts) < 2:
            continue
        here = room_of(path)
        there = parts[1] if parts[1] in MAY_IMPORT else "__init__"
        if there != here and there not in MAY_IMPORT.get(here, set()):
            wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {name}")
    assert wrong == []


@pytest.mark.parametrize(
    "libraries,rooms", [({"torch"}, MAY_USE_TORCH), ({"napari", *QT}, MAY_USE_NAPARI)]
)
def test_torch_and_napari_stay_in_their_rooms(libraries: set[str], rooms: set[str]) -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}:{line} imports {name}"
        for path, line, name in ALL_IMPORTS
        if name.split(".")[0] in libraries and room_of(path) not in rooms
    ]
    assert wrong == []


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, each sorted, by Tarjan's algorithm."""
    found: list[list[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in sorted(graph.get(name, set())):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == number[name]:
            group = stack[stack.index(name) :]
            del stack[-len(group) :]
            if len(group) > 1 or name in graph.get(name, set()):
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return found


def modules_of(room: str) -> dict[str, set[str]]:
    """Return what each module of a room imports of that room, late and for types as well."""
    paths = {
        ".".join((PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts)): path
        for path in SOURCE.rglob("*.py")
        if room_of(path) == room and path.name != "__init__.py"
    }
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        names = {name for _, name in imports(path, types=True)}
        # `from package import module` names the module, `from module import thing` the thing
        graph[module] = {each for name in names for each in (name, name.rpartition(".")[0])}
        graph[module] &= paths.keys()
    return graph


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_no_modules_of_a_room_import_each_other(room: str) -> None:
    assert circles(modules_of(room)) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"a"}, "b": {"c"}, "c": {"b"}}) == [["a"], ["b", "c"]]


def test_import_finder_sees_functions_and_relative_imports(tmp_path: Path, monkeypatch) -> None:
    planted = tmp_path / "io" / "planted.py"
    planted.parent.mkdir()
    planted.write_text(
        "from typing import TYPE_CHECKING\n"
        "from ..engine import network\n"
        "if TYPE_CHECKING:\n    import napari\n"
        "def late():\n    import torch.nn\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    found = {name for _, name in imports(planted)}
    assert found == {"typing.TYPE_CHECKING", f"{PACKAGE}.engine.network", "torch.nn"}
    assert {name for _, name in imports(planted, types=True)} == found | {"napari"}


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.cli", f"{PACKAGE}.adapters.readers"])
def test_start_up_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY & set(loaded.stdout.split()) == set()


def test_docks_open_before_scipy_is_loaded() -> None:
    """Its rooms take a third of a second, more than all else that opening a dock needs."""
    docks = [*(SOURCE / "widgets").glob("*/*dock.py"), SOURCE / "widgets" / "workspace.py"]
    modules = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in docks]
    assert len(modules) == 10  # qt.dock, the docks' base, and the workspace among them
    names = ", ".join(modules)
    code = f"import sys, {names}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    late = {f"scipy.{room}" for room in ("fft", "ndimage", "optimize", "sparse", "spatial")}
    assert late & set(loaded.stdout.split()) == set()
