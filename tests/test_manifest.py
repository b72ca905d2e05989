"""The npe2 manifest: it names what exists, and claims no more than is ours."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManifest

import napari_unetpick
from napari_unetpick.simulate.samples import SAMPLES

FILE = Path(napari_unetpick.__file__).parent / "napari.yaml"
REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(FILE)


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()


def test_the_top_level_link_is_the_same_file() -> None:
    assert (REPOSITORY / "napari.yaml").resolve() == (
        REPOSITORY / "src" / "napari_unetpick" / "napari.yaml"
    )


def test_every_sample_is_on_the_menu(manifest: PluginManifest) -> None:
    assert {sample.key for sample in manifest.contributions.sample_data or ()} == set(SAMPLES)


def test_commands_are_titled_as_actions(manifest: PluginManifest) -> None:
    verbs = {"Open", "Save", "Simulate", "Show", "Train", "Pick", "Evaluate", "Annotate", "Review"}
    verbs |= {"Export"}
    titles = [command.title for command in manifest.contributions.commands or ()]
    assert {title.split()[0] for title in titles} <= verbs
    assert len(set(titles)) == len(titles)


def test_every_entry_of_the_menus_does_what_it_says(
    manifest: PluginManifest,
    make_napari_viewer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As napari runs them: through app-model, which injects what a command asks for."""
    from napari._app_model import get_app_model  # app-model's name for it is one of this test's

    from napari_unetpick.client import EngineClient
    from napari_unetpick.widgets.session.root import get_session

    monkeypatch.setattr(EngineClient, "warm_up", lambda _: None)
    viewer = make_napari_viewer(show=True)
    app = get_app_model()
    menus = manifest.contributions.menus
    assert {"napari/layers/annotate", "napari/layers/segment"} <= set(menus)
    for menu, items in menus.items():
        listed = {item.command.id for item in app.menus.get_menu(menu) if hasattr(item, "command")}
        for item in items:
            assert item.command in listed
    commands = {item.command for items in menus.values() for item in items}
    commands |= {widget.command for widget in manifest.contributions.widgets or ()}
    for command in sorted(commands):
        app.commands.execute_command(command).result()
    opened = {name.removesuffix(" (UNetPick)") for name in viewer.window.dock_widgets}
    assert opened == {widget.display_name for widget in manifest.contributions.widgets or ()}
    get_session(viewer).close()


@pytest.mark.parametrize("name", ["a.tif", "a.tiff", "a.csv", "a.json", "a.png", "a.txt"])
def test_formats_of_everybody_are_not_claimed(manifest: PluginManifest, name: str) -> None:
    readers = manifest.contributions.readers or ()
    assert not any(fnmatch(name, p) for reader in readers for p in reader.filename_patterns)


def test_no_csv_writer_beside_naparis_own(manifest: PluginManifest) -> None:
    """napari's builtin Points writer claims .csv in (row, col) order; ours would be (x, y)."""
    endings = {e for w in manifest.contributions.writers or () for e in w.filename_extensions}
    assert endings == {".star", ".box"}
