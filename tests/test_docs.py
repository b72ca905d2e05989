"""The documentation builds without a warning: links, anchors, navigation, pages from the code."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from napari_unetpick.cli import app
from napari_unetpick.settings import Settings, to_dict

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return folder


def page(site: Path, name: str) -> str:
    text = (site / name / "index.html").read_text(encoding="utf-8")
    assert "<!-- " + name.rpartition("/")[2] not in text
    return text


@pytest.mark.slow
def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    text = page(site, "reference/command-line")
    for name, command in typer.main.get_command(app).commands.items():
        for each in getattr(command, "commands", {name: command}).values():
            for param in each.params:
                for option in param.opts if param.param_type_name == "option" else ():
                    assert f"<code>{option}" in text, f"{option} of {name}"


@pytest.mark.slow
def test_every_setting_is_in_the_reference_with_its_default(site: Path) -> None:
    text = page(site, "reference/settings")
    for section, values in to_dict(Settings()).items():
        for name, value in values.items() if isinstance(values, dict) else [(section, values)]:
            shown = str(value).lower() if isinstance(value, bool) else value
            row = rf"<code>{name}</code></td>\s*<td><code>{re.escape(str(shown))}</code></td>"
            assert re.search(row, text), f"{section}.{name}"


@pytest.mark.slow
def test_every_room_is_on_the_map(site: Path) -> None:
    text = page(site, "development/architecture")
    for file in (REPOSITORY / "src" / "napari_unetpick").glob("*/__init__.py"):
        assert f"<code>{file.parent.name}/</code>" in text


def test_the_links_of_the_readme_lead_somewhere() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    for link in links:
        assert (REPOSITORY / link).exists(), link


def test_what_the_examples_import_is_there() -> None:
    found = 0
    for path in (REPOSITORY / "docs").rglob("*.md"):
        for code in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.ImportFrom) and "napari_unetpick" in str(node.module):
                    module = importlib.import_module(str(node.module))
                    found += len([getattr(module, each.name) for each in node.names])
    assert found
